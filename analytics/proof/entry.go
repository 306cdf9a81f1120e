package proof

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxAhead is how far an honest node's clock may run ahead of the vouched time
// of its anchors: as far as endorsers let a claimed time be from their clocks.
const maxAhead = 2 * time.Minute

// Entry is a verified request under a Head: what its organisation said about it
// stands in the log, and who vouches for it is known.
type Entry struct {
	head      *Head
	statement Statement
	log       LogProof
	unit      *ledger.Unit // and unitRead: of what signed, nil when the node vouches
	unitRead  *read
}

// Entry judges a statement's way into the log and, when a device or an edge box
// vouches, its signature under the key that the ledger holds.
func (h *Head) Entry(s *Statement, l *LogProof, device *ledger.SignedRead) (*Entry, error) {
	h.mu.Lock()
	have := h.entries[l.Entry]
	h.mu.Unlock()
	if have != nil && have.same(s, l, device) {
		return have, nil
	}
	e := &Entry{head: h, statement: *s, log: *l}
	e.log.Path = slices.Clone(l.Path)
	if err := e.verifyEntry(); err != nil {
		return nil, err
	}
	if err := e.verifyVoucher(device); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.entries) >= maxEntries {
		clear(h.entries)
	}
	h.entries[e.log.Entry] = e
	return e, nil
}

func (e *Entry) same(s *Statement, l *LogProof, device *ledger.SignedRead) bool {
	if (device == nil) != (e.unitRead == nil) || (device != nil && !e.unitRead.is(device)) {
		return false
	}
	return e.statement == *s &&
		e.log.Index == l.Index && e.log.Salt == l.Salt && e.log.Entry == l.Entry && slices.Equal(e.log.Path, l.Path)
}

func (e *Entry) verifyEntry() error {
	entry, err := e.statement.EntryHash(&e.log.Salt)
	if err != nil {
		return mismatch(StepStatement, err, "it is not one that a node makes")
	}
	if entry != e.log.Entry {
		return mismatch(StepStatement, nil, "what it says, or its salt, is not what the log committed to")
	}
	if owner := e.head.view.Stream.Owner; e.statement.Organisation != owner {
		return mismatch(StepStatement, nil, "it is another organisation's than the log, which is that of %s", owner)
	}
	if since := e.head.stood(); e.statement.ReceivedAt().Sub(since) > maxAhead {
		return mismatch(StepStatement, nil, "it says that the readings came after %s, when they stood in the log", stamp(since))
	}
	var leaf [1 + HashSize]byte
	leaf[0] = leafPrefix
	copy(leaf[1:], entry[:])
	root, err := RootFromPath(e.log.Index, e.head.size, sha256.Sum256(leaf[:]), e.log.Path)
	if err != nil {
		return mismatch(StepPath, err, "the way from the statement to the checkpoint")
	}
	if root != e.head.root {
		return mismatch(StepPath, nil, "the way from the statement does not lead to the checkpoint")
	}
	return nil
}

func (e *Entry) verifyVoucher(device *ledger.SignedRead) error {
	signer, signed := e.statement.Signer()
	switch {
	case !signed && device != nil:
		return mismatch(StepDevice, nil, "the bundle carries a device's record though the node vouches")
	case !signed:
		return nil
	case device == nil:
		return mismatch(StepDevice, nil, "the bundle lacks the signed read of the record of what signed")
	}
	return e.verifySigner(signer, device)
}

// verifySigner judges the signature of a device, or of an edge box, which is a unit
// on the ledger as any device is.
func (e *Entry) verifySigner(signer Hash, device *ledger.SignedRead) error {
	r, err := e.head.verifier.read(ledger.DeviceGetUnit, device)
	if err != nil {
		return err
	}
	var u ledger.Unit
	if err := json.Unmarshal(r.payload, &u); err != nil {
		return mismatch(StepSignedRead, nil, "the read of %s does not show a device", ledger.DeviceGetUnit)
	}
	if err := errors.Join(r.asked(&ledger.GetUnit{ID: u.ID}), r.found(u.Key())); err != nil {
		return mismatch(StepSignedRead, err, "the read of %s does not show a device", ledger.DeviceGetUnit)
	}
	switch {
	case u.ID != signer.String():
		return mismatch(StepDevice, nil, "the ledger's record is of another device than the statement")
	case !e.owned(&u):
		return mismatch(StepDevice, nil, "the device belonged to another organisation than the log by %s, when the readings stood in it", stamp(e.head.stood()))
	case u.SigningKey() == nil:
		return mismatch(StepDevice, nil, "the ledger holds no key for the device, so it cannot have signed")
	case !e.statement.VerifySignature(u.SigningKey()):
		return mismatch(StepDevice, nil, "the signature over the readings is not that of the device's key")
	}
	e.unit, e.unitRead = &u, r
	return nil
}

