package oid4vci_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/sdjwt"
)

// hostile is an issuer that answers as a test says, and otherwise well.
type hostile struct {
	t       *testing.T
	url     string
	answers map[string]func(http.ResponseWriter)                  // by path
	accepts map[string]func(accept string, w http.ResponseWriter) // by path, before answers
	calls   atomic.Int32
	key     keys.Signer
	holder  keys.Signer
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	h := &hostile{t: t, key: p256(t), holder: edwards(t), answers: map[string]func(http.ResponseWriter){}, accepts: map[string]func(string, http.ResponseWriter){}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.calls.Add(1)
		if answer := h.accepts[r.URL.Path]; answer != nil {
			answer(r.Header.Get("Accept"), w)
			return
		}
		if answer := h.answers[r.URL.Path]; answer != nil {
			answer(w)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	h.says("/.well-known/openid-credential-issuer", h.metadata())
	h.says("/.well-known/oauth-authorization-server", m{"issuer": h.url, "token_endpoint": h.url + "/token", "authorization_endpoint": h.url + "/authorize", "pushed_authorization_request_endpoint": h.url + "/par"})
	h.says("/token", m{"access_token": "t", "token_type": "DPoP"})
	h.says("/nonce", m{"c_nonce": "n"})
	h.says("/credential", m{"credentials": []m{{"credential": h.credential(nil)}}})
	return h
}

func (h *hostile) metadata() m {
	config := func(format string, more m) m {
		return with(m{"format": format, "cryptographic_binding_methods_supported": []string{"jwk"}, "proof_types_supported": m{"jwt": m{"proof_signing_alg_values_supported": []string{"EdDSA"}}}}, more)
	}
	return m{
		"credential_issuer": h.url, "credential_endpoint": h.url + "/credential", "nonce_endpoint": h.url + "/nonce",
		"credential_configurations_supported": m{
			"staff":  config("dc+sd-jwt", m{"vct": "urn:test:staff", "scope": "staff", "credential_metadata": m{"claims": []m{{"path": []any{"a", nil}}}}}),
			"badge":  config("jwt_vc_json", m{"credential_definition": m{"type": []string{"VerifiableCredential", "Badge"}}}),
			"object": config("ldp_vc", m{"credential_definition": m{"type": []string{"Badge"}}}),
			"mdoc":   config("mso_mdoc", m{"doctype": "x"}),
		},
	}
}

func (h *hostile) says(path string, v any) {
	b := encode(h.t, v)
	h.answers[path] = func(w http.ResponseWriter) { _, _ = w.Write(b) }
}

func (h *hostile) byAccept(path string, answer func(accept string, w http.ResponseWriter)) {
	h.accepts[path] = answer
}

// credential is a good one, unless it is changed.
func (h *hostile) credential(change func(*sdjwt.Credential)) string {
	h.t.Helper()
	c := sdjwt.Credential{Issuer: h.url, Type: "urn:test:staff", Holder: h.holder.JWK(), Issued: time.Now(), Expires: time.Now().Add(time.Hour)}
	if change != nil {
		change(&c)
	}
	s, err := sdjwt.Issue(h.key, c)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// receive goes through the whole protocol.
func (h *hostile) receive(c *oid4vci.Client, id string) (*oid4vci.Receipt, error) {
	c.HTTP = http.DefaultClient
	offer := encode(h.t, m{"credential_issuer": h.url, "credential_configuration_ids": []string{id}, "grants": m{oid4vci.GrantPreAuthorized: m{"pre-authorized_code": "c"}}})
	o, err := c.Open(h.t.Context(), oid4vci.OfferScheme+"?credential_offer="+url.QueryEscape(string(offer)))
	if err != nil {
		return nil, err
	}
	remote, err := c.Discover(h.t.Context(), o.Issuer)
	if err != nil {
		return nil, err
	}
	s, err := c.Redeem(h.t.Context(), remote, o, "")
	if err != nil {
		return nil, err
	}
	return c.Receive(h.t.Context(), s, id, h.holder)
}

func TestAWalletBelievesNoHostileIssuer(t *testing.T) {
	t.Parallel()
	const issuer, server = "/.well-known/openid-credential-issuer", "/.well-known/oauth-authorization-server"
	signed := func(h *hostile, payload m) string {
		s, err := keys.Compact(h.key, keys.Header{Type: "JWT"}, encode(h.t, payload))
		mustFlow(h.t, err)
		return s
	}
	issued := func(h *hostile, list ...any) {
		var entries []m
		for _, c := range list {
			entries = append(entries, m{"credential": c})
		}
		h.says("/credential", m{"credentials": entries})
	}
	badge := m{"vc": m{"type": []string{"VerifiableCredential", "Badge"}, "credentialSubject": m{"id": "did:x"}}}
	for name, c := range map[string]struct {
		id    string
		spoil func(*hostile)
		fine  bool
	}{
		"a good one":         {fine: true},
		"another's metadata": {spoil: func(h *hostile) { h.says(issuer, with(h.metadata(), m{"credential_issuer": "https://other.example"})) }},
		"no endpoint":        {spoil: func(h *hostile) { h.says(issuer, with(h.metadata(), m{"credential_endpoint": ""})) }},
		"a server in clear": {spoil: func(h *hostile) {
			h.says(issuer, with(h.metadata(), m{"authorization_servers": []string{"http://other.example"}}))
		}},
		"another server": {spoil: func(h *hostile) {
			h.says(server, m{"issuer": "https://other.example", "token_endpoint": h.url + "/token"})
		}},
		"a token place in clear": {spoil: func(h *hostile) { h.says(server, m{"issuer": h.url, "token_endpoint": "http://other.example/token"}) }},
		"a place of no scheme":   {spoil: func(h *hostile) { h.says(server, m{"issuer": h.url, "token_endpoint": "file:///etc/passwd"}) }},
		"metadata twice": {spoil: func(h *hostile) {
			h.answers[issuer] = func(w http.ResponseWriter) { fmt.Fprintf(w, `{"credential_issuer":%q,"credential_issuer":"x"}`, h.url) }
		}},
		"metadata without end": {spoil: func(h *hostile) {
			h.answers[issuer] = func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"x":"` + strings.Repeat("x", 5<<20) + `"}`)) }
		}},
		"a bearer's token":    {spoil: func(h *hostile) { h.says("/token", m{"access_token": "t", "token_type": "Bearer"}) }},
		"no token":            {spoil: func(h *hostile) { h.says("/token", m{"token_type": "DPoP"}) }},
		"another type":        {spoil: func(h *hostile) { issued(h, h.credential(func(c *sdjwt.Credential) { c.Type = "urn:test:other" })) }},
		"another key":         {spoil: func(h *hostile) { issued(h, h.credential(func(c *sdjwt.Credential) { c.Holder = h.key.JWK() })) }},
		"with a key binding":  {spoil: func(h *hostile) { issued(h, h.credential(nil)+"x.y.z") }},
		"no text":             {spoil: func(h *hostile) { issued(h, m{}) }},
		"no credential":       {spoil: func(h *hostile) { issued(h, "x") }},
		"no token in it":      {spoil: func(h *hostile) { issued(h, "x.y.z~") }},
		"two":                 {spoil: func(h *hostile) { issued(h, h.credential(nil), h.credential(nil)) }},
		"none":                {spoil: func(h *hostile) { issued(h) }},
		"one that is not his": {spoil: func(h *hostile) { issued(h, signed(h, m{"vct": "urn:test:staff"})+"~") }},
		"a badge":             {id: "badge", spoil: func(h *hostile) { issued(h, signed(h, badge)) }, fine: true},
		"a badge by its sub":  {id: "badge", spoil: func(h *hostile) { issued(h, signed(h, with(badge, m{"sub": "did:x"}))) }, fine: true},
		"another's badge":     {id: "badge", spoil: func(h *hostile) { issued(h, signed(h, with(badge, m{"sub": "did:y"}))) }},
		"a badge by its cnf":  {id: "badge", spoil: func(h *hostile) { issued(h, signed(h, with(badge, m{"cnf": m{"jwk": h.key.JWK()}}))) }},
		"nobody's badge":      {id: "badge", spoil: func(h *hostile) { issued(h, signed(h, m{"vc": m{"type": []string{"VerifiableCredential", "Badge"}}})) }},
		"another badge":       {id: "badge", spoil: func(h *hostile) { issued(h, signed(h, m{"vc": m{"type": "VerifiableCredential"}, "sub": "did:x"})) }},
		"no badge":            {id: "badge", spoil: func(h *hostile) { issued(h, m{}) }},
		"a plain badge": {id: "badge", spoil: func(h *hostile) {
			issued(h, signed(h, m{"type": []string{"VerifiableCredential", "Badge"}, "sub": "did:x"}))
		}, fine: true},
		"an object":            {id: "object", spoil: func(h *hostile) { issued(h, m{"type": []string{"Badge"}, "credentialSubject": m{"id": "did:x"}}) }, fine: true},
		"another's object":     {id: "object", spoil: func(h *hostile) { issued(h, m{"type": []string{"Badge"}, "credentialSubject": m{"id": "did:y"}}) }},
		"an object that is no": {id: "object", spoil: func(h *hostile) { issued(h, "x") }},
		"a form nobody reads":  {id: "mdoc", spoil: func(h *hostile) { issued(h, "x") }},
		"an unknown one":       {id: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHostile(t)
			if c.spoil != nil {
				c.spoil(h)
			}
			id := c.id
			if id == "" {
				id = "staff"
			}
			w := &oid4vci.Client{Key: p256(t), KeyOf: func(_ ctx, did string) (ledger.JWK, error) {
				if did != "did:x" {
					return h.key.JWK(), nil
				}
				return h.holder.JWK(), nil
			}}
			r, err := h.receive(w, id)
			if (err == nil) != c.fine {
				t.Errorf("%+v, %v", r, err)
			}
			if err != nil && strings.Contains(err.Error(), h.url) {
				t.Errorf("the error repeats what was sent: %v", err)
			}
		})
	}
}

func TestAWalletHasItsOwnCheck(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	fault := errors.New("the signature does not hold")
	if _, err := h.receive(&oid4vci.Client{Key: p256(t), Check: func(ctx, oid4vci.Received) error { return fault }}, "staff"); !errors.Is(err, fault) {
		t.Errorf("it is not asked: %v", err)
	}
	h.says("/credential", m{"credentials": []m{{"credential": "mdoc"}}})
	r, err := h.receive(&oid4vci.Client{Key: p256(t), Check: func(_ ctx, r oid4vci.Received) error {
		if r.Configuration.DocType != "x" || r.Holder != h.holder.JWK() {
			return fault
		}
		return nil
	}}, "mdoc")
	if err != nil || string(r.Credentials[0].Credential) != `"mdoc"` {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAWalletTriesANonceOnce(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	for name, answer := range map[string]func(http.ResponseWriter){
		"in the body": func(w http.ResponseWriter) {
			w.Header().Set("DPoP-Nonce", "n")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"use_dpop_nonce"}`))
		},
		"in the header": func(w http.ResponseWriter) {
			w.Header().Set("DPoP-Nonce", "n")
			w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
			w.WriteHeader(http.StatusUnauthorized)
		},
	} {
		h.answers["/token"] = answer
		h.calls.Store(0)
		_, err := h.receive(&oid4vci.Client{Key: p256(t)}, "staff")
		wantError(t, name, err, oid4vci.CodeUseDPoPNonce)
		if got := h.calls.Load(); got != 4 { // two documents, two tries
			t.Errorf("%s: %d calls", name, got)
		}
	}
}

func TestAWalletRepeatsNoErrorOfOthers(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	for body, code := range map[string]string{
		`{"error":"invalid_grant","error_description":"MARKED"}`: "invalid_grant",
		`{"error":"<MARKED>"}`: "unknown",
		`MARKED`:               "unknown",
		``:                     "unknown",
		`{"error":"` + strings.Repeat("x", 65) + `"}`: "unknown",
	} {
		h.answers["/token"] = func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest); _, _ = w.Write([]byte(body)) }
		_, err := h.receive(&oid4vci.Client{Key: p256(t)}, "staff")
		wantError(t, body, err, code)
		if strings.Contains(err.Error(), "MARKED") {
			t.Errorf("it repeats %s", body)
		}
	}
}

