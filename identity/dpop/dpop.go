// Package dpop checks and makes proofs that whoever sends a request has a key
// (DPoP, RFC 9449). That a proof serves once is its caller's to see to, who knows
// where to keep that.
package dpop

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/jwt"
	"github.com/secant-platform/secant/identity/keys"
)

// Header is where a proof travels, and Scheme how tokens that are bound to its key
// do, in the Authorization header.
const (
	Header = "DPoP"
	Scheme = "DPoP"
)

// Type is the "typ" of a proof.
const Type = "dpop+jwt"

// Algorithms are those that a proof may be signed with.
var Algorithms = []string{"ES256", "EdDSA"}

// Want is the request for which a proof must have been made.
type Want struct {
	Method string
	URLs   []string      // every name of the endpoint; a query does not count
	Token  string        // the access token that comes with it; empty: none
	Now    time.Time     //
	Age    time.Duration // at most since it was made
	// Nonce reports whether a nonce is one of ours that holds; nil: none is asked for.
	Nonce func(nonce string) bool
}

// Proof is one that holds (section 4.3). Whether it was used before is open.
type Proof struct {
	Thumbprint string    // of the key: "jkt"
	Name       string    // of the proof, which no other has: to note that it was used
	Until      time.Time // when it can no longer be used in any case
}

// Error says why a proof is refused, in words that repeat nothing of it.
type Error struct {
	Description string
	Nonce       bool // what is wrong is its nonce (use_dpop_nonce)
}

// Error returns the description.
func (e *Error) Error() string { return e.Description }

func refuse(description string) error { return &Error{Description: description} }

// Check checks the proof of a request. Absent: nil, and no error. Every other error
// is an *Error.
func Check(h http.Header, w Want) (*Proof, error) {
	values := h.Values(Header)
	if len(values) == 0 {
		return nil, nil //nolint:nilnil // a request without a proof is no error
	}
	if len(values) != 1 {
		return nil, refuse("there is more than one DPoP header")
	}
	t, ok := jwt.Parse(values[0], Type)
	if !ok {
		return nil, refuse("the proof is not a JWT of type dpop+jwt, signed by ES256 or EdDSA")
	}
	key, ok := t.Own()
	if !ok {
		return nil, refuse("the proof is not signed by the public key in its header")
	}
	jti, ok := t.Claims.Text("jti")
	if !ok || jti == "" {
		return nil, refuse("the proof has no jti")
	}
	htu, ok := t.Claims.Text("htu")
	if !ok || !t.Is("htm", w.Method) || !slices.ContainsFunc(w.URLs, func(u string) bool { return sameURL(htu, u) }) {
		return nil, refuse("the proof is for another request")
	}
	if w.Token != "" && !t.Is("ath", verify.Hash(w.Token)) {
		return nil, refuse("the proof is for another access token")
	}
	if !t.Fresh(w.Now, w.Age) {
		return nil, refuse("the proof was not made just now")
	}
	if w.Nonce != nil {
		nonce, ok := t.Claims.Text("nonce")
		if !ok {
			return nil, refuse("the proof's nonce is no text")
		}
		if !w.Nonce(nonce) {
			return nil, &Error{"the proof must have the nonce of the DPoP-Nonce header", true}
		}
	}
	jkt := key.Thumbprint()
	return &Proof{jkt, "dpop\x00" + jkt + "\x00" + jti, w.Now.Add(w.Age + 2*jwt.Skew)}, nil
}

// sameURL compares as section 4.3 says: without query and fragment, scheme and host
// without regard to case, a scheme's own port as none.
func sameURL(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	if errX != nil || errY != nil || x.User != nil || x.Opaque != "" {
		return false
	}
	return strings.EqualFold(x.Scheme, y.Scheme) && authority(x) == authority(y) && x.EscapedPath() == y.EscapedPath()
}

func authority(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

// Request is the request for which to make a proof.
type Request struct {
	Method string
	URL    string // of the endpoint; its query is left out
	Token  string // the access token that goes with it; empty: none
	Nonce  string // that the other side gave; empty: none
}

// Make makes a proof (section 4.2).
func Make(key keys.Signer, r Request, now time.Time) (string, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return "", fmt.Errorf("making a proof of possession: %w", err)
	}
	u.RawQuery, u.Fragment = "", ""
	claims := map[string]any{"jti": rand.Text(), "htm": r.Method, "htu": u.String(), "iat": now.Unix()}
	if r.Token != "" {
		claims["ath"] = verify.Hash(r.Token)
	}
	if r.Nonce != "" {
		claims["nonce"] = r.Nonce
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encoding a proof of possession: %w", err)
	}
	jwk := key.JWK()
	return keys.Compact(key, keys.Header{Type: Type, JWK: &jwk}, payload)
}
