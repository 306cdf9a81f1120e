// Package session signs people and programs in, and says at every request whether
// what they were signed in by still holds. A role comes from a credential, from the
// organisation's own provider or from the configuration, and never from a request.
//
// Who is signed in is known here by a pseudonym. No name and no claim is kept.
package session

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/dpop"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// Lives.
const (
	AccessLife  = 15 * time.Minute // of a session's access token
	MaxLife     = 8 * time.Hour    // of a session, however often it is refreshed
	ServiceLife = 5 * time.Minute  // of a service's token (SMART App Launch 2.2, "Backend Services")
	ProofAge    = time.Minute      // at most since a proof of possession was made
)

// Store keeps sessions. Those that end by their time, or were ended, are gone.
type Store interface {
	CreateSession(ctx context.Context, id, subject string, doc []byte, expires time.Time) error
	// Session fails with not_found for one that has ended.
	Session(ctx context.Context, id string) (doc []byte, err error)
	// RefreshSession counts one more turn after a turn; it fails with conflict when
	// that is not the newest, and with not_found when the session has ended.
	RefreshSession(ctx context.Context, id string, turn int) error
	EndSession(ctx context.Context, id string) error
	EndSessions(ctx context.Context, subject string) (int, error)
}

// Flows keeps what has to be known from one request to the next: see oid4vp.Flows.
type Flows interface {
	CreateFlow(ctx context.Context, kind, key string, doc []byte, expires time.Time) error
	Flow(ctx context.Context, kind, key string) ([]byte, error)
}

// Wallets asks people's wallets: an oid4vp.Verifier, with Questions among its standing
// questions.
type Wallets interface {
	AskStanding(name string) (*oid4vp.Asked, error)
	Result(ctx context.Context, ticket, code string) (*oid4vp.Result, error)
}

// Options are what Sessions works with. Those that do not say otherwise are needed.
type Options struct {
	Organisation string             // MSP id
	Key          ed25519.PrivateKey // signs the node's tokens; pseudonyms and refresh tokens hang on it too
	URLs         []string           // every base address of the node, that for outsiders first; a proof is for one of them
	Store        Store
	Flows        Flows
	Now          func() time.Time
	Wallets      Wallets   // nil: nobody signs in by wallet
	Still        Still     // needed with Wallets
	Return       string    // page to which browsers come back from the provider; empty: none
	Provider     *Provider // nil: nobody signs in by a provider
	Services     []Service
	Bearer       bool   // for development: sessions without a key
	Used         string // folder in which used proofs are remembered across a start; empty: in memory alone
}

// Still says whether an accepted credential would still be: check.Verifier.Still.
type Still func(ctx context.Context, a check.Accepted) error

// Sessions signs in, and knows who is.
type Sessions struct {
	o        Options
	secret   []byte
	used     *replays
	services map[string]*service
}

// New checks the options.
func New(o Options) (*Sessions, error) {
	if o.Organisation == "" || len(o.Key) != ed25519.PrivateKeySize || len(o.URLs) == 0 || o.Store == nil || o.Flows == nil || o.Now == nil {
		return nil, errors.New("making sessions: organisation, key, addresses, stores and clock are needed")
	}
	if o.Wallets != nil && o.Still == nil {
		return nil, errors.New("making sessions: whoever signs in by wallet must be looked at again")
	}
	if u, err := url.Parse(o.Return); o.Return != "" && (err != nil || u.Host == "" || u.Fragment != "") {
		return nil, errors.New("making sessions: the page to which browsers come back must be an address without a fragment")
	}
	if o.Provider != nil {
		if o.Return == "" {
			return nil, errors.New("making sessions: a provider needs a page to which browsers come back")
		}
		if err := o.Provider.validate(); err != nil {
			return nil, err
		}
	}
	s := &Sessions{o: o}
	var err error
	if s.services, err = openServices(o.Services); err != nil {
		return nil, err
	}
	if s.secret, err = hkdf.Key(sha256.New, o.Key.Seed(), nil, "secant/session/v1", sha256.Size); err != nil {
		return nil, fmt.Errorf("deriving the secret of sessions: %w", err)
	}
	s.used, err = newReplays(ProofAge+2*time.Minute, o.Used, o.Now())
	return s, err
}

// Close closes what remembers used proofs. No request is to come afterwards.
func (s *Sessions) Close() error {
	if s.used.journal == nil {
		return nil
	}
	return s.used.journal.close()
}

