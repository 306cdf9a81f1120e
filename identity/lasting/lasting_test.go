package lasting_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/lasting"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/vc"
)

const (
	authority = "did:web:authority.example:issuer:credentials"
	home      = "https://authority.example/lasting/"
)

var (
	issued = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	claims = map[string]any{
		"unit": strings.Repeat("0f", 32), "di": "04012345678901", "release": "3.1.0", "catalogue": "IEC 81001-5-1",
		"verdict": "conditional", "score": 8700, "result_digest": strings.Repeat("0a", 32), "assessed": "2026-11-04", "assessor": "authority",
		"conditions": []any{"Behind a segmented network only"},
	}
)

func signer(tb testing.TB, edwards bool) keys.Signer {
	tb.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := keys.FromCrypto(ed)
	if err == nil && !edwards {
		key, made := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if made != nil {
			tb.Fatal(made)
		}
		s, err = keys.FromCrypto(key)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func contexts(tb testing.TB) *vc.Contexts {
	tb.Helper()
	c, err := check.Contexts()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// certificates issues a certificate of conformity in each of its formats.
func certificates(tb testing.TB, c *vc.Contexts, issuer string) map[catalogue.Format][]byte {
	tb.Helper()
	t, ok := catalogue.Find("DeviceCertification")
	if !ok || !t.Lasting {
		tb.Fatal("the catalogue has no certificates of conformity")
	}
	es, ed, holder := signer(tb, false), signer(tb, true), signer(tb, false).JWK()
	open, hidden := t.Split(claims)
	out := map[catalogue.Format][]byte{}
	for _, f := range t.Formats {
		w3c := vc.Credential{
			Contexts: t.Contexts, Types: t.W3C[1:], Issuer: issuer, KeyID: issuer + "#issuer-1", Holder: "did:example:" + rand.Text(), // as each copy has another holder
			Issued: issued, Begins: issued, Expires: issued.Add(time.Hour), Subject: claims,
		}
		var text string
		var b []byte
		var err error
		switch f {
		case catalogue.SDJWT:
			text, err = sdjwt.Issue(es, sdjwt.Credential{
				Issuer: issuer, KeyID: issuer + "#issuer-1", Type: t.Name, Holder: holder, Issued: issued, Expires: issued.Add(time.Hour), Open: open, Hidden: hidden,
			})
		case catalogue.JWT:
			w3c.Key = &holder
			text, err = vc.IssueJWT(c, es, w3c)
		case catalogue.LD:
			b, err = vc.Issue(c, ed, w3c)
		}
		if err != nil {
			tb.Fatal(err)
		}
		if out[f] = b; b == nil {
			out[f] = []byte(text)
		}
	}
	return out
}

// host is an issuer's, with what the ledger says of it.
type host struct {
	served    map[string]string
	published lasting.Published
	key       *keys.LastingKey
}

func newHost(tb testing.TB) *host {
	tb.Helper()
	h := &host{served: map[string]string{}, key: keys.NewLastingKey([keys.LastingSeedSize]byte{1})}
	thumbprint := h.key.JWK().Thumbprint()
	h.published = lasting.Published{Keys: map[string]string{thumbprint: home + "keys/" + thumbprint}, Signatures: home + "certificates/"}
	h.serveKey(tb, thumbprint, h.key.JWK())
	return h
}

func (h *host) serveKey(tb testing.TB, thumbprint string, k verify.LastingJWK) {
	tb.Helper()
	b, err := json.Marshal(k)
	if err != nil {
		tb.Fatal(err)
	}
	h.served[home+"keys/"+thumbprint] = string(b)
}

// sign keeps the lasting signature of a certificate by a key.
func (h *host) sign(tb testing.TB, c *lasting.Certificate, by *keys.LastingKey) string {
	tb.Helper()
	s, err := c.Sign(by)
	if err != nil {
		tb.Fatal(err)
	}
	h.served[home+"certificates/"+c.Digest()] = s
	return s
}

func (h *host) verifier(c *vc.Contexts) *lasting.Verifier {
	return &lasting.Verifier{
		Contexts: c,
		Published: func(_ context.Context, issuer string) (*lasting.Published, error) {
			if issuer != authority {
				return nil, ledger.Problemf(ledger.CodeNotFound, "nobody knows the issuer")
			}
			return &h.published, nil
		},
		Fetch: func(_ context.Context, address, _ string, limit int64) ([]byte, error) {
			s, there := h.served[address]
			switch {
			case !there:
				return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such document")
			case s == "down":
				return nil, ledger.Problemf(ledger.CodeUnavailable, "no answer")
			case int64(len(s)) > limit:
				return nil, ledger.Problemf(ledger.CodeTooLarge, "too long")
			}
			return []byte(s), nil
		},
	}
}

func open(tb testing.TB, c *vc.Contexts, f catalogue.Format, b []byte) *lasting.Certificate {
	tb.Helper()
	opened, err := lasting.Open(c, f, b)
	if err != nil {
		tb.Fatal(err)
	}
	return opened
}

func TestACertificateLastsInEveryFormat(t *testing.T) {
	t.Parallel()
	c := contexts(t)
	h := newHost(t)
	v := h.verifier(c)
	for f, b := range certificates(t, c, authority) {
		if _, err := v.Verify(t.Context(), f, b); ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Errorf("%s, before it is signed: %v", f, err)
		}
		h.sign(t, open(t, c, f, b), h.key)
		thumbprint, err := v.Verify(t.Context(), f, b)
		if err != nil || thumbprint != h.key.JWK().Thumbprint() {
			t.Errorf("%s: %q, %v", f, thumbprint, err)
		}
	}
}

// TestWhatDoesNotChangeACertificate: what a holder or a wallet does to it on its way,
// and a second signature over the same by the issuer's other key.
func TestWhatDoesNotChangeACertificate(t *testing.T) {
	t.Parallel()
	c := contexts(t)
	made := certificates(t, c, authority)
	same := func(name string, f catalogue.Format, b []byte) {
		t.Helper()
		if got, want := open(t, c, f, b).Digest(), open(t, c, f, made[f]).Digest(); got != want {
			t.Errorf("%s: it is another certificate", name)
		}
	}
	token, _, _ := strings.Cut(string(made[catalogue.SDJWT]), "~")
	same("disclosures left out", catalogue.SDJWT, []byte(token+"~"))
	same("a key binding", catalogue.SDJWT, []byte(token+"~a.b.c"))
	resigned := func(jwt string) string {
		i := strings.LastIndexByte(jwt, '.')
		return jwt[:i+1] + strings.Repeat("A", len(jwt)-i-1)
	}
	same("another signature", catalogue.SDJWT, []byte(resigned(token)+"~"))
	same("another signature", catalogue.JWT, []byte(resigned(string(made[catalogue.JWT]))))
	var o map[string]any
	if err := json.Unmarshal(made[catalogue.LD], &o); err != nil {
		t.Fatal(err)
	}
	written, err := json.MarshalIndent(o, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	same("written anew", catalogue.LD, written)
}

func TestOtherLastingSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	c := contexts(t)
	for f, b := range certificates(t, c, authority) {
		this := open(t, c, f, b)
		others := open(t, c, f, certificates(t, c, authority)[f])
		for name, attack := range map[string]struct {
			do   func(h *host)
			want ledger.Code
		}{
			"stripped":             {func(h *host) { delete(h.served, home+"certificates/"+this.Digest()) }, ledger.CodeNotFound},
			"host down":            {func(h *host) { h.served[home+"certificates/"+this.Digest()] = "down" }, ledger.CodeUnavailable},
			"another's key":        {func(h *host) { h.sign(t, this, keys.NewLastingKey([keys.LastingSeedSize]byte{9})) }, ledger.CodeInvalid},
			"other bytes":          {func(h *host) { h.served[home+"certificates/"+this.Digest()] = h.sign(t, others, h.key) }, ledger.CodeInvalid},
			"empty":                {func(h *host) { h.served[home+"certificates/"+this.Digest()] = "" }, ledger.CodeInvalid},
			"a page":               {func(h *host) { h.served[home+"certificates/"+this.Digest()] = "<html>" }, ledger.CodeInvalid},
			"endless":              {func(h *host) { h.served[home+"certificates/"+this.Digest()] = strings.Repeat("x", 1<<20) }, ledger.CodeTooLarge},
			"key not served":       {func(h *host) { delete(h.served, home+"keys/"+h.key.JWK().Thumbprint()) }, ledger.CodeUnavailable},
			"no key at all":        {func(h *host) { h.served[home+"keys/"+h.key.JWK().Thumbprint()] = "{}" }, ledger.CodeInvalid},
			"taken off the ledger": {func(h *host) { h.published.Keys = map[string]string{} }, ledger.CodeInvalid},
			"truncated": {func(h *host) {
				h.served[home+"certificates/"+this.Digest()] = strings.TrimSuffix(h.sign(t, this, h.key), "A")[:4000]
			}, ledger.CodeInvalid},
			"for another use": {func(h *host) {
				s, err := h.key.Detached("secant-lasting-other", this.Signed)
				if err != nil {
					t.Error(err)
				}
				h.served[home+"certificates/"+this.Digest()] = s
			}, ledger.CodeInvalid},
			"a checkpoint's": {func(h *host) {
				s, err := h.key.Line("authority", string(this.Signed)+"\n\n")
				if err != nil {
					t.Error(err)
				}
				h.served[home+"certificates/"+this.Digest()] = s
			}, ledger.CodeInvalid},
			// The host makes a key of its own, signs by it and serves it where the ledger's is.
			"another key at the host": {func(h *host) {
				own, thumbprint := keys.NewLastingKey([keys.LastingSeedSize]byte{9}), h.key.JWK().Thumbprint()
				h.serveKey(t, thumbprint, own.JWK())
				_, signature, _ := strings.Cut(h.sign(t, this, own), "..")
				h.served[home+"certificates/"+this.Digest()] = verify.LastingHeader(verify.TypeLastingCertificate, thumbprint) + ".." + signature
			}, ledger.CodeInvalid},
		} {
			h := newHost(t)
			h.sign(t, this, h.key)
			if _, err := h.verifier(c).Verify(t.Context(), f, b); err != nil {
				t.Fatal(err)
			}
			attack.do(h)
			if _, err := h.verifier(c).Verify(t.Context(), f, b); ledger.CodeOf(err) != attack.want {
				t.Errorf("%s, %s: %v, want %s", f, name, err, attack.want)
			}
		}
	}
}

func TestOtherCertificatesAreRefused(t *testing.T) {
	t.Parallel()
	c := contexts(t)
	made := certificates(t, c, authority)
	h := newHost(t)
	for f, b := range made {
		h.sign(t, open(t, c, f, b), h.key)
	}
	v := h.verifier(c)
	// An attacker makes the same certificate in the issuer's name, once elliptic
	// curves are broken.
	for f, b := range certificates(t, c, authority) {
		if _, err := v.Verify(t.Context(), f, b); ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Errorf("%s, forged: %v", f, err)
		}
	}
	for f, b := range certificates(t, c, "did:web:attacker.example") {
		if _, err := v.Verify(t.Context(), f, b); ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Errorf("%s of an issuer that nobody knows: %v", f, err)
		}
	}
	for name, one := range map[string]struct {
		format catalogue.Format
		text   string
	}{
		"empty":                 {catalogue.SDJWT, ""},
		"no SD-JWT":             {catalogue.SDJWT, string(made[catalogue.JWT])},
		"no token":              {catalogue.JWT, "a.b"},
		"no document":           {catalogue.LD, "[]"},
		"without a proof":       {catalogue.LD, `{"@context":["https://www.w3.org/ns/credentials/v2"],"issuer":"did:web:authority.example"}`},
		"of another format":     {catalogue.MDoc, string(made[catalogue.SDJWT])},
		"claims without issuer": {catalogue.JWT, "eyJhbGciOiJFUzI1NiJ9.e30." + strings.Repeat("A", 86)},
		"no claims":             {catalogue.JWT, "eyJhbGciOiJFUzI1NiJ9.W10." + strings.Repeat("A", 86)},
	} {
		if _, err := v.Verify(t.Context(), one.format, []byte(one.text)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := v.Verify(t.Context(), catalogue.JWT, make([]byte, lasting.MaxCertificate+1)); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("too long: %v", err)
	}
}

// FuzzOpen: whatever is read has one digest, and names an issuer.
func FuzzOpen(f *testing.F) {
	c := contexts(f)
	for format, b := range certificates(f, c, authority) {
		f.Add(string(format), b)
	}
	f.Add("ldp_vc", []byte(`{"@context":["https://www.w3.org/ns/credentials/v2"],"issuer":{"id":"x"},"proof":[{}]}`))
	f.Fuzz(func(t *testing.T, format string, b []byte) {
		one, err := lasting.Open(c, catalogue.Format(format), b)
		if err != nil {
			return
		}
		again, err := lasting.Open(c, catalogue.Format(format), b)
		if err != nil || one.Digest() != again.Digest() || one.Issuer == "" || len(one.Signed) == 0 {
			t.Errorf("%+v, %+v, %v", one, again, err)
		}
	})
}

func BenchmarkCertificate(b *testing.B) {
	c := contexts(b)
	h := newHost(b)
	v := h.verifier(c)
	for f, credential := range certificates(b, c, authority) {
		b.Run("sign/"+string(f), func(b *testing.B) {
			for b.Loop() {
				h.sign(b, open(b, c, f, credential), h.key)
			}
		})
		b.Run("verify/"+string(f), func(b *testing.B) {
			for b.Loop() {
				if _, err := v.Verify(b.Context(), f, credential); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
