package did_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
)

const (
	network = "dev"
	north   = "did:secant:dev:HospitalNorthMSP"
	lab     = north + ":lab"
)

var (
	unit = "did:secant:dev:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	born = time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC)
)

// books is a ledger that holds versions of documents.
type books struct {
	versions map[string][]ledger.DID
	reads    atomic.Int64
	fault    error
}

func (b *books) ResolveDID(_ context.Context, req ledger.ResolveDID) (*ledger.DIDResolution, error) {
	b.reads.Add(1)
	if b.fault != nil {
		return nil, b.fault
	}
	list := b.versions[req.DID]
	revision := req.Revision
	if revision == 0 {
		revision = len(list)
	}
	if revision < 1 || revision > len(list) {
		return nil, ledger.Problemf(ledger.CodeNotFound, "no such record")
	}
	return &ledger.DIDResolution{
		Version: ledger.DIDVersion{V: 1, Document: list[revision-1], Tx: "tx"},
		Current: len(list), Ended: list[len(list)-1].Deactivated,
	}, nil
}

func newJWK(tb testing.TB, curve string) ledger.JWK {
	tb.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	k, err := ledger.JWKOf(public)
	if curve == ledger.CurveP256 {
		key, fault := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if fault != nil {
			tb.Fatal(fault)
		}
		k, err = ledger.JWKOf(key.Public())
	}
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// record makes a version of a document with keys "key-1", "key-2" ..., of which
// each asserts and the first does everything.
func record(id string, revision int, updated time.Time, public ...ledger.JWK) ledger.DID {
	name, _ := ledger.ParseDID(id)
	d := ledger.DID{
		V: 1, ID: id, Kind: name.Kind, Organisation: "HospitalNorthMSP",
		Created: born, Updated: updated, Revision: revision, Deactivated: len(public) == 0,
	}
	for i, k := range public {
		fragment := "key-" + string(rune('1'+i))
		d.Keys.VerificationMethod = append(d.Keys.VerificationMethod, ledger.VerificationMethod{
			ID: fragment, Type: ledger.MethodJSONWebKey, PublicKeyJWK: k,
		})
		d.Keys.AssertionMethod = append(d.Keys.AssertionMethod, fragment)
	}
	if len(public) > 0 {
		d.Keys.Authentication, d.Keys.CapabilityInvocation = []string{"key-1"}, []string{"key-1"}
		d.Service = []ledger.Service{{ID: "credentials", Type: "CredentialIssuer", ServiceEndpoint: "https://north.example/credentials"}}
		d.AlsoKnownAs = []string{"did:web:north.example"}
	}
	return d
}

func resolver(b *books) *did.Resolver {
	return did.New(did.Config{Ledger: b, Network: network})
}

func want(t *testing.T, code ledger.Code, err error) {
	t.Helper()
	if err == nil || ledger.CodeOf(err) != code {
		t.Errorf("got %v, want %s", err, code)
	}
}
