package check_test

import (
	"context"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/keys"
)

// register is a ledger that answers for DIDs of a world, version by version.
type register struct{ *world }

func (r register) ResolveDID(_ context.Context, req ledger.ResolveDID) (*ledger.DIDResolution, error) {
	versions := r.dids[req.DID]
	revision := req.Revision
	if revision == 0 {
		revision = len(versions)
	}
	if revision < 1 || revision > len(versions) {
		return nil, ledger.Problemf(ledger.CodeNotFound, "no such version")
	}
	v := versions[revision-1]
	return &ledger.DIDResolution{Current: len(versions), Version: ledger.DIDVersion{Document: ledger.DID{
		ID: req.DID, Keys: v.document, Created: versions[0].from, Updated: v.from, Revision: revision,
	}}}, nil
}

// TestTheResolverKnowsTheKeys: identity/did's, over the ledger, with its past, and
// holders by did:jwk and did:key.
func TestTheResolverKnowsTheKeys(t *testing.T) {
	t.Parallel()
	judge := func(s *scene, f catalogue.Format, token string) error {
		v, err := check.New(check.Options{
			Keys: did.New(did.Config{Ledger: register{s.world}, Network: "dev"}), Trust: s.world, Status: s.world,
			Certificates: s.world, Now: func() time.Time { return now }, Contexts: contexts(),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(t.Context(), check.Presented{Format: f, Token: token}, s.want)
		return err
	}
	for _, f := range check.Formats() {
		s := sceneFor(t, f)
		if err := judge(s, f, makers[f](s)); err != nil {
			t.Errorf("as %s: %v", f, err)
		}
	}
	for name, change := range map[string]func(*scene){
		"withdrawn": func(s *scene) {
			s.world.publish(s.issuer, now.Add(-time.Minute), map[string]keys.Signer{"key-2": edwards(t)})
		},
		"younger than the credential": func(s *scene) {
			s.world.dids[s.issuer] = nil
			s.world.publish(s.issuer, now.Add(-time.Minute), map[string]keys.Signer{"key-1": s.by})
		},
	} {
		for _, f := range []catalogue.Format{catalogue.SDJWT, catalogue.JWT, catalogue.LD} {
			s := sceneFor(t, f)
			change(s)
			refused(t, name, judge(s, f, makers[f](s)), check.StepKey)
		}
	}
	s := newScene(t, "StaffRole")
	f := s.jwt()
	holder, err := did.KeyDID(s.holder.JWK())
	if err != nil {
		t.Fatal(err)
	}
	f.credential.payload["sub"], f.presentation.payload["iss"] = holder, holder
	f.presentation.header["kid"] = holder + "#" + holder[len("did:key:"):]
	if err := judge(s, catalogue.JWT, f.token()); err != nil {
		t.Errorf("a holder by did:key: %v", err)
	}
}
