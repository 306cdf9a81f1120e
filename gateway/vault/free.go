package vault

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// collect frees a segment of which every record is erased.
func (v *Vault) collect(_ context.Context, s *segment) error {
	v.mu.Lock()
	looked, k, stored := s.tended.looked, s.kept, s.tended.stored
	s.tended.looked = true // before looking: what is erased meanwhile unsets it
	v.mu.Unlock()
	if looked || k != nil && v.stateOf(k) != stateStored {
		return nil
	}
	alive, err := v.alive(s, k)
	if err != nil || alive {
		return err
	}
	if k != nil {
		if err := k.setState(v.key.vault, stateErased); err != nil {
			return fmt.Errorf("noting that a segment is erased: %w", err)
		}
		v.mu.Lock()
		k.state = stateErased
		v.mu.Unlock()
		return nil
	}
	n, state := &note{base: s.base, count: s.count, size: s.end}, stateDeleted
	switch {
	case stored != nil:
		n, state = stored, stateErased
	case v.opts.Objects != nil:
		// The object may have been stored and not noted: its name follows from its bytes.
		f, err := os.Open(s.path)
		if err != nil {
			return fmt.Errorf("freeing a segment: %w", err)
		}
		n, _, err = v.noteOf(s, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		state = stateErased
	}
	return v.settle(s, n, state)
}

// alive reports whether a segment has a record that is not erased.
func (v *Vault) alive(s *segment, k *kept) (alive bool, err error) {
	path, offset := s.path, int64(segmentHead)
	if k != nil {
		path, offset = k.path, padded(int64(noteSize+keptEntry*k.count)) //nolint:gosec // bounded by decodeNote
	}
	f, err := os.Open(path) //nolint:gosec // the path comes from the configuration
	if err != nil {
		return false, fmt.Errorf("looking for what is erased: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for i := range s.count {
		h, head, err := s.headAt(f, offset, s.base+i)
		if err != nil {
			return false, err
		}
		if _, state := readSlot(head[headerSize:]); state != slotErased {
			return true, nil
		}
		if offset += recordHead; k == nil {
			offset += padded(int64(h.Size)) - recordHead
		}
	}
	return false, nil
}

// drop deletes the object of a segment that is erased as a whole.
func (v *Vault) drop(ctx context.Context, s *segment) error {
	v.mu.RLock()
	k := s.kept
	erased := k != nil && k.state == stateErased && !s.tended.leftover
	v.mu.RUnlock()
	if !erased || v.opts.Objects == nil {
		return nil
	}
	if err := v.opts.Objects.Delete(ctx, k.object(v.key.vault)); err != nil {
		return err //nolint:wrapcheck // it says what it did
	}
	if err := k.setState(v.key.vault, stateDeleted); err != nil {
		return fmt.Errorf("noting that an object is deleted: %w", err)
	}
	v.mu.Lock()
	k.state = stateDeleted
	v.mu.Unlock()
	return nil
}
