package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestALostLogIsSucceededByVote gives an organisation a new stream in the place of
// one that it lost. Its node has the old log and cannot go on with it, so this
// comes after all tests that need the node.
func TestALostLogIsSucceededByVote(t *testing.T) {
	n := live(t)
	maker, north, south, authority := n.member(t, "medtech"), n.member(t, "hospital-north"), n.member(t, "hospital-south"), n.member(t, "authority")
	id := n.stream(t, "medtech")
	n.secant(t, "stop", "node-medtech")
	last, found := n.newest(t, maker, id)
	signer := n.logKey(t, "medtech")
	lost := ledger.CommitAnchor{Stream: id, Checkpoint: signCheckpoint(t, signer, 1, bytes.Repeat([]byte{9}, 32)), Proof: []string{}}
	if found {
		lost.Sequence = last.Sequence + 1
	}

	_, verifier := newLogKey(t, "secant/dev/"+rand.Text()+"/medtech")
	subject := ledger.ProposalSubject{Stream: id, Successor: ledger.StreamID(verifier), LastSequence: last.Sequence}
	p := do[ledger.Proposal](t, maker, ledger.RoleRegistrar, ledger.IdentityPropose,
		ledger.Propose{Kind: ledger.ProposeSucceedStream, Subject: subject, Reason: "the disk was lost"})
	succeed := ledger.SucceedStream{Proposal: p.ID, Verifier: verifier, Voters: vote(t, p.ID, maker, north)}
	fails(t, ledger.CodeDenied, maker, ledger.RoleAnchorer, ledger.AnchorSucceed, succeed)
	succeed.Voters = append(succeed.Voters, vote(t, p.ID, south)...)
	fails(t, ledger.CodeDenied, authority, ledger.RoleAnchorer, ledger.AnchorSucceed, succeed)
	next := do[ledger.Stream](t, maker, ledger.RoleAnchorer, ledger.AnchorSucceed, succeed)
	if next.Predecessor == nil || next.Predecessor.Stream != id {
		t.Errorf("the successor is %+v", next)
	}
	fails(t, ledger.CodeGone, maker, ledger.RoleAnchorer, ledger.AnchorCommit, lost)

	// The node still has the old log, and says so rather than write into it.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := n.run(ctx, "node", "--config", n.config("medtech"))
	if err == nil || ctx.Err() != nil || !strings.Contains(out, "integrity log") {
		t.Errorf("the node with the old log: %v\n%s", err, out)
	}
}

// stream is the id of an organisation's live stream, as its node says.
func (n *network) stream(tb testing.TB, org string) string {
	tb.Helper()
	var log struct {
		Stream string `json:"stream"`
	}
	n.node(tb, org, "auditor").call("GET", "/v1/log", nil, &log)
	return log.Stream
}

// newest finds the last anchor of a stream.
func (n *network) newest(tb testing.TB, m *member, stream string) (last ledger.Anchor, found bool) {
	tb.Helper()
	for sequence := uint64(0); ; sequence++ {
		var view ledger.AnchorView
		err := m.Evaluate(tb.Context(), ledger.AnchorGet, ledger.GetAnchor{Stream: stream, Sequence: sequence}, &view)
		if ledger.CodeOf(err) == ledger.CodeNotFound {
			return last, found
		}
		if err != nil {
			tb.Fatal(err)
		}
		last, found = view.Anchor, true
	}
}
