package did_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
)

// foreign is a document as others publish them: relative ids, a key inside a
// relationship, keys as Multikey and of kinds unknown here, a service with an object.
const foreign = `{
 "@context": ["https://www.w3.org/ns/did/v1", {"@vocab": "https://x.example/"}],
 "id": "did:web:south.example", "controller": "did:web:boss.example", "color": {"a": [1]},
 "verificationMethod": [
  {"id": "#jwk", "type": "JsonWebKey2020", "controller": "did:web:south.example", "publicKeyJwk": {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}},
  {"id": "did:web:south.example#multi", "type": "Multikey", "controller": "did:web:south.example", "publicKeyMultibase": "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"},
  {"id": "did:web:south.example#ed", "type": "Ed25519VerificationKey2020", "controller": "did:web:south.example", "publicKeyMultibase": "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"},
  {"id": "did:web:south.example#wrong", "type": "Ed25519VerificationKey2020", "controller": "did:web:south.example", "publicKeyMultibase": "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"},
  {"id": "did:web:south.example#theirs", "type": "Multikey", "controller": "did:web:evil.example", "publicKeyMultibase": "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"},
  {"id": "did:web:evil.example#key", "type": "Multikey", "controller": "did:web:south.example", "publicKeyMultibase": "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"},
  {"id": "#old", "type": "RsaVerificationKey2018", "controller": "did:web:south.example", "publicKeyPem": "-----"},
  {"id": "#typed", "type": "Multikey", "controller": "did:web:south.example", "publicKeyJwk": {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}},
  {"id": "#leaked", "type": "JsonWebKey", "controller": "did:web:south.example", "publicKeyJwk": {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}},
  {"id": "#enc", "type": "JsonWebKey", "controller": "did:web:south.example", "publicKeyJwk": {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"enc"}}
 ],
 "assertionMethod": ["#jwk", "did:web:south.example#multi", "#ed", "#wrong", "#theirs", "did:web:evil.example#key", "#old", "#typed", "#leaked", "#enc", "#missing"],
 "authentication": [{"id": "#inside", "type": "Multikey", "controller": "did:web:south.example", "publicKeyMultibase": "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"}],
 "service": [{"id": "#a", "type": "X", "serviceEndpoint": {"uri": "https://x.example"}}, {"id": "#b", "type": ["X", "Y"], "serviceEndpoint": "https://x.example"}]
}`

func TestAForeignDocument(t *testing.T) {
	t.Parallel()
	d, err := did.ParseDocument([]byte(foreign))
	if err != nil {
		t.Fatal(err)
	}
	for kid, curve := range map[string]string{"#jwk": "Ed25519", "#multi": "P-256", "#ed": "Ed25519"} {
		if key, err := d.Key(did.AssertionMethod, kid); err != nil || key.Crv != curve {
			t.Errorf("%s: %v (%v)", kid, key, err)
		}
	}
	if _, err := d.Key(did.Authentication, "#inside"); err != nil {
		t.Errorf("a key inside a relationship: %v", err)
	}
	// A key inside a relationship serves for that relationship only.
	for _, kid := range []string{
		"#inside", "#wrong", "#theirs", "did:web:evil.example#key", "#old", "#typed", "#leaked", "#enc", "#missing", "jwk", "#JWK",
	} {
		if key, err := d.Key(did.AssertionMethod, kid); err == nil {
			t.Errorf("%s: is the key %v", kid, key)
		}
	}
	if diff := cmp.Diff([]string{"https://www.w3.org/ns/did/v1"}, d.Context); diff != "" {
		t.Error(diff)
	}
	if len(d.Service) != 1 || string(d.Service[0].ServiceEndpoint) != `{"uri": "https://x.example"}` || d.Service[0].ID != "did:web:south.example#a" {
		t.Errorf("the services are %+v", d.Service)
	}
}

