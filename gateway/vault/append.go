package vault

import (
	"errors"
	"fmt"
	"os"
)

// keptGroup is up to what size the buffer for a group is kept for the next.
const keptGroup = 16 << 20

// Append writes sealed drafts in order, as one group, and returns the ordinal of
// the first. Nothing is durable, or to be found by its id, before Sync.
//
// When it fails with ErrFull, nothing was written and it may be tried again.
// After any other error what the disk holds is unknown: the vault takes nothing
// more, the process must end, and the next Open finds out.
func (v *Vault) Append(group []*Draft) (first uint64, err error) {
	w := &v.writer
	if err := w.usable(); err != nil {
		return 0, err
	}
	size := int64(0)
	for _, d := range group {
		if !d.sealed {
			return 0, errors.New("appending a record: it is not sealed")
		}
		size += int64(len(d.buf))
	}
	// A group lies in one segment; one that is larger has a segment to itself.
	if w.end+size > v.opts.SegmentSize && w.end > segmentHead {
		err := v.roll()
		if errors.Is(err, ErrFull) {
			return 0, err
		}
		if err != nil {
			return 0, w.fail(err)
		}
	}
	// A record that is found on the disk has the keys of its subjects there.
	if err := v.subjects.sync(); err != nil {
		return 0, w.fail(err)
	}
	first = w.next
	if err := v.write(group, size); err != nil {
		return 0, w.fail(err)
	}
	return first, nil
}

// Sync makes everything appended durable, and lets it be found.
func (v *Vault) Sync() error {
	w := &v.writer
	if err := w.usable(); err != nil {
		return err
	}
	if w.durable == w.next {
		return nil
	}
	if err := syncData(w.file); err != nil {
		return w.fail(fmt.Errorf("syncing a segment: %w", err))
	}
	if err := v.publish(); err != nil {
		return w.fail(err)
	}
	return nil
}

func (w *writer) usable() error {
	if w.failed != nil {
		return fmt.Errorf("the vault takes no more records: %w", w.failed)
	}
	if w.file == nil {
		return errors.New("the vault is open for reading only")
	}
	return nil
}

func (w *writer) fail(err error) error {
	w.failed = err
	return err
}

func (v *Vault) write(group []*Draft, size int64) error {
	w := &v.writer
	at := w.end
	for _, d := range group {
		d.header.Ordinal, d.header.Durable = w.next, w.durable
		d.header.put(d.buf)
		w.entries = append(w.entries, entry{id: d.header.ID, offset: at})
		w.pending++
		w.next++
		at += int64(len(d.buf))
	}
	var b []byte
	if len(group) == 1 {
		b = group[0].buf
	} else {
		if cap(w.group) > keptGroup || int64(cap(w.group)) < size {
			w.group = make([]byte, 0, size)
		}
		w.group = w.group[:0]
		for _, d := range group {
			w.group = append(w.group, d.buf...)
		}
		b = w.group
	}
	if _, err := w.file.WriteAt(b, w.end); err != nil {
		return fmt.Errorf("writing to a segment: %w", err)
	}
	w.end = at
	return nil
}

// publish enters what has become durable into the index.
func (v *Vault) publish() error {
	w := &v.writer
	v.mu.Lock()
	defer v.mu.Unlock()
	number := len(v.segments) - 1
	for _, e := range w.entries[len(w.entries)-w.pending:] {
		if err := v.enter(e.id, locate(number, e.offset)); err != nil {
			return err
		}
	}
	last := v.segments[number]
	last.count, last.end = w.next-last.base, w.end
	w.durable, w.pending = w.next, 0
	return nil
}

// enter adds a record to the index; mu is held for writing, or nobody else has
// the vault yet. It fails for an id that is there already.
func (v *Vault) enter(id ID, at location) error {
	if v.index.add(id, at) {
		return nil
	}
	other, _ := v.index.find(id)
	have := place{vault: v, segment: v.segments[other.segment()], offset: other.offset()}
	if err := have.readHeld(); err != nil {
		return err
	}
	if have.header.ID == id {
		return fmt.Errorf("record %s stands in the vault twice", id)
	}
	v.index.addMore(id, at)
	return nil
}

// ErrFull says that there is no room on the disk for another segment.
var ErrFull = errors.New("the vault's disk is full")

// roll ends the segment being written and begins the next. The next one is made
// first: when the disk is full, the old one is still as it was.
func (v *Vault) roll() error {
	w := &v.writer
	if w.durable != w.next {
		if err := syncData(w.file); err != nil {
			return fmt.Errorf("syncing a segment: %w", err)
		}
		if err := v.publish(); err != nil {
			return err
		}
	}
	s, f, err := v.createSegment(w.next)
	if err != nil {
		return orFull(err)
	}
	old, entries := v.segments[len(v.segments)-1], w.entries
	if err := finish(old, w.file, v.key.vault, entries); err != nil {
		// A next segment must not stand there while the old one grows.
		return errors.Join(orFull(err), f.Close(), os.Remove(s.path), syncDir(v.dir))
	}
	if err := w.file.Close(); err != nil {
		return errors.Join(fmt.Errorf("closing a segment: %w", err), f.Close())
	}
	w.file, w.end, w.entries = f, segmentHead, make([]entry, 0, len(entries))
	v.mu.Lock()
	v.segments = append(v.segments, s)
	v.mu.Unlock()
	return nil
}

func orFull(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