func TestAWalletGoesToTheServerThatTheOfferNames(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	second := h.url + "/second"
	h.says("/.well-known/openid-credential-issuer", with(h.metadata(), m{"authorization_servers": []string{h.url, second}}))
	h.says("/.well-known/oauth-authorization-server/second", m{"issuer": second, "token_endpoint": h.url + "/token"})
	c := &oid4vci.Client{HTTP: http.DefaultClient, Key: p256(t)}
	offer := func(server string) *oid4vci.Offer {
		return &oid4vci.Offer{Issuer: h.url, Configurations: []string{"staff"}, Grants: oid4vci.Grants{PreAuthorized: &oid4vci.PreAuthorizedGrant{Code: "c", Server: server}}}
	}
	for server, want := range map[string]string{"": h.url, h.url: h.url, second: second} {
		r, err := c.DiscoverOffered(t.Context(), offer(server))
		if err != nil || r.Server.Issuer != want {
			t.Errorf("%q: %+v, %v", server, r, err)
			continue
		}
		_, err = c.Redeem(t.Context(), r, offer(server), "")
		mustFlow(t, err)
	}
	if _, err := c.DiscoverOffered(t.Context(), offer("https://other.example")); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("another's server: %v", err)
	}
	r, err := c.Discover(t.Context(), h.url)
	mustFlow(t, err)
	if _, err := c.Redeem(t.Context(), r, offer(second), ""); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("a code for another server: %v", err)
	}
	code := &oid4vci.Offer{Issuer: h.url, Grants: oid4vci.Grants{Code: &oid4vci.CodeGrant{Server: second}}}
	if r, err := c.DiscoverOffered(t.Context(), code); err != nil || r.Server.Issuer != second {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestOtherLinksAreNoOffers(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	c := &oid4vci.Client{HTTP: http.DefaultClient}
	offer := func(issuer string, ids ...string) string {
		return url.QueryEscape(string(encode(t, m{"credential_issuer": issuer, "credential_configuration_ids": ids})))
	}
	h.says("/offer", m{"credential_issuer": h.url})
	for name, link := range map[string]string{
		"empty":              "",
		"no link":            "://",
		"no offer":           oid4vci.OfferScheme,
		"two":                oid4vci.OfferScheme + "?credential_offer={}&credential_offer={}",
		"one of each":        oid4vci.OfferScheme + "?credential_offer={}&credential_offer_uri=x",
		"no JSON":            oid4vci.OfferScheme + "?credential_offer={",
		"of nothing":         oid4vci.OfferScheme + "?credential_offer=" + offer(h.url),
		"of too many":        oid4vci.OfferScheme + "?credential_offer=" + offer(h.url, slices.Repeat([]string{"a"}, 33)...),
		"of nobody":          oid4vci.OfferScheme + "?credential_offer=" + offer("", "a"),
		"in clear":           oid4vci.OfferScheme + "?credential_offer=" + offer("http://north.example", "a"),
		"fetched in clear":   oid4vci.OfferScheme + "?credential_offer_uri=http://north.example",
		"fetched from disk":  oid4vci.OfferScheme + "?credential_offer_uri=file:///etc/passwd",
		"fetched of nothing": oid4vci.OfferScheme + "?credential_offer_uri=" + h.url + "/offer",
		"a broken query":     oid4vci.OfferScheme + "?credential_offer=%",
	} {
		if o, err := c.Open(t.Context(), link); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
}

// TestTheWalletFollowsNoRedirect, whatever its HTTP client does: codes and proofs go where
// the metadata says, and nowhere else.
func TestTheWalletFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	var came atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
	t.Cleanup(elsewhere.Close)
	here := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(here.Close)
	c := &oid4vci.Client{HTTP: http.DefaultClient, Key: p256(t)}
	if _, err := c.Open(t.Context(), oid4vci.OfferScheme+"?credential_offer_uri="+here.URL); err == nil {
		t.Error("an offer is read elsewhere")
	}
	if _, err := c.Discover(t.Context(), here.URL); err == nil {
		t.Error("metadata is read elsewhere")
	}
	remote := &oid4vci.Remote{
		Issuer: oid4vci.IssuerMetadata{Issuer: here.URL, Credential: here.URL}, Server: oid4vci.ServerMetadata{Issuer: here.URL, Token: here.URL},
	}
	offer := &oid4vci.Offer{Issuer: here.URL, Configurations: []string{"a"}, Grants: oid4vci.Grants{PreAuthorized: &oid4vci.PreAuthorizedGrant{Code: "secret"}}}
	if _, err := c.Redeem(t.Context(), remote, offer, ""); err == nil {
		t.Error("a token is taken from elsewhere")
	}
	if n := came.Load(); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

// FuzzOpen reads whatever link it is given.
func FuzzOpen(f *testing.F) {
	f.Add(oid4vci.OfferScheme + `?credential_offer={"credential_issuer":"https://a.example","credential_configuration_ids":["x"]}`)
	f.Add("x?credential_offer=%7B%7D")
	c := &oid4vci.Client{HTTP: &http.Client{Transport: nowhere{}}}
	f.Fuzz(func(t *testing.T, link string) {
		o, err := c.Open(t.Context(), link)
		if err != nil {
			return
		}
		if _, err := oid4vci.WellKnown("x", o.Issuer); err != nil || len(o.Configurations) == 0 {
			t.Errorf("%q is an offer", link)
		}
		if _, err := json.Marshal(o); err != nil {
			t.Error(err)
		}
	})
}

// nowhere is a network in which nobody answers.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("there is nobody")
}
