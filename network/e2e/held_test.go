package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// held is a transaction that was endorsed when the network started and is kept
// back until TestHeldBackTransactionIsLate, the last of the package.
var held struct {
	digest   string
	endorsed []byte
	at       time.Time
}

// hold endorses a report and does not submit it, as a node does that wants its
// report to look older than it is. What was held before a change of the chaincode's
// definition can never commit, so those tests hold another.
func (n *network) hold(tb testing.TB) {
	tb.Helper()
	held.digest = ledger.BodyDigest(bundleOfSTIX())
	arg, err := json.Marshal(ledger.ShareThreat{Digest: held.digest, Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: 100})
	if err != nil {
		tb.Fatal(err)
	}
	// By members whose certificates no test renews and revokes meanwhile: what those
	// endorsed before would not count any more.
	proposal, err := n.contract(tb, "medtech", "sharer").NewProposal(ledger.ThreatShare, client.WithArguments(string(arg)),
		client.WithEndorsingOrganizations("medtech", "hospital-north", "hospital-south"))
	if err != nil {
		tb.Fatal(err)
	}
	held.at = time.Now()
	endorsed, err := proposal.EndorseWithContext(tb.Context())
	if err != nil {
		tb.Fatal(details(err))
	}
	if held.endorsed, err = endorsed.Bytes(); err != nil {
		tb.Fatal(err)
	}
}
