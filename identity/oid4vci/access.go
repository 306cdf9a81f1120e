package oid4vci

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/secant-platform/secant/identity/dpop"
)

// access is what a request with a token may do.
type access struct {
	id string // of the grant
	granted
}

// authorized judges the access token of a request to one of the issuer's endpoints
// (RFC 6750, section 2.1; RFC 9449, section 7.1).
func (i *Issuer) authorized(ctx context.Context, h http.Header, endpoint string) (*access, error) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return nil, i.refuseToken("an access token is needed")
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if !ok || len(values) > 1 || token == "" || len(token) > maxText {
		return nil, i.refuseToken("the Authorization header must be there once, with one access token")
	}
	var a access
	_, err := i.get(ctx, kindToken, token, &a.id)
	if err == nil {
		_, err = i.get(ctx, kindGrant, a.id, &a.granted)
	}
	if errors.Is(err, errNoFlow) {
		return nil, i.refuseToken("the access token is unknown or over")
	}
	if err != nil {
		return nil, err
	}
	if a.Thumbprint == "" {
		if !strings.EqualFold(scheme, schemeBearer) {
			return nil, i.refuseToken("the access token is a bearer's")
		}
		return &a, nil
	}
	if !strings.EqualFold(scheme, dpop.Scheme) {
		return nil, i.refuseToken("the access token is bound to a key")
	}
	p, err := i.possessed(h, http.MethodPost, endpoint, token)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return nil, i.refuseProof(CodeInvalidDPoP, "a DPoP header is needed", token)
	case p.jkt() != a.Thumbprint:
		return nil, i.refuseToken("the access token is bound to another key")
	}
	return &a, i.spend(ctx, p, token)
}

func (i *Issuer) refuseToken(description string) error {
	e := &Error{Code: CodeInvalidToken, Description: description, Status: http.StatusUnauthorized, Challenge: schemeBearer}
	if i.opts.RequireDPoP {
		e.Challenge = dpop.Scheme
	}
	return e
}
