package vc

import (
	"context"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Keys finds the key that a party has under an id, a DID URL in full, for one
// purpose at a time, which is that of the check: when a proof was made is only its
// signer's word. It refuses a key that is the party's but not for the purpose. What
// it refuses with is returned as it is.
type Keys func(ctx context.Context, party, keyID string, at time.Time) (ledger.JWK, error)

// BBSKeys is the same for BLS12-381: 96 bytes, a compressed point of G2.
type BBSKeys func(ctx context.Context, party, keyID string, at time.Time) ([]byte, error)

// Verifier checks credentials and presentations. Its functions are safe for use by
// several goroutines if those that it is given are.
type Verifier struct {
	Contexts *Contexts     // required
	Issuers  Keys          // required: keys for "assertionMethod"
	Holders  Keys          // keys for "authentication"; nil: no presentation verifies
	BBS      BBSKeys       // keys for "assertionMethod"; nil: no BBS+ credential verifies
	Skew     time.Duration // by which another clock may be ahead; 0: not at all
}

// controls reports whether a DID URL names a key of the DID: "<did>#<fragment>".
func controls(did, keyID string) bool {
	fragment, ok := strings.CutPrefix(keyID, did+"#")
	return ok && fragment != "" && !strings.ContainsAny(fragment, "#?/") && isIRI(keyID)
}

// find looks up a party's key. An issuer's key is asked for only under an id that
// is the issuer's own, letter by letter.
func find(ctx context.Context, keys Keys, party, keyID string, at time.Time) (*verify.Key, error) {
	if keys == nil {
		return nil, invalid("such proofs are not taken here")
	}
	if !controls(party, keyID) {
		return nil, invalid("the proof's key is not that party's")
	}
	k, err := keys(ctx, party, keyID, at)
	if err != nil {
		return nil, err
	}
	return verify.NewKey(k)
}
