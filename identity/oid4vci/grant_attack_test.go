package oid4vci_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/oid4vci"
)

func TestACodeServesOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	_, o := d.offer(oid4vci.OfferRequest{})
	token, err := d.issuer.Token(t.Context(), redeem(o), nil)
	mustFlow(t, err)
	_, err = d.issuer.Token(t.Context(), redeem(o), nil)
	wantError(t, "again", err, oid4vci.CodeInvalidGrant)
	_, err = d.issuer.Credential(t.Context(), bearer(token.AccessToken), d.good())
	wantError(t, "the token of a code that had two owners", err, oid4vci.CodeInvalidToken)

	_, o = d.offer(oid4vci.OfferRequest{Life: time.Minute})
	d.now = d.now.Add(time.Minute)
	_, err = d.issuer.Token(t.Context(), redeem(o), nil)
	wantError(t, "an offer that is over", err, oid4vci.CodeInvalidGrant)
}

func TestATokenIsForItsOffer(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	staff, badge := d.token(nil, "staff"), d.token(nil, "badge")
	body := encode(t, d.request("badge", d.proof(d.nonce()).compact(t)))
	_, err := d.issuer.Credential(t.Context(), bearer(staff.AccessToken), body)
	wantError(t, "another offer's credential", err, oid4vci.CodeUnknownConfiguration)
	_, err = d.issuer.Credential(t.Context(), bearer(badge.AccessToken), body)
	mustFlow(t, err)
}

// lives notes until when what is kept of a subject is kept.
type lives struct {
	oid4vci.Flows
	until map[string]time.Time // by kind
}

func (l lives) CreateFlow(ctx context.Context, kind, key string, doc []byte, expires time.Time) error {
	l.until[kind] = expires
	return l.Flows.CreateFlow(ctx, kind, key, doc, expires)
}

// TestWhatIsSaidOfAPersonIsKeptForNobody: a grant holds it, and a bearer's token is
// the only way to it.
func TestWhatIsSaidOfAPersonIsKeptForNobody(t *testing.T) {
	t.Parallel()
	l := lives{until: map[string]time.Time{}}
	d := newDesk(t, func(o *oid4vci.Options) { l.Flows = o.Flows; o.Flows = l })
	d.token(nil, "staff")
	if ends := l.until["vci.grant"]; ends.After(d.now.Add(oid4vci.TokenLife)) || ends.Before(l.until["vci.token"]) {
		t.Errorf("the grant is kept until %s, and its token until %s", ends, l.until["vci.token"])
	}
}

func TestGuessesAtATransactionCodeAreCounted(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	made, o := d.offer(oid4vci.OfferRequest{TxCode: true})
	guess := func(o oid4vci.Offer, code string) error {
		form := redeem(o)
		form.Set("tx_code", code)
		_, err := d.issuer.Token(t.Context(), form, nil)
		return err
	}
	_, err := d.issuer.Token(t.Context(), redeem(o), nil)
	wantError(t, "no code", err, oid4vci.CodeInvalidRequest)
	for range 4 {
		wantError(t, "a wrong code", guess(o, "x"), oid4vci.CodeInvalidGrant)
	}
	mustFlow(t, guess(o, made.TxCode))

	made, o = d.offer(oid4vci.OfferRequest{TxCode: true})
	another, other := d.offer(oid4vci.OfferRequest{TxCode: true})
	for n := range 5 {
		wantError(t, "a wrong code", guess(o, fmt.Sprintf("%06d", n)+"x"), oid4vci.CodeInvalidGrant)
	}
	wantError(t, "the right code, too late", guess(o, made.TxCode), oid4vci.CodeInvalidGrant)
	wantError(t, "the right code of another offer", guess(other, made.TxCode+"x"), oid4vci.CodeInvalidGrant)
	mustFlow(t, guess(other, another.TxCode)) // nobody locks another offer

	_, o = d.offer(oid4vci.OfferRequest{})
	wantError(t, "a code that nobody asked for", guess(o, "123456"), oid4vci.CodeInvalidRequest)
}

