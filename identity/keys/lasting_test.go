package keys_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
)

// TestLastingKeyIsThatOfTheStandard: the key of the all-zero seed has the
// thumbprint that RFC 9964's example gives it.
func TestLastingKeyIsThatOfTheStandard(t *testing.T) {
	t.Parallel()
	k := keys.NewLastingKey([keys.LastingSeedSize]byte{})
	if got := k.JWK().Thumbprint(); got != "Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM" {
		t.Errorf("the thumbprint is %s", got)
	}
	b, err := json.Marshal(k.JWK())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(b), `{"kty":"AKP","alg":"ML-DSA-65","pub":"QksvJn5Y1bO0TXGs`) {
		t.Errorf("the key is %.60s", b)
	}
	parsed, err := keys.ParseLastingJWK(b)
	if err != nil || parsed != k.JWK() {
		t.Errorf("what is written does not read (%v)", err)
	}
}

func TestLastingSignature(t *testing.T) {
	t.Parallel()
	k, other := keys.NewLastingKey([keys.LastingSeedSize]byte{1}), keys.NewLastingKey([keys.LastingSeedSize]byte{2})
	message := []byte("a checkpoint")
	s, err := k.Sign(message)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(k.JWK(), message); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(k.JWK(), []byte("another")); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("over another statement: %v", err)
	}
	if err := s.Verify(other.JWK(), message); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("under another key: %v", err)
	}
	claimed := s
	claimed.KeyID = other.JWK().Thumbprint()
	if err := claimed.Verify(other.JWK(), message); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("under another key that it claims: %v", err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(s.Signature)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(raw)
	flipped[100] ^= 1
	for name, change := range map[string]func(*keys.LastingSignature){
		"another algorithm": func(s *keys.LastingSignature) { s.Alg = "ML-DSA-44" },
		"no key":            func(s *keys.LastingSignature) { s.KeyID = "" },
		"short":             func(s *keys.LastingSignature) { s.Signature = s.Signature[:100] },
		"empty":             func(s *keys.LastingSignature) { s.Signature = "" },
		"line breaks":       func(s *keys.LastingSignature) { s.Signature = s.Signature[:4] + "\n" + s.Signature[4:] },
		"a bit":             func(s *keys.LastingSignature) { s.Signature = base64.RawURLEncoding.EncodeToString(flipped) },
	} {
		changed := s
		change(&changed)
		if err := changed.Verify(k.JWK(), message); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLastingKeysAreReadStrictly(t *testing.T) {
	t.Parallel()
	good, err := json.Marshal(keys.NewLastingKey([keys.LastingSeedSize]byte{}).JWK())
	if err != nil {
		t.Fatal(err)
	}
	with := func(member string) string { return `{` + member + `,` + string(good[1:]) }
	for name, text := range map[string]string{
		"private":         with(`"priv":"AAAA"`),
		"twice":           with(`"kty":"AKP"`),
		"another type":    strings.Replace(string(good), "AKP", "OKP", 1),
		"another alg":     strings.Replace(string(good), "65", "87", 1),
		"number":          `{"kty":"AKP","alg":"ML-DSA-65","pub":1}`,
		"no key":          `{"kty":"AKP","alg":"ML-DSA-65"}`,
		"other case":      strings.Replace(string(good), `"pub"`, `"Pub"`, 1),
		"padded":          strings.Replace(string(good), `"}`, `="}`, 1),
		"short":           strings.Replace(string(good), "QksvJn5Y", "", 1),
		"array":           "[" + string(good) + "]",
		"more behind":     string(good) + "{}",
		"none":            "",
		"not base64url":   strings.Replace(string(good), "QksvJn5Y", "QksvJn5+", 1),
		"too many bytes":  with(`"x":"` + strings.Repeat("x", 4096) + `"`),
		"null beside it":  with(`"x":null`),
		"a text for JSON": `"AKP"`,
	} {
		if _, err := keys.ParseLastingJWK([]byte(text)); err == nil {
			t.Errorf("%s: is read", name)
		}
	}
	if _, err := keys.ParseLastingJWK([]byte(with(`"use":"sig"`))); err != nil {
		t.Errorf("a member beside the key's own: %v", err)
	}
}

// FuzzParseLastingJWK: what is read is written as one text, and read again.
func FuzzParseLastingJWK(f *testing.F) {
	good, err := json.Marshal(keys.NewLastingKey([keys.LastingSeedSize]byte{}).JWK())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"kty":"AKP","alg":"ML-DSA-65","pub":"AAAA"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := keys.ParseLastingJWK(b)
		if err != nil {
			return
		}
		written, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := keys.ParseLastingJWK(written); err != nil || again != k {
			t.Errorf("reads back as another (%v)", err)
		}
	})
}

// TestLastingSignatureIsThatOfTheStandard: RFC 9964's example token, which is
// signed without randomness by the key of the all-zero seed, begins as its
// signature does here, and such a signature verifies.
func TestLastingSignatureIsThatOfTheStandard(t *testing.T) {
	t.Parallel()
	signed := "eyJhbGciOiJNTC1EU0EtNjUiLCJraWQiOiJTdWl1MjlxYmZ1YUJhUjRBdHMtYzZYUUJlUEJfT3BBeEF3Y1RSXzBLWFZNIn0." +
		"SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4"
	_, private := mldsa65.NewKeyFromSeed(new([keys.LastingSeedSize]byte))
	raw := make([]byte, mldsa65.SignatureSize)
	if err := mldsa65.SignTo(private, []byte(signed), nil, false, raw); err != nil {
		t.Fatal(err)
	}
	k := keys.NewLastingKey([keys.LastingSeedSize]byte{})
	s := keys.LastingSignature{Alg: keys.AlgMLDSA65, KeyID: k.JWK().Thumbprint(), Signature: base64.RawURLEncoding.EncodeToString(raw)}
	if !strings.HasPrefix(s.Signature, "zmO9_0bLgJAegoVNymfRo4nGPK5lVtSFGnDbzfzYAD5mUEXpaBUg4itvZ8rAUZi4HLb59QqDQSBSpMXC0axajXOM") {
		t.Errorf("it begins with %.40s", s.Signature)
	}
	if err := s.Verify(k.JWK(), []byte(signed)); err != nil {
		t.Error(err)
	}
}
