package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// changing changes the mdoc in an answer on its way to a verifier.
type changing struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (c changing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost {
		return c.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	var shown map[string][]string
	if err := json.Unmarshal([]byte(form.Get("vp_token")), &shown); err == nil {
		b, err := base64.RawURLEncoding.DecodeString(shown["card"][0])
		if err != nil {
			return nil, err
		}
		shown["card"][0] = base64.RawURLEncoding.EncodeToString(bytes.Replace(b, []byte("L-4711"), []byte("L-4712"), 1))
		token, err := json.Marshal(shown)
		if err != nil {
			return nil, err
		}
		form.Set("vp_token", string(token))
	}
	text := form.Encode()
	again, err := http.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	again.Header = r.Header.Clone()
	return c.next.RoundTrip(again)
}

// TestCredoJudgesMDocs: a verifier that is not ours asks our wallet for one element of an
// mdoc that a node issued; it takes what is shown, and refuses it when it was changed on
// its way, and when it does not know the issuer's root.
func TestCredoJudgesMDocs(t *testing.T) {
	wallettest.Install(t, "wallets")
	c := openClinics(t).settleTown(t)
	root, certificate, key := certify(t)
	var made struct{ Link string }
	c.north.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/credentials/offers", map[string]any{
		"type": "Practitioner", "claims": practitioner, "formats": []string{"mso_mdoc"}, "reference": "case-mdoc",
	}, &made)
	p := newPerson(t, c.north.cfg.PublicURL(), c.root)
	p.receive(made.Link)
	type verdict struct {
		OK                bool
		Error, State, Why string
		Claims            map[string]any
	}
	judged := func(trusted []string, change bool) verdict {
		t.Helper()
		asked := wallettest.Ask[struct {
			OK                   bool
			Error, Link, Session string
		}](t, c.wallets, map[string]any{
			"job": "credo.question", "wallet": "a verifier", "trusted": trusted, "type": practitionerType, "element": "licence_number",
			"chain": []string{base64.StdEncoding.EncodeToString(pemOf(t, certificate))}, "key": privateJWK(t, pemOf(t, key)),
		})
		if !asked.OK {
			t.Fatal(asked.Error)
		}
		browser := newPerson(t, c.north.cfg.PublicURL(), root)
		web := *browser.web
		if change {
			web.Transport = changing{web.Transport}
		}
		r, err := oid4vp.NewResponder(oid4vp.ResponderOptions{HTTP: &web, Now: time.Now, Roots: browser.roots, Plaintext: true})
		if err != nil {
			t.Fatal(err)
		}
		q, err := r.Read(t.Context(), asked.Link)
		if err != nil {
			t.Fatal(err)
		}
		found, err := p.wallet.Match(q.Query)
		if err != nil {
			t.Fatal(err)
		}
		chosen, err := q.Query.Choose(found, false)
		if err != nil {
			t.Fatal(err)
		}
		_, answered := p.wallet.Answer(t.Context(), r, q, chosen)
		v := wallettest.Ask[verdict](t, c.wallets, map[string]any{"job": "credo.judgement", "wallet": "a verifier", "trusted": trusted, "session": asked.Session, "type": practitionerType})
		if !v.OK || (answered == nil) != (v.State == "ResponseVerified") {
			t.Fatalf("the wallet hears %v, and the verifier says %+v", answered, v)
		}
		return v
	}
	if v := judged(c.trusted, false); v.Claims["licence_number"] != "L-4711" || len(v.Claims) != 1 {
		t.Errorf("what was issued: %+v", v)
	}
	if v := judged(c.trusted, true); v.State != "Error" || v.Claims != nil || !strings.Contains(v.Why, "calculated digest") {
		t.Errorf("what was changed: %+v", v)
	}
	if v := judged([]string{base64.StdEncoding.EncodeToString(pemOf(t, root))}, false); v.State != "Error" || v.Claims != nil || !strings.Contains(v.Why, "No trusted certificate") {
		t.Errorf("of an issuer that it does not know: %+v", v)
	}
}
