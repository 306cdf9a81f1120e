package client

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// TokenSource gives the token with which a call is made. It is asked before each
// attempt, by several goroutines.
type TokenSource func(ctx context.Context) (string, error)

// WithToken has calls carry a bearer token (RFC 6750).
func WithToken(token string) Option {
	return WithTokenSource(func(context.Context) (string, error) { return token, nil })
}

// WithTokenFile has calls carry the bearer token that a file holds, read before
// each call, so that another may take its place.
func WithTokenFile(name string) Option {
	return WithTokenSource(func(context.Context) (string, error) {
		text, err := os.ReadFile(name) //nolint:gosec // whoever makes the client names it
		if err != nil {
			return "", fmt.Errorf("reading the token: %w", err)
		}
		return strings.TrimSpace(string(text)), nil
	})
}

// WithTokenSource has calls carry the bearer tokens of a source.
func WithTokenSource(s TokenSource) Option {
	return func(o *options) { o.client.token, o.sources = s, o.sources+1 }
}

// Service is a program that signs in by a key of its own (private_key_jwt: RFC 7523;
// SMART App Launch 2.2, "Backend Services"). The node's operator enters it under
// signIn.services, with the public key.
type Service struct {
	ID    string        // as the node knows it
	KeyID string        // "kid" of the key at the node
	Key   crypto.Signer // *ecdsa.PrivateKey of P-384 or P-256, *rsa.PrivateKey, or ed25519.PrivateKey
	Scope string        // one of its roles, or scopes of SMART; may be empty for a service with one role
}

// WithService has the client sign in as a service, and again before a token ends.
func WithService(s Service) Option {
	return func(o *options) {
		o.sources++
		alg, key, err := algorithm(s.Key)
		if err != nil {
			o.err = err
			return
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: s.KeyID}}, (&jose.SignerOptions{}).WithType("JWT"))
		if err != nil {
			o.err = fmt.Errorf("making a signer of the service's: %w", err)
			return
		}
		o.client.service = &service{id: s.ID, scope: s.Scope, signer: signer}
	}
}

func algorithm(key crypto.Signer) (jose.SignatureAlgorithm, any, error) {
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return jose.EdDSA, k, nil
	case *rsa.PrivateKey:
		return jose.RS384, k, nil
	case *ecdsa.PrivateKey:
		switch k.Curve {
		case elliptic.P384():
			return jose.ES384, k, nil
		case elliptic.P256():
			return jose.ES256, k, nil
		}
	}
	return "", nil, errors.New("a service's key is of P-384, P-256, RSA or Ed25519")
}

// service signs in, and keeps the token.
type service struct {
	id, scope string
	signer    jose.Signer

	mu    sync.Mutex // guards what follows; held while somebody signs in
	token string
	until time.Time
}

const (
	tokenPath     = "/oauth/token" //nolint:gosec // a path
	assertionLife = time.Minute
	// spare is how long before its end a token is not used any more.
	spare = 30 * time.Second
)

// bearer returns the token for the next attempt; empty: it has none.
func (c *Client) bearer(ctx context.Context) (string, error) {
	switch {
	case c.token != nil:
		return c.token(ctx)
	case c.service == nil:
		return "", nil
	}
	s := c.service
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != "" && time.Until(s.until) > spare {
		return s.token, nil
	}
	return s.signIn(ctx, c)
}

// refuse forgets a token that the node does not take any more, and reports whether
// another can be had.
func (c *Client) refuse(token string) bool {
	s := c.service
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == token {
		s.token = ""
	}
	return true
}

// signIn exchanges an assertion for a token. The assertion is for the address that
// the caller gave, and never for one that the node tells: a node could have one made
// for another that way, and use it there.
func (s *service) signIn(ctx context.Context, c *Client) (string, error) {
	now := time.Now()
	assertion, err := jwt.Signed(s.signer).Claims(map[string]any{
		"iss": s.id, "sub": s.id, "aud": c.address + tokenPath, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing an assertion: %w", err)
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}
	if s.scope != "" {
		form.Set("scope", s.scope)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address+tokenPath, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", c.agent)
	res, err := c.http.Do(req)
	if err != nil {
		return "", unreached(err, false)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if err != nil {
		return "", unreached(err, false)
	}
	if res.StatusCode != http.StatusOK {
		return "", oauthError(res, text)
	}
	var granted struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
		Life  int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(text, &granted); err != nil || granted.Token == "" || !strings.EqualFold(granted.Type, "Bearer") {
		return "", errors.New("the node answered a sign-in with no bearer token")
	}
	s.token, s.until = granted.Token, now.Add(time.Duration(min(max(granted.Life, 0), maxLife))*time.Second)
	return s.token, nil
}

// maxLife bounds how long a token is used, in seconds, whatever the node says.
const maxLife = 24 * 60 * 60
