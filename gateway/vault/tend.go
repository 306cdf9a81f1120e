package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/secant-platform/secant/gateway/vault/object"
)

const (
	// tendEvery is how often full segments are looked at, and tendSlowly how often at
	// least while the place for objects does not answer.
	tendEvery  = 2 * time.Second
	tendSlowly = time.Minute
	// verifiedFor is how long what was read back from an object serves.
	verifiedFor = 10 * time.Minute
)

// The steps of a full segment's way into an object.
const (
	stepHashed   = "hashed"   // read and found to be whole
	stepPut      = "put"      // the object is stored
	stepVerified = "verified" // and was read back
	stepNoted    = "noted"    // that is durable here
	stepKept     = "kept"     // the wrapped keys stand in the file that stays
	stepWiped    = "wiped"    // and nowhere else
	stepRemoved  = "removed"  // the segment's file is gone
)

// tended is what is known of a full segment.
type tended struct {
	stored   *note     // of the object, while the segment's file is still here
	verified time.Time // when the object was read back
	looked   bool      // whether it holds anything that is not erased, since something was
	leftover bool      // its file is still here although it is kept
	doubt    bool      // which file holds its slots is not known
}

// away is how the place for objects was found to be.
type away struct {
	mu      sync.Mutex
	down    time.Time // until when nothing is asked of it for a reader
	problem string    // why it did not answer; empty: it does
	since   time.Time
}

// Tend moves full segments to the place for objects, frees what was erased as a whole,
// and returns when ctx ends. The place may be down for as long as the disk has room.
// It fails only when what the disk holds is unknown: then the process must end.
//
// On its way a segment is read and found to be whole, stored with every key slot zero,
// read back, and noted; then, when newer ones need the room, what is kept of it is made
// durable, the slots in its file are zeroed, and the file is removed. A crash between any
// two of these leaves either the file or what is kept to go by.
func (v *Vault) Tend(ctx context.Context) error {
	wait := tendEvery
	if v.opts.Objects != nil {
		// Before there is anything to move: who configured it should not wait to be told.
		if err := v.opts.Objects.Reach(ctx); err != nil && ctx.Err() == nil {
			v.trouble(ctx, err)
		}
	}
	for {
		ok, err := v.tend(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // told to end
		}
		if err != nil {
			return fmt.Errorf("tending the vault's segments: %w", err)
		}
		if wait = min(2*wait, tendSlowly); ok {
			wait = tendEvery
		}
		t := time.NewTimer(wait/2 + rand.N(wait/2)) //nolint:gosec // not a secret
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
	}
}

// errDoubt ends the process: two files may hold a segment's slots.
var errDoubt = errors.New("what the disk holds of a segment is unknown")

// tend does all that can be done now. It reports whether nothing was in the way.
func (v *Vault) tend(ctx context.Context) (ok bool, err error) {
	full := v.full()
	ways := []func(context.Context, *segment) error{v.collect, v.remove, v.drop}
	if v.opts.Objects != nil {
		ways = append(ways, v.store)
	}
	ok = true
	for _, way := range ways {
		for _, s := range full {
			err := way(ctx, s)
			if ctx.Err() != nil || errors.Is(err, errDoubt) {
				return false, err
			}
			if err == nil {
				continue
			}
			v.trouble(ctx, err)
			ok = false
			if _, damage := errors.AsType[*DamageError](err); !damage {
				break // the others would fare the same
			}
		}
	}
	if v.opts.Objects != nil {
		err = v.makeRoom(ctx, full)
		if ctx.Err() != nil || errors.Is(err, errDoubt) {
			return false, err
		}
		if err != nil {
			v.trouble(ctx, err)
			ok = false
		}
	}
	if ok {
		ok = v.calm(ctx)
	}
	return ok, nil
}

// makeRoom removes stored segments from the directory, the oldest first, until no more
// than is to stay is left.
func (v *Vault) makeRoom(ctx context.Context, full []*segment) error {
	local := v.Objects().Local
	var damage error
	for _, s := range full {
		if local <= v.opts.Keep {
			return damage
		}
		v.mu.RLock()
		stored := s.kept == nil && s.tended.stored != nil
		v.mu.RUnlock()
		if !stored {
			continue
		}
		err := v.release(ctx, s)
		if _, here := errors.AsType[*DamageError](err); here {
			damage = err // the monitor names it; the others can go
			continue
		}
		if err != nil {
			return err
		}
		local -= s.end
	}
	return damage
}

// full lists the segments that are not written any more.
func (v *Vault) full() []*segment {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return append([]*segment(nil), v.segments[:len(v.segments)-1]...)
}

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

func (v *Vault) did(step string) {
	if v.step != nil {
		v.step(step)
	}
}

// trouble notes that the place for objects, or the way there, is not in order; calm that
// it is again.
func (v *Vault) trouble(ctx context.Context, err error) {
	v.away.mu.Lock()
	was := v.away.problem
	if v.away.problem = err.Error(); was == "" {
		v.away.since = time.Now()
	}
	v.away.mu.Unlock()
	if was == "" {
		v.opts.Logger.LogAttrs(ctx, slog.LevelError, "the place for objects is not in order", slog.String("error", err.Error()))
	}
}

// calm reports whether that is so: when nothing had to be moved, any object is asked for.
func (v *Vault) calm(ctx context.Context) bool {
	v.away.mu.Lock()
	was := v.away.problem
	v.away.mu.Unlock()
	if was == "" {
		return true
	}
	if v.opts.Objects != nil {
		var err error
		if n := v.some(); n != nil {
			_, err = v.opts.Objects.ReadAt(ctx, n.object(v.key.vault), make([]byte, 1), 0)
		} else {
			err = v.opts.Objects.Reach(ctx)
		}
		if err != nil && !errors.Is(err, object.ErrMissing) && !errors.Is(err, object.ErrShort) {
			return false
		}
	}
	v.away.mu.Lock()
	v.away.problem, v.away.down = "", time.Time{}
	v.away.mu.Unlock()
	v.opts.Logger.LogAttrs(ctx, slog.LevelInfo, "the place for objects is in order again")
	return true
}

// some returns the note of an object that is stored, if there is any.
func (v *Vault) some() *note {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, s := range v.segments {
		switch {
		case s.tended.stored != nil:
			return s.tended.stored
		case s.kept != nil && s.kept.state == stateStored:
			n := s.kept.note
			return &n
		}
	}
	return nil
}

// Objects says where a vault's full segments are.
type Objects struct {
	Moved   int       // whose bytes are in an object only
	Erased  int       // of which nothing but commitments is left
	Waiting int       // not stored in an object yet; 0 when there is no place for them
	Local   int64     // bytes of full segments in the directory
	Problem string    // what is in the way; empty: nothing
	Since   time.Time // of Problem
}

// Objects says where the full segments are now.
func (v *Vault) Objects() Objects {
	var o Objects
	v.mu.RLock()
	for _, s := range v.segments[:len(v.segments)-1] {
		switch {
		case s.kept == nil:
			o.Local += s.end
			if s.tended.stored == nil && v.opts.Objects != nil {
				o.Waiting++
			}
		case s.kept.state == stateStored:
			o.Moved++
		default:
			o.Erased++
		}
	}
	v.mu.RUnlock()
	v.away.mu.Lock()
	defer v.away.mu.Unlock()
	o.Problem, o.Since = v.away.problem, v.away.since
	return o
}
