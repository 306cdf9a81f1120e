package proof

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Head is a verified state of one organisation's log: a checkpoint that stands
// on the ledger, signed for by a majority.
type Head struct {
	verifier *Verifier
	read     *read
	view     ledger.AnchorView
	size     uint64
	root     Hash

	mu      sync.Mutex      // guards what follows
	entries map[Hash]*Entry // by entry
	lasting *goodLasting    // the last that was found good
}

// Head judges a checkpoint and the signed read of its anchor.
func (v *Verifier) Head(checkpoint string, anchor *ledger.SignedRead) (*Head, error) {
	v.mu.Lock()
	have := v.heads[checkpoint]
	v.mu.Unlock()
	if have != nil && have.read.is(anchor) {
		return have, nil
	}
	r, err := v.read(ledger.AnchorGet, anchor)
	if err != nil {
		return nil, err
	}
	h := &Head{verifier: v, read: r, entries: map[Hash]*Entry{}}
	if err := h.readView(); err != nil {
		return nil, mismatch(StepSignedRead, err, "the read of %s does not show an anchor", ledger.AnchorGet)
	}
	if err := h.readCheckpoint(checkpoint); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.heads) >= maxHeads {
		clear(v.heads)
	}
	v.heads[checkpoint] = h
	return h, nil
}

// readView takes the answer of anchor:Get and holds it against what was asked
// and what was read.
func (h *Head) readView() error {
	if err := json.Unmarshal(h.read.payload, &h.view); err != nil {
		return errors.New("the answer is not an anchor")
	}
	a, s := &h.view.Anchor, &h.view.Stream
	if err := h.read.asked(&ledger.GetAnchor{Stream: a.Stream, Sequence: a.Sequence}); err != nil {
		return err
	}
	if a.Stream != s.ID || s.ID != ledger.StreamID(s.Verifier) {
		return errors.New("the anchor, its stream and the stream's key do not belong together")
	}
	if err := errors.Join(h.read.found(a.Key()), h.read.found(s.Key())); err != nil {
		return err
	}
	if !h.read.bearsOut(ledger.EquivocationKey(s.ID), h.view.Equivocated) {
		return errors.New("the read set does not bear out what the answer says about two histories")
	}
	next := ledger.AnchorKey(a.Stream, a.Sequence+1)
	if !h.read.bearsOut(next, !h.view.Next.IsZero()) {
		return errors.New("the read set does not bear out what the answer says about the next anchor")
	}
	if !h.view.Next.IsZero() && h.view.Next.Before(a.Time) {
		return errors.New("the next anchor is older than this one")
	}
	return nil
}

// stood returns the time by which the anchor provably stood on the ledger: that
// of the next anchor, whose endorsers had read it there, else that of the read.
// Its own time is when it was endorsed, and it may have been held back since.
func (h *Head) stood() time.Time {
	if h.view.Next.IsZero() {
		return h.read.time
	}
	return h.view.Next.UTC()
}

// readCheckpoint holds the bundle's checkpoint against the anchored one.
func (h *Head) readCheckpoint(checkpoint string) error {
	a, s := &h.view.Anchor, &h.view.Stream
	if a.Checkpoint != checkpoint {
		return mismatch(StepCheckpoint, nil, "it is not the one that was anchored")
	}
	c, err := verify.ParseCheckpoint(s.Verifier, checkpoint)
	if err != nil {
		return mismatch(StepCheckpoint, err, "it is not one of the stream's log")
	}
	if c.Size != a.Size || hex.EncodeToString(c.Root) != a.Root {
		return mismatch(StepCheckpoint, nil, "the anchor states another tree than its checkpoint")
	}
	if h.view.Equivocated {
		return mismatch(StepCheckpoint, nil, "the log of %s was shown to have signed two histories; nothing of it is to be trusted", s.Owner)
	}
	h.size, h.root = c.Size, Hash(c.Root)
	return nil
}
