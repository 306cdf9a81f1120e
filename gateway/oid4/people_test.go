package oid4_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/oid4"
	visits "github.com/secant-platform/secant/gateway/session"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// door is where people sign in who are whom the test says.
type door struct {
	mu     sync.Mutex
	away   error             // what Begin answers
	end    error             // what End answers, beside what the visit was for
	person string            // who signs in
	begun  map[string]string // what visits are for, by ticket and state
}

// Begin begins a visit.
func (d *door) Begin(_ context.Context, carried string) (*visits.Visit, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away != nil {
		return nil, d.away
	}
	v := &visits.Visit{State: rand.Text(), Ticket: rand.Text(), Expires: time.Now().Add(time.Minute)}
	v.Link = "https://login.example/?state=" + v.State
	d.begun[v.Ticket+" "+v.State] = carried
	return v, nil
}

// End ends it.
func (d *door) End(_ context.Context, in visits.Returned) (carried, person string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	carried, there := d.begun[in.Ticket+" "+in.State]
	switch {
	case !there:
		return "", "", ledger.Problemf(ledger.CodeNotFound, "there is no such sign-in")
	case d.end != nil:
		return carried, "", d.end
	}
	return carried, d.person, nil
}

func (d *door) set(away, end error, person string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away, d.end, d.person = away, end, person
}

// TestPeopleSignInBeforeTheyAreGivenAnything: the browser goes where people sign in, and
// back; what comes of it is told to the wallet, and to the browser that was sent alone.
func TestPeopleSignInBeforeTheyAreGivenAnything(t *testing.T) {
	t.Parallel()
	d := &door{begun: map[string]string{}, person: "n-17"}
	o := openFor(t, d, func(o *oid4vci.Options) {
		o.Approve = func(_ context.Context, a oid4vci.Authorization) ([]byte, error) {
			switch a.User {
			case "":
				return nil, oid4vci.ErrNoUser
			case string(a.Offered):
				return a.Offered, nil
			}
			return nil, ledger.Problemf(ledger.CodeDenied, "to somebody else")
		}
	})
	base := o.issuer.Server().Issuer
	made := o.offer(t, oid4vci.OfferRequest{Configurations: []string{"staff"}, Code: true})
	started := func() string {
		t.Helper()
		w := wallet(t, func(c *oid4vci.Client) { c.ID, c.Redirect = client, redirect })
		offer, err := w.Open(t.Context(), made.Link)
		if err != nil {
			t.Fatal(err)
		}
		remote, err := w.DiscoverOffered(t.Context(), offer)
		if err != nil {
			t.Fatal(err)
		}
		p, err := w.Start(t.Context(), remote, offer, "staff")
		if err != nil {
			t.Fatal(err)
		}
		return p.URL
	}
	browser := func() *http.Client {
		t.Helper()
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	// goes opens an address, and returns the query of where the browser is sent.
	goes := func(b *http.Client, address, to string) url.Values {
		t.Helper()
		status, h, body := call(t, b, http.MethodGet, address, "", "")
		u, err := url.Parse(h.Get("Location"))
		if err != nil || status != http.StatusSeeOther || !strings.HasPrefix(u.String(), to) || h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Fatalf("%s: %d %s to %s", address, status, body, u)
		}
		return u.Query()
	}
	stays := func(b *http.Client, what, address string) {
		t.Helper()
		status, h, body := call(t, b, http.MethodGet, address, "", "")
		var fault struct{ Error string }
		if err := json.Unmarshal(body, &fault); err != nil || status != http.StatusBadRequest || fault.Error != "invalid_request" || h.Get("Location") != "" {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	backOf := func(q url.Values) string { return base + oid4.PathSignedIn + "?code=c&state=" + q.Get("state") }

	for name, c := range map[string]struct {
		away, end error
		person    string
		code      string
	}{
		"somebody else":             {nil, nil, "n-18", "access_denied"},
		"nobody":                    {nil, ledger.Problemf(ledger.CodeDenied, "no"), "", "access_denied"},
		"a provider that is away":   {ledger.Problemf(ledger.CodeUnavailable, "away"), nil, "", "temporarily_unavailable"},
		"one that goes away":        {nil, ledger.Problemf(ledger.CodeUnavailable, "away"), "", "temporarily_unavailable"},
		"one that does what it may": {nil, errors.New("a secret detail"), "", "server_error"},
	} {
		d.set(c.away, c.end, c.person)
		b := browser()
		address := started()
		if c.away == nil {
			address = backOf(goes(b, address, "https://login.example/"))
		}
		if q := goes(b, address, redirect); q.Get("error") != c.code || q.Has("code") || q.Get("iss") != base || q.Get("state") == "" || strings.Contains(q.Encode(), "secret") {
			t.Errorf("%s: the wallet hears %v", name, q)
		}
		stays(b, name+", once more", address)
	}

	d.set(nil, nil, "n-17")
	own, stranger := browser(), browser()
	address := started()
	q, other := goes(own, address, "https://login.example/"), goes(stranger, started(), "https://login.example/")
	stays(stranger, "another browser", backOf(q))
	stays(browser(), "a browser that was never sent", backOf(q))
	stays(own, "another's state", backOf(other))
	stays(own, "no state", base+oid4.PathSignedIn+"?code=c")
	stays(own, "two states", backOf(q)+"&state="+q.Get("state"))
	stays(own, "two codes", backOf(q)+"&code=d")
	stays(own, "no query", base+oid4.PathSignedIn+"?%zz")
	if answer := goes(own, backOf(q), redirect); answer.Get("code") == "" || answer.Get("iss") != base {
		t.Errorf("the wallet hears %v", answer)
	}
	stays(own, "a second time", backOf(q))
	stays(own, "the request a second time", address)
	// The offer was taken meanwhile.
	if answer := goes(stranger, backOf(other), redirect); answer.Get("error") != "access_denied" {
		t.Errorf("who comes late hears %v", answer)
	}

	plain := open(t, nil)
	if status, _, _ := call(t, browser(), http.MethodGet, plain.issuer.Server().Issuer+oid4.PathSignedIn, "", ""); status != http.StatusNotFound {
		t.Errorf("where nobody signs in: %d", status)
	}
}
