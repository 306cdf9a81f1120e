package session_test

import (
	"encoding/base64"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/session"
	"github.com/secant-platform/secant/identity/check"
)

const refreshPath = "/v1/sign-in/refresh"

func TestARefreshTokenServesOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first := w.signIn()
	second, err := w.sessions.Refresh(w.post(refreshPath), first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if second.RefreshToken == first.RefreshToken || second.Session.ID != first.Session.ID || !second.Session.Expires.Equal(first.Session.Expires) {
		t.Errorf("refreshed to %+v", second)
	}
	if _, err := w.use(second.AccessToken); err != nil {
		t.Error(err)
	}
	// Whoever lacks the key ends nothing, with an old token or a guess.
	guess, err := base64.RawURLEncoding.DecodeString(second.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	guess[19]++ // the turn
	for name, c := range map[string]struct {
		r     *http.Request
		token string
	}{
		"an old token by another key": {w.request(p256(t), http.MethodPost, refreshPath, ""), first.RefreshToken},
		"the token by another key":    {w.request(p256(t), http.MethodPost, refreshPath, ""), second.RefreshToken},
		"a guess":                     {w.post(refreshPath), base64.RawURLEncoding.EncodeToString(guess)},
		"rubbish":                     {w.post(refreshPath), "rubbish"},
		"too long":                    {w.post(refreshPath), second.RefreshToken + "AAAA"},
		"an access token":             {w.post(refreshPath), second.AccessToken},
		"another node's":              {w.post(refreshPath), newWorld(t, nil).signIn().RefreshToken},
	} {
		_, err := w.sessions.Refresh(c.r, c.token)
		wantCode(t, name, err, ledger.CodeDenied)
	}
	_, err = w.sessions.Refresh(w.request(nil, http.MethodPost, refreshPath, ""), second.RefreshToken)
	wantCode(t, "without a proof", err, ledger.CodeInvalid)
	if _, err := w.use(second.AccessToken); err != nil {
		t.Fatalf("somebody else ended the session: %v", err)
	}
	// An old token by the right key does.
	_, err = w.sessions.Refresh(w.post(refreshPath), first.RefreshToken)
	wantCode(t, "an old token", err, ledger.CodeDenied)
	_, err = w.use(second.AccessToken)
	wantRefused(t, "after an old token", err)
	_, err = w.sessions.Refresh(w.post(refreshPath), second.RefreshToken)
	wantCode(t, "the newest after an old one", err, ledger.CodeDenied)
}

func TestOfTwoRefreshesAtOnceOneServes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.signIn()
	var served atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		r := w.post(refreshPath)
		wg.Go(func() {
			if _, err := w.sessions.Refresh(r, g.RefreshToken); err == nil {
				served.Add(1)
			}
		})
	}
	wg.Wait()
	if served.Load() != 1 {
		t.Errorf("%d were served", served.Load())
	}
}

func TestWhatBecomesOfTheCredentialIsFeltAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.signIn()
	for name, refusal := range map[string]*check.Refusal{
		"revoked":            {Step: check.StepStatus, Problem: ledger.Problemf(ledger.CodeDenied, "the credential is revoked or suspended")},
		"issuer struck off":  {Step: check.StepIssuer, Problem: ledger.Problemf(ledger.CodeDenied, "the members do not take it")},
		"credential expired": {Step: check.StepTime, Problem: ledger.Problemf(ledger.CodeDenied, "the credential has ended")},
	} {
		w.become(refusal)
		_, err := w.use(g.AccessToken)
		wantRefused(t, name, err)
		_, err = w.sessions.Refresh(w.post(refreshPath), g.RefreshToken)
		wantCode(t, name, err, ledger.CodeDenied)
	}
	w.become(&check.Refusal{Step: check.StepStatus, Problem: ledger.Problemf(ledger.CodeUnavailable, "it cannot be told now")})
	_, err := w.use(g.AccessToken)
	wantCode(t, "nobody can tell", err, ledger.CodeUnavailable)
	// Suspension passes.
	w.become(nil)
	if _, err := w.use(g.AccessToken); err != nil {
		t.Error(err)
	}
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first, second := w.signIn(), w.signIn()
	w.shown.Holder = "another"
	other := w.signIn()
	if first.Session.Subject != second.Session.Subject || other.Session.Subject == first.Session.Subject {
		t.Error("pseudonyms do not tell holders apart")
	}
	if elsewhere := newWorld(t, nil).signIn(); elsewhere.Session.Subject == first.Session.Subject {
		t.Error("another node has the same pseudonym")
	}
	caller, err := w.use(first.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := w.sessions.Session(t.Context(), caller); err != nil || v.ID != first.Session.ID {
		t.Errorf("the session is %+v, %v", v, err)
	}
	if n, err := w.sessions.End(t.Context(), caller, false); err != nil || n != 1 {
		t.Fatalf("%d ended, %v", n, err)
	}
	_, err = w.use(first.AccessToken)
	wantRefused(t, "after signing out", err)
	if caller, err = w.use(second.AccessToken); err != nil {
		t.Fatalf("another session of theirs: %v", err)
	}
	if n, err := w.sessions.End(t.Context(), caller, true); err != nil || n != 1 {
		t.Fatalf("%d ended everywhere, %v", n, err)
	}
	_, err = w.use(second.AccessToken)
	wantRefused(t, "after signing out everywhere", err)
	_, err = w.sessions.Refresh(w.post(refreshPath), second.RefreshToken)
	wantCode(t, "after signing out everywhere", err, ledger.CodeDenied)
	if _, err := w.use(other.AccessToken); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

// TestATokenSaysNoMoreThanItsSession: even one that the node's own key signed.
func TestATokenSaysNoMoreThanItsSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.signIn()
	good := auth.Claims{Issuer: org, Audience: org, Subject: g.Session.Subject, Role: auth.RoleNurse, Session: g.Session.ID, Key: w.key.JWK().Thumbprint()}
	for name, edit := range map[string]func(*auth.Claims){
		"another role":    func(c *auth.Claims) { c.Role = auth.RoleOperator },
		"another subject": func(c *auth.Claims) { c.Subject = "x" },
		"another session": func(c *auth.Claims) { c.Session = "00" },
	} {
		c := good
		edit(&c)
		token, err := auth.Mint(w.node, c, w.clock(), session.AccessLife)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.use(token)
		wantRefused(t, name, err)
	}
	token, err := auth.Mint(w.node, good, w.clock(), session.AccessLife)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.use(token); err != nil {
		t.Errorf("the token that the others are made from: %v", err)
	}
}
