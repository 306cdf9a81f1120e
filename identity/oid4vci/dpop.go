package oid4vci

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"

	"github.com/secant-platform/secant/identity/dpop"
)

// maxAge is how long ago a proof may have been made: for as long as nonces hold.
const maxAge = nonceLife

// possession is a DPoP proof that holds (RFC 9449, section 4.3), and was not yet
// marked as used.
type possession struct{ *dpop.Proof }

// possessed checks the DPoP header of a request to an endpoint of ours. Absent: nil.
// With an access token, the proof must be for that token.
func (i *Issuer) possessed(h http.Header, method, endpoint, access string) (*possession, error) {
	p, err := dpop.Check(h, dpop.Want{
		Method: method, URLs: []string{endpoint}, Token: access, Now: i.now(), Age: maxAge,
		Nonce: func(nonce string) bool { _, ok := i.nonceEnds(nonceDPoP, nonce); return ok },
	})
	if refusal, refused := errors.AsType[*dpop.Error](err); refused {
		code := CodeInvalidDPoP
		if refusal.Nonce {
			code = CodeUseDPoPNonce
		}
		return nil, i.refuseProof(code, refusal.Description, access)
	}
	if p == nil || err != nil {
		return nil, err
	}
	return &possession{p}, nil
}

// refuseProof is 400 at the authorization server and 401 where a token is shown
// (RFC 9449, sections 8 and 9).
func (i *Issuer) refuseProof(code, description, access string) error {
	e := refuse(code, description)
	if access != "" {
		e.Status, e.Challenge = http.StatusUnauthorized, dpop.Scheme
	}
	if code == CodeUseDPoPNonce {
		nonce, err := i.DPoPNonce()
		if err != nil {
			return err
		}
		e.Nonce = nonce
	}
	return e
}

// spend marks a proof as used. It is called when the rest of the request holds, so
// that nobody without a code or a token fills the store.
func (i *Issuer) spend(ctx context.Context, p *possession, access string) error {
	if p == nil {
		return nil
	}
	first, err := i.once(ctx, kindProof, p.Name, p.Until)
	if err != nil {
		return err
	}
	if !first {
		return i.refuseProof(CodeInvalidDPoP, "the proof was used before", access)
	}
	return nil
}

func (p *possession) jkt() string {
	if p == nil {
		return ""
	}
	return p.Thumbprint
}

const schemeBearer = "Bearer"

// equal compares secrets in constant time.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
