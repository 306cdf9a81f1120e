package oid4_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// wallet is a client of ours.
func wallet(t *testing.T, change func(*oid4vci.Client)) *oid4vci.Client {
	t.Helper()
	c := &oid4vci.Client{
		HTTP: &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		Key:  newKey(t), KeyOf: keyOfDID,
	}
	if change != nil {
		change(c)
	}
	return c
}

// TestOurWalletReceives: each format, each grant, with and without DPoP.
func TestOurWalletReceives(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	for name, c := range map[string]struct {
		id     string
		offer  oid4vci.OfferRequest
		change func(*oid4vci.Client)
		count  int
	}{
		"SD-JWT VC":   {id: "staff", count: 1},
		"VC-JWT":      {id: "badge", offer: oid4vci.OfferRequest{TxCode: true, ByReference: true}, count: 3},
		"an object":   {id: "linked", change: func(c *oid4vci.Client) { c.Key = nil }, count: 1},
		"mdoc":        {id: "card", count: 1},
		"with a name": {id: "staff", change: func(c *oid4vci.Client) { c.ID = client }, count: 2},
		"approved": {id: "staff", offer: oid4vci.OfferRequest{Code: true}, count: 1, change: func(c *oid4vci.Client) {
			c.ID, c.Redirect = client, redirect
		}},
		"approved, unbound": {id: "badge", offer: oid4vci.OfferRequest{Code: true}, count: 1, change: func(c *oid4vci.Client) {
			c.ID, c.Redirect, c.Key = client, redirect, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.offer.Configurations = []string{c.id}
			w := wallet(t, c.change)
			made := o.offer(t, c.offer)
			s := session(t, w, made)
			holders := make([]keys.Signer, c.count)
			for n := range holders {
				holders[n] = newKey(t)
			}
			if c.id == "card" {
				w.Check = func(_ context.Context, r oid4vci.Received) error { return o.checkCard(r, holders[0]) }
			}
			r, err := w.Receive(t.Context(), s, c.id, holders...)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Credentials) != c.count || r.Credentials[c.count-1].Holder != holders[c.count-1].JWK() {
				t.Errorf("%+v", r)
			}
			if err := w.Notify(t.Context(), s, r, oid4vci.EventAccepted); err != nil {
				t.Error(err)
			}
		})
	}
}

