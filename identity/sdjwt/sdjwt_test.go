package sdjwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/sdjwt"
)

var now = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

func newSigner(tb testing.TB, kind string) keys.Signer {
	tb.Helper()
	var key crypto.Signer
	var err error
	if kind == ledger.CurveP256 {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		tb.Fatal(err)
	}
	s, err := keys.FromCrypto(key)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func sample(holder keys.Signer) sdjwt.Credential {
	return sdjwt.Credential{
		Issuer: "did:secant:dev:hospital-north:staff", KeyID: "did:secant:dev:hospital-north:staff#key-1", Type: "DeviceReleaser",
		Holder: holder.JWK(), Issued: now, Expires: now.Add(time.Hour),
		Open:   map[string]any{"unit": "ICU"},
		Hidden: map[string]any{"given_name": "Ada", "role": map[string]any{"code": "<1>"}, "email": "a@b.example"},
	}
}

func verifyWith(tb testing.TB, issuer keys.Signer, presentation string) (*verify.Credential, error) {
	tb.Helper()
	key, err := verify.NewKey(issuer.JWK())
	if err != nil {
		tb.Fatal(err)
	}
	p, err := verify.ParsePresentation(presentation)
	if err != nil {
		return nil, err
	}
	return p.Verify(key, verify.Binding{Audience: "aud", Nonce: "n-1", At: now, MaxAge: time.Minute})
}

var question = sdjwt.Binding{Audience: "aud", Nonce: "n-1", At: now}

func TestWhatIsIssuedAndPresentedVerifies(t *testing.T) {
	t.Parallel()
	for _, kinds := range [][2]string{{"Ed25519", "Ed25519"}, {"Ed25519", "P-256"}, {"P-256", "Ed25519"}, {"P-256", "P-256"}} {
		issuer, holder := newSigner(t, kinds[0]), newSigner(t, kinds[1])
		c := sample(holder)
		c.Begins, c.Status = now, &sdjwt.Status{URI: "https://north.example/status/1", Index: 7}
		issued, err := sdjwt.Issue(issuer, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, show := range [][]string{nil, {"given_name"}, {"role", "email", "given_name"}} {
			p, err := sdjwt.Present(issued, holder, show, question)
			if err != nil {
				t.Fatal(err)
			}
			got, err := verifyWith(t, issuer, p)
			if err != nil {
				t.Errorf("%v showing %v: %v", kinds, show, err)
				continue
			}
			if got.Issuer != c.Issuer || got.Type != c.Type || got.Holder.JWK() != holder.JWK() || got.Claims["unit"] != "ICU" {
				t.Errorf("%v reads as %+v", kinds, got)
			}
			for name := range c.Hidden {
				if _, shown := got.Claims[name]; shown != contains(show, name) {
					t.Errorf("%v showing %v: %s is shown: %v", kinds, show, name, shown)
				}
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

// TestTheDigestsTellNothing: neither the values, nor how the claims were ordered.
func TestTheDigestsTellNothing(t *testing.T) {
	t.Parallel()
	issuer, holder := newSigner(t, "Ed25519"), newSigner(t, "Ed25519")
	first, err := sdjwt.Issue(issuer, sample(holder))
	if err != nil {
		t.Fatal(err)
	}
	second, err := sdjwt.Issue(issuer, sample(holder))
	if err != nil {
		t.Fatal(err)
	}
	token, _, _ := strings.Cut(first, "~")
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"given_name", "Ada", "email", "a@b.example"} {
		if strings.Contains(string(payload), hidden) {
			t.Errorf("the token shows %q", hidden)
		}
	}
	if a, b := strings.Split(first, "~")[1:4], strings.Split(second, "~")[1:4]; cmp.Equal(a, b) {
		t.Error("two credentials have the same salts")
	}
}

func TestWhatCannotBeIssued(t *testing.T) {
	t.Parallel()
	issuer, holder := newSigner(t, "Ed25519"), newSigner(t, "P-256")
	for name, change := range map[string]func(*sdjwt.Credential){
		"no issuer":           func(c *sdjwt.Credential) { c.Issuer = "" },
		"no type":             func(c *sdjwt.Credential) { c.Type = "" },
		"no time":             func(c *sdjwt.Credential) { c.Expires = c.Issued },
		"no holder":           func(c *sdjwt.Credential) { c.Holder = ledger.JWK{} },
		"an end of one's own": func(c *sdjwt.Credential) { c.Open = map[string]any{"exp": 1} },
		"a hidden key":        func(c *sdjwt.Credential) { c.Hidden = map[string]any{"cnf": 1} },
		"digests":             func(c *sdjwt.Credential) { c.Hidden = map[string]any{"_sd": 1} },
		"open and hidden":     func(c *sdjwt.Credential) { c.Hidden = map[string]any{"unit": 1} },
		"not JSON":            func(c *sdjwt.Credential) { c.Open = map[string]any{"x": make(chan int)} },
		"hidden, not JSON":    func(c *sdjwt.Credential) { c.Hidden = map[string]any{"x": make(chan int)} },
		"too many": func(c *sdjwt.Credential) {
			c.Hidden = map[string]any{}
			for i := range verify.MaxDisclosures + 1 {
				c.Hidden[strings.Repeat("x", i+1)] = i
			}
		},
	} {
		c := sample(holder)
		change(&c)
		if issued, err := sdjwt.Issue(issuer, c); err == nil {
			t.Errorf("%s: %s", name, issued)
		}
	}
}

func TestWhatCannotBePresented(t *testing.T) {
	t.Parallel()
	issuer, holder := newSigner(t, "Ed25519"), newSigner(t, "P-256")
	issued, err := sdjwt.Issue(issuer, sample(holder))
	if err != nil {
		t.Fatal(err)
	}
	p, err := sdjwt.Present(issued, holder, nil, question)
	if err != nil {
		t.Fatal(err)
	}
	segment := base64.RawURLEncoding.EncodeToString
	for name, c := range map[string]struct {
		credential string
		by         keys.Signer
		show       []string
	}{
		"a claim that is not there": {issued, holder, []string{"age"}},
		"an open claim":             {issued, holder, []string{"unit"}},
		"a claim twice":             {issued, holder, []string{"email", "email"}},
		"another's":                 {issued, newSigner(t, "P-256"), nil},
		"a presentation":            {p, holder, nil},
		"nothing":                   {"", holder, nil},
		"noise":                     {"x~", holder, nil},
		"a disclosure of noise":     {issued + "!~", holder, nil},
		"a disclosure of no list":   {issued + segment([]byte("1")) + "~", holder, nil},
		"an element":                {issued + segment([]byte(`["s",1]`)) + "~", holder, nil},
		"a nameless claim":          {issued + segment([]byte(`["s",1,1]`)) + "~", holder, nil},
	} {
		if got, err := sdjwt.Present(c.credential, c.by, c.show, question); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// FuzzPresent reads credentials that others made: it presents them in a form that
// the verifier can take apart, or refuses.
func FuzzPresent(f *testing.F) {
	issuer, holder := newSigner(f, "Ed25519"), newSigner(f, "Ed25519")
	issued, err := sdjwt.Issue(issuer, sample(holder))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(issued, "email")
	f.Add(issued+"x~", "")
	f.Add("~", "")
	f.Fuzz(func(t *testing.T, credential, show string) {
		var list []string
		if show != "" {
			list = []string{show}
		}
		p, err := sdjwt.Present(credential, holder, list, question)
		if err != nil {
			return
		}
		if _, err := verifyWith(t, issuer, p); err == nil && !strings.HasPrefix(credential, issued[:strings.IndexByte(issued, '~')]) {
			t.Errorf("%q verifies and was not issued", credential)
		}
	})
}

func BenchmarkIssue(b *testing.B) {
	for _, kind := range []string{"Ed25519", "P-256"} {
		b.Run(kind, func(b *testing.B) {
			issuer, c := newSigner(b, kind), sample(newSigner(b, kind))
			for b.Loop() {
				if _, err := sdjwt.Issue(issuer, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, kind := range []string{"Ed25519", "P-256"} {
		b.Run(kind, func(b *testing.B) {
			issuer, holder := newSigner(b, kind), newSigner(b, kind)
			issued, err := sdjwt.Issue(issuer, sample(holder))
			if err != nil {
				b.Fatal(err)
			}
			p, err := sdjwt.Present(issued, holder, []string{"role"}, question)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := verifyWith(b, issuer, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
