package session_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/session"
)

// lobby is where people begin visits to a real provider.
type lobby struct {
	t      *testing.T
	now    time.Time
	secret []byte
	visits *session.Visits
}

func newLobby(t *testing.T, p *session.Provider) *lobby {
	t.Helper()
	l := &lobby{t: t, now: time.Now(), secret: []byte(rand.Text() + rand.Text())}
	var err error
	if l.visits, err = session.NewVisits(p, l.secret, back, func() time.Time { return l.now }); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lobby) begin(carried string) *session.Visit {
	l.t.Helper()
	v, err := l.visits.Begin(l.t.Context(), carried)
	if err != nil {
		l.t.Fatal(err)
	}
	return v
}

// returned is what the browser that began a visit comes back with.
func returned(v *session.Visit, q url.Values) session.Returned {
	return session.Returned{
		Answer: session.Answer{Ticket: v.Ticket, Code: q.Get("code"), State: q.Get("state"), Issuer: q.Get("iss")}, Error: q.Get("error"),
	}
}

func TestAVisitSaysWhoSignedIn(t *testing.T) {
	t.Parallel()
	issuer := startProvider(t, secret)
	l := newLobby(t, providerOf(issuer, secret))
	v := l.begin("what it is for")
	u, err := url.Parse(v.Link)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" || q.Get("state") != v.State || q.Get("prompt") != "login" || q.Get("max_age") != "0" {
		t.Errorf("the link is %s", v.Link)
	}
	if strings.Contains(v.Link, "what") || strings.Contains(v.Link, v.Ticket) {
		t.Errorf("the provider learns what is the browser's alone: %s", v.Link)
	}
	for range 2 { // nobody's role is needed here
		v := l.begin("what it is for")
		carried, person, err := l.visits.End(t.Context(), returned(v, browse(t, v.Link, "nora")))
		if err != nil || carried != "what it is for" || person != "nora" {
			t.Fatalf("%s, %s, %v", carried, person, err)
		}
	}
	for claim, want := range map[string]string{"employee": "e-nora", "groups": "", "absent": ""} {
		p := providerOf(issuer, secret)
		p.Person = claim
		l := newLobby(t, p)
		v := l.begin("")
		_, person, err := l.visits.End(t.Context(), returned(v, browse(t, v.Link, "nora|icu")))
		if person != want || (err == nil) != (want != "") {
			t.Errorf("by the claim %s: %q, %v", claim, person, err)
		}
	}
}

// TestAVisitIsOfOneBrowser: what is not the answer to the question of this browser says
// nothing, and what the provider does not vouch for is denied.
func TestAVisitIsOfOneBrowser(t *testing.T) {
	t.Parallel()
	l := newLobby(t, providerOf(startProvider(t, secret), secret))
	own, other := l.begin("own"), l.begin("other")
	theirs := returned(other, browse(t, other.Link, "mallory"))
	raw, err := base64.RawURLEncoding.DecodeString(own.Ticket)
	if err != nil {
		t.Fatal(err)
	}
	raw[8+16] ^= 1 // of what it is for
	spoiled := base64.RawURLEncoding.EncodeToString(raw)
	stranger := newLobby(t, providerOf("https://login.example", secret)) // another secret
	for name, c := range map[string]struct {
		edit func(*session.Returned)
		code ledger.Code
	}{
		"another browser's ticket":              {func(r *session.Returned) { r.Ticket = other.Ticket }, ledger.CodeNotFound},
		"no ticket":                             {func(r *session.Returned) { r.Ticket = "" }, ledger.CodeNotFound},
		"a ticket for something else":           {func(r *session.Returned) { r.Ticket = spoiled }, ledger.CodeNotFound},
		"a short ticket":                        {func(r *session.Returned) { r.Ticket = r.Ticket[:40] }, ledger.CodeNotFound},
		"no state":                              {func(r *session.Returned) { r.State = "" }, ledger.CodeNotFound},
		"another's state":                       {func(r *session.Returned) { r.State = other.State }, ledger.CodeNotFound},
		"another's answer as a whole":           {func(r *session.Returned) { ticket := r.Ticket; *r = theirs; r.Ticket = ticket }, ledger.CodeNotFound},
		"another's code":                        {func(r *session.Returned) { r.Code = theirs.Code }, ledger.CodeDenied},
		"no code":                               {func(r *session.Returned) { r.Code = "" }, ledger.CodeDenied},
		"a code that is none":                   {func(r *session.Returned) { r.Code = "x" }, ledger.CodeDenied},
		"another provider":                      {func(r *session.Returned) { r.Issuer = "https://login.evil.example" }, ledger.CodeDenied},
		"no provider, where it names itself":    {func(r *session.Returned) { r.Issuer = "" }, ledger.CodeDenied},
		"somebody who went away":                {func(r *session.Returned) { r.Code, r.Error = "", "access_denied" }, ledger.CodeDenied},
		"an error beside a code":                {func(r *session.Returned) { r.Error = "access_denied" }, ledger.CodeDenied},
		"a provider that has no time":           {func(r *session.Returned) { r.Code, r.Error = "", "temporarily_unavailable" }, ledger.CodeUnavailable},
		"a stranger's error, without the state": {func(r *session.Returned) { r.Code, r.State, r.Error = "", "x", "access_denied" }, ledger.CodeNotFound},
	} {
		v := l.begin("own")
		r := returned(v, browse(t, v.Link, "nora"))
		if name != "a ticket for something else" {
			c.edit(&r)
		} else {
			r = returned(own, browse(t, own.Link, "nora"))
			c.edit(&r)
		}
		carried, person, err := l.visits.End(t.Context(), r)
		wantCode(t, name, err, c.code)
		if person != "" || (carried == "own") != (c.code != ledger.CodeNotFound) {
			t.Errorf("%s: it was for %q, by %q", name, carried, person)
		}
		if _, _, err := stranger.visits.End(t.Context(), r); ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Errorf("%s, at another node: %v", name, err)
		}
	}
	v := l.begin("own")
	r := returned(v, browse(t, v.Link, "nora"))
	if _, _, err := l.visits.End(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	_, _, err = l.visits.End(t.Context(), r)
	wantCode(t, "a second time", err, ledger.CodeDenied)
	v = l.begin("own")
	r = returned(v, browse(t, v.Link, "nora"))
	l.now = l.now.Add(5 * time.Minute)
	_, _, err = l.visits.End(t.Context(), r)
	wantCode(t, "too late", err, ledger.CodeNotFound)
}

