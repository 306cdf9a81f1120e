package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/session"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/dpop"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// answered is a wallet that has shown a nurse's credential.
type answered struct{}

func (answered) AskStanding(string) (*oid4vp.Asked, error) {
	return &oid4vp.Asked{Ticket: "a.b"}, nil
}

func (answered) Result(context.Context, string, string) (*oid4vp.Result, error) {
	b, err := json.Marshal(session.Shown{
		Accepted: check.Accepted{Type: "StaffRole", Organisation: "north", Expires: time.Now().Add(time.Hour)}, Holder: "h", Role: "nurse", At: "north",
	})
	return &oid4vp.Result{Outcome: oid4vp.Answered, Shown: oid4vp.Shown{"dc": {{Detail: b}}}}, err
}

// BenchmarkAdmit is what a session costs each request: its token, its proof, the row
// in the store, and the mark that the proof was used. The look at the credential is
// not in it.
func BenchmarkAdmit(b *testing.B) {
	s, err := store.Open(b.Context(), storetest.Place(b), store.Options{Organisation: "north"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	key0, err := auth.OpenKey(b.TempDir() + "/token.pem")
	if err != nil {
		b.Fatal(err)
	}
	const base = "https://north.example"
	sessions, err := session.New(session.Options{
		Organisation: "north", Key: key0, URLs: []string{base}, Store: s, Flows: s, Now: time.Now, Wallets: answered{},
		Still: func(context.Context, check.Accepted) error { return nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	verifier := auth.NewVerifier("north", (&node{key: key0}).publicKey(), memberKeys{s})
	verifier.Ask(sessions)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	key, err := keys.FromCrypto(private)
	if err != nil {
		b.Fatal(err)
	}
	request := func(path, token string) *http.Request {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, path, nil)
		proof, err := dpop.Make(key, dpop.Request{Method: http.MethodPost, URL: base + path, Token: token}, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set(dpop.Header, proof)
		r.Header.Set("Authorization", "DPoP "+token)
		return r
	}
	begun, err := sessions.Begin(b.Context(), session.Wish{Means: session.ByWallet, Who: session.Staff})
	if err != nil {
		b.Fatal(err)
	}
	g, err := sessions.Finish(request("/t", ""), session.Answer{Ticket: begun.Ticket})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		r := request("/v1/units", g.AccessToken)
		b.StartTimer()
		if _, err := verifier.Request(r); err != nil {
			b.Fatal(err)
		}
	}
}
