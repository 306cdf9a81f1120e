// Package httpsig checks requests that a device signs with its own Ed25519 key (HTTP
// Message Signatures, RFC 9421, with the digest of the body of RFC 9530). It takes a
// strict part of the standard: one signature, whole fields, a time, and a signature
// that covers method, place and body. That a signature serves once is its caller's
// to see to.
package httpsig

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// The fields that a signed request has.
const (
	HeaderInput     = "Signature-Input"
	HeaderSignature = "Signature"
	HeaderDigest    = "Content-Digest"
)

// MaxHeader bounds each of these fields, in bytes.
const MaxHeader = 2 << 10

// skew is how far a signer's clock may be ahead.
const skew = time.Minute

// Want is the request that must be signed.
type Want struct {
	URLs []string      // every name of the request's place, with its query; the Host field is not asked
	Now  time.Time     //
	Age  time.Duration // at most since it was signed ("created")
}

// Signature is that of a request, as far as it can be read without its key.
type Signature struct {
	KeyID string
	Until time.Time // when it can no longer be used in any case

	signature []byte
	bases     []string // what it must be of: one of these (section 2.5)
	digest    []byte   // SHA-256 of the body
}

func invalid(detail string) error { return ledger.Problemf(ledger.CodeInvalid, "%s", detail) }

// Parse reads the signature of a request (section 4). The errors are Problems.
func Parse(r *http.Request, w Want) (*Signature, error) {
	var text [3]string
	for i, name := range []string{HeaderInput, HeaderSignature, HeaderDigest} {
		list := r.Header.Values(name)
		if len(list) != 1 || list[0] == "" || len(list[0]) > MaxHeader {
			return nil, invalid("a signed request has Signature-Input, Signature and Content-Digest, each once")
		}
		text[i] = list[0]
	}
	label, in, ok := parseInput(text[0])
	if !ok {
		return nil, invalid("Signature-Input must have one signature, over whole fields, with the parameters created, expires, keyid, alg, nonce and tag only")
	}
	name, signature, ok := parseBytes(text[1])
	if !ok || name != label || len(signature) != ed25519.SignatureSize {
		return nil, invalid("Signature must have the one signature that Signature-Input describes, of Ed25519")
	}
	name, digest, ok := parseBytes(text[2])
	if !ok || name != "sha-256" || len(digest) != sha256.Size {
		return nil, invalid("Content-Digest must be that of SHA-256, and no other")
	}
	if err := in.judge(w); err != nil {
		return nil, err
	}
	s := &Signature{KeyID: in.keyID, Until: w.Now.Add(w.Age + 2*skew), signature: signature, digest: digest}
	for _, place := range w.URLs {
		u, err := url.Parse(place)
		if err != nil {
			continue
		}
		base, ok := in.base(r, u)
		if !ok {
			return nil, invalid("the signature covers a field that the request does not have once, or a component that is not known here")
		}
		s.bases = append(s.bases, base)
	}
	return s, nil
}

// judge checks what a signature says of itself.
func (in *input) judge(w Want) error {
	has := func(name string) bool { return slices.Contains(in.components, name) }
	switch {
	case !has("@method") || !has("content-digest") || !has("@target-uri") && !(has("@authority") && has("@path") && has("@query")):
		return invalid("the signature must cover @method, content-digest, and @target-uri or all of @authority, @path and @query")
	case in.keyID == "" || in.alg != "" && in.alg != "ed25519":
		return invalid("the signature must name its key, which is of Ed25519")
	case in.created.IsZero():
		return invalid("the signature must say when it was created")
	case in.created.After(w.Now.Add(skew)) || in.created.Before(w.Now.Add(-w.Age)) || !in.expires.IsZero() && !w.Now.Before(in.expires):
		return ledger.Problemf(ledger.CodeDenied, "the signature was not made just now")
	}
	return nil
}

// base is the signature base of a request at a place (section 2.5).
func (in *input) base(r *http.Request, u *url.URL) (string, bool) {
	var b strings.Builder
	for _, name := range in.components {
		value, ok := component(r, u, name)
		if !ok {
			return "", false
		}
		b.WriteString(`"` + name + `": ` + value + "\n")
	}
	b.WriteString(`"@signature-params": ` + in.params)
	return b.String(), true
}

// component returns the value of a component (sections 2.1 and 2.2).
func component(r *http.Request, u *url.URL, name string) (string, bool) {
	switch name {
	case "@method":
		return r.Method, true
	case "@target-uri":
		return u.String(), true
	case "@authority":
		return strings.ToLower(u.Host), true
	case "@scheme":
		return strings.ToLower(u.Scheme), true
	case "@path":
		return u.EscapedPath(), true
	case "@query":
		return "?" + u.RawQuery, true
	}
	if strings.HasPrefix(name, "@") {
		return "", false
	}
	list := r.Header.Values(name)
	if len(list) != 1 || strings.ContainsAny(list[0], "\r\n") {
		return "", false
	}
	return strings.TrimSpace(list[0]), true
}

// Name is the signature's own, which no other has: to note that it was used.
func (s *Signature) Name() string {
	sum := sha256.Sum256(s.signature)
	return "httpsig\x00" + s.KeyID + "\x00" + hex.EncodeToString(sum[:])
}

// Verify wants the signature to be the key's.
func (s *Signature) Verify(key ed25519.PublicKey) error {
	if len(key) == ed25519.PublicKeySize {
		for _, base := range s.bases {
			if ed25519.Verify(key, []byte(base), s.signature) {
				return nil
			}
		}
	}
	return ledger.Problemf(ledger.CodeDenied, "the signature does not fit the request")
}

// Body returns a reader of the body that fails where it ends, if it was another than
// was signed: nothing of it may be used before.
func (s *Signature) Body(r io.Reader) io.Reader { return &body{r, sha256.New(), s.digest} }

type body struct {
	from   io.Reader
	sum    hash.Hash
	digest []byte
}

// Read reads on.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	b.sum.Write(p[:n])
	if err == io.EOF && !slices.Equal(b.sum.Sum(nil), b.digest) {
		return n, ledger.Problemf(ledger.CodeDenied, "the body is another than was signed")
	}
	return n, err //nolint:wrapcheck // a reader's errors are those of what it reads
}
