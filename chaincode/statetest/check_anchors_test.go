package statetest_test

import (
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// succession makes a ledger on which a stream of two anchors is followed by
// another, and returns its transactions with their ids taken out.
func succession(t *testing.T) []ledger.Tx {
	t.Helper()
	l := statetest.NewSeeded(t)
	const north = "hospital-north"
	old, next := statetest.NewLog("secant/test/"+north), statetest.NewLog("secant/next/"+north)
	old.Grow(8)
	next.Grow(8)
	stream, anchorer := ledger.StreamID(old.Verifier), l.Client(north, ledger.RoleAnchorer)
	submit := func(name string, request any) {
		t.Helper()
		statetest.Want(t, "", l.Submitted(t, statetest.Proposal{Client: anchorer, Name: name, Request: request}, nil))
	}
	submit(ledger.AnchorOpen, ledger.OpenStream{Verifier: old.Verifier})
	submit(ledger.AnchorCommit, ledger.CommitAnchor{Stream: stream, Checkpoint: old.Checkpoint(3)})
	submit(ledger.AnchorCommit, ledger.CommitAnchor{Stream: stream, Sequence: 1, Checkpoint: old.Checkpoint(5), Proof: old.Consistency(3, 5)})
	proposal, voters, err := l.Approve(ledger.Propose{Kind: ledger.ProposeSucceedStream, Reason: "a sample", Subject: ledger.ProposalSubject{
		Stream: stream, Successor: ledger.StreamID(next.Verifier), LastSequence: 1,
	}})
	if err != nil {
		t.Fatal(err)
	}
	submit(ledger.AnchorSucceed, ledger.SucceedStream{Proposal: proposal, Verifier: next.Verifier, Voters: voters})
	submit(ledger.AnchorCommit, ledger.CommitAnchor{Stream: ledger.StreamID(next.Verifier), Checkpoint: next.Checkpoint(3)})
	return story(t, l)
}

func TestCheckAcceptsASuccession(t *testing.T) {
	t.Parallel()
	if err := replay(t, succession(t), func(*ledger.Tx) {}).Check(); err != nil {
		t.Error(err)
	}
}

func TestCheckFindsEveryDamageOfASuccession(t *testing.T) {
	t.Parallel()
	txs := succession(t)
	of := func(name string, change func(*ledger.Tx)) func(*ledger.Tx) {
		return func(tx *ledger.Tx) {
			if tx.Name == name {
				change(tx)
			}
		}
	}
	for name, c := range map[string]damage{
		"a successor that names none":    {of(ledger.AnchorSucceed, edit(ledger.TypeStream, `"predecessor"`, `"other"`)), "does not follow its owner's stream before"},
		"a first one that names another": {of(ledger.AnchorOpen, edit(ledger.TypeStream, `"opened"`, `"predecessor":{"stream":"","sequence":0,"reason":"","proposal":""},"opened"`)), "is its owner's first and follows another"},
		"an owner who forgets the first": {of(ledger.AnchorOpen, lose(ledger.TypeStreamOwner)), "was never its owner's live one"},
		"a stream that is live twice": {of(ledger.AnchorSucceed, func(tx *ledger.Tx) {
			for i, w := range tx.Writes {
				if w.Key.Type == ledger.TypeStreamOwner {
					for _, first := range txs {
						if first.Name == ledger.AnchorOpen {
							tx.Writes[i].Value = value(first, ledger.TypeStreamOwner)
						}
					}
				}
			}
		}), "is live twice"},
		"a succession by another":            {by(ledger.AnchorSucceed, "medtech"), "is live for another, or by another"},
		"an end before the last anchor":      {of(ledger.AnchorSucceed, edit(ledger.TypeStream, `"sequence":1`, `"sequence":0`)), "came after its stream was succeeded"},
		"an end after the last anchor":       {of(ledger.AnchorSucceed, edit(ledger.TypeStream, `"sequence":1`, `"sequence":2`)), "does not end where its successor says"},
		"a used stream that is called not":   {of(ledger.AnchorSucceed, edit(ledger.TypeStream, `"sequence":1`, `"sequence":1,"unused":true`)), "does not end where its successor says"},
		"a succession that nobody agreed to": {of(ledger.AnchorSucceed, lose(ledger.TypeEnactment)), "succeeded without a majority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := replay(t, txs, c.change).Check()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Check says %v, want %q", err, c.want)
			}
		})
	}
}

func value(tx ledger.Tx, kind ledger.ObjectType) []byte {
	for _, w := range tx.Writes {
		if w.Key.Type == kind {
			return w.Value
		}
	}
	return nil
}

// TestCheckFindsAnchorsAfterTheSuccession moves the last anchor of the old
// stream behind it.
func TestCheckFindsAnchorsAfterTheSuccession(t *testing.T) {
	t.Parallel()
	txs := succession(t)
	last := -1
	for i, tx := range txs {
		switch {
		case tx.Name == ledger.AnchorCommit && last < 0, tx.Name == ledger.AnchorCommit && i == last+1:
			last = i
		case tx.Name == ledger.AnchorSucceed:
			moved := append(append([]ledger.Tx{}, txs[:last]...), txs[last+1:i+1]...)
			txs = append(append(moved, txs[last]), txs[i+1:]...)
			err := replay(t, txs, func(*ledger.Tx) {}).Check()
			if err == nil || !strings.Contains(err.Error(), "came after its stream was succeeded") {
				t.Errorf("Check says %v", err)
			}
			return
		}
	}
	t.Fatal("there is no succession")
}
