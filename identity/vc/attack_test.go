package vc_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/vc"
)

// The first seven tests are what aries accepts when it is asked as its own
// documentation shows.

// refused checks that nothing comes back, and that the fault is the caller's.
func refused(t *testing.T, name string, got any, err error) {
	t.Helper()
	if code := ledger.CodeOf(err); code != ledger.CodeInvalid {
		t.Errorf("%s: reads as %+v, %v", name, got, err)
	}
}

func segment(v any) string {
	b, ok := v.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(v); err != nil {
			panic(err)
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(b, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestACredentialWithoutProofIsRefused(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		w := newWard(t, f.curve)
		b, err := f.issue(w.Contexts, w.issuer, sample())
		if err != nil {
			t.Fatal(err)
		}
		var attacks [][]byte
		if f.format == vc.FormatJWT {
			parts := strings.Split(string(b), ".")
			none := segment(map[string]any{"alg": "none", "typ": "JWT", "kid": hospital + "#key-1"})
			attacks = [][]byte{
				[]byte(none + "." + parts[1] + "."), []byte(none + "." + parts[1] + "." + parts[2]), []byte(parts[0] + "." + parts[1] + "."),
				[]byte(parts[0] + "." + parts[1]), nil, segmentless(parts[1]),
			}
		} else {
			attacks = [][]byte{
				changed(t, b, func(d map[string]any) { delete(d, "proof") }),
				changed(t, b, func(d map[string]any) { d["proof"] = []any{} }),
				changed(t, b, func(d map[string]any) { d["proof"] = map[string]any{} }),
				changed(t, b, func(d map[string]any) { d["proof"] = []any{d["proof"], d["proof"]} }),
				changed(t, b, func(d map[string]any) { delete(d["proof"].(map[string]any), "proofValue") }),
				changed(t, b, func(d map[string]any) { d["proof"].(map[string]any)["proofValue"] = "z" }),
				changed(t, b, func(d map[string]any) { d["proof"].(map[string]any)["type"] = "JsonWebSignature2020" }),
			}
		}
		for i, a := range attacks {
			got, err := f.verify(w.Verifier, t.Context(), a, now)
			if ledger.CodeOf(err) != ledger.CodeInvalid {
				t.Errorf("%s, attack %d: reads as %+v, %v", f.name, i, got, err)
			}
		}
	}
}

// segmentless is a JWT's payload by itself: an unsigned credential.
func segmentless(payload string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		panic(err)
	}
	return b
}

func TestAKeyOfSomebodyElseIsRefused(t *testing.T) {
	t.Parallel()
	const attacker = "did:example:attacker"
	for _, f := range formats {
		w := newWard(t, f.curve)
		thief := newKey(t, f.curve)
		w.Issuers = ring{hospital + "#key-1": w.issuer.JWK(), attacker + "#key-1": thief.JWK()}.keys
		own := sample()
		own.Issuer, own.KeyID = attacker, attacker+"#key-1"
		b, err := f.issue(w.Contexts, thief, own)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.verify(w.Verifier, t.Context(), b, now); err != nil || got.Issuer != attacker {
			t.Fatalf("%s: the attacker's own reads as %+v, %v", f.name, got, err)
		}
		// The hospital's name, the attacker's key.
		b, err = f.issue(w.Contexts, thief, sample())
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.verify(w.Verifier, t.Context(), b, now)
		refused(t, f.name+": signed by another key", got, err)
		if f.format == vc.FormatJWT {
			claims := claimsOf(t, string(b))
			token, err := keys.Compact(thief, keys.Header{Type: "JWT", KeyID: attacker + "#key-1"}, raw(t, claims))
			if err != nil {
				t.Fatal(err)
			}
			got, err := w.VerifyJWT(t.Context(), token, now)
			refused(t, f.name+": by the attacker's id", got, err)
			claims["iss"] = attacker // the token the attacker's, the credential the hospital's
			token, err = keys.Compact(thief, keys.Header{Type: "JWT", KeyID: attacker + "#key-1"}, raw(t, claims))
			if err != nil {
				t.Fatal(err)
			}
			got, err = w.VerifyJWT(t.Context(), token, now)
			refused(t, f.name+": two issuers", got, err)
			continue
		}
		b = changed(t, b, func(d map[string]any) { d["proof"].(map[string]any)["verificationMethod"] = attacker + "#key-1" })
		got, err = f.verify(w.Verifier, t.Context(), b, now)
		refused(t, f.name+": by the attacker's id", got, err)
	}
	// The proof is good, and the attacker's.
	w, thief := newWard(t, ledger.CurveEd25519), newKey(t, ledger.CurveEd25519)
	w.Issuers = ring{attacker + "#key-1": thief.JWK()}.keys
	b, err := vc.Issue(w.Contexts, w.issuer, sample())
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	delete(d, "proof")
	if err := vc.Sign(w.Contexts, d, thief, map[string]any{
		"type": "DataIntegrityProof", "verificationMethod": attacker + "#key-1", "proofPurpose": "assertionMethod",
	}); err != nil {
		t.Fatal(err)
	}
	got, err := w.Verify(t.Context(), raw(t, d), now)
	refused(t, "signed for the hospital", got, err)
}

func raw(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestATimeOutsideTheWindowIsRefused(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		w := newWard(t, f.curve)
		later := sample()
		later.Begins = now.Add(time.Hour)
		for name, c := range map[string]struct {
			given vc.Credential
			at    time.Time
			fits  bool
		}{
			"when issued": {sample(), now.Add(-time.Hour), true},
			"just before": {sample(), now.Add(24*time.Hour - time.Second), true},
			"expired":     {sample(), now.Add(24 * time.Hour), false},
			"to come":     {sample(), now.Add(-2 * time.Hour), false},
			"not begun":   {later, now, false},
		} {
			b, err := f.issue(w.Contexts, w.issuer, c.given)
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.verify(w.Verifier, t.Context(), b, c.at)
			if c.fits && err != nil || !c.fits && ledger.CodeOf(err) != ledger.CodeInvalid {
				t.Errorf("%s, %s: reads as %+v, %v", f.name, name, got, err)
			}
		}
	}
}

func TestAKeyForAnotherPurposeIsRefused(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		w := newWard(t, f.curve)
		w.Issuers = ring{}.keys // none of its keys may assert
		w.Holders = ring{hospital + "#key-1": w.issuer.JWK()}.keys
		b, err := f.issue(w.Contexts, w.issuer, sample())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.verify(w.Verifier, t.Context(), b, now); err == nil {
			t.Errorf("%s: reads as %+v", f.name, got)
		}
		if f.format == vc.FormatJWT {
			continue
		}
		w = newWard(t, f.curve)
		if b, err = f.issue(w.Contexts, w.issuer, sample()); err != nil {
			t.Fatal(err)
		}
		for _, purpose := range []any{"authentication", "", nil, []any{"assertionMethod"}} {
			b := changed(t, b, func(d map[string]any) { d["proof"].(map[string]any)["proofPurpose"] = purpose })
			got, err := f.verify(w.Verifier, t.Context(), b, now)
			refused(t, f.name, got, err)
		}
	}
}

