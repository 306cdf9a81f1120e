package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/secant-platform/secant/gateway/vault/object"
)

// release lets the object stand for a segment, having read it back once more when that
// is long ago: the file here may be the only good copy.
func (v *Vault) release(ctx context.Context, s *segment) error {
	v.mu.RLock()
	n, verified := s.tended.stored, s.tended.verified
	v.mu.RUnlock()
	if time.Since(verified) > verifiedFor {
		err := v.verify(ctx, n)
		if errors.Is(err, object.ErrMissing) || errors.Is(err, object.ErrShort) || errors.Is(err, errDiffers) {
			return errors.Join(err, v.forget(s)) // and store it again
		}
		if err != nil {
			return err
		}
		v.mu.Lock()
		s.tended.verified = time.Now()
		v.mu.Unlock()
	}
	if err := v.settle(s, n, stateStored); err != nil {
		return err
	}
	return v.remove(ctx, s)
}

// forget removes the note about an object that is no longer what it says.
func (v *Vault) forget(s *segment) error {
	if err := os.Remove(notePath(s.path)); err != nil {
		return fmt.Errorf("removing a note: %w", err)
	}
	v.mu.Lock()
	s.tended.stored = nil
	v.mu.Unlock()
	return nil
}

// settle makes what is kept of a segment stand in its file's place.
func (v *Vault) settle(s *segment, n *note, state noteState) (err error) {
	v.erasing.Lock()
	defer v.erasing.Unlock()
	f, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("keeping a segment's heads: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	marks, err := s.marks(f)
	if err != nil {
		return err
	}
	k := &kept{note: *n, path: keptPath(s.path)}
	k.state = state
	b, err := encodeKept(&k.note, v.key.vault, s, f, marks)
	if err != nil {
		return err
	}
	if err := writeDurably(k.path, b, 0o600); err != nil {
		// It may stand there or not; it must not, when the file's slots are zeroed next.
		gone := os.Remove(k.path)
		if errors.Is(gone, fs.ErrNotExist) {
			gone = nil
		}
		_ = os.Remove(k.path + ".new") // of a disk that was full
		if err := errors.Join(gone, syncDir(v.dir)); err != nil {
			v.mu.Lock()
			s.tended.doubt = true
			v.mu.Unlock()
			return fmt.Errorf("%w: %w", errDoubt, err)
		}
		return fmt.Errorf("keeping a segment's heads: %w", err)
	}
	v.mu.Lock()
	s.kept, s.tended.stored, s.tended.leftover = k, nil, true
	v.mu.Unlock()
	v.did(stepKept)
	return nil
}

// remove zeroes the slots in the file of a segment that is kept, and removes the file,
// once nobody reads it any more.
func (v *Vault) remove(_ context.Context, s *segment) error {
	v.mu.RLock()
	now := s.kept != nil && s.tended.leftover && s.readers == 0
	v.mu.RUnlock()
	if !now {
		return nil
	}
	if err := v.wipe(s); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	v.did(stepWiped)
	for _, path := range []string{indexPath(s.path), notePath(s.path), s.path} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a segment: %w", err)
		}
	}
	if err := syncDir(v.dir); err != nil {
		return fmt.Errorf("removing a segment: %w", err)
	}
	v.mu.Lock()
	s.tended.leftover = false
	v.mu.Unlock()
	v.did(stepRemoved)
	return nil
}

// wipe zeroes every slot in a segment's file: erasing will no longer reach it, and what
// a removed file held may be found on a disk.
func (v *Vault) wipe(s *segment) (err error) {
	f, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("removing a segment: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	marks, err := s.marks(f)
	if err != nil {
		return err
	}
	blank := make([]byte, recordHead-headerSize)
	for _, m := range marks {
		if _, err := f.WriteAt(blank, m.offset+headerSize); err != nil {
			return fmt.Errorf("removing a segment: %w", err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("removing a segment: %w", err)
	}
	return nil
}
