package app

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/certificate"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/keys"
)

// publishedKeys signs with the newest key that stands in the issuer's document on
// the ledger: a key that nobody can look up yet signs nothing, so that keys are
// rotated while credentials are issued.
type publishedKeys struct {
	keys.Keeper
	document *atomic.Pointer[ledger.DIDKeys]
}

// Signer returns the newest published key for a purpose; before there is a
// document, the newest.
func (p publishedKeys) Signer(purpose, algorithm string) (*keys.Key, error) {
	newest, err := p.Keeper.Signer(purpose, algorithm)
	document := p.document.Load()
	if err != nil || document == nil {
		return newest, err
	}
	for generation := newest.Generation; generation > 0; generation-- {
		k, err := p.At(purpose, generation)
		if err != nil {
			return nil, err
		}
		if jwk, ok := document.Method(document.AssertionMethod, k.ID()); ok && jwk == k.JWK() && keys.Algorithm(k) == algorithm {
			return k, nil
		}
	}
	return newest, nil // a purpose that the document does not know
}

// Of the kinds of keys, those that are more than signers of one algorithm.
const (
	rotatedCredentials = "credentials" // all that sign credentials
	rotatedLasting     = "lasting"
)

// rotated are the keys that an operator may rotate, by what they are for.
var rotated = map[string]map[string]string{
	rotatedCredentials: {desk.PurposeIssuer: verify.AlgES256, desk.PurposeEdwards: verify.AlgEdDSA},
	"control":          {purposeControl: verify.AlgEdDSA},
	"roots":            {certificate.PurposeRoot: verify.AlgES256},
	rotatedLasting:     {}, // of another algorithm
}

// rotate makes new keys and returns when they stand in the issuer's document. What
// was signed with the ones before stays valid as long as they have room there: see
// keptKeys. Keys are made only once the ones before stand there, so that a rotation
// that is tried again while the ledger is away uses up none.
func (i *identity) rotate(ctx context.Context, which string) error {
	purposes, ok := rotated[which]
	if !ok {
		return ledger.Problemf(ledger.CodeInvalid, "the keys that can be rotated are credentials, control, roots and lasting")
	}
	if err := i.settler.settle(ctx); err != nil {
		return err
	}
	for purpose, algorithm := range purposes {
		if _, err := i.keeper.Rotate(purpose, algorithm); err != nil {
			return fmt.Errorf("making a new key: %w", err)
		}
	}
	if which == rotatedLasting {
		if err := i.lasting.rotate(); err != nil {
			return err
		}
	}
	if which == rotatedCredentials && i.bbs != nil {
		if _, err := i.bbs.RotateBBS(desk.PurposeBBS); err != nil {
			return fmt.Errorf("making a new key: %w", err)
		}
	}
	if err := i.certificates.Renew(time.Now()); err != nil {
		return err
	}
	return i.settler.settle(ctx)
}