func TestWhatNoContextDefinesIsRefused(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		if f.format == vc.FormatJWT {
			continue // all of it is signed as it stands
		}
		w := newWard(t, f.curve)
		b, err := f.issue(w.Contexts, w.issuer, sample())
		if err != nil {
			t.Fatal(err)
		}
		subject := func(d map[string]any) map[string]any { return d["credentialSubject"].(map[string]any) }
		for name, change := range map[string]func(map[string]any){
			"a claim":             func(d map[string]any) { subject(d)["admin"] = true },
			"a claim deeper":      func(d map[string]any) { subject(d)["licence"].(map[string]any)["admin"] = true },
			"a member":            func(d map[string]any) { d["admin"] = true },
			"a type":              func(d map[string]any) { d["type"] = append(d["type"].([]any), "Admin") },
			"the subject's type":  func(d map[string]any) { subject(d)["type"] = "Admin" },
			"an empty list":       func(d map[string]any) { subject(d)["shift"] = []any{} },
			"a null":              func(d map[string]any) { subject(d)["shift"] = nil },
			"an id that is none":  func(d map[string]any) { subject(d)["licence"].(map[string]any)["id"] = "admin" },
			"a keyword":           func(d map[string]any) { subject(d)["@type"] = "Admin" },
			"a member of a proof": func(d map[string]any) { d["proof"].(map[string]any)["expires"] = "2036-11-30T12:00:00Z" },
			"an unknown context":  func(d map[string]any) { d["@context"] = append(d["@context"].([]any), "https://attacker.example/") },
			"a context of its own": func(d map[string]any) {
				d["@context"] = append(d["@context"].([]any), map[string]any{"admin": "https://attacker.example/admin"})
			},
			"a context inside":       func(d map[string]any) { subject(d)["@context"] = map[string]any{"admin": nil} },
			"a context that is null": func(d map[string]any) { subject(d)["@context"] = nil },
		} {
			got, err := f.verify(w.Verifier, t.Context(), changed(t, b, change), now)
			refused(t, f.name+", "+name, got, err)
		}
	}
}