// TestGuessesAtTheSameTimeAreCounted: all are counted before any is judged.
func TestGuessesAtTheSameTimeAreCounted(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	made, o := d.offer(oid4vci.OfferRequest{TxCode: true})
	var wg sync.WaitGroup
	for n := range 32 {
		wg.Go(func() {
			form := redeem(o)
			form.Set("tx_code", fmt.Sprintf("x%d", n))
			_, err := d.issuer.Token(t.Context(), form, nil)
			if ledger.CodeOf(err) != ledger.CodeBusy { // 8 came between
				wantError(t, "a guess", err, oid4vci.CodeInvalidGrant)
			}
		})
	}
	wg.Wait()
	form := redeem(o)
	form.Set("tx_code", made.TxCode)
	_, err := d.issuer.Token(t.Context(), form, nil)
	wantError(t, "the right code, too late", err, oid4vci.CodeInvalidGrant)
}

func TestOtherTokenRequestsAreRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	_, o := d.offer(oid4vci.OfferRequest{})
	details := func(s string) url.Values {
		f := redeem(o)
		f.Set("authorization_details", s)
		return f
	}
	twice := redeem(o)
	twice.Add("pre-authorized_code", "x")
	for name, c := range map[string]struct {
		form url.Values
		code string
	}{
		"nothing":              {nil, oid4vci.CodeInvalidRequest},
		"no code":              {url.Values{"grant_type": {oid4vci.GrantPreAuthorized}}, oid4vci.CodeInvalidRequest},
		"no such code":         {url.Values{"grant_type": {oid4vci.GrantPreAuthorized}, "pre-authorized_code": {"x"}}, oid4vci.CodeInvalidGrant},
		"another grant":        {url.Values{"grant_type": {"password"}}, oid4vci.CodeUnsupportedGrant},
		"a code twice":         {twice, oid4vci.CodeInvalidRequest},
		"too long":             {url.Values{"grant_type": {strings.Repeat("x", 5000)}}, oid4vci.CodeInvalidRequest},
		"as another code":      {url.Values{"grant_type": {oid4vci.GrantCode}, "code": {o.Grants.PreAuthorized.Code}, "client_id": {app}}, oid4vci.CodeInvalidGrant},
		"no client":            {url.Values{"grant_type": {oid4vci.GrantCode}, "code": {"x"}}, oid4vci.CodeInvalidRequest},
		"as a refresh token":   {url.Values{"grant_type": {oid4vci.GrantRefresh}, "refresh_token": {o.Grants.PreAuthorized.Code}}, oid4vci.CodeInvalidGrant},
		"another's credential": {details(`[{"type":"openid_credential","credential_configuration_id":"badge"}]`), oid4vci.CodeInvalidDetails},
		"another type":         {details(`[{"type":"payment","credential_configuration_id":"staff"}]`), oid4vci.CodeInvalidDetails},
		"no details":           {details(`[]`), oid4vci.CodeInvalidDetails},
		"broken details":       {details(`[{`), oid4vci.CodeInvalidDetails},
		"details twice":        {details(`[{"type":"openid_credential","credential_configuration_id":"staff"},{"type":"openid_credential","credential_configuration_id":"staff"}]`), oid4vci.CodeInvalidDetails},
		"injected details":     {details(`[],"b":[{"type":"openid_credential","credential_configuration_id":"staff"}]`), oid4vci.CodeInvalidDetails},
	} {
		_, err := d.issuer.Token(t.Context(), c.form, nil)
		wantError(t, name, err, c.code)
	}
	r, err := d.issuer.Token(t.Context(), details(`[{"type":"openid_credential","credential_configuration_id":"staff","claims":[]}]`), nil)
	mustFlow(t, err)
	if len(r.Details) != 1 || len(r.Details[0].Identifiers) != 1 {
		t.Fatalf("%+v", r)
	}
	proof := func() m { return m{"jwt": []string{d.proof(d.nonce()).compact(t)}} }
	_, err = d.issuer.Credential(t.Context(), bearer(r.AccessToken), d.good())
	wantError(t, "by configuration", err, oid4vci.CodeUnknownIdentifier)
	_, err = d.issuer.Credential(t.Context(), bearer(r.AccessToken), encode(t, m{"credential_identifier": "badge", "proofs": proof()}))
	wantError(t, "another identifier", err, oid4vci.CodeUnknownIdentifier)
	_, err = d.issuer.Credential(t.Context(), bearer(r.AccessToken), encode(t, m{"credential_identifier": r.Details[0].Identifiers[0], "proofs": proof()}))
	mustFlow(t, err)
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// push is a pushed request as it should be.
func push(more url.Values) url.Values {
	form := url.Values{
		"response_type": {"code"}, "client_id": {app}, "redirect_uri": {back}, "scope": {"staff"}, "state": {"s&1"},
		"code_challenge": {verify.Hash(verifier)}, "code_challenge_method": {"S256"},
	}
	maps.Copy(form, more)
	return form
}

