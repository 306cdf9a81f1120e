package session

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Provider is the organisation's own OpenID Connect provider, which knows its staff
// (OpenID Connect Core 1.0, authorization code flow with PKCE).
type Provider struct {
	Issuer   string       // as it names itself
	ClientID string       // of this node there
	Secret   string       // of this node there; empty: it is a public client
	Scopes   []string     // beside "openid"
	Claim    string       // of the ID token, which says what somebody is: a text or a list of texts
	Roles    []ClaimRole  // what its values mean; the first that fits counts
	Person   string       // claim of the ID token that says who somebody is, where Visits ask; empty: "sub"
	HTTP     *http.Client // with its time limits and roots

	mu   sync.Mutex
	told *oidc.Provider // what it told of itself; nil: not asked yet. Under mu
}

// ClaimRole says what a value of a provider's claim means.
type ClaimRole struct {
	Value string
	Role  auth.Role
}

func (p *Provider) validate() error {
	if p.Issuer == "" || p.ClientID == "" || p.Claim == "" || len(p.Roles) == 0 || p.HTTP == nil {
		return errors.New("making sessions: a provider needs issuer, client, claim, roles and a way to call it")
	}
	for _, r := range p.Roles {
		if r.Value == "" || !slices.Contains(staffRoles, r.Role) {
			return errors.New("making sessions: a provider's claim has values, and staff's roles for them")
		}
	}
	if _, is := p.HTTP.Transport.(bounded); !is {
		client := *p.HTTP
		client.Transport = bounded{client.Transport}
		p.HTTP = &client
	}
	return nil
}

// maxAnswer bounds what a provider answers, in bytes.
const maxAnswer = 1 << 20

// bounded cuts answers off that are too large to be read.
type bounded struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// discover asks the provider about itself, once: a provider that is away when the
// node starts is asked when somebody signs in.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told != nil {
		return p.told, nil
	}
	told, err := oidc.NewProvider(ctx, p.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ledger.Problemf(ledger.CodeUnavailable, "the organisation's provider does not answer"), err)
	}
	p.told = told
	return told, nil
}

// client is the node at the provider, to which browsers come back at an address.
func (p *Provider) client(told *oidc.Provider, back string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.Secret, Endpoint: told.Endpoint(), RedirectURL: back,
		Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...),
	}
}

const (
	providerTicket = "op."             // begins the tickets of sign-ins by a provider
	providerFlow   = "session.sign-in" // the kind of the marks of those that were used
	providerLife   = 10 * time.Minute  // for somebody to sign in there
)

// A sign-in by the provider is all in its ticket, of which state, nonce and PKCE's
// secret are derived: nothing is kept of one until the provider has said who signed
// in, so that whoever begins many takes no room from anybody.
const providerHead = 8 + 16 // end, random

type asked struct {
	State    string
	Nonce    string
	Verifier string // PKCE (RFC 7636)
	Expires  time.Time
}

func (s *Sessions) newTicket() string {
	b := make([]byte, providerHead, providerHead+hmacSize)
	binary.BigEndian.PutUint64(b, uint64(s.o.Now().Add(providerLife).Unix())) //nolint:gosec // today's times are positive
	_, _ = rand.Read(b[8:])                                                   // never fails (crypto/rand)
	return providerTicket + base64.RawURLEncoding.EncodeToString(append(b, s.mac("provider-ticket", string(b))...))
}

// openTicket returns what a ticket of this node's stands for, as long as it serves.
func (s *Sessions) openTicket(ticket string) (*asked, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimPrefix(ticket, providerTicket))
	if err != nil || len(b) != providerHead+hmacSize || !hmac.Equal(b[providerHead:], s.mac("provider-ticket", string(b[:providerHead]))) {
		return nil, false
	}
	derived := func(purpose string) string {
		return base64.RawURLEncoding.EncodeToString(s.mac("provider-"+purpose, ticket))
	}
	a := &asked{derived("state"), derived("nonce"), derived("verifier"), time.Unix(int64(binary.BigEndian.Uint64(b)), 0).UTC()} //nolint:gosec // ours
	return a, s.o.Now().Before(a.Expires)
}

