package vault

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/vault/object"
)

const (
	// streamStep is how much of an object is fetched at once when it is read through.
	streamStep = 4 << 20
	// downFor is how long, after the place for objects did not answer, nothing is asked
	// of it for a reader: readers of what is here need not wait behind those who do.
	downFor = 5 * time.Second
)

// hold says where the bytes of a segment are: in what is kept of it and its object, or
// in its file when kept is nil; that file stays as it is until done is called.
func (v *Vault) hold(s *segment) (k *kept, done func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s.kept != nil {
		return s.kept, func() {}
	}
	s.readers++
	return nil, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		s.readers--
	}
}

// state is what became of a kept segment.
func (v *Vault) stateOf(k *kept) noteState {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return k.state
}

// fetch reads from an object and returns how many bytes the object has. It fails with an unavailable Problem when the place for
// objects does not answer, and with ErrMissing or ErrShort when it does.
func (v *Vault) fetch(ctx context.Context, k *kept, b []byte, offset int64) (size int64, err error) {
	v.away.mu.Lock()
	down := time.Until(v.away.down) > 0
	v.away.mu.Unlock()
	if down {
		return 0, errUnreachable()
	}
	size, err = v.opts.Objects.ReadAt(ctx, k.object(v.key.vault), b, offset)
	switch {
	case err == nil, errors.Is(err, object.ErrMissing), errors.Is(err, object.ErrShort):
		return size, err //nolint:wrapcheck // the caller says which
	case ctx.Err() != nil:
		return 0, fmt.Errorf("reading an object: %w", ctx.Err())
	}
	v.away.mu.Lock()
	v.away.down = time.Now().Add(downFor)
	v.away.mu.Unlock()
	v.trouble(ctx, err)
	return 0, errUnreachable()
}

func errUnreachable() error {
	return ledger.Problemf(ledger.CodeUnavailable,
		"the place for objects, to which these readings were moved, does not answer; nothing is lost: try again, and ask whoever runs the node if it goes on")
}

// damaged names what is wrong with an object, the record and its id.
func (v *Vault) damaged(k *kept, h *header, offset int64, detail string) error {
	d := &DamageError{Segment: k.path, Object: k.object(v.key.vault), Offset: offset, Ordinal: k.base, Detail: detail}
	if v.opts.Objects != nil {
		d.Object = v.opts.Objects.Where(d.Object)
	}
	if h != nil {
		d.Ordinal, d.Request = h.Ordinal, h.ID.String()
	}
	return d
}

// wrongWith says what an answer of the place for objects means, or returns err.
func (v *Vault) wrongWith(k *kept, h *header, offset int64, err error) error {
	switch {
	case errors.Is(err, object.ErrMissing):
		return v.damaged(k, h, offset, "the object is gone")
	case errors.Is(err, object.ErrShort):
		return v.damaged(k, h, offset, "the object ends before")
	}
	return err
}

// readAway returns a whole record of a segment that is in an object. Of an erased one,
// only its head.
func (v *Vault) readAway(ctx context.Context, k *kept, offset int64) ([]byte, error) {
	_, head, err := k.head(offset)
	if err != nil {
		return nil, err
	}
	h, _ := parseHeader(head) // headOf did
	if _, state := readSlot(head[headerSize:]); state == slotErased || v.stateOf(k) != stateStored {
		return head, nil
	}
	raw := make([]byte, h.Size)
	copy(raw, head)
	if err := v.readSealed(ctx, k, &h, offset, raw[recordHead:]); err != nil {
		if v.stateOf(k) == stateStored {
			return nil, err
		}
		_, head, err = k.head(offset) // all was erased meanwhile, and the object deleted
		return head, err
	}
	return raw, nil
}

// readSealed fetches what is sealed of a record. Bytes that are not those that were
// written are asked for once more: the way may have changed them.
func (v *Vault) readSealed(ctx context.Context, k *kept, h *header, offset int64, sealed []byte) error {
	for range 2 {
		if _, err := v.fetch(ctx, k, sealed, offset+recordHead); err != nil {
			return v.wrongWith(k, h, offset, err)
		}
		if sha256.Sum256(sealed) == h.Digest {
			return nil
		}
	}
	return v.damaged(k, h, offset, "the sealed bytes are not those that were written")
}