// mac authenticates text under the node's secret, for one purpose.
func (s *Sessions) mac(purpose string, parts ...string) []byte {
	h := hmac.New(sha256.New, s.secret)
	h.Write([]byte(purpose))
	for _, p := range parts {
		h.Write([]byte{0})
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}

// pseudonym names a person or program at this node, always the same, and nowhere
// else the same.
func (s *Sessions) pseudonym(means Means, who ...string) string {
	return base64.RawURLEncoding.EncodeToString(s.mac("subject\x00"+string(means), who...))
}

// endpoint lists the addresses of a path of the node's.
func (s *Sessions) endpoint(u *url.URL) []string {
	list := make([]string, len(s.o.URLs))
	for i, base := range s.o.URLs {
		list[i] = base + u.EscapedPath()
	}
	return list
}

// prove checks the proof of possession of a request; nil: it has none.
func (s *Sessions) prove(r *http.Request, token string) (*dpop.Proof, error) {
	return dpop.Check(r.Header, dpop.Want{
		Method: r.Method, URLs: s.endpoint(r.URL), Token: token, Now: s.o.Now(), Age: ProofAge,
	})
}

// key returns the key to which what a request begins will be bound. Nothing is
// begun without one, unless the configuration allows it.
func (s *Sessions) key(r *http.Request) (*dpop.Proof, error) {
	p, err := s.prove(r, "")
	switch {
	case err != nil:
		return nil, ledger.Problemf(ledger.CodeInvalid, "the DPoP proof does not hold: %s", err.Error())
	case p == nil && !s.o.Bearer:
		return nil, ledger.Problemf(ledger.CodeInvalid, "a DPoP proof is needed: a session is bound to a key of its caller")
	}
	return p, nil
}

// spend marks a proof as used.
func (s *Sessions) spend(p *dpop.Proof) error {
	if p == nil {
		return nil
	}
	first, err := s.used.once(p.Name, s.o.Now())
	if err == nil && !first {
		err = ledger.Problemf(ledger.CodeInvalid, "the DPoP proof was used before")
	}
	return err
}

func thumbprint(p *dpop.Proof) string {
	if p == nil {
		return ""
	}
	return p.Thumbprint
}

// Admit says whether a request may be made with a token: auth.Sessions.
func (s *Sessions) Admit(r *http.Request, token string, c *auth.Caller) error {
	if c.Organisation != s.o.Organisation && c.Session != "" {
		return auth.Refused("session of another organisation")
	}
	var proof *dpop.Proof
	if c.Key != "" {
		var err error
		proof, err = s.prove(r, token)
		switch {
		case err != nil:
			return auth.Refused("proof of possession: " + err.Error())
		case proof == nil:
			return auth.Refused("proof of possession: none")
		case proof.Thumbprint != c.Key:
			return auth.Refused("proof of possession: another key")
		}
	}
	if c.Session != "" {
		if err := s.goesOn(r.Context(), c); err != nil {
			return err
		}
	}
	err := s.spend(proof)
	if ledger.CodeOf(err) == ledger.CodeInvalid {
		return auth.Refused("proof of possession: used before")
	}
	return err
}

// goesOn refuses a session that has ended, and one whose credential would no longer
// be accepted. The session stays: a credential may be suspended for a while.
func (s *Sessions) goesOn(ctx context.Context, c *auth.Caller) error {
	st, err := s.read(ctx, c.Session)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return auth.Refused("session ended")
	}
	if err != nil {
		return err
	}
	if st.Subject != c.Subject || st.Role != c.Role || st.Key != c.Key {
		return auth.Refused("session of another")
	}
	return s.believed(ctx, st)
}

// believed wants that by which somebody signed in to hold still.
func (s *Sessions) believed(ctx context.Context, st *state) error {
	if st.Credential == nil {
		return nil
	}
	if s.o.Still == nil {
		return auth.Refused("credential: nobody can tell")
	}
	err := s.o.Still(ctx, *st.Credential)
	if err == nil || temporary(err) {
		return err
	}
	return auth.Refused("credential: " + step(err))
}

func temporary(err error) bool {
	return slices.Contains([]ledger.Code{ledger.CodeUnavailable, ledger.CodeBusy, ledger.CodeInternal}, ledger.CodeOf(err))
}

// step names the check that a credential did not pass, for the log.
func step(err error) string {
	if r, ok := errors.AsType[*check.Refusal](err); ok {
		return string(r.Step)
	}
	return "refused"
}
