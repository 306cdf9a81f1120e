package app

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/oid4"
	"github.com/secant-platform/secant/gateway/wallet"
	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
	holder "github.com/secant-platform/secant/identity/wallet"
)

const (
	walletID   = "ward-wallet"
	walletBack = "org.example.wallet://back"
)

// directory is a hospital's OpenID Connect provider, which is not ours, and clinics of
// which the north sends its people there.
type directory struct {
	*clinics

	attester map[string]any // who makes the wallet, and vouches for it
}

// openDirectory opens two clinics, of which the north's people are known to its provider.
func openDirectory(t *testing.T) *directory {
	t.Helper()
	const secret = "a secret of the test's"
	provider := wallettest.Install(t, "../../session/testdata/provider").Start(t, secret)
	issuer := wallettest.Hear[string](t, provider)
	makerRoot, makerCertificate, makerKey := certify(t)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &directory{}
	d.clinics = openClinics(t, func(cfg *config.Config) {
		cfg.SignIn.Return = "https://app.north.example/back"
		cfg.SignIn.Provider = &config.Provider{
			Issuer: issuer, ClientID: "secant", Secret: config.KeyFile(file), Claim: "groups", Roles: []config.ProviderRole{{Value: "icu", Role: "nurse"}},
		}
		cfg.Wallets = config.Wallets{Makers: makerRoot, Clients: []config.WalletClient{
			{ID: walletID, Redirects: []string{walletBack}, Attested: true},
			{ID: "secant-wallet", Redirects: []string{"http://127.0.0.1/back"}},
		}}
	})
	if !wallettest.Ask[bool](t, provider, []string{d.north.cfg.PublicURL() + issuerPath + oid4.PathSignedIn, "https://app.north.example/back"}) {
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

// offer offers a credential to Nora, who is known to the provider.
func (d *directory) offer(t *testing.T, reference string) string {
	t.Helper()
	const subject = "nora"
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
	t       *testing.T
	web     *http.Client
	cookies []*http.Cookie // that the last page had it keep
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
	b.cookies = res.Cookies()
	next, err := res.Location()
	if err != nil {
		return "", string(text)
	}
	return next.String(), ""
}

// until browses as a person until it is to go to an address that has this in it.
func (b *browser) until(at, person, has string) string {
	b.t.Helper()
	for range 16 {
		to, shown := b.step(at, person)
		if to == "" {
			b.t.Fatalf("%s shows %s", at, shown)
		}
		if at = to; strings.Contains(at, has) {
			return at
		}
	}
	b.t.Fatal("the browser is sent around")
	return ""
}

// TestOurWalletReceivesForWhomSignsIn: `secant wallet receive` takes an offer to one
// person at a node, with a browser of this machine beside it.
func TestOurWalletReceivesForWhomSignsIn(t *testing.T) {
	d := openDirectory(t)
	dir := t.TempDir()
	secret := filepath.Join(dir, "key")
	if _, err := holder.NewKeyFile(secret); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) (c *cobra.Command, out *bytes.Buffer, errs io.Reader, says io.Closer) {
		c, out = wallet.Command(&dir), &bytes.Buffer{}
		r, w := io.Pipe()
		c.SetArgs(append([]string{"--key-file", secret, "--ca", d.root}, args...))
		c.SetOut(out)
		c.SetErr(w)
		c.SilenceUsage, c.SilenceErrors = true, true
		return c, out, r, w
	}
	run := func(args ...string) error {
		c, _, errs, says := command(args...)
		go func() { _, _ = io.Copy(io.Discard, errs) }() // until says is closed
		defer says.Close()
		return c.ExecuteContext(t.Context())
	}
	receive := func(link, person string) (string, error) {
		t.Helper()
		c, out, errs, says := command("receive", "--yes", link)
		ended := make(chan error, 1)
		go func() {
			err := c.ExecuteContext(t.Context())
			_ = says.Close() // it never fails
			ended <- err
		}()
		lines := bufio.NewScanner(errs)
		address := ""
		for address == "" && lines.Scan() {
			if text := strings.TrimSpace(lines.Text()); strings.HasPrefix(text, "https://") {
				address = text
			}
		}
		go func() { _, _ = io.Copy(io.Discard, errs) }() // until the command ends
		b := d.browser(t)
		if to, shown := b.step(b.until(address, person, "/back?"), ""); to != "" || address == "" {
			t.Errorf("the wallet's page leads to %s and shows %s", to, shown)
		}
		err := <-ended
		return out.String(), err
	}
	if err := run("create"); err != nil {
		t.Fatal(err)
	}
	link := d.offer(t, "case-ours")
	if out, err := receive(link, "otto|icu"); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("somebody else signs in: %s, %v", out, err)
	}
	if out, err := receive(link, "nora|icu"); err != nil || !strings.Contains(out, "Health professional") {
		t.Errorf("%s, %v", out, err)
	}
	var issued struct {
		Items []struct{ Status, Reference string }
	}
	d.north.want(http.StatusOK, "registrar", http.MethodGet, "/v1/credentials?reference=case-ours", nil, &issued)
	if len(issued.Items) != 1 || issued.Items[0].Status != "valid" {
		t.Errorf("issued is %+v", issued)
	}
	if err := run("receive", "--yes", link); err == nil {
		t.Error("an offer serves twice")
	}
}
