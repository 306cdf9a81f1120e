package oid4vci_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/secant-platform/secant/identity/oid4vci"
)

// TestAUserMayHaveToBeKnown: who the user is is found out between two requests, and what
// the wallet asked for waits meanwhile.
func TestAUserMayHaveToBeKnown(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	_, o := d.offer(oid4vci.OfferRequest{Code: true})
	form := push(url.Values{"issuer_state": {o.Grants.Code.State}})
	ask := func() url.Values {
		t.Helper()
		r, err := d.issuer.Push(t.Context(), form, nil)
		mustFlow(t, err)
		return url.Values{"client_id": {app}, "request_uri": {r.URI}}
	}
	ended := func(to string, err error, parameter, want string) {
		t.Helper()
		mustFlow(t, err)
		u, err := url.Parse(to)
		mustFlow(t, err)
		q := u.Query()
		if got := q.Get(parameter); got == "" || want != "" && got != want || q.Get("iss") != issuerURL || q.Get("state") != "s&1" {
			t.Errorf("it goes to %s", to)
		}
	}
	query := ask()
	d.approve = oid4vci.ErrNoUser
	for range 2 {
		if to, err := d.issuer.Authorize(t.Context(), query); to != "" || !errors.Is(err, oid4vci.ErrNoUser) || d.user != "" {
			t.Errorf("it goes to %s, %v, for %q", to, err, d.user)
		}
	}
	to, err := d.issuer.RefuseAuthorization(t.Context(), query, oid4vci.CodeUnavailable)
	ended(to, err, "error", "temporarily_unavailable")
	d.approve = nil
	_, err = d.issuer.AuthorizeUser(t.Context(), query, "nora")
	wantError(t, "a request that was refused", err, oid4vci.CodeInvalidRequest)
	_, err = d.issuer.RefuseAuthorization(t.Context(), query, oid4vci.CodeUnavailable)
	wantError(t, "refused twice", err, oid4vci.CodeInvalidRequest)
	_, err = d.issuer.RefuseAuthorization(t.Context(), url.Values{"client_id": {"other-app"}, "request_uri": query["request_uri"]}, oid4vci.CodeAccessDenied)
	wantError(t, "another client's", err, oid4vci.CodeInvalidRequest)

	query = ask() // the offer stays
	to, err = d.issuer.AuthorizeUser(t.Context(), query, "nora")
	ended(to, err, "code", "")
	if d.user != "nora" {
		t.Errorf("%q approved", d.user)
	}
	_, err = d.issuer.AuthorizeUser(t.Context(), query, "nora")
	wantError(t, "a request again", err, oid4vci.CodeInvalidRequest)
}

func TestAnIssuerMayGiveOnlyWhatIsOffered(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *oid4vci.Options) { o.OffersOnly = true })
	_, err := d.issuer.Push(t.Context(), push(nil), nil)
	wantError(t, "nothing was offered", err, oid4vci.CodeInvalidRequest)
	_, o := d.offer(oid4vci.OfferRequest{Code: true})
	if d.authorize(push(url.Values{"issuer_state": {o.Grants.Code.State}}), nil).Get("code") == "" {
		t.Error("no code for an offer")
	}
}

// TestAProgramComesBackToAnyPort: of a program on the user's machine, the port is not
// known beforehand (RFC 8252, section 7.3), and everything else is.
func TestAProgramComesBackToAnyPort(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *oid4vci.Options) {
		o.Clients = map[string][]string{app: {"http://127.0.0.1/back", "http://[::1]/back?a=b", "http://127.0.0.1:80/fixed", "https://127.0.0.1/back", "http://localhost/back", "http://192.0.2.1/back"}}
	})
	for address, taken := range map[string]bool{
		"http://127.0.0.1:4711/back":           true,
		"http://127.0.0.1:80/back":             true,
		"http://[::1]:4711/back?a=b":           true,
		"http://127.0.0.1/back":                true,
		"http://localhost/back":                true,
		"http://127.0.0.1:4711/back/":          false,
		"http://127.0.0.1:4711/back?a=b":       false,
		"http://127.0.0.1:4711/back#x":         false,
		"http://127.0.0.1:4711/Back":           false,
		"http://127.0.0.1:x/back":              false,
		"http://127.0.0.2:4711/back":           false,
		"http://[::1]:4711/back":               false,
		"http://localhost:4711/back":           false,
		"http://192.0.2.1:4711/back":           false,
		"https://127.0.0.1:4711/back":          false,
		"http://127.0.0.1:81/fixed":            false,
		"http://127.0.0.1:4711@evil.example/":  false,
		"http://u@127.0.0.1:4711/back":         false,
		"http://127.0.0.1.evil.example:1/back": false,
		"http://127.0.0.1:/back":               false,
	} {
		_, err := d.issuer.Push(t.Context(), push(url.Values{"redirect_uri": {address}}), nil)
		if taken {
			mustFlow(t, err)
		} else {
			wantError(t, address, err, oid4vci.CodeInvalidRequest)
		}
	}
	// The code goes with the address that was asked for, port and all.
	code := d.authorize(push(url.Values{"redirect_uri": {"http://127.0.0.1:4711/back"}}), nil).Get("code")
	_, err := d.issuer.Token(t.Context(), exchange(code, url.Values{"redirect_uri": {"http://127.0.0.1:4712/back"}}), nil)
	wantError(t, "another port", err, oid4vci.CodeInvalidGrant)
	_, err = d.issuer.Token(t.Context(), exchange(code, url.Values{"redirect_uri": {"http://127.0.0.1:4711/back"}}), nil)
	mustFlow(t, err)
}

// TestOneWalletMayHaveToBeAttested, while others come as they are.
func TestOneWalletMayHaveToBeAttested(t *testing.T) {
	t.Parallel()
	a := newAttested(t, func(o *oid4vci.Options) { o.RequireAttestation, o.Attested = false, []string{app} })
	_, err := a.issuer.Push(t.Context(), push(nil), a.dpop(oid4vci.PathRequest, ""))
	wantError(t, "without an attestation", err, oid4vci.CodeInvalidClient)
	other := push(url.Values{"client_id": {"other-app"}, "redirect_uri": {"https://other.example/back"}})
	_, err = a.issuer.Push(t.Context(), other, a.dpop(oid4vci.PathRequest, ""))
	mustFlow(t, err)
	code := a.authorize(push(nil), a.headers(oid4vci.PathRequest, a.attestation(), a.proof())).Get("code")
	_, err = a.issuer.Token(t.Context(), exchange(code, nil), a.dpop(oid4vci.PathToken, ""))
	wantError(t, "a token without an attestation", err, oid4vci.CodeInvalidClient)
	anonymous := exchange(code, nil)
	anonymous.Del("client_id")
	_, err = a.issuer.Token(t.Context(), anonymous, a.dpop(oid4vci.PathToken, ""))
	wantError(t, "a token without a name", err, oid4vci.CodeInvalidRequest)
	_, err = a.issuer.Token(t.Context(), exchange(code, nil), a.headers(oid4vci.PathToken, a.attestation(), a.proof()))
	mustFlow(t, err)

	if _, err := oid4vci.New(oid4vci.Options{
		URL: issuerURL, Flows: a.flows, Secret: make([]byte, 32), Now: time.Now, Attested: []string{app},
		Configurations: map[string]oid4vci.Configuration{"x": {Format: oid4vci.FormatSDJWT, Type: "x"}},
		Issue:          func(ctx, oid4vci.Order) ([]oid4vci.Issued, error) { return nil, nil },
	}); err == nil {
		t.Error("attestations are required that nobody reads")
	}
}
