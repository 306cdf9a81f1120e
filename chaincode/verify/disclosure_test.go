package verify_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// disclosureOf returns a disclosure and its digest.
func disclosureOf(tb testing.TB, parts ...any) (text, digest string) {
	tb.Helper()
	text = segment(encode(tb, parts))
	return text, verify.Hash(text)
}

// TestTheDisclosureOfTheStandardHasItsDigest: RFC 9901, sections 4.2.1 and 4.2.3.
func TestTheDisclosureOfTheStandardHasItsDigest(t *testing.T) {
	t.Parallel()
	const text = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
	if got := verify.Hash(text); got != "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0" {
		t.Errorf("the digest is %s", got)
	}
}

func TestDisclosuresStandInTheirPlaces(t *testing.T) {
	t.Parallel()
	f := forge(t, edwards(t), edwards(t))
	inner, innerDigest := disclosureOf(t, "s1", "street", "Main")
	address, addressDigest := disclosureOf(t, "s2", "address", m{"_sd": []string{innerDigest, verify.Hash("decoy")}, "city": "Ulm"})
	element, elementDigest := disclosureOf(t, "s3", "DE")
	p := f.credential.payload
	p["_sd"], p["_sd_alg"] = []string{addressDigest, verify.Hash("kept")}, "sha-256"
	p["nationalities"] = []any{"FR", m{"...": elementDigest}, m{"...": verify.Hash("kept too")}}
	f.disclosures = []string{inner, element, address}
	got, err := f.judge()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal([]any{got.Credential.Claims["address"], got.Credential.Claims["nationalities"]})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`[{"city":"Ulm","street":"Main"},["FR","DE"]]`, string(b)); diff != "" {
		t.Error(diff)
	}
}

func TestDisclosuresOutOfPlaceAreRefused(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]func(f *forgery){
		"of nothing": func(f *forgery) { f.disclosures = []string{segment(encode(f.tb, []any{"s", "n", 1}))} },
		"twice": func(f *forgery) {
			f.hide("s", "n", 1)
			f.disclosures = append(f.disclosures, f.disclosures[0])
		},
		"a digest twice": func(f *forgery) {
			_, d := disclosureOf(f.tb, "s", "n", 1)
			f.credential.payload["_sd"] = []string{d, d}
		},
		"a digest twice, apart": func(f *forgery) {
			_, d := disclosureOf(f.tb, "s", "n", 1)
			f.credential.payload["_sd"], f.credential.payload["x"] = []string{d}, m{"_sd": []string{d}}
		},
		"of itself":    func(f *forgery) { f.hide("s", "_sd", []string{"x"}) },
		"of dots":      func(f *forgery) { f.hide("s", "...", "x") },
		"of the hash":  func(f *forgery) { f.hide("s", "_sd_alg", "sha-256") },
		"of an issuer": func(f *forgery) { delete(f.credential.payload, "iss"); f.hide("s", "iss", issuerDID) },
		"of a key": func(f *forgery) {
			delete(f.credential.payload, "cnf")
			f.hide("s", "cnf", m{"jwk": f.binding.by.JWK()})
		},
		"of an end": func(f *forgery) {
			delete(f.credential.payload, "exp")
			f.hide("s", "exp", now.Unix()+9)
		},
		"of a type": func(f *forgery) {
			delete(f.credential.payload, "vct")
			f.hide("s", "vct", "DeviceReleaser")
		},
		"of a status":            func(f *forgery) { f.hide("s", "status", m{}) },
		"over a claim":           func(f *forgery) { f.credential.payload["n"] = 1; f.hide("s", "n", 2) },
		"over a disclosed":       func(f *forgery) { f.hide("s", "n", 1); f.hide("z", "n", 2) },
		"an element for a claim": func(f *forgery) { f.hide("s", 1) },
		"a claim for an element": func(f *forgery) {
			text, d := disclosureOf(f.tb, "s", "n", 1)
			f.credential.payload["list"], f.disclosures = []any{m{"...": d}}, []string{text}
		},
		"a salt of another type":              func(f *forgery) { f.hide(1, "n", 1) },
		"a name of another type":              func(f *forgery) { f.hide("s", 1, 1) },
		"too short":                           func(f *forgery) { f.hide("s") },
		"too long":                            func(f *forgery) { f.hide("s", "n", 1, 1) },
		"empty":                               func(f *forgery) { f.disclosures = []string{""} },
		"an object":                           func(f *forgery) { f.disclosures = []string{segment([]byte("{}"))} },
		"not base64url":                       func(f *forgery) { f.disclosures = []string{"!"} },
		"a name twice inside":                 func(f *forgery) { f.disclosures = []string{segment([]byte(`["s","n",{"a":1,"a":2}]`))} },
		"another hash":                        func(f *forgery) { f.credential.payload["_sd_alg"] = "sha-512" },
		"a hash of another type":              func(f *forgery) { f.credential.payload["_sd_alg"] = 256 },
		"a hash inside":                       func(f *forgery) { f.credential.payload["x"] = m{"_sd_alg": "sha-256"} },
		"digests in no list":                  func(f *forgery) { f.credential.payload["_sd"] = "x" },
		"a digest of another type":            func(f *forgery) { f.credential.payload["_sd"] = []any{1} },
		"an element's digest of another type": func(f *forgery) { f.credential.payload["x"] = []any{m{"...": 1}} },
		"dots beside others":                  func(f *forgery) { f.credential.payload["x"] = []any{m{"...": "x", "y": 1}} },
		"dots in an object":                   func(f *forgery) { f.credential.payload["x"] = m{"...": "x"} },
		"too many": func(f *forgery) {
			for i := range verify.MaxDisclosures + 1 {
				f.hide("s", strconv.Itoa(i), 1)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := forge(t, edwards(t), edwards(t))
			attack(f)
			wantRefused(t, f, "")
		})
	}
}