// eachAway visits the records of a segment that is in an object. Unless all of it is to
// be looked at, what is erased is not fetched.
func (v *Vault) eachAway(ctx context.Context, k *kept, from uint64, as look, visit func(*found) error) (err error) {
	f, err := os.Open(k.path)
	if err != nil {
		return fmt.Errorf("reading what is kept of a segment: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	whole := as == lookWhole
	w := &awayWalk{vault: v, kept: k, whole: whole}
	if whole {
		w.digest = sha256.New()
		now, _, err := openKept(k.path, v.key.vault, k.base)
		if err != nil {
			return err
		}
		if now.digest != k.digest || now.table != k.table {
			s := &segment{path: k.path, base: k.base}
			return s.damage(0, k.base, "what is kept of the segment names another object than it did")
		}
	}
	heads := bufio.NewReaderSize(io.NewSectionReader(f, padded(int64(noteSize+keptEntry*k.count)), int64(k.count)*recordHead), 256<<10) //nolint:gosec // bounded by decodeNote
	offset := int64(segmentHead)
	head := make([]byte, recordHead)
	if err := w.head(ctx); err != nil {
		return err
	}
	for ordinal := k.base; ordinal < k.base+k.count; ordinal++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading the vault: %w", err)
		}
		if _, err := io.ReadFull(heads, head); err != nil {
			return fmt.Errorf("reading what is kept of a segment: %w", err)
		}
		h, ok := parseHeader(head)
		if !ok || h.Ordinal != ordinal {
			s := &segment{path: k.path, base: k.base}
			return s.damage(offset, ordinal, "what is kept of the record is damaged")
		}
		if whole || ordinal >= from {
			// The slot as it is now: what was erased meanwhile is.
			if _, head, err = k.headOf(f, offset); err != nil {
				return err
			}
			r := &found{header: h, offset: offset, slot: head[headerSize:]}
			if as != lookHeads {
				if r.sealed, err = w.sealed(ctx, r); err != nil {
					return err
				}
			}
			if err := visit(r); err != nil {
				return err
			}
		}
		offset += padded(int64(h.Size))
	}
	return w.end(offset)
}

// awayWalk reads an object through, in steps.
type awayWalk struct {
	vault  *Vault
	kept   *kept
	whole  bool
	digest hash.Hash
	chunk  []byte
	at     int64 // of chunk in the object
	size   int64 // of the object, as it was said last
	short  bool  // it is too short: what is there is read piece by piece, to name what is not
	body   []byte
}

// gone says that there is no object to read.
func (w *awayWalk) gone() bool { return w.vault.stateOf(w.kept) != stateStored }

func (w *awayWalk) head(ctx context.Context) error {
	if !w.whole || w.gone() {
		return nil
	}
	b := make([]byte, segmentHead)
	if err := w.read(ctx, b, 0); err != nil {
		if w.gone() {
			return nil
		}
		return w.vault.wrongWith(w.kept, nil, 0, err)
	}
	w.digest.Write(b)
	return nil
}

// sealed returns what is sealed of a record; nil for an erased one.
func (w *awayWalk) sealed(ctx context.Context, r *found) ([]byte, error) {
	_, state := readSlot(r.slot)
	switch {
	case w.gone() && state == slotErased, state == slotErased && !w.whole:
		return nil, nil
	case w.gone():
		return nil, w.vault.damaged(w.kept, &r.header, r.offset, "the object was deleted, and the record is not erased")
	case state == slotDamaged:
		return nil, (&segment{path: w.kept.path, base: w.kept.base}).damage(r.offset, r.Ordinal, "the key slot is damaged")
	}
	size := padded(int64(r.Size))
	if int64(cap(w.body)) < size {
		w.body = make([]byte, size)
	}
	b := w.body[:size]
	if err := w.read(ctx, b, r.offset); err != nil {
		if state == slotErased && w.gone() { // all was erased meanwhile, and the object deleted
			return nil, nil
		}
		return nil, w.vault.wrongWith(w.kept, &r.header, r.offset, err)
	}
	sealed := b[recordHead:r.Size]
	if sha256.Sum256(sealed) != r.Digest {
		if err := w.vault.readSealed(ctx, w.kept, &r.header, r.offset, sealed); err != nil {
			return nil, err
		}
	}
	if w.whole {
		w.digest.Write(b)
	}
	return sealed, nil
}

// read fills b from the object.
func (w *awayWalk) read(ctx context.Context, b []byte, offset int64) error {
	for len(b) > 0 {
		if offset < w.at || offset >= w.at+int64(len(w.chunk)) {
			step := min(streamStep, w.kept.size-offset)
			if w.short {
				step = int64(len(b))
			}
			if int64(cap(w.chunk)) < step {
				w.chunk = make([]byte, step)
			}
			w.chunk, w.at = w.chunk[:step], offset
			var err error
			if w.size, err = w.vault.fetch(ctx, w.kept, w.chunk, offset); err != nil {
				w.chunk = w.chunk[:0]
				if errors.Is(err, object.ErrShort) && !w.short {
					w.short = true
					continue
				}
				return err
			}
		}
		n := copy(b, w.chunk[offset-w.at:])
		b, offset = b[n:], offset+int64(n)
	}
	return nil
}

// end compares the whole object with what was stored.
func (w *awayWalk) end(offset int64) error {
	switch {
	case !w.whole || w.gone():
		return nil
	case w.size != w.kept.size || offset != w.kept.size:
		return w.vault.damaged(w.kept, nil, offset, "the object has another length than was stored")
	case [sha256.Size]byte(w.digest.Sum(nil)) != w.kept.digest:
		return w.vault.damaged(w.kept, nil, 0, "bytes of the object that are of no record are not those that were stored")
	}
	return nil
}
