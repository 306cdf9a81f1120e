package did_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	ariesdid "github.com/hyperledger/aries-framework-go/pkg/doc/did"
	"github.com/hyperledger/aries-framework-go/pkg/framework/aries/api/vdr"
	"github.com/hyperledger/aries-framework-go/pkg/vdr/key"
	"github.com/mr-tron/base58"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
)

// overflowing is a did:key whose multicodec is a varint without an end.
var overflowing = "did:key:z" + base58.Encode(slices.Concat(bytes.Repeat([]byte{0xff}, 11), make([]byte, 23)))

func TestAriesResolvesThroughThisRegistry(t *testing.T) {
	t.Parallel()
	public := newJWK(t, ledger.CurveP256)
	b := &books{versions: map[string][]ledger.DID{lab: {record(lab, 1, born, public)}, north: {record(north, 1, born, vector), record(north, 2, born.Add(time.Hour))}}}
	registry := resolver(b).Registry(t.Context())
	ids := []string{lab}
	for id := range keyVectors {
		ids = append(ids, id)
	}
	for _, id := range ids {
		res, err := registry.Resolve(id)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		methods := res.DIDDocument.VerificationMethods(ariesdid.AssertionMethod)[ariesdid.AssertionMethod]
		if res.DIDDocument.ID != id || len(methods) != 1 || methods[0].VerificationMethod.JSONWebKey() == nil {
			t.Errorf("%s: aries reads %+v", id, res.DIDDocument)
		}
	}
	res, err := registry.Resolve(north)
	if err != nil || !res.DocumentMetadata.Deactivated || len(res.DIDDocument.VerificationMethod) > 0 {
		t.Errorf("a deactivated DID: %+v (%v)", res, err)
	}
	if _, err := registry.Resolve(unit); !errors.Is(err, vdr.ErrNotFound) {
		t.Errorf("an unknown DID: %v", err)
	}
	for _, id := range []string{"did:example:1", "did:web:north.example", overflowing, "did:secant:dev"} {
		if _, err := registry.Resolve(id); err == nil {
			t.Errorf("%s: is resolved", id)
		}
	}
	if _, err := registry.Create(did.MethodKey, &ariesdid.Doc{}); err == nil {
		t.Error("the registry creates")
	}
	if registry.Update(&ariesdid.Doc{ID: lab}) == nil || registry.Deactivate(lab) == nil || registry.Close() != nil {
		t.Error("the registry changes DIDs, or does not close")
	}
}

// TestWhatIsSaidOfAries holds what the package's comment says of aries' own
// method for did:key; when it fails, aries has changed.
func TestWhatIsSaidOfAries(t *testing.T) {
	t.Parallel()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a crafted did:key no longer panics")
			}
		}()
		_, _ = key.New().Read(overflowing)
	}()
	const spare = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
	res, err := key.New().Read(spare)
	if err != nil || len(res.DIDDocument.KeyAgreement) != 1 || res.DIDDocument.Created == nil {
		t.Errorf("it reads %+v (%v)", res, err)
	}
	weak := make([]byte, 32) // a point of order 4, under which anybody signs
	if _, err := key.New().Read("did:key:z" + base58.Encode(slices.Concat([]byte{0xed, 0x01}, weak))); err != nil {
		t.Errorf("a key of small order is no longer one: %v", err)
	}
}