func TestAProofsOwnNonceProvesNothing(t *testing.T) {
	t.Parallel()
	s := newBBS(t)
	v := bbsVerifier(t, s)
	credential, err := vc.IssueBBS(v.Contexts, s, anonymousSample())
	if err != nil {
		t.Fatal(err)
	}
	part, err := v.Disclose(t.Context(), credential, []string{"profession"}, nonce, now)
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Repeat([]byte{8}, 32)
	got, err := v.VerifyDisclosure(t.Context(), part, other, now)
	refused(t, "replayed", got, err)
	relabelled := changed(t, part, func(d map[string]any) {
		d["proof"].(map[string]any)["nonce"] = base64.StdEncoding.EncodeToString(other)
	})
	got, err = v.VerifyDisclosure(t.Context(), relabelled, other, now)
	refused(t, "replayed under the new nonce's name", got, err)
	unnamed := changed(t, part, func(d map[string]any) { delete(d["proof"].(map[string]any), "nonce") })
	for _, n := range [][]byte{nonce, other, nil, {}} {
		got, err = v.VerifyDisclosure(t.Context(), unnamed, n, now)
		refused(t, "without a nonce", got, err)
	}
	got, err = v.VerifyDisclosure(t.Context(), credential, nonce, now)
	refused(t, "the whole for a part", got, err)
	got, err = v.VerifyBBS(t.Context(), part, now)
	refused(t, "a part for the whole", got, err)
	for name, change := range map[string]func(map[string]any){
		"a claim changed": func(d map[string]any) { d["credentialSubject"].(map[string]any)["profession"] = "doctor" },
		"a claim added":   func(d map[string]any) { d["credentialSubject"].(map[string]any)["level"] = 3 },
		"another issuer":  func(d map[string]any) { d["issuer"] = "did:example:attacker" },
		"a later end":     func(d map[string]any) { d["expirationDate"] = "2036-12-01T12:00:00Z" },
		"a holder":        func(d map[string]any) { d["credentialSubject"].(map[string]any)["id"] = nurse },
		"no proof":        func(d map[string]any) { delete(d, "proof") },
	} {
		got, err := v.VerifyDisclosure(t.Context(), changed(t, part, change), nonce, now)
		refused(t, name, got, err)
	}
	got, err = v.VerifyDisclosure(t.Context(), part, nonce, now.Add(24*time.Hour))
	refused(t, "expired", got, err)
}

func TestAKeysIDIsMatchedExactly(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		w := newWard(t, f.curve)
		w.Issuers = ring{hospital + "#key-10": w.issuer.JWK(), hospital + "#key": w.issuer.JWK()}.keys
		for _, id := range []string{"#key-1", "#key-100", "#key-10 ", "#KEY-10", "", "#", "#key#key-10", "?a#key-10", "/a#key-10", ".example#key-10"} {
			given := sample()
			given.KeyID = hospital + "#key-10"
			b, err := f.issue(w.Contexts, w.issuer, given)
			if err != nil {
				t.Fatal(err)
			}
			if f.format == vc.FormatJWT {
				token, err := keys.Compact(w.issuer, keys.Header{Type: "JWT", KeyID: hospital + id}, raw(t, claimsOf(t, string(b))))
				if err != nil {
					t.Fatal(err)
				}
				b = []byte(token)
			} else {
				b = changed(t, b, func(d map[string]any) { d["proof"].(map[string]any)["verificationMethod"] = hospital + id })
			}
			if got, err := f.verify(w.Verifier, t.Context(), b, now); err == nil {
				t.Errorf("%s: by %q it reads as %+v", f.name, id, got)
			}
		}
	}
}

// liar signs with one key and shows another.
type liar struct {
	keys.Signer
	shown ledger.JWK
}

func (l liar) JWK() ledger.JWK { return l.shown }

// TestTheKeyDecidesTheAlgorithm: a good signature under the name of another one.
func TestTheKeyDecidesTheAlgorithm(t *testing.T) {
	t.Parallel()
	ec, ed := newWard(t, ledger.CurveP256), newWard(t, ledger.CurveEd25519)
	for name, c := range map[string]struct {
		w     *ward
		shown ledger.JWK
	}{
		"P-256 as Ed25519": {ec, ed.issuer.JWK()},
		"Ed25519 as P-256": {ed, ec.issuer.JWK()},
	} {
		by := liar{c.w.issuer, c.shown}
		b, err := vc.Issue(c.w.Contexts, by, sample())
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.w.Verify(t.Context(), b, now)
		refused(t, name+", a proof", got, err)
		token, err := vc.IssueJWT(c.w.Contexts, by, sample())
		if err != nil {
			t.Fatal(err)
		}
		got, err = c.w.VerifyJWT(t.Context(), token, now)
		refused(t, name+", a JWT", got, err)
	}
	b, err := vc.IssueLinked(ed.Contexts, liar{ec.issuer, ed.issuer.JWK()}, sample())
	if err != nil {
		t.Fatal(err)
	}
	got, err := ec.VerifyLinked(t.Context(), b, now)
	refused(t, "P-256 for Ed25519Signature2020", got, err)
	if b, err := vc.IssueLinked(ec.Contexts, ec.issuer, sample()); err == nil {
		t.Errorf("P-256 signs as Ed25519Signature2020: %s", b)
	}
}
