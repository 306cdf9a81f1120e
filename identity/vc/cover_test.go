package vc_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/vc"
)

// covering is a credential of the data model 2.0 about a subject.
func covering(subject string) string {
	return `{"@context":["` + vc.ContextV2 + `","` + clinicURL + `"],"type":["VerifiableCredential","NurseCredential"],
		"issuer":"` + hospital + `","credentialSubject":{` + subject + `}}`
}

// TestAProofCoversAllThatADocumentSays: what RDF would drop, merge or misread is
// refused before anything is signed or checked.
func TestAProofCoversAllThatADocumentSays(t *testing.T) {
	t.Parallel()
	contexts := clinic(t)
	for name, subject := range map[string]string{
		"plain":                `"id":"did:example:nurse","ward":"A"`,
		"numbers":              `"level":-9007199254740991,"number":1.25`,
		"a text of a language": `"ward":{"@value":"A","@language":"de-AT"}`,
		"nested":               `"licence":{"id":"urn:uuid:1","number":"N"},"ward":["A","B"]`,
	} {
		if err := vc.Cover(contexts, []byte(covering(subject))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, subject := range map[string]string{
		"an undefined term":              `"admin":true`,
		"an undefined term, deeper":      `"licence":{"admin":true}`,
		"an undefined type":              `"type":"Admin","ward":"A"`,
		"an undefined type among others": `"type":["NurseCredential","Admin"],"ward":"A"`,
		"a relative id":                  `"id":"nurse","ward":"A"`,
		"a relative id, deeper":          `"licence":{"id":"N-17","number":"N"}`,
		"an id with a statement in it":   `"id":"did:example:nurse> <urn:p> <urn:o","ward":"A"`,
		"an id with a space":             `"id":"did:example:nur se","ward":"A"`,
		"an id with a line's end":        `"id":"did:example:nurse\n","ward":"A"`,
		"an id with a quotation mark":    `"id":"did:example:\"","ward":"A"`,
		"a blank node's name":            `"id":"_:b0","ward":"A"`,
		"a type with a statement in it":  `"type":"urn:t> <urn:o","ward":"A"`,
		"an empty list":                  `"ward":[]`,
		"a null":                         `"ward":null`,
		"a null in a list":               `"ward":["A",null]`,
		"a number beyond a double":       `"level":9007199254740993`,
		"a number of too many digits":    `"level":1.0000000000000001`,
		"a number with an exponent":      `"level":1e400`,
		"minus zero":                     `"level":-0`,
		"a language that is none":        `"ward":{"@value":"A","@language":"not a language"}`,
		"a direction":                    `"ward":{"@value":"A","@direction":"rtl"}`,
		"an index":                       `"ward":{"@value":"A","@index":"1"}`,
		"a type of a value":              `"ward":{"@value":"A","@type":"urn:t"}`,
		"a graph":                        `"licence":{"@graph":[{"number":"N"}]}`,
		"what is included":               `"@included":[{"id":"urn:x:1","number":"N"}]`,
		"a reverse property":             `"@reverse":{"ward":{"id":"urn:x:1"}}`,
		"a nested group":                 `"@nest":{"ward":"A"}`,
		"an id by its keyword":           `"@id":"did:example:nurse"`,
		"one thing in two places":        `"id":"did:example:nurse","licence":{"id":"did:example:nurse","number":"N"}`,
		"one thing twice in a list":      `"id":"did:example:nurse","licence":[{"id":"urn:x:1","number":"N"},{"id":"urn:x:1","ward":"A"}]`,
		"a name twice":                   `"ward":"A","ward":"B"`,
		"a name twice, escaped":          `"ward":"A","w\u0061rd":"B"`,
		"no UTF-8":                       "\"ward\":\"\xff\"",
		"a term of another spelling":     `"Ward":"A"`,
		"what nests too deep":            `"licence":` + strings.Repeat(`{"licence":`, 20) + `1` + strings.Repeat(`}`, 20),
		"a list in a list, too deep":     `"ward":` + strings.Repeat(`[`, 20) + strings.Repeat(`]`, 20),
		"an empty id":                    `"id":"","ward":"A"`,
		"an id that is no text":          `"id":1,"ward":"A"`,
		"two ids":                        `"id":["did:example:nurse","did:example:doctor"],"ward":"A"`,
		"two types, one of them no text": `"type":["NurseCredential",1],"ward":"A"`,
	} {
		if err := vc.Cover(contexts, []byte(covering(subject))); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := covering(`"ward":"` + strings.Repeat("x", vc.MaxDocument) + `"`)
	if err := vc.Cover(contexts, []byte(long)); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("a long one: %v", err)
	}
}

// TestAModelIsReadStrictly: each of these is signed, and of another form.
func TestAModelIsReadStrictly(t *testing.T) {
	t.Parallel()
	w := newWard(t, ledger.CurveEd25519)
	for name, change := range map[string]func(map[string]any){
		"no issuer":  func(d map[string]any) { delete(d, "issuer") },
		"no subject": func(d map[string]any) { delete(d, "credentialSubject") },
		"two subjects": func(d map[string]any) {
			d["credentialSubject"] = []any{map[string]any{"ward": "A"}, map[string]any{"ward": "B"}}
		},
		"another model's context":    func(d map[string]any) { d["@context"] = []any{vc.ContextV1, clinicURL} },
		"the model's context second": func(d map[string]any) { d["@context"] = []any{clinicURL, vc.ContextV2} },
		"a context twice":            func(d map[string]any) { d["@context"] = []any{vc.ContextV2, clinicURL, clinicURL} },
		"no credential":              func(d map[string]any) { d["type"] = []any{"NurseCredential"} },
		"a presentation too": func(d map[string]any) {
			d["type"] = []any{"VerifiableCredential", "VerifiablePresentation"}
			d["verifiableCredential"] = map[string]any{}
		},
		"a date without zone":    func(d map[string]any) { d["validFrom"] = "2026-11-30T11:00:00" },
		"a day":                  func(d map[string]any) { d["validFrom"] = "2026-11-30" },
		"a date of another form": func(d map[string]any) { d["validUntil"] = "2026-12-01t12:00:00z" },
		"a status without type":  func(d map[string]any) { d["credentialStatus"] = map[string]any{"id": "urn:x:1"} },
		"a schema without type":  func(d map[string]any) { d["credentialSchema"] = map[string]any{"id": "urn:x:1"} },
		"an id that is no URI":   func(d map[string]any) { d["id"] = "6a1e9b58" },
	} {
		d := map[string]any{}
		if err := json.Unmarshal([]byte(covering(`"id":"did:example:nurse","ward":"A"`)), &d); err != nil {
			t.Fatal(err)
		}
		change(d)
		err := vc.Sign(w.Contexts, d, w.issuer, map[string]any{
			"type": "DataIntegrityProof", "created": "2026-11-30T11:00:00Z", "verificationMethod": hospital + "#key-1", "proofPurpose": "assertionMethod",
		})
		if err != nil {
			continue // not even signed
		}
		got, err := w.Verify(t.Context(), raw(t, d), now)
		refused(t, name, got, err)
	}
}

// TestClaimsThatDisagreeAreRefused: what a JWT says twice, it says alike.
func TestClaimsThatDisagreeAreRefused(t *testing.T) {
	t.Parallel()
	w := newWard(t, ledger.CurveP256)
	token, err := vc.IssueJWT(w.Contexts, w.issuer, sample())
	if err != nil {
		t.Fatal(err)
	}
	inner := func(c map[string]any) map[string]any { return c["vc"].(map[string]any) }
	for name, change := range map[string]func(map[string]any){
		"another issuer":          func(c map[string]any) { inner(c)["issuer"] = "did:example:other" },
		"another issuer's object": func(c map[string]any) { inner(c)["issuer"] = map[string]any{"id": "did:example:other"} },
		"no issuer":               func(c map[string]any) { delete(c, "iss") },
		"another subject":         func(c map[string]any) { c["sub"] = "did:example:doctor" },
		"another id":              func(c map[string]any) { c["jti"] = "urn:uuid:other" },
		"a later end":             func(c map[string]any) { c["exp"] = now.Unix() + 1_000_000 },
		"an earlier start":        func(c map[string]any) { c["nbf"] = 1 },
		"an end that is a text":   func(c map[string]any) { c["exp"] = "2036" },
		"an end with a fraction":  func(c map[string]any) { c["exp"] = 1.5 },
		"a proof of its own":      func(c map[string]any) { inner(c)["proof"] = map[string]any{} },
		"no credential":           func(c map[string]any) { delete(c, "vc") },
		"a list of credentials":   func(c map[string]any) { c["vc"] = []any{c["vc"]} },
		"a private key": func(c map[string]any) {
			c["cnf"] = map[string]any{"jwk": map[string]any{"kty": "OKP", "crv": "Ed25519", "x": w.holder.JWK().X, "d": "AA"}}
		},
		"a key by name":      func(c map[string]any) { c["cnf"] = map[string]any{"kid": "key-1"} },
		"a null":             func(c map[string]any) { inner(c)["name"] = nil },
		"the data model 2.0": func(c map[string]any) { inner(c)["@context"] = []any{vc.ContextV2} },
	} {
		claims := claimsOf(t, token)
		change(claims)
		b, err := keys.Compact(w.issuer, keys.Header{Type: "JWT", KeyID: hospital + "#key-1"}, raw(t, claims))
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.VerifyJWT(t.Context(), b, now)
		refused(t, name, got, err)
	}
	minimal := claimsOf(t, token)
	for _, name := range []string{"issuer", "issuanceDate", "expirationDate", "id"} {
		delete(inner(minimal), name)
	}
	b, err := keys.Compact(w.issuer, keys.Header{KeyID: "#key-1"}, raw(t, minimal))
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.VerifyJWT(t.Context(), b, now)
	if err != nil || got.Issuer != hospital || got.Holder != nurse || !got.Expires.Equal(now.Add(24*60*60*1e9)) || got.Proof.KeyID != hospital+"#key-1" {
		t.Errorf("one that says all once reads as %+v, %v", got, err)
	}
}

func FuzzVerify(f *testing.F) {
	w := newWard(f, ledger.CurveEd25519)
	b, err := vc.Issue(w.Contexts, w.issuer, sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(covering(`"ward":"A"`)))
	f.Add([]byte(`{"@context":"` + vc.ContextV1 + `","proof":{}}`))
	f.Fuzz(func(t *testing.T, s []byte) {
		for _, verify := range []func() (*vc.Verified, error){
			func() (*vc.Verified, error) { return w.VerifyAny(t.Context(), s, now) },
			func() (*vc.Verified, error) { return w.VerifyLinked(t.Context(), s, now) },
			func() (*vc.Verified, error) { return w.VerifyDisclosure(t.Context(), s, nonce, now) },
		} {
			got, err := verify()
			if err == nil && (got.Issuer != hospital || got.Subject["profession"] != "nurse") {
				t.Errorf("%q reads as %+v", s, got)
			}
		}
		if p, err := w.VerifyPresentation(t.Context(), s, w.wants); err == nil {
			t.Errorf("%q reads as %+v", s, p)
		}
	})
}

// FuzzClaims signs whatever the claims are, so that the fuzzer gets past the
// signature.
func FuzzClaims(f *testing.F) {
	w := newWard(f, ledger.CurveEd25519)
	f.Add(`{"iss":"` + hospital + `","nbf":1,"vc":{"@context":"` + vc.ContextV1 + `","type":"VerifiableCredential","credentialSubject":{}}}`)
	f.Add(`{"iss":"` + nurse + `","aud":"https://verifier.example","nonce":"n-1","iat":1796040000,"vp":{}}`)
	f.Fuzz(func(t *testing.T, claims string) {
		token, err := keys.Compact(w.issuer, keys.Header{Type: "JWT", KeyID: "#key-1"}, []byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := w.VerifyJWT(t.Context(), token, now); err == nil && (c.Issuer != hospital || c.Begins.IsZero()) {
			t.Errorf("%q reads as %+v", claims, c)
		}
		if token, err = keys.Compact(w.holder, keys.Header{Type: "JWT", KeyID: "#key-1"}, []byte(claims)); err != nil {
			t.Fatal(err)
		}
		if p, err := w.VerifyJWTPresentation(t.Context(), token, w.wants); err == nil {
			t.Errorf("%q reads as %+v", claims, p)
		}
	})
}

func FuzzExchange(f *testing.F) {
	w := newWard(f, ledger.CurveEd25519)
	b, err := issueJWT(w.Contexts, w.issuer, sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(definition))
	f.Add([]byte(`{"id":"d","input_descriptors":[{"id":"a","constraints":{"fields":[{"path":["$..*"]}]}}]}`))
	f.Fuzz(func(t *testing.T, s []byte) {
		d, err := vc.ParseDefinition(s)
		if err != nil {
			return
		}
		choice, err := d.Choose(w.Contexts, "s-1", vc.FormatJWT, b)
		if err == nil && len(choice.Credentials) != 1 {
			t.Errorf("%q chooses %v", s, choice)
		}
	})
}

// TestNoDocumentTakesLong: things that look alike multiply what canonicalisation
// has to try. Whether such a document is refused or not, the answer comes soon.
func TestNoDocumentTakesLong(t *testing.T) {
	t.Parallel()
	w := newWard(t, ledger.CurveEd25519)
	credential, err := vc.Issue(w.Contexts, w.issuer, sample())
	if err != nil {
		t.Fatal(err)
	}
	shown, err := vc.Present(w.Contexts, w.holder, w.shows, credential)
	if err != nil {
		t.Fatal(err)
	}
	several := func(n int, s string) string { return "[" + strings.TrimSuffix(strings.Repeat(s+",", n), ",") + "]" }
	inside := func(s string) string { return `{"licence":` + s + `}` }
	leaf := `{"number":"N"}`
	limit := time.Now().Add(5 * time.Minute) // without a bound it would be hours
	for n := 1; n <= 12; n++ {
		for _, subject := range []string{
			`"licence":` + several(n, leaf),
			`"licence":` + several(2, inside(several(n, leaf))),
			`"licence":` + several(n, inside(several(2, leaf))),
			`"licence":` + several(2, inside(several(2, inside(several(n, leaf))))),
			`"licence":` + several(2, `{"licence":`+several(n, leaf)+`,"shift":`+several(n, leaf)+`,"ward":`+several(n, inside(leaf))+`}`),
			`"licence":` + several(2, inside(several(n, inside(inside(inside(leaf)))))),
		} {
			err := vc.Cover(w.Contexts, []byte(covering(subject)))
			if n == 12 && err == nil {
				t.Errorf("is taken: %s", subject)
			}
		}
		again := changed(t, shown, func(d map[string]any) {
			for range n {
				d["verifiableCredential"] = append(list(d), list(d)[0])
			}
		})
		got, err := w.VerifyPresentation(t.Context(), again, w.wants)
		refused(t, "the same again", got, err)
		if time.Now().After(limit) {
			t.Fatalf("with %d things alike, an answer takes long", n)
		}
	}
}
