package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/secant-platform/secant/gateway/vault/object"
)

// store puts a segment into an object, reads it back and notes it.
func (v *Vault) store(ctx context.Context, s *segment) (err error) {
	v.mu.RLock()
	done := s.kept != nil || s.tended.stored != nil
	v.mu.RUnlock()
	if done {
		return nil
	}
	k, release := v.hold(s)
	defer release()
	if k != nil {
		return nil
	}
	f, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("storing a segment: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	end, next, wrong, err := s.walk(f, 0, s.count, nil)
	if err == nil && wrong != "" {
		err = s.damage(end, next, wrong)
	}
	if err != nil {
		return err
	}
	n, body, err := v.noteOf(s, f)
	if err != nil {
		return err
	}
	v.did(stepHashed)
	name := n.object(v.key.vault)
	if err := v.opts.Objects.Put(ctx, name, body, n.size, n.digest); err != nil {
		return err //nolint:wrapcheck // it says what it did
	}
	v.did(stepPut)
	if err := v.verify(ctx, n); err != nil {
		return err
	}
	v.did(stepVerified)
	if err := writeDurably(notePath(s.path), n.encode(v.key.vault), 0o600); err != nil {
		return fmt.Errorf("noting an object: %w", err)
	}
	v.mu.Lock()
	s.tended.stored, s.tended.verified = n, time.Now()
	v.mu.Unlock()
	v.did(stepNoted)
	return nil
}

// noteOf makes the note for a segment, and its bytes as the object is to have them.
func (v *Vault) noteOf(s *segment, f *os.File) (*note, *blanked, error) {
	marks, err := s.marks(f)
	if err != nil {
		return nil, nil, err
	}
	body := &blanked{f: f, size: s.end, marks: marks}
	digest := sha256.New()
	if _, err := io.Copy(digest, body); err != nil {
		return nil, nil, fmt.Errorf("reading a segment: %w", err)
	}
	body.at = 0
	return &note{base: s.base, count: s.count, size: s.end, digest: [sha256.Size]byte(digest.Sum(nil))}, body, nil
}

// verify reads an object back.
func (v *Vault) verify(ctx context.Context, n *note) error {
	name, digest := n.object(v.key.vault), sha256.New()
	b := make([]byte, min(streamStep, n.size))
	for at := int64(0); at < n.size; at += int64(len(b)) {
		b = b[:min(int64(len(b)), n.size-at)]
		size, err := v.opts.Objects.ReadAt(ctx, name, b, at)
		if err == nil && size != n.size {
			err = object.ErrShort
		}
		if err != nil {
			return fmt.Errorf("reading an object back: %w", err)
		}
		digest.Write(b)
	}
	if [sha256.Size]byte(digest.Sum(nil)) != n.digest {
		return fmt.Errorf("reading an object back: %w", errDiffers)
	}
	return nil
}

var errDiffers = errors.New("the object has other bytes than were stored")