// TestADisclosureCannotBeAddedOrTaken: the holder signs what it shows.
func TestADisclosureCannotBeAddedOrTaken(t *testing.T) {
	t.Parallel()
	f := forge(t, edwards(t), edwards(t))
	f.hide("s", "a", 1)
	f.hide("s", "b", 2)
	whole := f.presentation()
	parts := strings.Split(whole, "~")
	for name, changed := range map[string]string{
		"one taken":   strings.Join([]string{parts[0], parts[1], parts[3]}, "~"),
		"all taken":   strings.Join([]string{parts[0], parts[3]}, "~"),
		"other order": strings.Join([]string{parts[0], parts[2], parts[1], parts[3]}, "~"),
	} {
		p, err := verify.ParsePresentation(changed)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := p.Verify(f.issuer, binding(f)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, err := verify.ParsePresentation(whole)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Verify(f.issuer, binding(f)); err != nil {
		t.Errorf("the whole: %v", err)
	}
}

func binding(f *forgery) verify.Binding {
	return verify.Binding{
		Audience: "secant:dev:secant", Nonce: challenge(f.statement), At: now,
		MaxAge: ledger.MaxKeyBindingAge, MaxSkew: ledger.MaxStatementSkew,
	}
}

// TestNothingIsNoExpectation: a verifier that expects nothing gets nothing.
func TestNothingIsNoExpectation(t *testing.T) {
	t.Parallel()
	f := forge(t, edwards(t), edwards(t))
	f.binding.payload["nonce"], f.binding.payload["aud"] = "", ""
	p, err := verify.ParsePresentation(f.presentation())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Verify(f.issuer, verify.Binding{At: now}); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("a binding to nothing verifies: %v", err)
	}
}

// FuzzPresentation signs whatever credential, disclosure and binding it is given,
// so that the fuzzer gets past the signatures.
func FuzzPresentation(f *testing.F) {
	issuer, holder := edwards(f), edwards(f)
	good := forge(f, issuer, holder)
	f.Add(string(encode(f, good.credential.payload)), `["s","n",1]`, `{"iat":1767600000,"aud":"a","nonce":"n"}`, "")
	f.Add(`{"_sd":["x"],"x":[{"...":"y"}]}`, `["s",{}]`, `{}`, "~")
	f.Add(`{"iss":"a","iss":"b"}`, ``, `[]`, "a.b.c~")
	f.Fuzz(func(t *testing.T, credential, disclosure, kb, tail string) {
		g := forge(t, issuer, holder)
		g.credential.raw, g.binding.raw, g.tail = credential, kb, tail
		if disclosure != "" {
			g.disclosures = []string{segment([]byte(disclosure))}
		}
		for _, s := range []string{g.presentation(), credential + "~" + disclosure + "~" + kb + tail} {
			p, err := verify.ParsePresentation(s)
			if err == nil {
				_, err = p.Verify(g.issuer, binding(g))
			}
			if code := ledger.CodeOf(err); err != nil && code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
				t.Errorf("the fault is not the caller's: %v", err)
			}
			if err == nil && !strings.Contains(kb, challenge(g.statement)) {
				t.Errorf("%q is bound to the challenge", kb)
			}
		}
	})
}

func FuzzParseStatements(f *testing.F) {
	good := forge(f, edwards(f), edwards(f))
	f.Add(good.transient())
	f.Add([]byte(`[{"statement":{},"presentation":""}]`))
	f.Add([]byte(`[[[[[[[[[[[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := verify.ParseStatements(b)
		if err != nil {
			if code := ledger.CodeOf(err); list != nil || code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
				t.Errorf("the fault is not the caller's: %v", err)
			}
			return
		}
		for _, s := range list {
			if _, err := s.Verify(good.issuer, good.occasion); err != nil && ledger.CodeOf(err) != ledger.CodeInvalid {
				t.Errorf("the fault is not the caller's: %v", err)
			}
		}
	})
}