func TestDocumentsAreReadStrictly(t *testing.T) {
	t.Parallel()
	const method = `{"id":"#k","type":"Multikey","controller":"did:web:a.example","publicKeyMultibase":"z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"}`
	many := strings.TrimSuffix(strings.Repeat(`"#k",`, 65), ",")
	for name, text := range map[string]string{
		"nothing":                   ``,
		"a text":                    `"did:web:a.example"`,
		"a list":                    `[]`,
		"no id":                     `{}`,
		"an id in another case":     `{"ID":"did:web:a.example"}`,
		"an id twice":               `{"id":"did:web:a.example","id":"did:web:b.example"}`,
		"an id twice by an escape":  `{"id":"did:web:a.example","\u0069d":"did:web:b.example"}`,
		"an id with a fragment":     `{"id":"did:web:a.example#x"}`,
		"an id that is no DID":      `{"id":"https://a.example"}`,
		"an id that is a list":      `{"id":["did:web:a.example"]}`,
		"two values":                `{"id":"did:web:a.example"} {}`,
		"null":                      `{"id":"did:web:a.example","verificationMethod":null}`,
		"methods in an object":      `{"id":"did:web:a.example","verificationMethod":{}}`,
		"a method that is a text":   `{"id":"did:web:a.example","verificationMethod":["#k"]}`,
		"a method without a type":   `{"id":"did:web:a.example","verificationMethod":[{"id":"#k","controller":"did:web:a.example"}]}`,
		"a method without a name":   `{"id":"did:web:a.example","verificationMethod":[{"id":"did:web:a.example","type":"Multikey","controller":"did:web:a.example"}]}`,
		"a method by a bare name":   `{"id":"did:web:a.example","verificationMethod":[{"id":"k","type":"Multikey","controller":"did:web:a.example"}]}`,
		"two methods of a name":     `{"id":"did:web:a.example","verificationMethod":[` + method + `,` + method + `]}`,
		"the second inside":         `{"id":"did:web:a.example","verificationMethod":[` + method + `],"assertionMethod":[` + method + `]}`,
		"absolute and relative":     `{"id":"did:web:a.example","verificationMethod":[` + method + `,` + strings.Replace(method, "#k", "did:web:a.example#k", 1) + `]}`,
		"two keys in a method":      `{"id":"did:web:a.example","verificationMethod":[` + strings.Replace(method, `"type"`, `"publicKeyJwk":{},"type"`, 1) + `]}`,
		"a key named twice":         `{"id":"did:web:a.example","assertionMethod":["#k","did:web:a.example#k"]}`,
		"a relationship of numbers": `{"id":"did:web:a.example","assertionMethod":[1]}`,
		"a relationship too long":   `{"id":"did:web:a.example","assertionMethod":[` + many + `]}`,
		"a service that is a text":  `{"id":"did:web:a.example","service":["x"]}`,
		"a service without an id":   `{"id":"did:web:a.example","service":[{"type":"x","serviceEndpoint":"x"}]}`,
		"nested too deep":           `{"id":"did:web:a.example","x":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`,
		"not UTF-8":                 "{\"id\":\"did:web:a.example\",\"x\":\"\xff\"}",
	} {
		if d, err := did.ParseDocument([]byte(text)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: reads as %+v (%v)", name, d, err)
		} else if strings.Contains(err.Error(), "a.example") {
			t.Errorf("%s: the error repeats the document: %v", name, err)
		}
	}
	_, err := did.ParseDocument([]byte(`{"id":"did:web:a.example","x":"` + strings.Repeat("x", did.MaxDocument) + `"}`))
	want(t, ledger.CodeTooLarge, err)
}

// FuzzParseDocument: what is read is written so that it reads the same again, and
// every key that it answers is one of the document's own.
func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(foreign))
	f.Add([]byte(`{"id":"did:web:a.example","assertionMethod":["#k"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := did.ParseDocument(b)
		if err != nil {
			return
		}
		written := mustJSON(t, d)
		again, err := did.ParseDocument(written)
		if err != nil {
			t.Fatalf("what is written does not read: %v: %s", err, written)
		}
		if !bytes.Equal(written, mustJSON(t, again)) {
			t.Fatalf("it reads as another: %s", written)
		}
		for _, kid := range d.AssertionMethod {
			if key, err := d.Key(did.AssertionMethod, kid); err == nil {
				if _, err := key.PublicKey(); err != nil || !strings.HasPrefix(kid, d.ID+"#") {
					t.Fatalf("%s is the key %v", kid, key)
				}
			}
		}
	})
}

// FuzzResolve: no text makes a resolver of keys fail in another way than with a
// Problem, and what it resolves is a document of that DID.
func FuzzResolve(f *testing.F) {
	for id := range keyVectors {
		f.Add(id)
	}
	f.Add(overflowing)
	f.Add("did:secant:dev:HospitalNorthMSP?versionId=1#key-1")
	r := did.New(did.Config{})
	f.Fuzz(func(t *testing.T, s string) {
		res, err := r.Resolve(t.Context(), s, did.Options{})
		if err != nil {
			if code := ledger.CodeOf(err); code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
				t.Fatal(err)
			}
			return
		}
		u, err := did.ParseURL(s)
		if err != nil || res.Document.ID != u.DID {
			t.Fatalf("%s resolves to %s (%v)", s, res.Document.ID, err)
		}
		if _, err := did.ParseDocument(mustJSON(t, res.Document)); err != nil {
			t.Fatal(err)
		}
	})
}
