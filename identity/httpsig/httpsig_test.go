package httpsig_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/httpsig"
)

var now = time.Unix(1_796_000_000, 0)

const (
	place   = "https://north.example/v1/readings"
	covered = `("@method" "@target-uri" "content-digest" "content-type")`
)

func want() httpsig.Want {
	return httpsig.Want{URLs: []string{"http://127.0.0.1:7001/v1/readings", place}, Now: now, Age: time.Minute}
}

func encode(b []byte) string { return ":" + base64.StdEncoding.EncodeToString(b) + ":" }

// signed makes a request that is signed over a base that the test says.
func signed(tb testing.TB, key ed25519.PrivateKey, input, base string) *http.Request {
	tb.Helper()
	const body = "{}"
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/v1/readings", strings.NewReader(body))
	sum := sha256.Sum256([]byte(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(httpsig.HeaderDigest, "sha-256="+encode(sum[:]))
	r.Header.Set(httpsig.HeaderInput, "sig1="+input)
	base = strings.ReplaceAll(base, "DIGEST", "sha-256="+encode(sum[:])) + "\n\"@signature-params\": " + input
	r.Header.Set(httpsig.HeaderSignature, "sig1="+encode(ed25519.Sign(key, []byte(base))))
	return r
}

const lines = "\"@method\": POST\n\"@target-uri\": " + place + "\n\"content-digest\": DIGEST\n\"content-type\": application/json"

func params(change string) string {
	return covered + fmt.Sprintf(`;created=%d;keyid="unit-1"`, now.Unix()) + change
}

func newKey(tb testing.TB) (ed25519.PublicKey, ed25519.PrivateKey) {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return public, private
}

func TestASignedRequestHolds(t *testing.T) {
	t.Parallel()
	public, private := newKey(t)
	parts := "\"@method\": POST\n\"@authority\": north.example\n\"@path\": /v1/readings\n\"@query\": ?\n\"@scheme\": https\n\"content-digest\": DIGEST"
	names := map[string]bool{}
	for name, r := range map[string]*http.Request{
		"by its address":      signed(t, private, params(""), lines),
		"with all parameters": signed(t, private, params(`;alg="ed25519";nonce="a b;c=d";tag="x";expires=1796000060`), lines),
		"by its parts": signed(t, private,
			strings.Replace(params(""), covered, `("@method" "@authority" "@path" "@query" "@scheme" "content-digest")`, 1), parts),
		"at another name": signed(t, private, params(`;tag="n"`), strings.Replace(lines, place, "http://127.0.0.1:7001/v1/readings", 1)),
	} {
		s, err := httpsig.Parse(r, want())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := s.Verify(public); err != nil || s.KeyID != "unit-1" || names[s.Name()] {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		names[s.Name()] = true
		if b, err := io.ReadAll(s.Body(r.Body)); err != nil || string(b) != "{}" {
			t.Errorf("%s: %s, %v", name, b, err)
		}
	}
}

// TestTheStandardsExample verifies the signature of RFC 9421, appendix B.2.6, under
// the key that it gives there.
func TestTheStandardsExample(t *testing.T) {
	t.Parallel()
	key, err := base64.RawURLEncoding.DecodeString("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs")
	if err != nil {
		t.Fatal(err)
	}
	base := "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@authority\": example.com\n" +
		"\"content-type\": application/json\n\"content-length\": 18\n" +
		"\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\""
	signature, err := base64.StdEncoding.DecodeString("wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==")
	if err != nil || !ed25519.Verify(key, []byte(base), signature) {
		t.Fatalf("the example as it is written does not hold: %v", err)
	}
	// It covers no digest, so that here it is refused, but not for its form.
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/foo", http.NoBody)
	r.Header.Set(httpsig.HeaderInput, `sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`)
	r.Header.Set(httpsig.HeaderSignature, "sig-b26="+encode(signature))
	r.Header.Set(httpsig.HeaderDigest, "sha-256="+encode(make([]byte, 32)))
	_, err = httpsig.Parse(r, httpsig.Want{URLs: []string{"https://example.com/foo"}, Now: time.Unix(1618884473, 0), Age: time.Minute})
	if err == nil || !strings.Contains(err.Error(), "must cover") {
		t.Errorf("refused with %v", err)
	}
}

func TestOtherRequestsAreRefused(t *testing.T) {
	t.Parallel()
	public, private := newKey(t)
	good := func() *http.Request { return signed(t, private, params(""), lines) }
	with := func(edit func(*http.Request)) *http.Request { r := good(); edit(r); return r }
	input := func(text string) *http.Request { return signed(t, private, text, lines) }
	_, stranger := newKey(t)
	for name, r := range map[string]*http.Request{
		"another key":    signed(t, stranger, params(""), lines),
		"another method": with(func(r *http.Request) { r.Method = http.MethodPut }),
		"another type":   with(func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }),
		"a type twice":   with(func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") }),
		"another place":  signed(t, private, params(""), strings.Replace(lines, "north", "south", 1)),
		"no signature":   with(func(r *http.Request) { r.Header.Del(httpsig.HeaderSignature) }),
		"two fields":     with(func(r *http.Request) { r.Header.Add(httpsig.HeaderInput, "sig2=()") }),
		"two signatures": with(func(r *http.Request) {
			r.Header.Set(httpsig.HeaderInput, r.Header.Get(httpsig.HeaderInput)+", sig2=()")
		}),
		"another label": with(func(r *http.Request) {
			r.Header.Set(httpsig.HeaderSignature, "sig2"+r.Header.Get(httpsig.HeaderSignature)[4:])
		}),
		"no digest":      with(func(r *http.Request) { r.Header.Del(httpsig.HeaderDigest) }),
		"another digest": with(func(r *http.Request) { r.Header.Set(httpsig.HeaderDigest, "sha-256="+encode(make([]byte, 32))) }),
		"a weak digest":  with(func(r *http.Request) { r.Header.Set(httpsig.HeaderDigest, "md5="+encode(make([]byte, 16))) }),
		"changed parameters": with(func(r *http.Request) {
			r.Header.Set(httpsig.HeaderInput, strings.Replace(r.Header.Get(httpsig.HeaderInput), "unit-1", "unit-2", 1))
		}),
		"without the method":    input(strings.Replace(params(""), `"@method" `, "", 1)),
		"without the digest":    input(strings.Replace(params(""), ` "content-digest"`, "", 1)),
		"without the place":     input(strings.Replace(params(""), ` "@target-uri"`, "", 1)),
		"with the path alone":   input(strings.Replace(params(""), "@target-uri", "@path", 1)),
		"a component twice":     input(strings.Replace(params(""), `"@method"`, `"@method" "@method"`, 1)),
		"an unknown component":  input(strings.Replace(params(""), "content-type", "@status", 1)),
		"a field that is away":  input(strings.Replace(params(""), "content-type", "date", 1)),
		"part of a field":       input(strings.Replace(params(""), `"content-type"`, `"content-type";sf`, 1)),
		"an unknown parameter":  input(params(`;x="y"`)),
		"a parameter twice":     input(params(`;keyid="unit-2"`)),
		"an escape":             input(params(`;nonce="\""`)),
		"no key":                input(strings.Replace(params(""), `;keyid="unit-1"`, "", 1)),
		"a key that is no text": input(strings.Replace(params(""), `"unit-1"`, "1", 1)),
		"another algorithm":     input(params(`;alg="hmac-sha256"`)),
		"no time":               input(covered + `;keyid="unit-1"`),
		"two minutes ago":       input(strings.Replace(params(""), "1796000000", "1795999880", 1)),
		"in two minutes":        input(strings.Replace(params(""), "1796000000", "1796000120", 1)),
		"over":                  input(params(`;expires=1796000000`)),
		"a negative time":       input(strings.Replace(params(""), "1796000000", "-1", 1)),
		"spaces":                input(strings.Replace(params(""), `"@method" `, `"@method"  `, 1)),
		"too large":             input(params(`;nonce="` + strings.Repeat("x", 3<<10) + `"`)),
	} {
		s, err := httpsig.Parse(r, want())
		if err == nil {
			err = s.Verify(public)
		}
		if code := ledger.CodeOf(err); code != ledger.CodeInvalid && code != ledger.CodeDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, err := httpsig.Parse(good(), want())
	if err != nil || s.Verify(nil) == nil {
		t.Errorf("without a key: %v", err)
	}
	if b, err := io.ReadAll(s.Body(bytes.NewReader([]byte("{ }")))); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("another body: %s, %v", b, err)
	}
}

func FuzzParse(f *testing.F) {
	public, private := newKey(f)
	good := signed(f, private, params(""), lines)
	input, signature := good.Header.Get(httpsig.HeaderInput), good.Header.Get(httpsig.HeaderSignature)
	f.Add(input, signature)
	f.Add(`a=("@method");created=1`, "a=::")
	f.Fuzz(func(t *testing.T, in, sig string) {
		r := signed(t, private, params(""), lines)
		r.Header.Set(httpsig.HeaderInput, in)
		r.Header.Set(httpsig.HeaderSignature, sig)
		s, err := httpsig.Parse(r, want())
		if err == nil && s.Verify(public) == nil && (in[strings.IndexByte(in, '='):] != input[4:]) {
			t.Errorf("a request that nobody signed holds: %s", in)
		}
	})
}