func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func (s *Sessions) askProvider(ctx context.Context) (*Begun, error) {
	p := s.o.Provider
	if p == nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "nobody can sign in by a provider here: none is configured")
	}
	told, err := p.discover(oidc.ClientContext(ctx, p.HTTP))
	if err != nil {
		return nil, err
	}
	b := &Begun{Ticket: s.newTicket()}
	a, ok := s.openTicket(b.Ticket)
	if !ok {
		return nil, errors.New("beginning a sign-in: the clock runs backwards")
	}
	b.Expires = a.Expires
	b.Link = p.client(told, s.o.Return).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier))
	return b, nil
}

// askedProvider returns the session that a provider's code gives. A ticket serves
// once; what the provider does not vouch for is not counted against it, since the code
// that goes with it is only the person's to have.
func (s *Sessions) askedProvider(ctx context.Context, in Answer) (*state, error) {
	p := s.o.Provider
	a, ok := s.openTicket(in.Ticket)
	if p == nil || !ok {
		return nil, noSignIn()
	}
	switch _, err := s.o.Flows.Flow(ctx, providerFlow, digest(in.Ticket)); {
	case err == nil:
		return nil, noSignIn()
	case ledger.CodeOf(err) != ledger.CodeNotFound:
		return nil, err
	}
	id, err := p.vouched(ctx, a, in, s.o.Return, s.o.Now)
	if err != nil {
		return nil, err
	}
	role, ok := p.roleOf(id)
	if !ok {
		return nil, ledger.Problemf(ledger.CodeDenied, "the provider gives no role that exists here")
	}
	err = s.o.Flows.CreateFlow(ctx, providerFlow, digest(in.Ticket), []byte("{}"), a.Expires)
	if ledger.CodeOf(err) == ledger.CodeAlreadyExists {
		return nil, noSignIn()
	}
	if err != nil {
		return nil, err
	}
	return &state{Means: ByProvider, Role: role, Subject: s.pseudonym(ByProvider, p.Issuer, id.Subject)}, nil
}

// vouched returns what the provider says of who signed in, with the code that a browser
// brought back to an address. An answer to another question, of another provider or that
// is not this client's is denied.
func (p *Provider) vouched(ctx context.Context, a *asked, in Answer, back string, now func() time.Time) (*oidc.IDToken, error) {
	switch {
	case in.Code == "" || !same(in.State, a.State):
		return nil, ledger.Problemf(ledger.CodeDenied, "the provider's answer is not to this sign-in")
	case in.Issuer != "" && in.Issuer != p.Issuer:
		return nil, ledger.Problemf(ledger.CodeDenied, "the answer is another provider's")
	}
	ctx = oidc.ClientContext(ctx, p.HTTP)
	told, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	var about struct {
		SaysIssuer bool `json:"authorization_response_iss_parameter_supported"` // RFC 9207, section 3
	}
	if err := told.Claims(&about); err != nil || about.SaysIssuer && in.Issuer == "" {
		return nil, ledger.Problemf(ledger.CodeDenied, "the answer does not say whose it is, as the provider's do")
	}
	refused := ledger.Problemf(ledger.CodeDenied, "the provider does not say who signed in")
	token, err := p.client(told, back).Exchange(ctx, in.Code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		if _, is := errors.AsType[*oauth2.RetrieveError](err); is {
			return nil, refused // its text may repeat what was sent
		}
		return nil, fmt.Errorf("%w: %w", ledger.Problemf(ledger.CodeUnavailable, "the organisation's provider does not answer"), err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := told.VerifierContext(ctx, &oidc.Config{ClientID: p.ClientID, Now: now}).Verify(ctx, raw)
	if err != nil || !same(id.Nonce, a.Nonce) || id.Subject == "" {
		return nil, refused
	}
	if id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil {
		return nil, refused
	}
	return id, nil
}

// roleOf reads the role out of an ID token.
func (p *Provider) roleOf(id *oidc.IDToken) (auth.Role, bool) {
	var claims map[string]json.RawMessage
	if id.Claims(&claims) != nil {
		return "", false
	}
	var values []string
	var value string
	raw := claims[p.Claim]
	if json.Unmarshal(raw, &values) != nil {
		if json.Unmarshal(raw, &value) != nil {
			return "", false
		}
		values = []string{value}
	}
	for _, r := range p.Roles {
		if slices.Contains(values, r.Value) {
			return r.Role, true
		}
	}
	return "", false
}