// TestAVisitWantsTheSignInToBeNow: whoever sits down where somebody else has signed in at
// the provider is not that person.
func TestAVisitWantsTheSignInToBeNow(t *testing.T) {
	t.Parallel()
	l := newLobby(t, providerOf(startProvider(t, secret), secret))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	ward := &http.Client{Jar: jar, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	v := l.begin("")
	if _, person, err := l.visits.End(t.Context(), returned(v, browseBy(t, ward, v.Link, "nora"))); err != nil || person != "nora" {
		t.Fatalf("%s, %v", person, err)
	}
	v = l.begin("")
	u, err := url.Parse(v.Link)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Del("prompt")
	q.Del("max_age")
	u.RawQuery = q.Encode()
	answer := browseBy(t, ward, u.String(), "nobody") // who is asked nothing
	if answer.Get("code") == "" {
		t.Fatal("the provider asks again by itself")
	}
	_, _, err = l.visits.End(t.Context(), returned(v, answer))
	wantCode(t, "by the sign-in of who was there before", err, ledger.CodeDenied)
	// And an old sign-in, by a provider that says so.
	v = l.begin("")
	answer = browse(t, v.Link, "nora")
	l.now = l.now.Add(-time.Minute)
	if _, _, err := l.visits.End(t.Context(), returned(v, answer)); err != nil {
		t.Errorf("with a clock that is behind: %v", err)
	}
	l.now = l.now.Add(4 * time.Minute)
	v = l.begin("")
	_, _, err = l.visits.End(t.Context(), returned(v, browse(t, v.Link, "nora")))
	wantCode(t, "signed in before it was asked", err, ledger.CodeDenied)
}

func TestNobodyVisitsAProviderThatIsAway(t *testing.T) {
	t.Parallel()
	l := newLobby(t, providerOf("http://127.0.0.1:1", secret))
	_, err := l.visits.Begin(t.Context(), "")
	wantCode(t, "a provider that is away", err, ledger.CodeUnavailable)
	_, err = l.visits.Begin(t.Context(), strings.Repeat("x", 4096))
	wantCode(t, "more than a cookie holds", err, ledger.CodeTooLarge)
	for name, half := range map[string]func() (*session.Visits, error){
		"no provider": func() (*session.Visits, error) { return session.NewVisits(nil, l.secret, back, time.Now) },
		"a short secret": func() (*session.Visits, error) {
			return session.NewVisits(providerOf("x", ""), l.secret[:31], back, time.Now)
		},
		"no way back": func() (*session.Visits, error) { return session.NewVisits(providerOf("x", ""), l.secret, "", time.Now) },
		"a way with a tail": func() (*session.Visits, error) {
			return session.NewVisits(providerOf("x", ""), l.secret, back+"#x", time.Now)
		},
		"half a provider": func() (*session.Visits, error) {
			return session.NewVisits(&session.Provider{}, l.secret, back, time.Now)
		},
	} {
		if _, err := half(); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}

// FuzzAVisitsTicket: whatever a browser sends as its ticket, only the node's own opens.
func FuzzAVisitsTicket(f *testing.F) {
	visits, err := session.NewVisits(providerOf("http://127.0.0.1:1", ""), []byte(strings.Repeat("s", 32)), back, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "AA", base64.RawURLEncoding.EncodeToString(make([]byte, 8+16+32)), "=", strings.Repeat("A", 4096)} {
		f.Add(seed, "state", "")
	}
	f.Fuzz(func(t *testing.T, ticket, state, fault string) {
		in := session.Returned{Answer: session.Answer{Ticket: ticket, State: state, Code: "x"}, Error: fault}
		if carried, person, err := visits.End(t.Context(), in); carried != "" || person != "" || ledger.CodeOf(err) != ledger.CodeNotFound || errors.Unwrap(err) != nil {
			t.Errorf("%q, %q, %v", carried, person, err)
		}
	})
}