// authorize pushes a request and approves it, and returns what came back.
func (d *desk) authorize(form url.Values, h http.Header) url.Values {
	d.tb.Helper()
	r, err := d.issuer.Push(d.tb.Context(), form, h)
	mustFlow(d.tb, err)
	to, err := d.issuer.Authorize(d.tb.Context(), url.Values{"client_id": form["client_id"], "request_uri": {r.URI}})
	mustFlow(d.tb, err)
	u, err := url.Parse(to)
	mustFlow(d.tb, err)
	if !strings.HasPrefix(to, form.Get("redirect_uri")+"?") || u.Query().Get("iss") != issuerURL || u.Query().Get("state") != form.Get("state") {
		d.tb.Errorf("it goes back to %s", to)
	}
	return u.Query()
}

// exchange is the form for an authorization code.
func exchange(code string, more url.Values) url.Values {
	form := url.Values{"grant_type": {oid4vci.GrantCode}, "code": {code}, "client_id": {app}, "redirect_uri": {back}, "code_verifier": {verifier}}
	maps.Copy(form, more)
	return form
}

func TestAnAuthorizationCodeGivesAToken(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	code := d.authorize(push(nil), nil).Get("code")
	token, err := d.issuer.Token(t.Context(), exchange(code, nil), d.dpop(oid4vci.PathToken, ""))
	mustFlow(t, err)
	j := d.proof(d.nonce())
	j.payload["iss"] = app
	_, err = d.issuer.Credential(t.Context(), d.dpop(oid4vci.PathCredential, token.AccessToken), encode(t, d.request("staff", j.compact(t))))
	mustFlow(t, err)
	if string(d.orders[0].Subject) != "approved" {
		t.Errorf("%+v", d.orders)
	}
	j.payload["iss"] = "other-app"
	_, err = d.issuer.Credential(t.Context(), d.dpop(oid4vci.PathCredential, token.AccessToken), encode(t, d.request("staff", j.compact(t))))
	wantError(t, "a proof of another client", err, oid4vci.CodeInvalidProof)
}

func TestAnOfferGuidesAnAuthorization(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	_, o := d.offer(oid4vci.OfferRequest{Code: true})
	state := url.Values{"issuer_state": {o.Grants.Code.State}}
	_, err := d.issuer.Push(t.Context(), push(url.Values{"issuer_state": state["issuer_state"], "scope": {"badge"}}), nil)
	wantError(t, "more than was offered", err, oid4vci.CodeInvalidScope)
	_, err = d.issuer.Push(t.Context(), push(url.Values{"issuer_state": {"x"}}), nil)
	wantError(t, "an unknown offer", err, oid4vci.CodeInvalidRequest)
	code := d.authorize(push(state), nil).Get("code")
	token, err := d.issuer.Token(t.Context(), exchange(code, nil), nil)
	mustFlow(t, err)
	_, err = d.issuer.Credential(t.Context(), bearer(token.AccessToken), d.good())
	mustFlow(t, err)
	if string(d.orders[0].Subject) != "n-17" {
		t.Errorf("%+v", d.orders)
	}
	_, err = d.issuer.Push(t.Context(), push(state), nil)
	wantError(t, "an offer again", err, oid4vci.CodeInvalidRequest)
}

