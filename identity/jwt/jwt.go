// Package jwt takes JSON Web Tokens apart (RFC 7519) for those who judge them by
// keys of their own finding: proofs of possession, key proofs, attestations. It
// decides no more than what every one of them wants: one meaning, one type, the
// algorithm of the key, times that hold.
package jwt

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// MaxText bounds a text claim, in bytes of its JSON.
const MaxText = 1 << 10

// Skew is how far other clocks may be ahead of ours.
const Skew = time.Minute

// Members are those of a JSON object by their exact names, which a struct's
// decoder would not ask for.
type Members map[string]json.RawMessage

// ParseMembers reads an object that all readers understand alike.
func ParseMembers(b []byte) (Members, bool) {
	var m Members
	if !verify.OneMeaning(b) || json.Unmarshal(b, &m) != nil {
		return nil, false
	}
	return m, true
}

// Text returns a member that must be a string of at most MaxText when it is there;
// empty when it is not.
func (m Members) Text(name string) (s string, ok bool) {
	raw, there := m[name]
	if !there {
		return "", true
	}
	if len(raw) == 0 || raw[0] != '"' || len(raw) > MaxText || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// Date returns a member that must be a time in whole seconds when it is there.
func (m Members) Date(name string) (t time.Time, there, ok bool) {
	raw, there := m[name]
	if !there {
		return time.Time{}, false, true
	}
	seconds, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<38 {
		return time.Time{}, true, false
	}
	return time.Unix(seconds, 0).UTC(), true, true
}

// Token is a JWT taken apart. Nothing of it is verified until its key says so.
type Token struct {
	*verify.JWS
	Header Members
	Claims Members
}

// Parse takes apart a JWT of one type ("typ": RFC 8725, section 3.11).
func Parse(s, typ string) (*Token, bool) {
	jws, err := verify.ParseJWS(s)
	if err != nil || jws.Type != typ {
		return nil, false
	}
	t, ok := Of(jws, s)
	return t, ok && verify.OneMeaning(jws.Payload)
}

// Of takes a JWS further apart, from the text that it was parsed from. Its claims may
// hold null, which [Parse] refuses, and their names are not repeated at the top alone:
// the caller reads what lies deeper by a reader of its own.
func Of(jws *verify.JWS, s string) (*Token, bool) {
	head, _, _ := strings.Cut(s, ".")
	b, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return nil, false
	}
	t := &Token{JWS: jws}
	var ok bool
	if t.Header, ok = ParseMembers(b); !ok {
		return nil, false
	}
	return t, json.Unmarshal(jws.Payload, &t.Claims) == nil
}

// Own verifies a token under the public key that its own header carries, which
// proves no more than that its maker has that key.
func (t *Token) Own() (ledger.JWK, bool) {
	raw, there := t.Header["jwk"]
	if !there {
		return ledger.JWK{}, false
	}
	key, err := verify.ParseJWK(raw)
	if err != nil || t.Verify(key) != nil {
		return ledger.JWK{}, false
	}
	return key.JWK(), true
}

// By verifies a token under a key that is known from elsewhere.
func (t *Token) By(k ledger.JWK) bool {
	key, err := verify.NewKey(k)
	return err == nil && t.Verify(key) == nil
}

// Fresh reports whether a token says that it was made at most so long ago ("iat"),
// and holds now.
func (t *Token) Fresh(now time.Time, age time.Duration) bool {
	iat, there, ok := t.Claims.Date("iat")
	return there && ok && !iat.After(now.Add(Skew)) && !iat.Before(now.Add(-age)) && t.Current(now)
}

// Current reports whether now is within the times that a token sets itself.
func (t *Token) Current(now time.Time) bool {
	exp, ends, ok := t.Claims.Date("exp")
	if !ok || ends && !now.Before(exp) {
		return false
	}
	nbf, begins, ok := t.Claims.Date("nbf")
	return ok && (!begins || !nbf.After(now.Add(Skew)))
}

// Is reports whether a claim is exactly the text that is wanted.
func (t *Token) Is(claim, want string) bool {
	s, ok := t.Claims.Text(claim)
	return ok && s != "" && s == want
}
