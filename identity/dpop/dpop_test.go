package dpop_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/dpop"
	"github.com/secant-platform/secant/identity/keys"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

const (
	address = "https://north.example/v1/units"
	token   = "an.access.token"
)

func p256(tb testing.TB) keys.Signer {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	key, err := keys.FromCrypto(private)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func want() dpop.Want {
	return dpop.Want{Method: http.MethodGet, URLs: []string{"http://127.0.0.1:7001/v1/units", address}, Token: token, Now: now, Age: time.Minute}
}

func header(proofs ...string) http.Header { return http.Header{"Dpop": proofs} }

func TestAProofHoldsForItsRequest(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, err := keys.FromCrypto(private)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, key := range []keys.Signer{p256(t), edwards} {
		for _, u := range []string{
			address, address + "?page=2#x", "HTTPS://NORTH.example:443/v1/units", "http://127.0.0.1:7001/v1/units",
		} {
			text, err := dpop.Make(key, dpop.Request{Method: http.MethodGet, URL: u, Token: token}, now)
			if err != nil {
				t.Fatal(err)
			}
			p, err := dpop.Check(header(text), want())
			if err != nil || p.Thumbprint != key.JWK().Thumbprint() || !p.Until.After(now.Add(time.Minute)) || seen[p.Name] {
				t.Errorf("%s: %+v, %v", u, p, err)
				continue
			}
			seen[p.Name] = true
		}
	}
	if p, err := dpop.Check(http.Header{}, want()); p != nil || err != nil {
		t.Errorf("without a proof: %+v, %v", p, err)
	}
}

func TestOtherProofsAreRefused(t *testing.T) {
	t.Parallel()
	key, other := p256(t), p256(t)
	forge := func(key keys.Signer, typ string, jwk *ledger.JWK, change map[string]any) string {
		claims := map[string]any{"jti": "1", "htm": "GET", "htu": address, "iat": now.Unix(), "ath": verify.Hash(token)}
		for name, v := range change {
			if claims[name] = v; v == nil {
				delete(claims, name)
			}
		}
		b, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		text, err := keys.Compact(key, keys.Header{Type: typ, JWK: jwk}, b)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	own, theirs := key.JWK(), other.JWK()
	with := func(change map[string]any) http.Header { return header(forge(key, dpop.Type, &own, change)) }
	good := forge(key, dpop.Type, &own, nil)
	if _, err := dpop.Check(header(good), want()); err != nil {
		t.Fatalf("the proof that the others are made from: %v", err)
	}
	part := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"dpop+jwt","alg":"none"}`))
	for name, h := range map[string]http.Header{
		"two proofs":          header(good, good),
		"an empty one":        header(""),
		"rubbish":             header("a.b.c"),
		"too large":           header(forge(key, dpop.Type, &own, map[string]any{"x": strings.Repeat("x", 1<<20)})),
		"another type":        header(forge(key, "JWT", &own, nil)),
		"another's key":       header(forge(key, dpop.Type, &theirs, nil)),
		"no key":              header(forge(key, dpop.Type, nil, nil)),
		"no signature":        header(part[0] + "." + part[1] + "."),
		"no algorithm":        header(none + "." + part[1] + "."),
		"no id":               with(map[string]any{"jti": nil}),
		"an id that is none":  with(map[string]any{"jti": 7}),
		"another method":      with(map[string]any{"htm": "POST"}),
		"no method":           with(map[string]any{"htm": nil}),
		"another path":        with(map[string]any{"htu": "https://north.example/v1/units/"}),
		"another host":        with(map[string]any{"htu": "https://south.example/v1/units"}),
		"a user in the URL":   with(map[string]any{"htu": "https://north.example@evil.example/v1/units"}),
		"http":                with(map[string]any{"htu": "http://north.example/v1/units"}),
		"another token":       with(map[string]any{"ath": verify.Hash("x")}),
		"no token":            with(map[string]any{"ath": nil}),
		"old":                 with(map[string]any{"iat": now.Add(-61 * time.Second).Unix()}),
		"from the future":     with(map[string]any{"iat": now.Add(61 * time.Second).Unix()}),
		"no time":             with(map[string]any{"iat": nil}),
		"over":                with(map[string]any{"exp": now.Unix()}),
		"a time with a point": with(map[string]any{"iat": 1.5}),
	} {
		if p, err := dpop.Check(h, want()); err == nil || p != nil {
			t.Errorf("%s is taken: %+v", name, p)
		} else if e, is := errors.AsType[*dpop.Error](err); !is || e.Nonce {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := want()
	w.Nonce = func(nonce string) bool { return nonce == "n" }
	for nonce, holds := range map[any]bool{"n": true, "m": false, nil: false} {
		_, err := dpop.Check(with(map[string]any{"nonce": nonce}), w)
		if e, is := errors.AsType[*dpop.Error](err); is != !holds || is && !e.Nonce {
			t.Errorf("nonce %v: %v", nonce, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	key := p256(f)
	good, err := dpop.Make(key, dpop.Request{Method: http.MethodGet, URL: address, Token: token}, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("e30.e30.AA")
	signed := good[:strings.LastIndexByte(good, '.')]
	f.Fuzz(func(t *testing.T, proof string) {
		p, err := dpop.Check(header(proof), want())
		if err == nil && !strings.HasPrefix(proof, signed) && p.Thumbprint == key.JWK().Thumbprint() {
			t.Errorf("a proof that nobody signed gives %+v", p)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	text, err := dpop.Make(p256(b), dpop.Request{Method: http.MethodGet, URL: address, Token: token}, now)
	if err != nil {
		b.Fatal(err)
	}
	h := header(text)
	for b.Loop() {
		if _, err := dpop.Check(h, want()); err != nil {
			b.Fatal(err)
		}
	}
}
