package oid4vci

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/jwe"
)

// ask sends a credential request, and returns the response. Where the issuer takes
// encrypted requests, it is one, with a key of its own for the response (section 8.2).
func (c *Client) ask(ctx context.Context, s *Session, address string, request map[string]any) ([]byte, error) {
	theirs, err := c.theirKey(&s.Remote.Issuer)
	if err != nil {
		return nil, err
	}
	if theirs == nil {
		return c.send(ctx, address, request, s.token.AccessToken)
	}
	var own *ecdsa.PrivateKey
	var public *jwe.Key
	if theirs.response != "" {
		if own, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, fmt.Errorf("making a key: %w", err)
		}
		if public, err = jwe.Public(&own.PublicKey); err != nil {
			return nil, err
		}
		request["credential_response_encryption"] = map[string]any{"jwk": public, "enc": theirs.response}
	}
	b, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encoding a request: %w", err)
	}
	sealed, err := jwe.Seal(b, theirs.key, theirs.request)
	if err != nil {
		return nil, err
	}
	got, err := c.do(ctx, call{
		method: http.MethodPost, address: address, typ: TypeEncrypted, accept: TypeEncrypted + ", " + typeJSON + ";q=0.5",
		body: []byte(sealed), token: s.token.AccessToken,
	})
	if err != nil || own == nil {
		return got.text(), err
	}
	if got.typ != TypeEncrypted {
		return nil, ledger.Problemf(ledger.CodeDenied, "the issuer does not encrypt its response, as was asked for")
	}
	return jwe.Open(string(got.body), own, public.KeyID)
}

func (a *answer) text() []byte {
	if a == nil {
		return nil
	}
	return a.body
}

// theirEncryption is how an issuer is asked.
type theirEncryption struct {
	key      *jwe.Key
	request  string // content encryption
	response string // empty: the response is not encrypted
}

// theirKey finds how an issuer takes encrypted requests; nil: it does not, or not in a
// way that is known here, and does not need to.
func (c *Client) theirKey(m *IssuerMetadata) (*theirEncryption, error) {
	var t theirEncryption
	if m.Requests != nil {
		for _, raw := range m.Requests.Keys.Keys {
			if key, ok := jwe.ParseKey(raw); ok && key.Algorithm == jwe.Algorithm && t.key == nil {
				t.key = key
			}
		}
		var known bool
		if t.request, known = jwe.Choose(m.Requests.Enc); !known {
			t.key = nil
		}
	}
	if m.Responses != nil && slices.Contains(m.Responses.Alg, jwe.Algorithm) {
		t.response, _ = jwe.Choose(m.Responses.Enc)
	}
	missing := t.key == nil && m.Requests != nil && m.Requests.Required ||
		(t.key == nil || t.response == "") && (c.RequireEncryption || m.Responses != nil && m.Responses.Required)
	switch {
	case missing:
		return nil, ledger.Problemf(ledger.CodeDenied, "no encryption is known that the issuer and this wallet both take")
	case t.key == nil:
		return nil, nil //nolint:nilnil // it goes as it is
	}
	return &t, nil
}
