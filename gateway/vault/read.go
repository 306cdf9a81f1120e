package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Record is a record as it is read back.
type Record struct {
	Ordinal uint64
	ID      ID
	Entry   [32]byte // what the integrity log holds for it
	Erased  bool     // its key was destroyed; Plain is nil
	Plain   []byte
}

// Get returns the record with this id. It fails with a not_found or gone
// Problem, or with a *DamageError.
func (v *Vault) Get(ctx context.Context, id ID) (*Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading a record: %w", err)
	}
	at, err := v.head(id)
	if err != nil {
		return nil, err
	}
	raw, err := at.record(ctx)
	if err != nil {
		return nil, err
	}
	r := found{header: at.header, offset: at.offset, slot: raw[headerSize:sealedOffset], sealed: raw[sealedOffset:]}
	if len(raw) == int(r.Size) && sha256.Sum256(r.sealed) != r.Digest {
		return nil, at.segment.damage(at.offset, r.Ordinal, "the sealed bytes are not those that were written")
	}
	rec, err := v.open(at.segment, &r)
	if err != nil {
		return nil, err
	}
	if rec.Erased {
		return nil, ledger.Problemf(ledger.CodeGone, "the request was erased")
	}
	return rec, nil
}

// Each visits the durable records from ordinal from on, in order, erased ones
// included. A record is valid during its visit only. It fails with a *DamageError
// when one does not fit, and with what visit returns.
func (v *Vault) Each(ctx context.Context, from uint64, visit func(*Record) error) error {
	return v.each(ctx, from, lookOpen, func(_ location, rec *Record) error { return visit(rec) })
}

// Entries visits the entries of the durable records from ordinal from on, in order. It
// needs no object: they are always here.
func (v *Vault) Entries(ctx context.Context, from uint64, visit func(entry [32]byte) error) error {
	return v.each(ctx, from, lookHeads, func(_ location, rec *Record) error { return visit(rec.Entry) })
}

// look is how closely records are looked at.
type look int

const (
	lookHeads look = iota // their heads only, where the rest is in an object
	lookOpen              // decrypted, unless they are erased
	lookWhole             // and every byte read
)

// Check reads every byte of every durable record and visits it as Each does,
// having made sure besides that its id finds this record and no other: an id
// that stood in the vault twice would be found once. It reads the subjects' keys as well.
func (v *Vault) Check(ctx context.Context, visit func(*Record) error) error {
	if err := v.subjects.check(); err != nil {
		return err
	}
	return v.each(ctx, 0, lookWhole, func(at location, rec *Record) error {
		v.mu.RLock()
		have, _ := v.index.find(rec.ID)
		v.mu.RUnlock()
		if have != at {
			return fmt.Errorf("record %s is not found where it stands, as record %d", rec.ID, rec.Ordinal)
		}
		return visit(rec)
	})
}

func (v *Vault) each(ctx context.Context, from uint64, as look, visit func(location, *Record) error) error {
	v.mu.RLock()
	segments, originals := make([]segment, len(v.segments)), slices.Clone(v.segments)
	for i, s := range v.segments {
		segments[i] = segment{path: s.path, base: s.base, count: s.count, end: s.end}
	}
	v.mu.RUnlock()
	begin := sort.Search(len(segments), func(i int) bool { return segments[i].base+segments[i].count > from })
	for i := begin; i < len(segments); i++ {
		s := &segments[i]
		if err := v.eachOf(ctx, s, originals[i], from, as, func(r *found) error {
			if as == lookHeads {
				return visit(locate(i, r.offset), &Record{Ordinal: r.Ordinal, ID: r.ID, Entry: r.Entry})
			}
			rec, err := v.open(s, r)
			if err != nil {
				return err
			}
			return visit(locate(i, r.offset), rec)
		}); err != nil {
			return err
		}
	}
	return nil
}

// eachOf visits the records from ordinal from on that s, a copy of the segment, had when
// it was made.
func (v *Vault) eachOf(ctx context.Context, s, original *segment, from uint64, as look, visit func(*found) error) error {
	k, done := v.hold(original)
	defer done()
	if k != nil {
		return v.eachAway(ctx, k, from, as, visit)
	}
	f, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("reading a segment: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written through it
	if as == lookWhole {
		from = 0
	}
	end, next, wrong, err := s.walk(f, from, s.count, func(r *found) error {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading the vault: %w", err)
		}
		return visit(r)
	})
	if err == nil && wrong != "" {
		err = s.damage(end, next, wrong)
	}
	return err
}

// open decrypts what was found, in place.
func (v *Vault) open(s *segment, r *found) (*Record, error) {
	rec := &Record{Ordinal: r.Ordinal, ID: r.ID, Entry: r.Entry}
	wrapped, state := readSlot(r.slot)
	switch state {
	case slotErased:
		rec.Erased = true
		return rec, nil
	case slotDamaged:
		return nil, s.damage(r.offset, r.Ordinal, "the key slot is damaged")
	case slotFull:
	}
	plain, err := v.key.open(r.ID, &r.Entry, wrapped, r.sealed)
	if err != nil {
		return nil, s.damage(r.offset, r.Ordinal, err.Error())
	}
	rec.Plain = plain
	return rec, nil
}

// place is where a record stands, with its header once it is read.
type place struct {
	vault   *Vault
	segment *segment // of which only what never changes is used, and where its bytes are
	offset  int64
	header  header
}

// head finds a record and reads its header. It fails with a not_found Problem.
func (v *Vault) head(id ID) (*place, error) {
	v.mu.RLock()
	at, ok := v.index.find(id)
	var p place
	if ok {
		p = place{vault: v, segment: v.segments[at.segment()], offset: at.offset()}
	}
	v.mu.RUnlock()
	if !ok {
		return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such request")
	}
	if err := p.readHeader(); err != nil {
		return nil, err
	}
	if p.header.ID != id { // only its first bytes are those of a record
		return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such request")
	}
	return &p, nil
}

// readHeader reads the header at a place that the index names. It is always here.
func (p *place) readHeader() error {
	k, done := p.vault.hold(p.segment)
	defer done()
	return p.readFrom(k)
}

// readHeld is readHeader for whoever has the vault's mu.
func (p *place) readHeld() error { return p.readFrom(p.segment.kept) }

func (p *place) readFrom(k *kept) error {
	if k != nil {
		_, head, err := k.head(p.offset)
		if err == nil {
			p.header, _ = parseHeader(head) // headOf did
		}
		return err
	}
	b := make([]byte, headerSize)
	if err := p.read(b); err != nil {
		return err
	}
	h, ok := parseHeader(b)
	if !ok {
		return p.segment.damage(p.offset, p.segment.base, "there is no record")
	}
	p.header = h
	return nil
}

// record reads the whole record; of an erased one it may be the head only.
func (p *place) record(ctx context.Context) ([]byte, error) {
	k, done := p.vault.hold(p.segment)
	defer done()
	if k != nil {
		return p.vault.readAway(ctx, k, p.offset)
	}
	raw := make([]byte, p.header.Size)
	return raw, p.read(raw)
}

// read fills b from the segment's file, beginning at the record.
func (p *place) read(b []byte) error {
	f, err := os.Open(p.segment.path)
	if err != nil {
		return fmt.Errorf("reading a segment: %w", err)
	}
	_, err = f.ReadAt(b, p.offset)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("reading a segment: %w", err)
	}
	return nil
}
