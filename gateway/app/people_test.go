package app

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/oid4"
	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
	"github.com/secant-platform/secant/identity/oid4vp"
)

const (
	walletID   = "ward-wallet"
	walletBack = "org.example.wallet://back"
)

// directory is a hospital's OpenID Connect provider, which is not ours, and a node of
// the hospital that sends people there.
type directory struct {
	*town

	provider *wallettest.Running
	attester map[string]any // who makes the wallet, and vouches for it
}

// openDirectory opens two clinics, of which the north's people are known to its provider.
func openDirectory(t *testing.T) *directory {
	t.Helper()
	d := &directory{provider: wallettest.Install(t, "../../session/testdata/provider").Start(t, "a secret of the test's")}
	issuer := wallettest.Hear[string](t, d.provider)
	makerRoot, makerCertificate, makerKey := certify(t)
	d.town = openTown(t, func(cfg *config.Config) {
		secret := t.TempDir() + "/secret"
		if err := os.WriteFile(secret, []byte("a secret of the test's\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg.SignIn.Return = "https://app.north.example/back"
		cfg.SignIn.Provider = &config.Provider{
			Issuer: issuer, ClientID: "secant", Secret: config.KeyFile(secret), Claim: "groups", Roles: []config.ProviderRole{{Value: "icu", Role: "nurse"}},
		}
		cfg.Wallets = config.Wallets{Makers: makerRoot, Clients: []config.WalletClient{
			{ID: walletID, Redirects: []string{walletBack}, Attested: true},
			{ID: "secant-wallet", Redirects: []string{"http://127.0.0.1/back"}},
		}}
	})
	if !wallettest.Ask[bool](t, d.provider, []string{d.north.cfg.PublicURL() + issuerPath + oid4.PathSignedIn, "https://app.north.example/back"}) {
		t.Fatal("the provider does not open")
	}
	d.attester = map[string]any{"iss": "https://maker.example", "x5c": []string{base64.StdEncoding.EncodeToString(pemOf(t, makerCertificate))}, "key": privateJWK(t, pemOf(t, makerKey))}
	return d
}

func pemOf(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	return block.Bytes
}

func privateJWK(t *testing.T, der []byte) map[string]any {
	t.Helper()
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("no key of P-256")
	}
	d, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	public, err := ledger.JWKOf(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"kty": public.Kty, "crv": public.Crv, "x": public.X, "y": public.Y, "d": base64.RawURLEncoding.EncodeToString(d)}
}

// offer offers a credential to a person of the provider's.
func (d *directory) offer(t *testing.T, subject, reference string) string {
	t.Helper()
	var made struct{ Link, TxCode string }
	d.north.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/credentials/offers", map[string]any{
		"type": "Practitioner", "claims": practitioner, "formats": []string{"dc+sd-jwt"}, "certified": true,
		"reference": reference, "grant": "authorization_code", "subject": subject,
	}, &made)
	if made.TxCode != "" || !strings.Contains(made.Link, "issuer_state") || strings.Contains(made.Link, subject) || strings.Contains(made.Link, "pre-authorized") {
		t.Fatalf("offered is %+v", made)
	}
	return made.Link
}

// browser is a person's, who signs in at the provider as who the test says.
type browser struct {
	t    *testing.T
	web  *http.Client
	seen []string // addresses that it went to
}

func (d *directory) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	b, err := os.ReadFile(d.root)
	if err != nil || !roots.AppendCertsFromPEM(b) {
		t.Fatal(err)
	}
	return &browser{t: t, web: &http.Client{
		Jar: jar, Timeout: waiting, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
	}}
}

// step opens an address, and returns where the browser is sent; or what it is shown.
func (b *browser) step(at, person string) (to string, shown string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, at, http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("X-Person", person)
	res, err := b.web.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.seen = append(b.seen, at)
	next, err := res.Location()
	if err != nil {
		return "", string(text)
	}
	return next.String(), ""
}

// until browses as a person until it is to go to an address that begins so.
func (b *browser) until(at, person, begins string) string {
	b.t.Helper()
	for range 16 {
		to, shown := b.step(at, person)
		if to == "" {
			b.t.Fatalf("%s shows %s", at, shown)
		}
		if at = to; strings.HasPrefix(at, begins) {
			return at
		}
	}
	b.t.Fatal("the browser is sent around")
	return ""
}

// started is what Credo asks for an offer.
func (d *directory) started(t *testing.T, wallet, link string) string {
	t.Helper()
	got := wallettest.Ask[struct {
		OK         bool
		Error, URL string
	}](t, d.wallets, map[string]any{
		"job": "credo.ask", "wallet": wallet, "trusted": d.trusted, "link": link, "configuration": "Practitioner_dc+sd-jwt_x5c",
		"client": walletID, "redirect": walletBack, "attester": d.attester,
	})
	if !got.OK {
		t.Fatal(got.Error)
	}
	return got.URL
}

func (d *directory) fetch(t *testing.T, wallet, callback string) came {
	t.Helper()
	return wallettest.Ask[came](t, d.wallets, map[string]any{"job": "credo.fetch", "wallet": wallet, "callback": callback})
}

// TestCredoReceivesForWhomSignsIn: a wallet that is not ours, vouched for by its maker,
// takes an offer to one person, by PAR, PKCE and DPoP, after this person signed in at the
// hospital's provider, which is not ours either; it shows one claim elsewhere until the
// credential is taken back.
func TestCredoReceivesForWhomSignsIn(t *testing.T) {
	d := openDirectory(t)
	link := d.offer(t, "nora", "case-nora")
	h := &holding{name: "Nora's", program: "credo", format: oid4vp.FormatSDJWT, configuration: "Practitioner_dc+sd-jwt_x5c", certified: true}

	// Somebody else signs in: the wallet is told, and the offer stays.
	other := d.started(t, h.name, link)
	u, err := url.Parse(d.browser(t).until(other, "otto|icu", walletBack))
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); q.Get("error") != "access_denied" || q.Get("code") != "" || q.Get("iss") != d.north.cfg.PublicURL()+issuerPath {
		t.Fatalf("another person's wallet hears %v", q)
	}

	at := d.started(t, h.name, link)
	browser := d.browser(t)
	callback := browser.until(at, "nora|icu", walletBack)
	got := d.fetch(t, h.name, callback)
	if !got.OK || got.TokenType != "DPoP" {
		t.Fatalf("Credo receives %+v", got)
	}
	var issued struct{ Items []struct{ ID string } }
	d.north.want(http.StatusOK, "registrar", http.MethodGet, "/v1/credentials?reference=case-nora", nil, &issued)
	if len(issued.Items) != 1 {
		t.Fatalf("issued is %+v", issued)
	}
	h.id = issued.Items[0].ID
	d.taken(t, h)
	d.set(t, h, "revoked")
	d.refused(t, h)
	if again := d.fetch(t, h.name, callback); again.OK {
		t.Error("a code serves twice")
	}
	for _, secret := range []string{"nora", "otto", "L-4711"} {
		if strings.Contains(d.north.log.String(), secret) {
			t.Errorf("the log tells %s", secret)
		}
	}
}
