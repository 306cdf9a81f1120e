package check

import (
	"bytes"
	"context"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/vc"
)

// BBSKeys knows the keys of issuers for credentials of which parts are shown.
type BBSKeys interface {
	// BBSKey returns the issuer's public key for BBS+ signatures, 96 bytes, as Keys
	// does the others.
	BBSKey(ctx context.Context, issuer, keyID string, at time.Time) ([]byte, error)
}

// openPart takes the part of a BBS+ credential apart: it has no holder.
func openPart(v *Verifier, token string, o map[string]any, want *Want) (*presentation, *Refusal) {
	one := shownIn(o)
	verifies := func(ctx context.Context, s *signer) (*Credential, *Refusal) {
		if !want.Anonymous || want.Holder != "" {
			return nil, refuse(StepBinding, ledger.CodeDenied, "the credential is presented without its holder's proof")
		}
		if refusal := s.findBBS(ctx, v.bbs, one.keyID); refusal != nil {
			return nil, refusal
		}
		w := &vc.Verifier{Contexts: v.contexts, Skew: v.maxSkew, BBS: s.foundBBS}
		verified, err := w.VerifyDisclosure(ctx, []byte(token), vc.AnonymousNonce(want.Nonce, want.Audience), s.at)
		if err != nil {
			return nil, fault(stepOf(err), err)
		}
		return one.credential(verified)
	}
	return &presentation{issuer: one.issuer, types: one.types, w3c: true, extent: catalogue.Part, verify: verifies}, nil
}

// findBBS is find for BBS+.
func (s *signer) findBBS(ctx context.Context, keys BBSKeys, keyID string) *Refusal {
	id, ok := absolute(s.issuer, keyID)
	if !ok || keys == nil {
		return refuse(StepKey, ledger.CodeDenied, noKey)
	}
	key, err := keys.BBSKey(ctx, s.issuer, id, s.at)
	if err != nil {
		return unanswered(StepKey, err, noKey)
	}
	s.id = id
	s.same = func(ctx context.Context, then time.Time) (bool, error) {
		old, err := keys.BBSKey(ctx, s.issuer, id, then)
		return bytes.Equal(old, key), err
	}
	s.bbs, s.resolution = key, vc.BBSResolution
	return nil
}

// foundBBS is found for BBS+.
func (s *signer) foundBBS(_ context.Context, party, keyID string, _ time.Time) ([]byte, error) {
	if party != s.issuer || keyID != s.id {
		return nil, ledger.Problemf(ledger.CodeDenied, noKey)
	}
	return s.bbs, nil
}
