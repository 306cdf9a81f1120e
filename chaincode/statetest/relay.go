package statetest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/secretsharing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Relay is what stands behind a relayed report, with the shares that members get under
// seal, in clear. Of what is sealed it has only the size: the ledger opens nothing.
type Relay struct {
	ledger.ThreatRelay
	Clear map[string]string // by member
}

// NewRelay shares a secret among members, who come sorted.
func NewRelay(members []string) *Relay {
	r := &Relay{Clear: map[string]string{}}
	r.Name = base64.StdEncoding.EncodeToString(make([]byte, ledger.EscrowNameSize))
	sharing := secretsharing.New(rand.Reader, uint(ledger.EscrowNeeded(len(members))-1), group.Ristretto255.RandomNonZeroScalar(rand.Reader))
	for _, p := range sharing.CommitSecret() {
		r.Commitment = append(r.Commitment, encoded(p))
	}
	for i, s := range sharing.Share(uint(len(members))) {
		r.Clear[members[i]] = encoded(s.Value)
		r.Shares = append(r.Shares, ledger.SealedShare{Member: members[i], Share: base64.StdEncoding.EncodeToString([]byte(members[i]))})
	}
	return r
}

// Relayed is the request of an authority that shares a body so.
func (r *Relay) Relayed(body string) ledger.ShareThreat {
	return ledger.ShareThreat{
		Digest: ledger.BodyDigest([]byte(body)), Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: int64(len(body)), Relay: &r.ThreatRelay,
	}
}

func encoded(v interface{ MarshalBinary() ([]byte, error) }) string {
	b, err := v.MarshalBinary()
	if err != nil {
		panic(err) // of 32 bytes in memory
	}
	return hex.EncodeToString(b)
}