// session opens an offer and gets a token, whichever way the offer says.
func session(t *testing.T, w *oid4vci.Client, made *oid4vci.Made) *oid4vci.Session {
	t.Helper()
	offer, err := w.Open(t.Context(), made.Link)
	if err != nil {
		t.Fatal(err)
	}
	remote, err := w.DiscoverOffered(t.Context(), offer)
	if err != nil {
		t.Fatal(err)
	}
	if offer.Grants.PreAuthorized != nil {
		s, err := w.Redeem(t.Context(), remote, offer, made.TxCode)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	p, err := w.Start(t.Context(), remote, offer, offer.Configurations...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.Finish(t.Context(), p, browse(t, w, p.URL))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// browse opens an address as a browser does, and returns where it is sent.
func browse(t *testing.T, w *oid4vci.Client, address string) string {
	t.Helper()
	status, header, _ := call(t, w.HTTP, http.MethodGet, address, "", "")
	if status != http.StatusSeeOther || header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the authorization endpoint: %d %v", status, header)
	}
	return header.Get("Location")
}

func call(t *testing.T, c *http.Client, method, address, typ, body string) (status int, header http.Header, answer []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if typ != "" {
		req.Header.Set("Content-Type", typ)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, b
}

func TestOurWalletWaits(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	o.pending = 2
	w := wallet(t, nil)
	s := session(t, w, o.offer(t, oid4vci.OfferRequest{Configurations: []string{"staff"}}))
	r, err := w.Receive(t.Context(), s, "staff", newKey(t))
	for range 2 {
		if err != nil || r.Transaction == "" || r.After != time.Second {
			t.Fatalf("%+v, %v", r, err)
		}
		if s, err = w.Refresh(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		r, err = w.Collect(t.Context(), s, r)
	}
	if err != nil || len(r.Credentials) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestOurWalletHearsTheIssuer: it learns the code of an error, and no more.
func TestOurWalletHearsTheIssuer(t *testing.T) {
	t.Parallel()
	o := open(t, func(o *oid4vci.Options) {
		o.RequireDPoP = true
		o.Approve = func(context.Context, oid4vci.Authorization) ([]byte, error) {
			return nil, ledger.Problemf(ledger.CodeDenied, "no")
		}
	})
	w := wallet(t, func(c *oid4vci.Client) { c.ID, c.Redirect = client, redirect })
	made := o.offer(t, oid4vci.OfferRequest{Configurations: []string{"staff"}, TxCode: true})
	offer, err := w.Open(t.Context(), made.Link)
	if err != nil {
		t.Fatal(err)
	}
	remote, err := w.Discover(t.Context(), offer.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, err error, code string) {
		t.Helper()
		if e, ok := errors.AsType[*oid4vci.Error](err); !ok || e.Code != code {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = w.Redeem(t.Context(), remote, offer, "x")
	want("a wrong code", err, oid4vci.CodeInvalidGrant)
	unbound := wallet(t, func(c *oid4vci.Client) { c.Key = nil })
	_, err = unbound.Redeem(t.Context(), remote, offer, made.TxCode)
	want("without DPoP", err, oid4vci.CodeInvalidDPoP)
	p, err := w.Start(t.Context(), remote, nil, "staff", "badge")
	if err != nil {
		t.Fatal(err)
	}
	to := browse(t, w, p.URL)
	_, err = w.Finish(t.Context(), p, to)
	want("a refusal", err, oid4vci.CodeAccessDenied)
	for name, callback := range map[string]string{
		"another state":  strings.Replace(to, "state=", "state=x", 1),
		"another issuer": strings.Replace(to, "iss=http", "iss=https", 1),
		"nothing":        redirect,
		"no address":     "://",
	} {
		if _, err := w.Finish(t.Context(), p, callback); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRoutes pins every route with its right.
func TestRoutes(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	var got []string
	for _, r := range o.router.Routes() {
		got = append(got, r.Method+" "+r.Path+" "+string(r.Right))
	}
	want := []string{
		"GET /.well-known/oauth-authorization-server/issuer anonymous",
		"GET /.well-known/openid-credential-issuer/issuer anonymous",
		"GET /issuer/authorize anonymous",
		"POST /issuer/credential anonymous",
		"POST /issuer/deferred anonymous",
		"POST /issuer/nonce anonymous",
		"POST /issuer/notification anonymous",
		"GET /issuer/offer/:secret anonymous",
		"POST /issuer/par anonymous",
		"POST /issuer/token anonymous",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestTheNonceEndpointHelpsDPoP: a wallet that has asked there is not refused first
// (HAIP 1.0, section 4).
func TestTheNonceEndpointHelpsDPoP(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	status, header, b := call(t, http.DefaultClient, http.MethodPost, o.issuer.Metadata().Nonce, "", "")
	var answer oid4vci.NonceResponse
	if err := json.Unmarshal(b, &answer); err != nil || answer.Nonce == "" || status != http.StatusOK {
		t.Errorf("%d %s", status, b)
	}
	if nonce := header.Get("DPoP-Nonce"); nonce == "" || nonce == answer.Nonce || header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", header)
	}
}

// TestErrorsAreTheProtocols: form, status and headers of what goes wrong.
func TestErrorsAreTheProtocols(t *testing.T) {
	t.Parallel()
	o := open(t, func(o *oid4vci.Options) { o.Notified = nil })
	base := o.issuer.Metadata().Issuer
	const form, object = "application/x-www-form-urlencoded", "application/json"
	for name, c := range map[string]struct {
		method, path, typ, body string
		status                  int
		code                    string
		challenge               string
	}{
		"no form":          {http.MethodPost, "/token", object, "{}", 400, "invalid_request", ""},
		"no type":          {http.MethodPost, "/token", "", "", 400, "invalid_request", ""},
		"a broken form":    {http.MethodPost, "/token", form, "%", 400, "invalid_request", ""},
		"a large form":     {http.MethodPost, "/token", form, "a=" + strings.Repeat("MARKED", 4000), 400, "invalid_request", ""},
		"in the query":     {http.MethodPost, "/token?grant_type=MARKED", form, "", 400, "invalid_request", ""},
		"another grant":    {http.MethodPost, "/token", form, "grant_type=MARKED", 400, "unsupported_grant_type", ""},
		"a guess":          {http.MethodPost, "/token", form, url.Values{"grant_type": {oid4vci.GrantPreAuthorized}, "pre-authorized_code": {"MARKED"}}.Encode(), 400, "invalid_grant", ""},
		"no client":        {http.MethodPost, "/par", form, "client_id=MARKED", 401, "invalid_client", ""},
		"no request":       {http.MethodGet, "/authorize?client_id=MARKED", "", "", 400, "invalid_request", ""},
		"a broken query":   {http.MethodGet, "/authorize?%", "", "", 400, "invalid_request", ""},
		"no token":         {http.MethodPost, "/credential", object, "{}", 401, "invalid_token", "Bearer"},
		"a large body":     {http.MethodPost, "/credential", object, strings.Repeat("x", oid4vci.MaxBody+1), 400, "invalid_credential_request", ""},
		"no JSON type":     {http.MethodPost, "/credential", form, "{}", 400, "invalid_credential_request", ""},
		"no JSON notice":   {http.MethodPost, "/notification", form, "{}", 400, "invalid_notification_request", ""},
		"a later token":    {http.MethodPost, "/deferred", object, "{}", 401, "invalid_token", "Bearer"},
		"a noticed token":  {http.MethodPost, "/notification", object, "{}", 401, "invalid_token", "Bearer"},
		"no such offer":    {http.MethodGet, "/offer/MARKED", "", "", 404, "", ""},
		"a charset's form": {http.MethodPost, "/token", form + "; charset=utf-8", "grant_type=x", 400, "unsupported_grant_type", ""},
	} {
		status, header, b := call(t, http.DefaultClient, c.method, base+c.path, c.typ, c.body)
		var body struct{ Error string }
		if err := json.Unmarshal(b, &body); err != nil {
			t.Errorf("%s: %s", name, b)
		}
		if status != c.status || body.Error != c.code || header.Get("WWW-Authenticate") != c.challenge {
			t.Errorf("%s: %d %v %s", name, status, header, b)
		}
		if strings.Contains(string(b), "MARKED") || header.Get("Cache-Control") != "no-store" || header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v %s", name, header, b)
		}
	}
}

// TestTokensThatMustBeBoundAreChallenged: what stands in WWW-Authenticate.
func TestTokensThatMustBeBoundAreChallenged(t *testing.T) {
	t.Parallel()
	o := open(t, func(o *oid4vci.Options) { o.RequireDPoP = true })
	for authorization, want := range map[string]string{
		"":           `DPoP algs="ES256 EdDSA"`,
		"DPoP x":     `DPoP error="invalid_token", algs="ES256 EdDSA"`,
		"Bearer x y": `DPoP error="invalid_token", algs="ES256 EdDSA"`,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.issuer.Metadata().Credential, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != http.StatusUnauthorized || got != want {
			t.Errorf("%q: %d %s", authorization, resp.StatusCode, got)
		}
	}
}

// TestFaultsOfOursAreNotTold: the caller learns only whether to try again.
func TestFaultsOfOursAreNotTold(t *testing.T) {
	t.Parallel()
	for code, err := range map[string]error{
		"server_error":            errors.New("MARKED"),
		"temporarily_unavailable": ledger.Problemf(ledger.CodeBusy, "MARKED"),
	} {
		o := open(t, func(o *oid4vci.Options) {
			o.Issue = func(context.Context, oid4vci.Order) ([]oid4vci.Issued, error) { return nil, err }
		})
		w := wallet(t, nil)
		s := session(t, w, o.offer(t, oid4vci.OfferRequest{Configurations: []string{"staff"}}))
		_, got := w.Receive(t.Context(), s, "staff", newKey(t))
		e, ok := errors.AsType[*oid4vci.Error](got)
		if !ok || e.Code != code || e.Status < 500 {
			t.Errorf("%s: %v", code, got)
		}
	}
}
