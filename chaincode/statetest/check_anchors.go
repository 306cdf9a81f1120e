package statetest

import (
	"encoding/hex"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// streams: an organisation has one live stream, and each stream's id and origin
// are its key's. The versions of an owner's row are its streams in their order:
// each but the first names the one before it.
func (c *checker) streams() {
	streams := once(c, rowsOf[ledger.Stream](c, ledger.TypeStream))
	owned := map[string]bool{} // by stream
	for _, r := range rowsOf[ledger.StreamOwner](c, ledger.TypeStreamOwner) {
		for i, o := range r.versions {
			s := find(streams, ledger.StreamKey(o.Stream))
			if s == nil {
				c.fail("%s: has no stream %s", o.Owner, o.Stream)
				continue
			}
			c.want(!owned[s.ID], "stream %s: is live twice", s.ID)
			owned[s.ID] = true
			c.want(s.Owner == o.Owner && c.by(r.entries[i]).Org == o.Owner, "stream %s: is live for another, or by another", s.ID)
			if i == 0 {
				c.want(s.Predecessor == nil, "stream %s: is its owner's first and follows another", s.ID)
				continue
			}
			p := s.Predecessor
			c.want(p != nil && p.Stream == r.versions[i-1].Stream, "stream %s: does not follow its owner's stream before", s.ID)
			if p != nil {
				c.endedAt(p, r.entries[i])
			}
		}
	}
	for _, r := range streams {
		s := r.last()
		origin, err := verify.Origin(s.Verifier)
		c.want(err == nil && s.Origin == origin && s.ID == ledger.StreamID(s.Verifier), "stream %s: its id or origin is not its key's", s.ID)
		c.want(strings.HasSuffix(s.Origin, "/"+s.Owner), "stream %s: its log bears another's name", s.ID)
		c.want(owned[s.ID], "stream %s: was never its owner's live one", s.ID)
		c.want(c.by(r.entries[0]).Org == s.Owner, "stream %s: another organisation opened it", s.ID)
	}
	for _, r := range once(c, rowsOf[ledger.Equivocation](c, ledger.TypeEquivocation)) {
		e := r.last()
		s := find(streams, ledger.StreamKey(e.Stream))
		if s == nil {
			c.fail("mark %v: of no stream", r.key)
			continue
		}
		first, err1 := verify.ParseCheckpoint(s.Verifier, e.First)
		second, err2 := verify.ParseCheckpoint(s.Verifier, e.Second)
		c.want(err1 == nil && err2 == nil && first.Size == second.Size && string(first.Root) != string(second.Root),
			"mark %v: its evidence proves nothing", r.key)
	}
}

// endedAt: a stream's anchors end where its successor says, and all stood before
// it; a majority approved that it follows.
func (c *checker) endedAt(p *ledger.Predecessor, succession entry) {
	last := false
	for _, r := range rowsOf[ledger.Anchor](c, ledger.TypeAnchor) {
		a := r.last()
		if a.Stream != p.Stream {
			continue
		}
		c.want(!p.Unused && a.Sequence <= p.Sequence && after(succession.version, r.entries[0].version), "anchor %v: came after its stream was succeeded", r.key)
		last = last || a.Sequence == p.Sequence
	}
	c.want(last != p.Unused, "stream %s: does not end where its successor says", p.Stream)
	e := find(rowsOf[ledger.Enactment](c, ledger.TypeEnactment), ledger.EnactmentKey(p.Proposal))
	c.want(e != nil && e.Kind == ledger.ProposeSucceedStream && e.Tx == succession.tx, "stream %s: was succeeded without a majority", p.Stream)
}

// anchors: without a gap, growing, signed by the stream's key, never back in
// time, and none after the stream's mark. That each tree begins with the one
// before cannot be told without the log.
func (c *checker) anchors() {
	streams := rowsOf[ledger.Stream](c, ledger.TypeStream)
	marks := rowsOf[ledger.Equivocation](c, ledger.TypeEquivocation)
	last := map[string]*ledger.Anchor{}
	for _, r := range once(c, rowsOf[ledger.Anchor](c, ledger.TypeAnchor)) { // by stream and sequence
		a := r.last()
		s := find(streams, ledger.StreamKey(a.Stream))
		if s == nil {
			c.fail("anchor %v: of no stream", r.key)
			continue
		}
		point, err := verify.ParseCheckpoint(s.Verifier, a.Checkpoint)
		c.want(err == nil && point.Size == a.Size && hex.EncodeToString(point.Root) == a.Root, "anchor %v: is not what its checkpoint says", r.key)
		c.want(a.Tx == r.entries[0].tx && c.by(r.entries[0]).Org == s.Owner, "anchor %v: is not its owner's transaction", r.key)
		if before := last[a.Stream]; before == nil {
			c.want(a.Sequence == 0 && a.Size > 0, "anchor %v: is the first and not", r.key)
		} else {
			c.want(a.Sequence == before.Sequence+1 && a.Size > before.Size && !a.Time.Before(before.Time), "anchor %v: does not follow the one before", r.key)
		}
		for _, m := range marks {
			c.want(m.last().Stream != a.Stream || after(m.entries[0].version, r.entries[0].version), "anchor %v: came after its stream's mark", r.key)
		}
		last[a.Stream] = &a
	}
}

// after reports whether a is later than b.
func after(a, b Version) bool { return a.Block > b.Block || a.Block == b.Block && a.Tx > b.Tx }
