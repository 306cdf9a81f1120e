package oid4vci

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/dpop"
	"github.com/secant-platform/secant/identity/keys"
)

// Client is a wallet. Its exported fields are set before it is used; then it is
// safe for use by several goroutines.
type Client struct {
	HTTP     *http.Client // with timeouts, and whatever guards against private addresses
	ID       string       // client_id; empty: anonymous, which suits pre-authorized codes
	Redirect string       // redirect_uri, for authorization codes
	Key      keys.Signer  // that tokens are bound to (DPoP), one for each issuer; nil: bearer tokens
	// Attest returns a wallet attestation and the proof of its key for an
	// authorization server (appendix E); nil: none is shown.
	Attest func(ctx context.Context, server string) (attestation, proof string, err error)
	// KeyOf resolves the DID of a credential's subject, for the formats whose
	// credentials are bound to DIDs; nil: such credentials are refused.
	KeyOf func(ctx context.Context, did string) (ledger.JWK, error)
	// Check judges what came, after form, type and binding were: the issuer's
	// signature, above all. Formats that the client cannot read (mso_mdoc) are
	// refused when it is nil.
	Check func(ctx context.Context, r Received) error
	// MetadataKey returns the key of who may sign an issuer's metadata;
	// ledger.CodeNotFound: nobody here knows the signer. Nil: metadata is taken as its
	// server serves it.
	MetadataKey func(ctx context.Context, by MetadataSigner) (ledger.JWK, error)
	// RequireSigned takes metadata by MetadataKey's alone.
	RequireSigned bool
	// RequireEncryption asks no issuer for a credential that would not come encrypted;
	// without it, encryption is used where the issuer has it.
	RequireEncryption bool
	Now               func() time.Time // nil: time.Now

	mu     sync.Mutex
	nonces map[string]string // DPoP nonces by origin, under mu
}

// Received is a credential that came.
type Received struct {
	Issuer        string
	ID            string        // of the configuration
	Configuration Configuration // as the issuer describes it
	Holder        ledger.JWK    // to which it is bound; zero: to none
	Credential    json.RawMessage
}

// Remote is an issuer as it describes itself.
type Remote struct {
	Issuer IssuerMetadata
	Server ServerMetadata
	Signed bool // the issuer's, by one of Client.MetadataKey's
}

// Session is what a token is good for.
type Session struct {
	Remote *Remote
	// Configurations are those that were offered or asked for.
	Configurations []string
	token          TokenResponse
	until          time.Time // of the access token
}

// Pending is an authorization that the user has to give, in a browser.
type Pending struct {
	URL      string // to open
	remote   *Remote
	ids      []string
	state    string
	verifier string
}

// Receipt is what an issuer answered: credentials, or when to ask for them.
type Receipt struct {
	Credentials []Received

	Transaction  string        // deferred: for Collect
	After        time.Duration // when to ask again
	Notification string        // for Notify; empty: the issuer does not ask
	wanted       []Received    // what is still to come
}

// Open reads the link of an offer, and fetches the offer where the link only
// refers to it (section 4.1).
func (c *Client) Open(ctx context.Context, link string) (*Offer, error) {
	u, err := url.Parse(link)
	if err != nil || len(link) > maxAnswer {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the link is no link")
	}
	q, err := url.ParseQuery(u.RawQuery)
	values, addresses := q["credential_offer"], q["credential_offer_uri"]
	if err != nil || len(values)+len(addresses) != 1 {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the link holds no offer")
	}
	b := []byte(strings.Join(values, ""))
	if len(addresses) == 1 {
		if b, err = c.get(ctx, addresses[0]); err != nil {
			return nil, fmt.Errorf("fetching an offer: %w", err)
		}
	}
	var o Offer
	if decodeAnswer(b, &o) != nil || len(o.Configurations) == 0 || len(o.Configurations) > maxOffered {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the offer is not in its form")
	}
	if _, err := parseIdentifier(o.Issuer); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the offer is of no issuer")
	}
	return &o, nil
}

// maxOffered bounds how many credentials one offer may be of: a wallet makes a key and
// asks for each, and a person reads them all before.
const maxOffered = 32

// Discover fetches what an issuer and its authorization server, the first where it
// has several, say of themselves (section 12; RFC 8414, section 3).
func (c *Client) Discover(ctx context.Context, issuer string) (*Remote, error) {
	return c.discover(ctx, issuer, "")
}

// DiscoverOffered is [Client.Discover] for an offer, which may name one of the
// issuer's authorization servers, and no other (section 12.2.4).
func (c *Client) DiscoverOffered(ctx context.Context, o *Offer) (*Remote, error) {
	return c.discover(ctx, o.Issuer, o.server())
}

func (c *Client) discover(ctx context.Context, issuer, named string) (*Remote, error) {
	var r Remote
	var err error
	if r.Signed, err = c.metadata(ctx, issuer, &r.Issuer); err != nil {
		return nil, err
	}
	servers := r.Issuer.Servers
	if len(servers) == 0 {
		servers = []string{issuer}
	}
	server := servers[0]
	if named != "" {
		if !slices.Contains(servers, named) {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the offer names an authorization server that is not the issuer's")
		}
		server = named
	}
	if err := c.document(ctx, WellKnownServer, server, &r.Server); err != nil {
		return nil, err
	}
	if r.Issuer.Issuer != issuer || r.Server.Issuer != server || r.Issuer.Credential == "" || r.Server.Token == "" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the issuer's metadata is another's, or incomplete")
	}
	return &r, nil
}

