package verify

import (
	"encoding/hex"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/secretsharing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// A secret that several open together is shared by Shamir's scheme over ristretto255
// (RFC 9496), and committed to as Feldman has it: the coefficients of the polynomial as
// multiples of the generator, the secret's first. Whoever has the commitment can tell a
// share from what is none, and learns nothing of the secret. Points and shares are 32
// bytes in their one encoding, as lower-case hexadecimal digits; a share is the
// polynomial's value at its place, and places count from 1.

// EscrowShare is a share that was held against its commitment.
type EscrowShare = secretsharing.Share

// ParseEscrowCommitment reads a commitment, of as many points as shares are needed.
// Problems: invalid.
func ParseEscrowCommitment(points []string) ([]group.Element, error) {
	all := make([]group.Element, len(points))
	for i, p := range points {
		b, err := hex.DecodeString(p)
		all[i] = group.Ristretto255.NewElement()
		if err != nil || len(b) != 32 || all[i].UnmarshalBinary(b) != nil || hex.EncodeToString(b) != p {
			return nil, invalid("point %d of the commitment is none of ristretto255", i)
		}
	}
	if len(all) == 0 || all[0].IsIdentity() {
		return nil, invalid("the commitment is to no secret")
	}
	return all, nil
}

// ParseEscrowShare reads the share with a place, and holds it against the commitment.
// Problems: invalid; denied, when the commitment is to another one.
func ParseEscrowShare(commitment []group.Element, place int, share string) (EscrowShare, error) {
	s := EscrowShare{ID: group.Ristretto255.NewScalar(), Value: group.Ristretto255.NewScalar()}
	b, err := hex.DecodeString(share)
	if err != nil || place < 1 || len(commitment) == 0 || s.Value.UnmarshalBinary(b) != nil || hex.EncodeToString(b) != share {
		return s, invalid("the share is no number of ristretto255")
	}
	s.ID.SetUint64(uint64(place))
	if !secretsharing.Verify(uint(len(commitment)-1), s, commitment) {
		return s, errOtherShare
	}
	return s, nil
}

var errOtherShare = ledger.Problemf(ledger.CodeDenied, "the share is not the one of its place: it is another's, of another secret, or was altered")
