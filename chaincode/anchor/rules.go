package anchor

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// open makes a stream of a log that bears its organisation's name, so that no
// member opens a stream under another's key before it does.
func open(req ledger.OpenStream, org string, now time.Time) (*ledger.Stream, error) {
	origin, err := verify.Origin(req.Verifier)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(origin, "/"+org) {
		return nil, ledger.Problemf(ledger.CodeDenied, "the log's name does not end in \"/\" and the caller's MSP id")
	}
	return &ledger.Stream{
		V: 2, ID: ledger.StreamID(req.Verifier), Owner: org,
		Verifier: req.Verifier, Origin: origin, Opened: now,
	}, nil
}

func mayCommit(stream *ledger.Stream, org string) error {
	if stream.Owner != org {
		return ledger.Problemf(ledger.CodeDenied, "the stream is another organisation's")
	}
	return nil
}

// isLive refuses a stream in whose place another stands.
func isLive(stream *ledger.Stream, owner *ledger.StreamOwner) error {
	if owner.Stream != stream.ID {
		return ledger.Problemf(ledger.CodeGone, "another stream stands in the place of this one")
	}
	return nil
}

// succeed makes the stream that follows another as a majority approved it.
func succeed(old *ledger.Stream, owner *ledger.StreamOwner, req ledger.SucceedStream, p *ledger.Proposal, org string, now time.Time) (*ledger.Stream, error) {
	if err := mayCommit(old, org); err != nil {
		return nil, err
	}
	if err := isLive(old, owner); err != nil {
		return nil, err
	}
	next, err := open(ledger.OpenStream{Verifier: req.Verifier}, org, now)
	if err != nil {
		return nil, err
	}
	if next.ID != p.Subject.Successor {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the members approved another log as the successor")
	}
	next.Predecessor = &ledger.Predecessor{
		Stream: old.ID, Sequence: p.Subject.LastSequence, Reason: p.Reason, Proposal: p.ID,
	}
	return next, nil
}

// commit judges the next checkpoint of a stream; previous is nil for the first.
// A stream's time never goes back: a client may claim a little less than an
// earlier transaction did.
func commit(stream *ledger.Stream, previous *ledger.Anchor, req ledger.CommitAnchor, tx string, now time.Time) (*ledger.Anchor, error) {
	point, err := verify.ParseCheckpoint(stream.Verifier, req.Checkpoint)
	if err != nil {
		return nil, err
	}
	if previous != nil {
		err = grows(previous, point, req.Proof)
	} else {
		err = starts(point, req.Proof)
	}
	if err != nil {
		return nil, err
	}
	if previous != nil && previous.Time.After(now) {
		now = previous.Time
	}
	return &ledger.Anchor{
		V: 1, Stream: stream.ID, Sequence: req.Sequence,
		Size: point.Size, Root: hex.EncodeToString(point.Root), Checkpoint: req.Checkpoint,
		Tx: tx, Time: now,
	}, nil
}

func starts(point verify.Checkpoint, proof []string) error {
	switch {
	case len(proof) != 0:
		return ledger.Problemf(ledger.CodeInvalid, "the first anchor has no consistency proof")
	case point.Size == 0:
		return ledger.Problemf(ledger.CodeInvalid, "an empty log is not anchored")
	}
	return nil
}

func grows(previous *ledger.Anchor, point verify.Checkpoint, proof []string) error {
	if point.Size <= previous.Size {
		return ledger.Problemf(ledger.CodeInvalid, "the log is not larger than its last anchor")
	}
	root, err := hex.DecodeString(previous.Root)
	if err != nil {
		return fmt.Errorf("decoding the previous anchor's root: %w", err)
	}
	hashes := make([][]byte, len(proof))
	for i, h := range proof {
		if hashes[i], err = hex.DecodeString(h); err != nil {
			return ledger.Problemf(ledger.CodeInvalid, "a hash of the proof is not hexadecimal")
		}
	}
	return verify.Consistency(previous.Size, point.Size, root, point.Root, hashes)
}

// equivocation judges evidence: both notes are the log's, of one size, and of
// different trees.
func equivocation(stream *ledger.Stream, req ledger.ReportEquivocation, by string, now time.Time) (*ledger.Equivocation, error) {
	first, err := verify.ParseCheckpoint(stream.Verifier, req.First)
	if err != nil {
		return nil, err
	}
	second, err := verify.ParseCheckpoint(stream.Verifier, req.Second)
	if err != nil {
		return nil, err
	}
	if first.Size != second.Size || bytes.Equal(first.Root, second.Root) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the checkpoints do not contradict each other: one size and two roots are needed")
	}
	return &ledger.Equivocation{
		V: 1, Stream: stream.ID, First: req.First, Second: req.Second, By: by, Time: now,
	}, nil
}
