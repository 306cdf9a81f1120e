package session_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/session"
	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
)

const (
	back   = "https://app.example/back"
	secret = "a secret of the test's"
)

// startProvider starts oidc-provider, another's OpenID Connect provider, and returns
// its issuer.
func startProvider(t *testing.T, secret string) string {
	t.Helper()
	running := wallettest.Install(t, "provider").Start(t, secret)
	issuer := wallettest.Hear[string](t, running)
	if !wallettest.Ask[bool](t, running, []string{back}) {
		t.Fatal("the provider does not open")
	}
	return issuer
}

func providerOf(issuer, secret string) *session.Provider {
	return &session.Provider{
		Issuer: issuer, ClientID: "secant", Secret: secret, Claim: "groups", HTTP: &http.Client{Timeout: 10 * time.Second},
		Roles: []session.ClaimRole{{"icu-lead", auth.RoleRegistrar}, {"icu", auth.RoleNurse}},
	}
}

// browse goes to the provider as a person, until it sends the browser back.
func browse(t *testing.T, link, person string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return browseBy(t, browser, link, person)
}

// browseBy is browse with a browser that may have been there before.
func browseBy(t *testing.T, browser *http.Client, link, person string) url.Values {
	t.Helper()
	at := link
	for range 12 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Person", person)
		res, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		to, err := res.Location()
		if err != nil {
			t.Fatalf("the provider answers %s with %d", at, res.StatusCode)
		}
		if at = to.String(); strings.HasPrefix(at, back) {
			return to.Query()
		}
	}
	t.Fatal("the provider sends the browser around")
	return nil
}

func TestStaffSignInByTheProvider(t *testing.T) {
	t.Parallel()
	issuer := startProvider(t, secret)
	p := providerOf(issuer, secret)
	w := newWorld(t, func(o *session.Options) { o.Provider = p })
	begin := func() *session.Begun {
		t.Helper()
		b, err := w.sessions.Begin(t.Context(), session.Wish{Means: session.ByProvider})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	answer := func(b *session.Begun, person string) session.Answer {
		t.Helper()
		q := browse(t, b.Link, person)
		return session.Answer{Ticket: b.Ticket, Code: q.Get("code"), State: q.Get("state"), Issuer: q.Get("iss")}
	}
	finish := func(a session.Answer) (*session.Grant, error) {
		return w.sessions.Finish(w.post("/v1/sign-in/token"), a)
	}
	b := begin()
	u, err := url.Parse(b.Link)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" || q.Get("state") == "" || q.Get("redirect_uri") != back {
		t.Errorf("the link is %s", b.Link)
	}
	subject := ""
	for person, role := range map[string]auth.Role{"nora|icu": auth.RoleNurse, "nora|staff|icu|icu-lead": auth.RoleRegistrar} {
		g, err := finish(answer(begin(), person))
		if err != nil || g.Session.Role != role || g.Session.Means != session.ByProvider || strings.Contains(g.Session.Subject, "nora") {
			t.Fatalf("%s: %+v, %v", person, g, err)
		}
		if subject != "" && g.Session.Subject != subject {
			t.Error("one person has two pseudonyms")
		}
		subject = g.Session.Subject
		if _, err := w.use(g.AccessToken); err != nil {
			t.Error(err)
		}
	}

	_, err = finish(answer(begin(), "otto|visitors"))
	wantCode(t, "no role", err, ledger.CodeDenied)
	_, err = finish(answer(begin(), "otto"))
	wantCode(t, "no groups", err, ledger.CodeDenied)
	a := answer(begin(), "nora|icu")
	if _, err := finish(a); err != nil {
		t.Fatal(err)
	}
	_, err = finish(a)
	wantCode(t, "a ticket that was used", err, ledger.CodeNotFound)
	mine, theirs := begin(), answer(begin(), "mallory|icu-lead")
	for name, edit := range map[string]func(*session.Answer){
		"another's code with their state": func(a *session.Answer) { a.Code, a.State = theirs.Code, theirs.State },
		"no code":                         func(a *session.Answer) { a.Code = "" },
		"no state":                        func(a *session.Answer) { a.State = "" },
		"no provider":                     func(a *session.Answer) { a.Issuer = "" },
		"another provider":                func(a *session.Answer) { a.Issuer = "https://login.evil.example" },
		"a code that is none":             func(a *session.Answer) { a.Code = "x" },
	} {
		a := answer(begin(), "nora|icu")
		edit(&a)
		_, err := finish(a)
		wantCode(t, name, err, ledger.CodeDenied)
	}
	// Whose state it is does not help: the code is bound to the other sign-in's secret.
	q, err := url.Parse(mine.Link)
	if err != nil {
		t.Fatal(err)
	}
	_, err = finish(session.Answer{Ticket: mine.Ticket, Code: theirs.Code, State: q.Query().Get("state")})
	wantCode(t, "another's code under one's own state", err, ledger.CodeDenied)
}

func TestAPublicClientSignsInByTheProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *session.Options) { o.Provider = providerOf(startProvider(t, ""), "") })
	b, err := w.sessions.Begin(t.Context(), session.Wish{Means: session.ByProvider})
	if err != nil {
		t.Fatal(err)
	}
	q := browse(t, b.Link, "nora|icu")
	g, err := w.sessions.Finish(w.post("/v1/sign-in/token"), session.Answer{Ticket: b.Ticket, Code: q.Get("code"), State: q.Get("state"), Issuer: q.Get("iss")})
	if err != nil || g.Session.Role != auth.RoleNurse {
		t.Errorf("%+v, %v", g, err)
	}
}

func TestAProviderThatIsAwayIsAskedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *session.Options) { o.Provider = providerOf("http://127.0.0.1:1", "") })
	for range 2 {
		_, err := w.sessions.Begin(t.Context(), session.Wish{Means: session.ByProvider})
		wantCode(t, "a provider that is away", err, ledger.CodeUnavailable)
	}
	for name, edit := range map[string]func(*session.Provider){
		"no role":          func(p *session.Provider) { p.Roles = nil },
		"a patient's role": func(p *session.Provider) { p.Roles[0].Role = auth.RolePatient },
		"a node's role":    func(p *session.Provider) { p.Roles[0].Role = auth.RoleNode },
		"no claim":         func(p *session.Provider) { p.Claim = "" },
		"no value":         func(p *session.Provider) { p.Roles[0].Value = "" },
	} {
		p := providerOf("https://login.example", "")
		edit(p)
		if _, err := session.New(session.Options{
			Organisation: org, Key: w.node, URLs: []string{base}, Store: w.store, Flows: w.store, Now: time.Now, Return: back, Provider: p,
		}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestWhoBeginsManySignInsKeepsNobodyOut: sign-ins take no room before somebody has
// shown who they are, by whichever means.
func TestWhoBeginsManySignInsKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	kept := &counted{}
	w := newWorld(t, func(o *session.Options) {
		o.Provider = providerOf(startProvider(t, secret), secret)
		kept.Flows, o.Flows = o.Flows, kept
	})
	var tickets []string
	for range 100 {
		b, err := w.sessions.Begin(t.Context(), session.Wish{Means: session.ByProvider})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(b.Link)
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, b.Ticket, u.Query().Get("state"), u.Query().Get("nonce"), u.Query().Get("code_challenge"))
	}
	_, err := w.sessions.Finish(w.post("/v1/sign-in/token"), session.Answer{Ticket: tickets[0], State: tickets[1], Code: "x"})
	wantCode(t, "a code that is none", err, ledger.CodeDenied)
	if n := kept.made.Load(); n != 0 {
		t.Errorf("%d documents are kept", n)
	}
	slices.Sort(tickets)
	if n := len(slices.Compact(tickets)); n != 400 {
		t.Errorf("of 400 secrets %d differ", n)
	}
	for name, edit := range map[string]func([]byte) []byte{
		"a later end": func(b []byte) []byte { b[5]++; return b }, "another mark": func(b []byte) []byte { b[len(b)-1]++; return b },
		"cut": func(b []byte) []byte { return b[:len(b)-1] }, "none": func([]byte) []byte { return nil },
	} {
		b, err := w.sessions.Begin(t.Context(), session.Wish{Means: session.ByProvider})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(b.Ticket, "op."))
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.sessions.Finish(w.post("/v1/sign-in/token"), session.Answer{Ticket: "op." + base64.RawURLEncoding.EncodeToString(edit(raw)), Code: "x"})
		wantCode(t, "a ticket with "+name, err, ledger.CodeNotFound)
	}
	late, err := w.sessions.Begin(t.Context(), session.Wish{Means: session.ByProvider})
	if err != nil {
		t.Fatal(err)
	}
	w.advance(11 * time.Minute)
	_, err = w.sessions.Finish(w.post("/v1/sign-in/token"), session.Answer{Ticket: late.Ticket, Code: "x"})
	wantCode(t, "a ticket after its time", err, ledger.CodeNotFound)
}

// counted counts what is kept.
type counted struct {
	session.Flows
	made atomic.Int32
}

func (c *counted) CreateFlow(ctx context.Context, kind, key string, doc []byte, expires time.Time) error {
	c.made.Add(1)
	return c.Flows.CreateFlow(ctx, kind, key, doc, expires)
}
