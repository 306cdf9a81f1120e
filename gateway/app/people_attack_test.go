package app

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/secant-platform/secant/gateway/oid4"
	"github.com/secant-platform/secant/identity/oid4vci"
)

const loopbackBack = "http://127.0.0.1:4711/back" // where nobody listens: browsers stop before

// asking is a wallet of ours that waits for its holder's browser.
type asking struct {
	*oid4vci.Client

	offer   *oid4vci.Offer
	remote  *oid4vci.Remote
	pending *oid4vci.Pending
}

func (d *directory) wallet(t *testing.T, link string) *asking {
	t.Helper()
	a := &asking{Client: &oid4vci.Client{HTTP: d.browser(t).web, ID: "secant-wallet", Redirect: loopbackBack, Key: newP256(t)}}
	var err error
	if a.offer, err = a.Open(t.Context(), link); err != nil {
		t.Fatal(err)
	}
	if a.remote, err = a.DiscoverOffered(t.Context(), a.offer); err != nil {
		t.Fatal(err)
	}
	return a
}

func (d *directory) asks(t *testing.T, link string) *asking {
	t.Helper()
	a := d.wallet(t, link)
	var err error
	if a.pending, err = a.Start(t.Context(), a.remote, a.offer, a.offer.Configurations...); err != nil {
		t.Fatal(err)
	}
	return a
}

// receives ends it, with the address that the browser came back with.
func (a *asking) receives(t *testing.T, callback string) error {
	t.Helper()
	session, err := a.Finish(t.Context(), a.pending, callback)
	if err != nil {
		return err
	}
	_, err = a.Receive(t.Context(), session, a.offer.Configurations[0], newP256(t))
	return err
}

// wantRefused wants an address to show the protocol's error, and to lead nowhere.
func wantRefused(t *testing.T, what, to, shown string) {
	t.Helper()
	var fault struct{ Error string }
	if err := json.Unmarshal([]byte(shown), &fault); to != "" || err != nil || fault.Error != "invalid_request" {
		t.Errorf("%s: to %q, shown %s", what, to, shown)
	}
}

// wantError wants the wallet to hear an error of the protocol's, by the issuer's name.
func wantError(t *testing.T, what, callback, code string) {
	t.Helper()
	u, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); !strings.HasPrefix(callback, loopbackBack) || q.Get("error") != code || q.Has("code") || q.Get("iss") == "" || q.Get("state") == "" {
		t.Errorf("%s: the wallet hears %s", what, callback)
	}
}