func (c *Client) document(ctx context.Context, name, identifier string, v any) error {
	address, err := WellKnown(name, identifier)
	if err != nil {
		return ledger.Problemf(ledger.CodeInvalid, "the issuer's identifier is none")
	}
	b, err := c.get(ctx, address)
	if err != nil {
		return fmt.Errorf("fetching metadata: %w", err)
	}
	return decodeAnswer(b, v)
}

// Redeem gets a token for the pre-authorized code of an offer (section 6.1).
func (c *Client) Redeem(ctx context.Context, r *Remote, o *Offer, txCode string) (*Session, error) {
	grant := o.Grants.PreAuthorized
	if grant == nil || o.Issuer != r.Issuer.Issuer || grant.Server != "" && grant.Server != r.Server.Issuer {
		return nil, o.only()
	}
	form := url.Values{"grant_type": {GrantPreAuthorized}, "pre-authorized_code": {grant.Code}}
	if grant.TxCode != nil {
		form.Set("tx_code", txCode)
	}
	return c.session(ctx, r, o.Configurations, form)
}

// Start pushes a request for credentials to the authorization server. The offer
// may be nil; the credentials must have scopes.
func (c *Client) Start(ctx context.Context, r *Remote, o *Offer, ids ...string) (*Pending, error) {
	if r.Server.Request == "" || r.Server.Authorization == "" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the issuer takes no pushed authorization requests")
	}
	p := &Pending{remote: r, ids: ids, state: draw(), verifier: draw()}
	var scopes []string
	for _, id := range ids {
		scope := r.Issuer.Configurations[id].Scope
		if scope == "" {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the credential has no scope")
		}
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	form := url.Values{
		"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {c.Redirect}, "state": {p.state},
		"scope": {strings.Join(scopes, " ")}, "code_challenge": {verify.Hash(p.verifier)}, "code_challenge_method": {"S256"},
	}
	if o != nil && o.Grants.Code != nil && o.Grants.Code.State != "" {
		form.Set("issuer_state", o.Grants.Code.State)
	}
	b, err := c.post(ctx, r.Server.Request, form, r.Server.Issuer)
	if err != nil {
		return nil, fmt.Errorf("pushing a request: %w", err)
	}
	var answer RequestResponse
	if err := decodeAnswer(b, &answer); err != nil {
		return nil, err
	}
	u, err := url.Parse(r.Server.Authorization)
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the authorization endpoint is no URL")
	}
	q := u.Query()
	q.Set("client_id", c.ID)
	q.Set("request_uri", answer.URI)
	u.RawQuery = q.Encode()
	p.URL = u.String()
	return p, nil
}

// Finish gets a token with what the browser came back with, the whole address
// (RFC 6749, section 4.1.2; RFC 9207, section 2.4).
func (c *Client) Finish(ctx context.Context, p *Pending, callback string) (*Session, error) {
	u, err := url.Parse(callback)
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the answer is no address")
	}
	if !p.Answers(callback) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the answer is to another request")
	}
	q := u.Query()
	if code := q.Get("error"); code != "" {
		return nil, &Error{Code: word(code), Description: "the authorization was not given", Status: http.StatusFound}
	}
	return c.session(ctx, p.remote, p.ids, url.Values{
		"grant_type": {GrantCode}, "code": {q.Get("code")}, "client_id": {c.ID},
		"redirect_uri": {c.Redirect}, "code_verifier": {p.verifier},
	})
}

// Refresh gets a new access token for a session.
func (c *Client) Refresh(ctx context.Context, s *Session) (*Session, error) {
	if s.token.RefreshToken == "" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the session has no refresh token")
	}
	fresh, err := c.session(ctx, s.Remote, s.Configurations, url.Values{
		"grant_type": {GrantRefresh}, "refresh_token": {s.token.RefreshToken},
	})
	if err != nil {
		return nil, err
	}
	if fresh.token.RefreshToken == "" { // RFC 6749, section 6: the old one stays
		fresh.token.RefreshToken = s.token.RefreshToken
	}
	if len(fresh.token.Details) == 0 {
		fresh.token.Details = s.token.Details
	}
	return fresh, nil
}

func (c *Client) session(ctx context.Context, r *Remote, ids []string, form url.Values) (*Session, error) {
	if c.ID != "" {
		form.Set("client_id", c.ID)
	}
	b, err := c.post(ctx, r.Server.Token, form, r.Server.Issuer)
	if err != nil {
		return nil, fmt.Errorf("asking for a token: %w", err)
	}
	s := &Session{Remote: r, Configurations: ids}
	if err := decodeAnswer(b, &s.token); err != nil {
		return nil, err
	}
	const longest = 1 << 24 // seconds; no token is used that long
	s.until = c.now().Add(time.Duration(min(max(s.token.ExpiresIn, 0), longest)) * time.Second)
	want := schemeBearer
	if c.Key != nil {
		want = dpop.Scheme
	}
	if s.token.AccessToken == "" || !strings.EqualFold(s.token.TokenType, want) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the token is not of the type %s", want)
	}
	return s, nil
}

// maxDepth is how deep an issuer's answers may nest: displays of claims are the
// deepest.
const maxDepth = 12

func decodeAnswer(b []byte, v any) error {
	if _, err := verify.ParseObject(b, maxDepth); err != nil || json.Unmarshal(b, v) != nil {
		return ledger.Problemf(ledger.CodeInvalid, "the answer is not in its form")
	}
	return nil
}

// draw returns 256 random bits, in base64url.
func draw() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
