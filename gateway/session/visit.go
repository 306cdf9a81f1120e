package session

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Visits send people to the provider and back where no session comes of it: only who
// the person is. Whoever sends them there keeps the ticket in the person's browser, and
// nowhere else, so that an answer counts in the browser that asked for it. Nothing is
// kept here of a visit: state, nonce and PKCE's secret are derived from its ticket.
type Visits struct {
	provider *Provider
	secret   []byte
	back     string
	now      func() time.Time
}

// Visit is one way to the provider.
type Visit struct {
	Link    string // where the browser goes
	State   string // with which it comes back
	Ticket  string // for the browser to keep
	Expires time.Time
}

const (
	// visitLife is for how long somebody may take to sign in.
	visitLife = 5 * time.Minute
	// authSkew is how far the provider's clock may be behind.
	authSkew = time.Minute
	// maxCarried bounds what a visit is for, in bytes: browsers keep 4096 of a cookie.
	maxCarried = 2 << 10
	maxPerson  = 255 // bytes of a subject (OpenID Connect Core 1.0, section 2)
)

// NewVisits makes visits to a provider, from which browsers come back to an address
// that is registered there. The secret has 32 bytes or more, the same for all gateways.
func NewVisits(p *Provider, secret []byte, back string, now func() time.Time) (*Visits, error) {
	if u, err := url.Parse(back); err != nil || u.Host == "" || u.Fragment != "" || len(secret) < sha256.Size || p == nil || now == nil {
		return nil, errors.New("making visits: a provider, a secret, a clock and an address without a fragment are needed")
	}
	if err := p.validate(); err != nil {
		return nil, err
	}
	own, err := hkdf.Key(sha256.New, secret, nil, "secant/visit/v1", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("deriving the secret of visits: %w", err)
	}
	return &Visits{p, own, back, now}, nil
}

func (v *Visits) mac(purpose, text string) []byte {
	h := hmac.New(sha256.New, v.secret)
	h.Write([]byte(purpose + "\x00" + text))
	return h.Sum(nil)
}

// Begin begins a visit, and carries what it is for.
func (v *Visits) Begin(ctx context.Context, carried string) (*Visit, error) {
	if len(carried) > maxCarried {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the request is too large to be carried to the provider and back")
	}
	told, err := v.provider.discover(oidc.ClientContext(ctx, v.provider.HTTP))
	if err != nil {
		return nil, err
	}
	b := make([]byte, providerHead, providerHead+len(carried)+hmacSize)
	binary.BigEndian.PutUint64(b, uint64(v.now().Add(visitLife).Unix())) //nolint:gosec // today's times are positive
	_, _ = rand.Read(b[8:])                                              // never fails (crypto/rand)
	b = append(b, carried...)
	ticket := base64.RawURLEncoding.EncodeToString(append(b, v.mac("ticket", string(b))...))
	a, _, ok := v.open(ticket)
	if !ok {
		return nil, errors.New("beginning a visit: the clock runs backwards")
	}
	// Whoever last used a ward's computer is signed in at the provider still: it must be
	// the person who signs in, now.
	link := v.provider.client(told, v.back).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier),
		oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	return &Visit{link, a.State, ticket, a.Expires}, nil
}

// open returns what a ticket stands for, as long as it serves, and what it carries.
func (v *Visits) open(ticket string) (a *asked, carried string, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(ticket)
	if err != nil || len(b) < providerHead+hmacSize {
		return nil, "", false
	}
	text, sum := b[:len(b)-hmacSize], b[len(b)-hmacSize:]
	if !hmac.Equal(sum, v.mac("ticket", string(text))) {
		return nil, "", false
	}
	derived := func(purpose string) string { return base64.RawURLEncoding.EncodeToString(v.mac(purpose, ticket)) }
	a = &asked{derived("state"), derived("nonce"), derived("verifier"), time.Unix(int64(binary.BigEndian.Uint64(text)), 0).UTC()} //nolint:gosec // ours
	return a, string(text[providerHead:]), v.now().Before(a.Expires)
}

// Returned is what a browser comes back with from the provider.
type Returned struct {
	Answer

	Error string // of the provider's (RFC 6749, section 4.1.2.1); empty: none
}

// End ends a visit, and returns what it was for and who signed in: the subject, or the
// claim that the provider's configuration names. ledger.CodeNotFound: the browser is not
// the one that was sent, or its time is over, and nothing is known of what it wants.
// Any other error comes with what the visit was for.
func (v *Visits) End(ctx context.Context, in Returned) (carried, person string, err error) {
	a, carried, ok := v.open(in.Ticket)
	if !ok || !same(in.State, a.State) {
		return "", "", noSignIn()
	}
	switch in.Error {
	case "":
	case "server_error", "temporarily_unavailable":
		return carried, "", ledger.Problemf(ledger.CodeUnavailable, "the organisation's provider cannot sign anybody in now")
	default:
		return carried, "", ledger.Problemf(ledger.CodeDenied, "the provider signs the person not in")
	}
	id, err := v.provider.vouched(ctx, a, in.Answer, v.back, v.now)
	if err != nil {
		return carried, "", err
	}
	if person, err = v.provider.person(id, a.Expires.Add(-visitLife-authSkew)); err != nil {
		return carried, "", err
	}
	return carried, person, nil
}

// person returns by which name the organisation knows who signed in, after a time. A
// provider that was asked for a sign-in of now says when it was (OpenID Connect Core 1.0,
// section 3.1.2.1): where nothing is said, the browser's user took the question out.
func (p *Provider) person(id *oidc.IDToken, since time.Time) (string, error) {
	refused := ledger.Problemf(ledger.CodeDenied, "the provider does not say who signed in")
	var claims map[string]json.RawMessage
	if id.Claims(&claims) != nil {
		return "", refused
	}
	var at float64
	if json.Unmarshal(claims["auth_time"], &at) != nil || at < float64(since.Unix()) {
		return "", ledger.Problemf(ledger.CodeDenied, "the provider does not say that the person signed in now")
	}
	name := id.Subject
	if p.Person != "" {
		name = ""
		if json.Unmarshal(claims[p.Person], &name) != nil {
			return "", refused
		}
	}
	if name == "" || len(name) > maxPerson {
		return "", refused
	}
	return name, nil
}
