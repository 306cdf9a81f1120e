package verify_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

func decoded(s string) string {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// otherSignature turns a token's ECDSA signature into the other one that verifies.
func otherSignature(compact string) string {
	at := strings.LastIndexByte(compact, '.') + 1
	b := []byte(decoded(compact[at:]))
	s := new(big.Int).SetBytes(b[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(b[32:])
	return compact[:at] + segment(b)
}

// TestTokensOfTheStandardsAreRead: RFC 8037, appendix A.4, and RFC 7515, appendix A.3.
func TestTokensOfTheStandardsAreRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ key, token, thumbprint string }{
		"RFC 8037": {
			`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." +
				"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
			"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
		},
		"RFC 7515": {
			`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`,
			"eyJhbGciOiJFUzI1NiJ9" +
				".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ" +
				".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
			"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
		},
	} {
		key, err := verify.ParseJWK([]byte(c.key))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := key.Thumbprint(); got != c.thumbprint {
			t.Errorf("%s: the thumbprint is %s, want %s", name, got, c.thumbprint)
		}
		token, err := verify.ParseJWS(c.token)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := token.Verify(key); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignaturesOfOtherFormsAreRefused(t *testing.T) {
	t.Parallel()
	key := public(t, p256(t))
	order := elliptic.P256().Params().N
	bytes32 := func(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }
	one := big.NewInt(1)
	s := p256(t)
	message := []byte("message")
	good, err := s.Sign(message)
	if err != nil {
		t.Fatal(err)
	}
	if !public(t, s).Verify(message, good) {
		t.Fatal("a good signature is refused")
	}
	for name, signature := range map[string][]byte{
		"none":            nil,
		"all zero":        make([]byte, 64),
		"r is zero":       append(make([]byte, 32), good[32:]...),
		"s is zero":       append(append([]byte{}, good[:32]...), make([]byte, 32)...),
		"r is the order":  append(bytes32(order), good[32:]...),
		"s is the order":  append(append([]byte{}, good[:32]...), bytes32(order)...),
		"s plus one":      append(append([]byte{}, good[:32]...), bytes32(new(big.Int).Mod(new(big.Int).Add(new(big.Int).SetBytes(good[32:]), one), order))...),
		"a byte more":     append(append([]byte{}, good...), 0),
		"a byte less":     good[:63],
		"ASN.1":           append([]byte{0x30, 0x44, 0x02, 0x20}, good...),
		"of another key":  must(t)(p256(t).Sign(message)),
		"of another text": must(t)(s.Sign([]byte("other"))),
	} {
		if public(t, s).Verify(message, signature) || key.Verify(message, signature) {
			t.Errorf("%s: verifies", name)
		}
	}
}

func must(t *testing.T) func(b []byte, err error) []byte {
	t.Helper()
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func TestOtherKeysAreRefused(t *testing.T) {
	t.Parallel()
	ed, ec := edwards(t).JWK(), p256(t).JWK()
	change := func(k ledger.JWK, f func(*ledger.JWK)) string {
		f(&k)
		return string(encode(t, k))
	}
	offCurve := segment([]byte(strings.Repeat("\x01", 32)))
	for name, s := range map[string]string{
		"empty":                     "",
		"no object":                 "[]",
		"another type":              change(ed, func(k *ledger.JWK) { k.Kty = "RSA" }),
		"another curve":             change(ec, func(k *ledger.JWK) { k.Crv = "P-384" }),
		"a curve for key exchange":  change(ed, func(k *ledger.JWK) { k.Crv = "X25519" }),
		"a curve of the other type": change(ec, func(k *ledger.JWK) { k.Kty = "OKP" }),
		"off the curve":             change(ec, func(k *ledger.JWK) { k.X, k.Y = offCurve, offCurve }),
		"the point at infinity":     change(ec, func(k *ledger.JWK) { k.X, k.Y = segment(make([]byte, 32)), segment(make([]byte, 32)) }),
		"half a point":              change(ec, func(k *ledger.JWK) { k.Y = "" }),
		"a second half":             change(ed, func(k *ledger.JWK) { k.Y = ed.X }),
		"small order":               change(ed, func(k *ledger.JWK) { k.X = segment(make([]byte, 32)) }),
		"not canonical":             change(ed, func(k *ledger.JWK) { k.X = segment([]byte(strings.Repeat("\xff", 31) + "\x7f")) }),
		"short":                     change(ed, func(k *ledger.JWK) { k.X = "AAAA" }),
		"padded":                    change(ed, func(k *ledger.JWK) { k.X += "=" }),
		"with a line break":         change(ed, func(k *ledger.JWK) { k.X += "\n" }),
		"stray bits":                change(ed, func(k *ledger.JWK) { k.X = strayBits(k.X) }),
		"private":                   strings.Replace(string(encode(t, ed)), "{", `{"d":"AAAA",`, 1),
		"for another algorithm":     strings.Replace(string(encode(t, ed)), "{", `{"alg":"ES256",`, 1),
		"a member twice":            strings.Replace(string(encode(t, ed)), "{", `{"kty":"OKP",`, 1),
		"a member of another type":  strings.Replace(string(encode(t, ed)), `"kty":"OKP"`, `"kty":1`, 1),
		"too long":                  strings.Replace(string(encode(t, ed)), "{", `{"x5u":"`+strings.Repeat("x", 1024)+`",`, 1),
	} {
		if k, err := verify.ParseJWK([]byte(s)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: reads as %v, %v", name, k, err)
		}
	}
	named := strings.Replace(string(encode(t, ed)), "{", `{"use":"sig","alg":"EdDSA","kid":"1",`, 1)
	if k, err := verify.ParseJWK([]byte(named)); err != nil || k.JWK() != ed {
		t.Errorf("a key with a name reads as %v, %v", k, err)
	}
}

// strayBits sets bits of the last character that stand for nothing.
func strayBits(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[last|3])
}

func FuzzParseJWS(f *testing.F) {
	s := edwards(f)
	key := public(f, s)
	compact, err := keys.Compact(s, keys.Header{Type: "JWT", KeyID: "key-1"}, []byte(`{"a":1}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(compact, `{"alg":"EdDSA"}`)
	f.Add("..", `{"alg":"none"}`)
	f.Add("e30.e30.AA", `{"alg":"EdDSA","alg":"none"}`)
	f.Fuzz(func(t *testing.T, token, header string) {
		if j, err := verify.ParseJWS(token); err == nil && j.Verify(key) == nil && token != compact {
			t.Errorf("%q verifies and was never signed", token)
		}
		// Signed whatever the header says, so that the fuzzer gets past the signature.
		signed := segment([]byte(header)) + "." + segment([]byte("{}"))
		signature, err := s.Sign([]byte(signed))
		if err != nil {
			t.Fatal(err)
		}
		j, err := verify.ParseJWS(signed + "." + segment(signature))
		if err != nil {
			if code := ledger.CodeOf(err); code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
				t.Errorf("the fault is not the caller's: %v", err)
			}
			return
		}
		if j.Verify(key) == nil && j.Algorithm != "EdDSA" {
			t.Errorf("%q verifies as %s", header, j.Algorithm)
		}
		var got map[string]any
		if json.Unmarshal([]byte(header), &got) != nil || got["crit"] != nil {
			t.Errorf("%q is a header", header)
		}
	})
}

func FuzzParseJWK(f *testing.F) {
	f.Add(string(encode(f, edwards(f).JWK())))
	f.Add(string(encode(f, p256(f).JWK())))
	f.Add(`{"kty":"OKP","crv":"Ed25519","x":""}`)
	f.Fuzz(func(t *testing.T, s string) {
		k, err := verify.ParseJWK([]byte(s))
		if err != nil {
			if ledger.CodeOf(err) != ledger.CodeInvalid {
				t.Errorf("the fault is not the caller's: %v", err)
			}
			return
		}
		again, err := verify.ParseJWK(encode(t, k.JWK()))
		if err != nil || again.JWK() != k.JWK() || again.Thumbprint() != k.Thumbprint() {
			t.Errorf("%q reads as %v and then as %v (%v)", s, k.JWK(), again, err)
		}
	})
}

// TestABareTokenSaysNothingBesideItsSignature: of what is kept for ever, no
// member of the header is free to name anybody.
func TestABareTokenSaysNothingBesideItsSignature(t *testing.T) {
	t.Parallel()
	for header, bare := range map[string]bool{
		`{"alg":"EdDSA","typ":"t","kid":"k"}`:                      true,
		`{"alg":"ES256"}`:                                          true,
		`{"alg":"EdDSA","typ":"t","kid":"k","x5c":["MIIB"]}`:       false,
		`{"alg":"EdDSA","typ":"t","kid":"k","cty":"a@b.example"}`:  false,
		`{"alg":"EdDSA","typ":"t","kid":"k","Kid":"a@b.example"}`:  false,
		`{"alg":"EdDSA","typ":"t","kid":"k","":"a@b.example"}`:     false,
		`{"alg":"EdDSA","typ":"t","kid":"k","jwk":{"kty":"OKP"}}`:  false,
		`{"alg":"EdDSA","typ":"t","kid":"k","x5u":"https://a.b/"}`: false,
	} {
		j, err := verify.ParseJWS(segment([]byte(header)) + ".e30.AAAA")
		if err != nil {
			t.Fatalf("%s: %v", header, err)
		}
		if err := j.Bare(); (err == nil) != bare || err != nil && ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", header, err)
		}
	}
}