func TestAUserMayRefuseOrGoElsewhereFirst(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	r, err := d.issuer.Push(t.Context(), push(nil), nil)
	mustFlow(t, err)
	query := url.Values{"client_id": {app}, "request_uri": {r.URI}}
	d.approve = &oid4vci.InteractionError{URL: "/sign-in"}
	if to, err := d.issuer.Authorize(t.Context(), query); err != nil || to != "/sign-in" {
		t.Errorf("it goes to %s, %v", to, err)
	}
	d.approve = ledger.Problemf(ledger.CodeDenied, "no")
	to, err := d.issuer.Authorize(t.Context(), query)
	mustFlow(t, err)
	if u, err := url.Parse(to); err != nil || u.Query().Get("error") != "access_denied" || u.Query().Get("code") != "" {
		t.Errorf("it goes to %s", to)
	}
	d.approve = nil
	_, err = d.issuer.Authorize(t.Context(), query)
	wantError(t, "a request again", err, oid4vci.CodeInvalidRequest)
	if d.authorize(push(url.Values{"redirect_uri": {"app://back"}}), nil).Get("code") == "" {
		t.Error("no code for another scheme")
	}
}

func TestOtherPushedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	one := func(name, value string) url.Values { return push(url.Values{name: {value}}) }
	without := func(name string) url.Values { f := push(nil); f.Del(name); return f }
	for name, c := range map[string]struct {
		form url.Values
		code string
	}{
		"no response type":      {without("response_type"), oid4vci.CodeInvalidRequest},
		"an implicit one":       {one("response_type", "token"), oid4vci.CodeUnsupportedType},
		"no client":             {without("client_id"), oid4vci.CodeInvalidClient},
		"an unknown client":     {one("client_id", "x"), oid4vci.CodeInvalidClient},
		"no redirect":           {without("redirect_uri"), oid4vci.CodeInvalidRequest},
		"another's redirect":    {one("redirect_uri", "https://other.example/back"), oid4vci.CodeInvalidRequest},
		"a longer redirect":     {one("redirect_uri", back+"/more"), oid4vci.CodeInvalidRequest},
		"no challenge":          {without("code_challenge"), oid4vci.CodeInvalidRequest},
		"no challenge at all":   {func() url.Values { f := without("code_challenge"); f.Del("code_challenge_method"); return f }(), oid4vci.CodeInvalidRequest},
		"a plain challenge":     {one("code_challenge_method", "plain"), oid4vci.CodeInvalidRequest},
		"no challenge's method": {without("code_challenge_method"), oid4vci.CodeInvalidRequest},
		"a short challenge":     {one("code_challenge", "x"), oid4vci.CodeInvalidRequest},
		"no scope":              {without("scope"), oid4vci.CodeInvalidScope},
		"an unknown scope":      {one("scope", "openid"), oid4vci.CodeInvalidScope},
		"other details":         {one("authorization_details", "[]"), oid4vci.CodeInvalidDetails},
		"a request inside":      {one("request", "x"), oid4vci.CodeInvalidRequest},
		"a request elsewhere":   {one("request_uri", "https://other.example"), oid4vci.CodeInvalidRequest},
		"a fragment as answer":  {one("response_mode", "fragment"), oid4vci.CodeInvalidRequest},
		"no thumbprint":         {one("dpop_jkt", "x"), oid4vci.CodeInvalidRequest},
		"a parameter twice":     {push(url.Values{"redirect_uri": {back, "https://other.example/back"}}), oid4vci.CodeInvalidRequest},
	} {
		_, err := d.issuer.Push(t.Context(), c.form, nil)
		wantError(t, name, err, c.code)
	}
	_, err := d.issuer.Push(t.Context(), one("dpop_jkt", segment(make([]byte, 32))), d.dpop(oid4vci.PathRequest, ""))
	wantError(t, "another thumbprint than the proof's", err, oid4vci.CodeInvalidRequest)

	r, err := d.issuer.Push(t.Context(), push(nil), nil)
	mustFlow(t, err)
	for name, query := range map[string]url.Values{
		"nothing":           nil,
		"no request":        {"client_id": {app}},
		"an unknown":        {"client_id": {app}, "request_uri": {"urn:ietf:params:oauth:request_uri:x"}},
		"without its name":  {"client_id": {app}, "request_uri": {strings.TrimPrefix(r.URI, "urn:ietf:params:oauth:request_uri:")}},
		"another client":    {"client_id": {"other-app"}, "request_uri": {r.URI}},
		"in the query":      push(nil),
		"two requests":      {"client_id": {app}, "request_uri": {r.URI, r.URI}},
		"a request of ours": {"client_id": {app, app}, "request_uri": {r.URI}},
	} {
		_, err := d.issuer.Authorize(t.Context(), query)
		wantError(t, name, err, oid4vci.CodeInvalidRequest)
	}
	d.now = d.now.Add(5 * time.Minute)
	_, err = d.issuer.Authorize(t.Context(), url.Values{"client_id": {app}, "request_uri": {r.URI}})
	wantError(t, "over", err, oid4vci.CodeInvalidRequest)

	none := newDesk(t, func(o *oid4vci.Options) { o.Approve = nil })
	_, err = none.issuer.Push(t.Context(), push(nil), nil)
	wantError(t, "where nobody approves", err, oid4vci.CodeInvalidRequest)
	_, err = none.issuer.Authorize(t.Context(), nil)
	wantError(t, "where nobody approves", err, oid4vci.CodeInvalidRequest)
}

