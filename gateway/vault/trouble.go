package vault

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/secant-platform/secant/gateway/vault/object"
)

// away is how the place for objects was found to be.
type away struct {
	mu      sync.Mutex
	down    time.Time // until when nothing is asked of it for a reader
	problem string    // why it did not answer; empty: it does
	since   time.Time
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
