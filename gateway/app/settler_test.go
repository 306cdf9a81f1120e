package app

import (
	"errors"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/keys/local"
)

// TestTheDocumentHasRoomForEveryRotation: the ledger takes so many keys and no more,
// and an issuer that rotated once too often could never change its document again.
func TestTheDocumentHasRoomForEveryRotation(t *testing.T) {
	t.Parallel()
	keeper, err := local.Open(t.TempDir(), []byte(strings.Repeat("k", local.MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	s := &settler{identity: &identity{keeper: keeper}}
	control, err := keeper.Signer(purposeControl, verify.AlgEdDSA)
	if err != nil {
		t.Fatal(err)
	}
	id := ledger.IssuerDID("dev", "north", issuerLabel)
	for rotation := range ledger.MaxDIDMethods {
		have, err := s.keys(control)
		if err != nil {
			t.Fatal(err)
		}
		req := ledger.RotateKeys{DID: id, Keys: have, Revision: 2, Signature: "x"}
		problem, _ := errors.AsType[*ledger.Problem](req.Validate())
		if problem == nil {
			problem = &ledger.Problem{}
		}
		for _, fault := range problem.Faults {
			if strings.HasPrefix(fault.Field, "keys") {
				t.Fatalf("after %d rotations: %s %s", rotation, fault.Field, fault.Detail)
			}
		}
		for purpose, algorithm := range rotated["credentials"] {
			newest, err := keeper.Signer(purpose, algorithm)
			if err != nil {
				t.Fatal(err)
			}
			if jwk, ok := have.Method(have.AssertionMethod, newest.ID()); !ok || jwk != newest.JWK() {
				t.Fatalf("after %d rotations the newest key is missing", rotation)
			}
			if _, err := keeper.Rotate(purpose, algorithm); err != nil {
				t.Fatal(err)
			}
		}
	}
	if methods, err := desk.Methods(keeper); err != nil || len(methods) <= ledger.MaxDIDMethods {
		t.Errorf("%d keys were tried, %v", len(methods), err)
	}
}