// TestNobodyElseTakesAnOffer: what is offered to one person is given in the browser that
// this person signed in with, once, and however somebody else tries it is not.
func TestNobodyElseTakesAnOffer(t *testing.T) {
	d := openDirectory(t)
	host := d.north.cfg.PublicURL() + issuerPath
	link := d.offer(t, "case-1")

	t.Run("a wallet that asks otherwise", func(t *testing.T) {
		a := d.wallet(t, link)
		wantCode := func(what string, edit func(*asking), code string) {
			t.Helper()
			b := d.wallet(t, link)
			edit(b)
			_, err := b.Start(t.Context(), b.remote, b.offer, b.offer.Configurations...)
			if err == nil || !strings.Contains(err.Error(), code) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if a.remote.Server.Request == "" || !a.remote.Server.RequireRequest || a.remote.Server.Authorization != host+oid4vci.PathAuthorize || !a.remote.Server.AnswersWithIssuer {
			t.Errorf("the metadata says %+v", a.remote.Server)
		}
		wantCode("nothing offered", func(a *asking) { a.offer.Grants.Code.State = "" }, "invalid_request")
		wantCode("an offer that there is not", func(a *asking) { a.offer.Grants.Code.State = "x" }, "invalid_request")
		wantCode("an unknown wallet", func(a *asking) { a.ID = "evil" }, "invalid_client")
		wantCode("another way back", func(a *asking) { a.Redirect = "http://127.0.0.1:4711/evil" }, "invalid_request")
		wantCode("a way back off this machine", func(a *asking) { a.Redirect = "http://127.0.0.1.evil.example:4711/back" }, "invalid_request")
		wantCode("a way back with somebody's name", func(a *asking) { a.Redirect = "http://127.0.0.1:80@evil.example/back" }, "invalid_request")
		wantCode("one that nobody vouches for", func(a *asking) { a.ID, a.Redirect = walletID, walletBack }, "invalid_client")
	})

	t.Run("somebody else signs in", func(t *testing.T) {
		for _, who := range []string{"otto|icu", "Nora|icu", "nora2|icu"} {
			wantError(t, who, d.browser(t).until(d.asks(t, link).pending.URL, who, loopbackBack), "access_denied")
		}
	})

	t.Run("another browser", func(t *testing.T) {
		a := d.asks(t, link)
		nora, mallory := d.browser(t), d.browser(t)
		back := nora.until(a.pending.URL, "nora|icu", host+oid4.PathSignedIn)
		to, shown := mallory.step(back, "")
		wantRefused(t, "an address that Nora came back with", to, shown)
		mallory.until(d.asks(t, link).pending.URL, "mallory", host+oid4.PathSignedIn)
		to, shown = mallory.step(back, "")
		wantRefused(t, "the same, in a browser that was sent as well", to, shown)
		if to, shown = nora.step(back, ""); !strings.HasPrefix(to, loopbackBack) {
			t.Errorf("Nora's own browser: to %q, shown %s", to, shown)
		}
		to, shown = nora.step(back, "")
		wantRefused(t, "and once more", to, shown)
		to, shown = nora.step(a.pending.URL, "")
		wantRefused(t, "what the wallet asked, once more", to, shown)
		// The offer was taken with that code: who has not redeemed it cannot ask again.
		if _, err := d.wallet(t, link).Start(t.Context(), a.remote, a.offer, a.offer.Configurations...); err == nil {
			t.Error("an offer serves twice")
		}
		if err := a.receives(t, to); err == nil {
			t.Error("a wallet receives without a code")
		}
	})

	t.Run("the answer to another question", func(t *testing.T) {
		link := d.offer(t, "case-2")
		a := d.asks(t, link)
		nora, mallory := d.browser(t), d.browser(t)
		back := nora.until(a.pending.URL, "nora|icu", host+oid4.PathSignedIn)
		theirs := mallory.until(d.asks(t, link).pending.URL, "mallory", host+oid4.PathSignedIn)
		edited := func(edit func(q, others url.Values)) string {
			u, err := url.Parse(back)
			if err != nil {
				t.Fatal(err)
			}
			v, err := url.Parse(theirs)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			edit(q, v.Query())
			u.RawQuery = q.Encode()
			return u.String()
		}
		// Mallory has Nora's browser open what Mallory came back with: Nora's wallet would
		// get Mallory's, or Mallory's wallet what Nora's browser began.
		for name, address := range map[string]string{
			"another's answer":     theirs,
			"another's state":      edited(func(q, others url.Values) { q["state"] = others["state"] }),
			"no state":             edited(func(q, _ url.Values) { q.Del("state") }),
			"two states":           edited(func(q, others url.Values) { q["state"] = append(q["state"], others.Get("state")) }),
			"two codes":            edited(func(q, others url.Values) { q["code"] = append(q["code"], others.Get("code")) }),
			"nothing":              host + oid4.PathSignedIn,
			"what is no query":     host + oid4.PathSignedIn + "?state=%zz",
			"an error from nobody": host + oid4.PathSignedIn + "?error=access_denied&state=x",
		} {
			to, shown := nora.step(address, "")
			wantRefused(t, name, to, shown)
		}
		// What comes with the right state ends the request, and gives nothing.
		to, _ := nora.step(edited(func(q, others url.Values) { q["code"] = others["code"] }), "")
		wantError(t, "another's code", to, "access_denied")
		to, shown := nora.step(back, "")
		wantRefused(t, "the own code, afterwards", to, shown)
		for name, c := range map[string]struct {
			edit func(url.Values)
			code string
		}{
			"another provider's answer":    {func(q url.Values) { q.Set("iss", "https://login.evil.example") }, "access_denied"},
			"an answer of no provider":     {func(q url.Values) { q.Del("iss") }, "access_denied"},
			"somebody who did not sign in": {func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, "access_denied"},
			"a provider without time":      {func(q url.Values) { q.Del("code"); q.Set("error", "server_error") }, "temporarily_unavailable"},
		} {
			nora := d.browser(t)
			back = nora.until(d.asks(t, link).pending.URL, "nora|icu", host+oid4.PathSignedIn)
			to, _ := nora.step(edited(func(q, _ url.Values) { c.edit(q) }), "")
			wantError(t, name, to, c.code)
		}
	})

	t.Run("cookies", func(t *testing.T) {
		a := d.asks(t, d.offer(t, "case-3"))
		nora := d.browser(t)
		to, _ := nora.step(a.pending.URL, "")
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		if q := u.Query(); q.Get("redirect_uri") != host+oid4.PathSignedIn || q.Get("prompt") != "login" || strings.Contains(to, "request_uri") {
			t.Errorf("the provider is asked by %s", to)
		}
		set := nora.cookies
		if len(set) != 1 || !strings.HasPrefix(set[0].Name, "__Host-") || !set[0].Secure || !set[0].HttpOnly ||
			set[0].SameSite != http.SameSiteLaxMode || set[0].Path != "/" || set[0].Domain != "" || set[0].MaxAge <= 0 || set[0].MaxAge > 300 {
			t.Errorf("kept is %v", set)
		}
		back := nora.until(to, "nora|icu", host+oid4.PathSignedIn)
		// A cookie that somebody else managed to set beside it.
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, back, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: set[0].Name, Value: "AAAA"})
		r.AddCookie(&http.Cookie{Name: set[0].Name, Value: set[0].Value})
		stranger := d.browser(t).web
		res, err := stranger.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("two cookies of a name: %d", res.StatusCode)
		}
		if to, shown := nora.step(back, ""); !strings.Contains(to, "code=") {
			t.Errorf("to %q, shown %s", to, shown)
		}
		if n := len(nora.cookies); n != 1 || nora.cookies[0].MaxAge >= 0 {
			t.Errorf("it is kept: %v", nora.cookies)
		}
	})

	t.Run("two offers in one browser", func(t *testing.T) {
		one, two := d.asks(t, d.offer(t, "case-4")), d.asks(t, d.offer(t, "case-5"))
		nora := d.browser(t)
		first, second := nora.until(one.pending.URL, "nora|icu", host+oid4.PathSignedIn), nora.until(two.pending.URL, "nora|icu", host+oid4.PathSignedIn)
		for _, c := range []struct {
			a    *asking
			back string
		}{{one, first}, {two, second}} {
			to, _ := nora.step(c.back, "")
			thief := *c.a
			thief.Client = &oid4vci.Client{HTTP: c.a.HTTP, ID: "secant-wallet", Redirect: loopbackBack, Key: newP256(t)}
			if err := thief.receives(t, to); err == nil {
				t.Error("a code is redeemed by another key than asked for it")
			}
			if err := c.a.receives(t, to); err != nil {
				t.Errorf("receiving: %v", err)
			}
			if err := c.a.receives(t, to); err == nil {
				t.Error("a code serves twice")
			}
		}
	})

	t.Run("an offer that was taken back", func(t *testing.T) {
		a := d.asks(t, d.offer(t, "case-6"))
		to := d.browser(t).until(a.pending.URL, "nora|icu", loopbackBack)
		d.north.want(http.StatusOK, "registrar", http.MethodPost, "/v1/credentials/status", map[string]string{"reference": "case-6", "status": "revoked"}, nil)
		if err := a.receives(t, to); err == nil {
			t.Error("a wallet receives what was taken back meanwhile")
		}
	})

	t.Run("a registrar who asks for what cannot be", func(t *testing.T) {
		for what, edit := range map[string]func(map[string]any){
			"subject":  func(o map[string]any) { delete(o, "subject") },
			"subject ": func(o map[string]any) { delete(o, "grant") },
			" subject": func(o map[string]any) { o["subject"] = strings.Repeat("n", 256) },
			"grant":    func(o map[string]any) { o["grant"] = "implicit" },
			"txCode":   func(o map[string]any) { o["txCode"] = true },
		} {
			o := map[string]any{"type": "Practitioner", "claims": practitioner, "grant": "authorization_code", "subject": "nora"}
			edit(o)
			var problem struct {
				Errors []struct{ Location, Message string }
			}
			status, b := d.north.call("registrar", http.MethodPost, "/v1/credentials/offers", encoded(t, o), map[string]string{"Content-Type": "application/json"})
			if err := json.Unmarshal(b, &problem); err != nil || status != http.StatusUnprocessableEntity || !strings.Contains(string(b), "body."+strings.TrimSpace(what)) {
				t.Errorf("%s: %d %s", what, status, b)
			}
		}
		d.north.want(http.StatusForbidden, "nurse", http.MethodPost, "/v1/credentials/offers", map[string]any{
			"type": "Practitioner", "claims": practitioner, "grant": "authorization_code", "subject": "nora",
		}, nil)
	})

	// The south has no provider: it says so, offers nothing so, and says nowhere that it would.
	t.Run("a node without a provider", func(t *testing.T) {
		status, b := d.south.call("registrar", http.MethodPost, "/v1/credentials/offers", encoded(t, map[string]any{
			"type": "Practitioner", "claims": practitioner, "grant": "authorization_code", "subject": "nora",
		}), map[string]string{"Content-Type": "application/json"})
		if status != http.StatusUnprocessableEntity || !strings.Contains(string(b), "signIn.provider") || !strings.Contains(string(b), d.south.cfg.PublicURL()+issuerPath+oid4.PathSignedIn) {
			t.Errorf("an offer: %d %s", status, b)
		}
		remote, err := (&oid4vci.Client{HTTP: d.browser(t).web}).Discover(t.Context(), d.south.cfg.PublicURL()+issuerPath)
		if err != nil {
			t.Fatal(err)
		}
		if s := remote.Server; s.Authorization != "" || s.Request != "" || strings.Contains(strings.Join(s.GrantTypes, " "), "authorization_code") {
			t.Errorf("the metadata says %+v", s)
		}
		for _, path := range []string{oid4vci.PathAuthorize + "?client_id=secant-wallet&request_uri=x", oid4.PathSignedIn + "?code=x&state=y"} {
			if to, shown := d.browser(t).step(d.south.cfg.PublicURL()+issuerPath+path, ""); to != "" || strings.Contains(shown, "secant-wallet") {
				t.Errorf("%s: to %q, shown %s", path, to, shown)
			}
		}
	})
	for _, secret := range []string{"nora", "otto", "mallory", "L-4711", "code=", "state="} {
		if strings.Contains(d.north.log.String(), secret) {
			t.Errorf("the log tells %s", secret)
		}
	}
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