// owned reports whether the device belongs to the log's organisation, or still did
// when the anchor provably stood: handing a device over must not take the proofs
// of what it had signed before away.
func (e *Entry) owned(u *ledger.Unit) bool {
	org, since := e.statement.Organisation, e.head.stood()
	return u.Owner == org || slices.ContainsFunc(u.Former, func(f ledger.FormerOwner) bool {
		return f.Owner == org && f.Until.After(since)
	})
}

// Record judges one record of the request, by hashing alone.
func (e *Entry) Record(r *Record) error {
	return r.verify(e.statement.Count, &e.statement.Root)
}

// Verdict judges one record of the request and returns what is proven.
func (e *Entry) Verdict(r *Record) (*Verdict, error) {
	if err := e.Record(r); err != nil {
		return nil, err
	}
	return e.verdict(int(r.Index)), nil
}

func (e *Entry) verdict(index int) *Verdict {
	since, endorsed := e.head.stood(), e.head.view.Anchor.Time.UTC()
	v := &Verdict{
		Since: since, Endorsed: endorsed, HeldBack: since.Sub(endorsed) > ledger.LateAfter, AsOf: e.head.read.time,
		Witnesses: slices.Clone(e.head.read.witnesses), Of: e.head.read.of,
		VouchedBy: e.statement.VouchedBy, Unit: e.statement.Unit.String(),
		Organisation: e.statement.Organisation, Received: e.statement.ReceivedAt(),
		Request: e.statement.Request.String(), Index: index, Count: int(e.statement.Count),
		MediaType: e.statement.MediaType, LogIndex: e.log.Index, Sequence: e.head.view.Anchor.Sequence,
		Numbered: e.statement.Sequence,
	}
	if e.statement.VouchedBy == VouchedByEdge {
		v.Edge = e.statement.Edge.String()
	}
	if e.unit != nil {
		v.UnitState, v.UnitCertification, v.UnitAsOf = e.unit.State, e.unit.CertifiedAt(e.unitRead.time), e.unitRead.time
		if e.unit.Owner != e.statement.Organisation {
			v.UnitOwner = e.unit.Owner
		}
	}
	return v
}

// verify follows a record to the root of its request's sub-tree.
func (r *Record) verify(count uint32, root *Hash) error {
	leaf, err := r.leaf()
	if err != nil {
		return err
	}
	if leaf != r.Leaf {
		return mismatch(StepSalt, nil, "it does not turn the record into the leaf that was committed to")
	}
	got, err := RootFromPath(uint64(r.Index), uint64(count), r.Leaf, r.Path)
	if err != nil {
		return mismatch(StepPath, err, "the way from the record to its request's root")
	}
	if got != *root {
		return mismatch(StepPath, nil, "the way from the record does not lead to its request's root")
	}
	return nil
}

// leaf hashes the record with its salt, once its digest was found to fit.
func (r *Record) leaf() (Hash, error) {
	n := len(r.Text) + len(r.Base64)
	if n == 0 || n > MaxRecord || (r.Text != "" && len(r.Base64) != 0) {
		return Hash{}, mismatch(StepFormat, nil, "the record must stand in the bundle once, with at most %d bytes", MaxRecord)
	}
	var digest, leaf Hash
	if n <= maxCopied {
		var b [1 + HashSize + maxCopied]byte
		b[0] = leafPrefix
		copy(b[1:], r.Salt[:])
		copy(b[1+HashSize:], r.Text)
		copy(b[1+HashSize:], r.Base64)
		digest, leaf = sha256.Sum256(b[1+HashSize:1+HashSize+n]), sha256.Sum256(b[:1+HashSize+n])
	} else {
		content := r.Content()
		digest, leaf = sha256.Sum256(content), LeafHash(&r.Salt, content)
	}
	if digest != r.Digest {
		return Hash{}, mismatch(StepContent, nil, "the record's bytes are not those that were committed to")
	}
	return leaf, nil
}
