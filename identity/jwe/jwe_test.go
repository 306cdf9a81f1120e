package jwe_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/jwe"
)

func newKey(tb testing.TB) (*ecdsa.PrivateKey, *jwe.Key) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	public, err := jwe.Public(&key.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	return key, public
}

// seal encrypts as somebody does who follows other rules.
func seal(t *testing.T, alg jose.KeyAlgorithm, enc jose.ContentEncryption, key any, id string, o *jose.EncrypterOptions) string {
	t.Helper()
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key, KeyID: id}, o)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := e.Encrypt([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sealed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsSealedOpens(t *testing.T) {
	t.Parallel()
	key, public := newKey(t)
	b, err := json.Marshal(public)
	if err != nil {
		t.Fatal(err)
	}
	read, ok := jwe.ParseKey(b)
	if !ok || *read != *public || read.Algorithm != jwe.Algorithm {
		t.Fatalf("the key reads as %+v", read)
	}
	for _, enc := range jwe.Encryptions() {
		token, err := jwe.Seal([]byte("text"), read, enc)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := jwe.Open(token, key, public.KeyID); err != nil || string(plain) != "text" {
			t.Errorf("%s: %q, %v", enc, plain, err)
		}
	}
	if _, err := jwe.Seal(nil, read, "A128CBC-HS256"); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("another encryption: %v", err)
	}
	if enc, ok := jwe.Choose([]string{"A128GCM", "x", "A256GCM"}); enc != "A256GCM" || !ok {
		t.Errorf("chosen is %q", enc)
	}
	if enc, ok := jwe.Choose([]string{"A192GCM"}); ok {
		t.Errorf("chosen is %q", enc)
	}
}

func TestOtherEncryptionsDoNotOpen(t *testing.T) {
	t.Parallel()
	key, public := newKey(t)
	other, _ := newKey(t)
	good, err := jwe.Seal([]byte("{}"), public, "A128GCM")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	header := func(text string) string {
		return strings.Join(append([]string{base64.RawURLEncoding.EncodeToString([]byte(text))}, parts[1:]...), ".")
	}
	said, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"to another key":      seal(t, jose.ECDH_ES, jose.A128GCM, &other.PublicKey, public.KeyID, nil),
		"to another name":     seal(t, jose.ECDH_ES, jose.A128GCM, &key.PublicKey, "x", nil),
		"to no name":          seal(t, jose.ECDH_ES, jose.A128GCM, &key.PublicKey, "", nil),
		"by a key wrapping":   seal(t, jose.ECDH_ES_A128KW, jose.A128GCM, &key.PublicKey, public.KeyID, nil),
		"by a shared key":     seal(t, jose.DIRECT, jose.A128GCM, make([]byte, 16), public.KeyID, nil),
		"by another cipher":   seal(t, jose.ECDH_ES, jose.A128CBC_HS256, &key.PublicKey, public.KeyID, nil),
		"compressed":          seal(t, jose.ECDH_ES, jose.A128GCM, &key.PublicKey, public.KeyID, &jose.EncrypterOptions{Compression: jose.DEFLATE}),
		"something critical":  header(strings.Replace(string(said), "{", `{"crit":["exp"],"exp":1,`, 1)),
		"a name twice":        header(strings.Replace(string(said), "{", `{"alg":"dir",`, 1)),
		"a large header":      header(strings.Replace(string(said), "{", `{"x":"`+strings.Repeat("x", 8<<10)+`",`, 1)),
		"a point elsewhere":   header(strings.Replace(string(said), `"x":"`, `"x":"AAAA`, 1)),
		"another cipher text": strings.Join([]string{parts[0], parts[1], parts[2], "AA", parts[4]}, "."),
		"a wrapped key":       strings.Join([]string{parts[0], "AA", parts[2], parts[3], parts[4]}, "."),
		"four parts":          strings.Join(parts[:4], "."),
		"nothing":             "",
	} {
		if _, err := jwe.Open(token, key, public.KeyID); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := jwe.Open(good, key, public.KeyID); err != nil {
		t.Error(err)
	}
}

func TestOtherKeysAreNone(t *testing.T) {
	t.Parallel()
	_, public := newKey(t)
	b, err := json.Marshal(public)
	if err != nil {
		t.Fatal(err)
	}
	change := func(from, to string) string { return strings.Replace(string(b), from, to, 1) }
	for name, text := range map[string]string{
		"private":          change("{", `{"d":"AA",`),
		"to sign":          change(`"enc"`, `"sig"`),
		"for key wrapping": change(`"ECDH-ES"`, `"ECDH-ES+A128KW"`),
		"of Ed25519":       `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
		"no point":         change(`"x":"`, `"x":"AAAA`),
		"a name twice":     change("{", `{"kty":"EC",`),
		"large":            change("{", `{"more":"`+strings.Repeat("x", 4<<10)+`",`),
		"a list":           "[]",
		"nothing":          "",
	} {
		if k, ok := jwe.ParseKey([]byte(text)); ok {
			t.Errorf("%s: %+v", name, k)
		}
	}
}

func FuzzOpen(f *testing.F) {
	key, public := newKey(f)
	good, err := jwe.Seal([]byte("{}"), public, "A256GCM")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, []byte("{}"))
	f.Add("eyJhbGciOiJFQ0RILUVTIn0....", []byte(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`))
	f.Fuzz(func(t *testing.T, token string, raw []byte) {
		if _, err := jwe.Open(token, key, public.KeyID); err == nil && token != good {
			t.Errorf("it opens %q", token)
		}
		if k, ok := jwe.ParseKey(raw); ok {
			if _, err := jwe.Seal(nil, k, "A128GCM"); err != nil {
				t.Errorf("%s is a key, and nothing is sealed to it: %v", raw, err)
			}
		}
	})
}
