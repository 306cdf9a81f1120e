package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/keys/local"
	"github.com/secant-platform/secant/identity/vc"
)

// keptBBS is how many generations of the key for BBS+ stand in the document: what
// they signed ends within a day.
const keptBBS = 2

// bbsKeeper returns the keeper of keys for BBS+; nil: this node has none, as it keeps
// its keys in a hardware module, which knows no such keys, or as its public address is
// too long for its document.
func bbsKeeper(keeper keys.Keeper, base string) *local.Store {
	store, ok := keeper.(*local.Store)
	if _, fits := did.BBSService(base, desk.PurposeBBS, make([]byte, vc.BBSKeySize)); !ok || !fits {
		return nil
	}
	return store
}

// bbsServices are what stands for the keys in the issuer's document, the newest last.
func (i *identity) bbsServices(base string) ([]ledger.Service, error) {
	if i.bbs == nil {
		return nil, nil
	}
	newest, err := i.bbs.BBS(desk.PurposeBBS)
	if err != nil {
		return nil, fmt.Errorf("opening the issuer's key for BBS+: %w", err)
	}
	var list []ledger.Service
	for generation := max(1, newest.Generation-keptBBS+1); generation <= newest.Generation; generation++ {
		k, err := i.bbs.BBSAt(desk.PurposeBBS, generation)
		if err != nil {
			return nil, fmt.Errorf("opening the issuer's key for BBS+: %w", err)
		}
		if s, ok := did.BBSService(base, k.ID(), k.PublicKey()); ok {
			list = append(list, s)
		}
	}
	return list, nil
}

// signBBS returns the newest key for BBS+ that stands in the issuer's document: one
// that nobody can look up signs nothing.
func (i *identity) signBBS() (string, *vc.BBSSigner, error) {
	newest, err := i.bbs.BBS(desk.PurposeBBS)
	if err != nil {
		return "", nil, err
	}
	document := i.services.Load()
	for generation := newest.Generation; document != nil && generation > newest.Generation-keptBBS && generation > 0; generation-- {
		k, err := i.bbs.BBSAt(desk.PurposeBBS, generation)
		if err != nil {
			return "", nil, err
		}
		if s, ok := did.BBSService(i.base, k.ID(), k.PublicKey()); ok && slices.Contains(*document, s) {
			return k.ID(), k.BBSSigner, nil
		}
	}
	return "", nil, ledger.Problemf(ledger.CodeUnavailable, "the issuer's key for such credentials does not stand in its document on the ledger yet")
}

// BBSKey returns a member's key for BBS+, which is the ledger's as their others are.
func (i *issuers) BBSKey(ctx context.Context, issuer, keyID string, at time.Time) ([]byte, error) {
	id, keyID, err := i.onLedger(ctx, issuer, keyID)
	if err != nil {
		return nil, err
	}
	return i.resolver.BBSKey(ctx, id, keyID, at)
}
