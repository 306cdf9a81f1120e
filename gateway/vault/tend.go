package vault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
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

func (v *Vault) did(step string) {
	if v.step != nil {
		v.step(step)
	}
}
