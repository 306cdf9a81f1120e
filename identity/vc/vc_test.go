package vc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/vc"
)

const (
	hospital  = "did:web:hospital.example"
	nurse     = "did:example:nurse"
	clinicURL = "https://hospital.example/ns/clinic.json"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func newKey(tb testing.TB, curve string) keys.Signer {
	tb.Helper()
	if curve == ledger.CurveP256 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			tb.Fatal(err)
		}
		s, err := keys.FromCrypto(key)
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := keys.FromCrypto(key)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// clinic defines the types and claims of the tests.
func clinic(tb testing.TB) *vc.Contexts {
	tb.Helper()
	vocabulary, err := vc.Vocabulary("https://hospital.example/ns/clinic#",
		[]string{"NurseCredential"}, []string{"profession", "ward", "level", "licence", "number", "shift"})
	if err != nil {
		tb.Fatal(err)
	}
	contexts, err := vc.NewContexts(map[string][]byte{clinicURL: vocabulary})
	if err != nil {
		tb.Fatal(err)
	}
	return contexts
}

// ring is a DID method of the tests: keys by their full ids, for one purpose.
type ring map[string]ledger.JWK

var errNoKey = errors.New("no such key")

func (r ring) keys(_ context.Context, _, keyID string, _ time.Time) (ledger.JWK, error) {
	k, there := r[keyID]
	if !there {
		return ledger.JWK{}, errNoKey
	}
	return k, nil
}

func sample() vc.Credential {
	return vc.Credential{
		ID:       "urn:uuid:6a1e9b58-7c5c-4a55-a3a5-9f0e6c0f3f6e",
		Contexts: []string{clinicURL},
		Types:    []string{"NurseCredential"},
		Issuer:   hospital,
		KeyID:    hospital + "#key-1",
		Holder:   nurse,
		Issued:   now.Add(-time.Hour),
		Expires:  now.Add(24 * time.Hour),
		Subject: map[string]any{
			"profession": "nurse", "ward": "A", "level": 3,
			"licence": map[string]any{"number": "N-17"},
		},
	}
}

// format is one way to make and to check a credential.
type format struct {
	name   string
	issue  func(*vc.Contexts, keys.Signer, vc.Credential) ([]byte, error)
	verify func(*vc.Verifier, context.Context, []byte, time.Time) (*vc.Verified, error)
	model  string
	format string
	proof  string
	curve  string
}

func issueJWT(c *vc.Contexts, s keys.Signer, credential vc.Credential) ([]byte, error) {
	token, err := vc.IssueJWT(c, s, credential)
	return []byte(token), err
}

func verifyJWT(v *vc.Verifier, ctx context.Context, b []byte, at time.Time) (*vc.Verified, error) { //nolint:revive // as a method expression has it
	return v.VerifyJWT(ctx, string(b), at)
}

var formats = []format{
	{"JWT of Ed25519", issueJWT, verifyJWT, vc.ContextV1, vc.FormatJWT, "EdDSA", ledger.CurveEd25519},
	{"JWT of P-256", issueJWT, verifyJWT, vc.ContextV1, vc.FormatJWT, "ES256", ledger.CurveP256},
	{"Ed25519Signature2020", vc.IssueLinked, (*vc.Verifier).VerifyLinked, vc.ContextV1, vc.FormatLinked, "Ed25519Signature2020", ledger.CurveEd25519},
	{"eddsa-rdfc-2022", vc.Issue, (*vc.Verifier).Verify, vc.ContextV2, vc.FormatLinked, "eddsa-rdfc-2022", ledger.CurveEd25519},
	{"ecdsa-rdfc-2019", vc.Issue, (*vc.Verifier).Verify, vc.ContextV2, vc.FormatLinked, "ecdsa-rdfc-2019", ledger.CurveP256},
}

func TestWhatIsIssuedVerifies(t *testing.T) {
	t.Parallel()
	contexts := clinic(t)
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := newKey(t, f.curve)
			v := &vc.Verifier{Contexts: contexts, Issuers: ring{hospital + "#key-1": s.JWK()}.keys}
			given := sample()
			given.Schemas = []vc.Schema{{ID: "https://hospital.example/schema/nurse.json", Type: "JsonSchema"}}
			if f.model == vc.ContextV1 {
				given.Schemas = nil
			}
			b, err := f.issue(contexts, s, given)
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.verify(v, t.Context(), b, now)
			if err != nil {
				t.Fatalf("%v: %s", err, b)
			}
			want := &vc.Verified{
				Format: f.format, Model: f.model, ID: given.ID, Issuer: hospital,
				Types: []string{"VerifiableCredential", "NurseCredential"}, Contexts: got.Contexts,
				Holder: nurse, Begins: given.Issued, Expires: given.Expires, Schemas: given.Schemas,
				Subject: map[string]any{
					"profession": "nurse", "ward": "A", "level": json.Number("3"),
					"licence": map[string]any{"number": "N-17"},
				},
				Proof: vc.Proof{Type: f.proof, KeyID: hospital + "#key-1", Created: given.Issued},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
