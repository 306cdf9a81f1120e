package session_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/session"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/dpop"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vp"
)

const (
	org  = "hospital-north"
	base = "https://north.example"
)

// world is a node that signs in, over the real store, with wallets that answer what
// a test says.
type world struct {
	t        *testing.T
	mu       sync.Mutex
	now      time.Time      // under mu, as the rest
	still    error          // what becomes of credentials
	shown    session.Shown  // by whichever wallet is asked
	outcome  oid4vp.Outcome //
	asked    string         // that was asked last, by its name
	same     bool           // whether the wallet is on the same device
	sessions *session.Sessions
	verifier *auth.Verifier
	key      keys.Signer // the caller's
	node     ed25519.PrivateKey
	store    *store.Store
}

func newWorld(t *testing.T, change func(*session.Options)) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().UTC(), outcome: oid4vp.Answered, key: p256(t)}
	w.shown = session.Shown{
		Accepted: check.Accepted{Type: "StaffRole", Issuer: "did:secant:dev:hospital-north:issuer:credentials", Organisation: org, Expires: w.now.Add(24 * time.Hour)},
		Holder:   "holder-of-one-key", Role: "nurse", At: org,
	}
	var err error
	if w.store, err = store.Open(t.Context(), storetest.Place(t), store.Options{Organisation: org}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, w.node, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	o := session.Options{
		Organisation: org, Key: w.node, URLs: []string{base, "http://127.0.0.1:7001"}, Store: w.store, Flows: w.store,
		Now: w.clock, Wallets: w, Return: "https://app.example/back",
		Still: func(context.Context, check.Accepted) error { w.mu.Lock(); defer w.mu.Unlock(); return w.still },
	}
	if change != nil {
		change(&o)
	}
	if w.sessions, err = session.New(o); err != nil {
		t.Fatal(err)
	}
	public, ok := w.node.Public().(ed25519.PublicKey)
	if !ok {
		t.Fatal("no public key")
	}
	w.verifier = auth.NewVerifier(org, public, nobody{})
	w.verifier.Ask(w.sessions)
	return w
}

// nobody is a consortium without other members.
type nobody struct{}

func (nobody) TokenKey(context.Context, string) (ed25519.PublicKey, error) { return nil, nil }

func p256(tb testing.TB) keys.Signer {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	key, err := keys.FromCrypto(private)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) become(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.still = err
}

// AskStanding takes every question.
func (w *world) AskStanding(name string) (*oid4vp.Asked, error) {
	w.asked = name
	return &oid4vp.Asked{Link: "openid4vp://?", Ticket: "handle.secret", Expires: w.now.Add(time.Minute)}, nil
}

// Result gives what the test says.
func (w *world) Result(_ context.Context, ticket, _ string) (*oid4vp.Result, error) {
	if ticket != "handle.secret" {
		return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such request")
	}
	r := &oid4vp.Result{Outcome: w.outcome, SameDevice: w.same}
	if w.outcome == oid4vp.Answered {
		detail, err := json.Marshal(w.shown)
		if err != nil {
			return nil, err
		}
		r.Shown = oid4vp.Shown{"dc": {{Detail: detail}}}
	}
	return r, nil
}

// request is a request to a path with a proof by a key; nil: without.
func (w *world) request(key keys.Signer, method, path, token string) *http.Request {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, nil)
	if key != nil {
		proof, err := dpop.Make(key, dpop.Request{Method: method, URL: base + path, Token: token}, w.clock())
		if err != nil {
			w.t.Fatal(err)
		}
		r.Header.Set(dpop.Header, proof)
	}
	if token != "" {
		r.Header.Set("Authorization", "DPoP "+token)
	}
	return r
}

func (w *world) post(path string) *http.Request {
	return w.request(w.key, http.MethodPost, path, "")
}

// begin begins a sign-in and returns its ticket.
func (w *world) begin() string {
	w.t.Helper()
	b, err := w.sessions.Begin(w.t.Context(), session.Wish{Means: session.ByWallet, Who: session.Staff})
	if err != nil {
		w.t.Fatal(err)
	}
	return b.Ticket
}

// signIn signs a nurse in.
func (w *world) signIn() *session.Grant {
	w.t.Helper()
	g, err := w.sessions.Finish(w.post("/v1/sign-in/token"), session.Answer{Ticket: w.begin()})
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

// use uses an access token.
func (w *world) use(token string) (*auth.Caller, error) {
	w.t.Helper()
	return w.verifier.Request(w.request(w.key, http.MethodGet, "/v1/units", token))
}

func wantRefused(t *testing.T, what string, err error) {
	t.Helper()
	if _, is := errors.AsType[*auth.RefusedError](err); !is {
		t.Errorf("%s: %v", what, err)
	}
}

func wantCode(t *testing.T, what string, err error, code ledger.Code) {
	t.Helper()
	if ledger.CodeOf(err) != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}