func TestAnAuthorizationCodeIsItsClients(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	code := d.authorize(push(nil), d.dpop(oid4vci.PathRequest, "")).Get("code")
	for name, more := range map[string]url.Values{
		"another client":      {"client_id": {"other-app"}},
		"another redirect":    {"redirect_uri": {"app://back"}},
		"no redirect":         {"redirect_uri": {""}},
		"another verifier":    {"code_verifier": {strings.Repeat("a", 43)}},
		"a short verifier":    {"code_verifier": {"a"}},
		"no verifier":         {"code_verifier": {""}},
		"the challenge as it": {"code_verifier": {verify.Hash(verifier)}},
	} {
		_, err := d.issuer.Token(t.Context(), exchange(code, more), d.dpop(oid4vci.PathToken, ""))
		wantError(t, name, err, oid4vci.CodeInvalidGrant)
	}
	_, err := d.issuer.Token(t.Context(), exchange(code, nil), nil)
	wantError(t, "without the key that asked", err, oid4vci.CodeInvalidGrant)
	owner := d.key
	d.key = edwards(t)
	_, err = d.issuer.Token(t.Context(), exchange(code, nil), d.dpop(oid4vci.PathToken, ""))
	wantError(t, "with another key", err, oid4vci.CodeInvalidGrant)
	d.key = owner
	token, err := d.issuer.Token(t.Context(), exchange(code, nil), d.dpop(oid4vci.PathToken, ""))
	mustFlow(t, err)
	_, err = d.issuer.Token(t.Context(), exchange(code, nil), d.dpop(oid4vci.PathToken, ""))
	wantError(t, "again", err, oid4vci.CodeInvalidGrant)
	_, err = d.issuer.Credential(t.Context(), d.dpop(oid4vci.PathCredential, token.AccessToken), d.good())
	wantError(t, "the token of a code that had two owners", err, oid4vci.CodeInvalidToken)

	late := d.authorize(push(nil), nil).Get("code")
	d.now = d.now.Add(time.Minute)
	_, err = d.issuer.Token(t.Context(), exchange(late, nil), nil)
	wantError(t, "over", err, oid4vci.CodeInvalidGrant)
}
