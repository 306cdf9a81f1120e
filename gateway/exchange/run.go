package exchange

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
)

// eraseBatch is how many withdrawn reports are erased before anything else is looked at.
const eraseBatch = 100

// Run exchanges until ctx ends. Each member has a loop of its own, so that one that is
// slow or gone delays only what is between it and this node.
func (x *Exchange) Run(ctx context.Context) error {
	wake, cancel := x.Subscribe()
	defer cancel()
	g, loops := errgroup.WithContext(ctx)
	known := map[string]bool{}
	for loops.Err() == nil {
		err := x.eraseWithdrawn(loops)
		var partners []string
		if err == nil {
			partners, err = x.Store.Partners(loops)
		}
		if err != nil {
			g.Go(func() error { return err })
			break
		}
		for _, p := range partners {
			if !known[p] {
				known[p] = true
				g.Go(func() error { return x.with(loops, p) })
			}
		}
		x.wait(loops, wake, time.Time{})
	}
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("exchanging sealed reports: %w", err)
	}
	return nil
}

// eraseWithdrawn erases what sharers withdrew.
func (x *Exchange) eraseWithdrawn(ctx context.Context) error {
	for {
		digests, err := x.Store.SealedWithdrawn(ctx, eraseBatch)
		if err != nil {
			return err
		}
		for _, d := range digests {
			if err := x.erase(ctx, d); err != nil {
				return err
			}
		}
		if len(digests) < eraseBatch {
			return nil
		}
	}
}

// erase destroys the key of a report, and then drops what stands about it.
func (x *Exchange) erase(ctx context.Context, digest string) error {
	if err := x.Vault.Erase(named(digest)); err != nil {
		return fmt.Errorf("erasing a withdrawn report: %w", err)
	}
	if err := x.Store.SealedErased(ctx, digest, x.Pace.Now()); err != nil {
		return err
	}
	x.Logger.InfoContext(ctx, "withdrawn report erased", slog.String("digest", digest))
	x.Wake()
	return nil
}

// storeError is a failure of what the node keeps: going on would lose what was promised.
type storeError struct{ err error }

func (s *storeError) Error() string { return s.err.Error() }
func (s *storeError) Unwrap() error { return s.err }

// with does what is due between one member and this node.
func (x *Exchange) with(ctx context.Context, member string) error {
	wake, cancel := x.Subscribe()
	defer cancel()
	for ctx.Err() == nil {
		next, idle, err := x.step(ctx, member)
		if broken, ok := errors.AsType[*storeError](err); ok && ctx.Err() == nil {
			return broken
		}
		if idle {
			x.wait(ctx, wake, next)
		}
	}
	return nil
}

// step does one thing that is due. idle says that nothing is, until next.
func (x *Exchange) step(ctx context.Context, member string) (next time.Time, idle bool, err error) {
	now := x.Pace.Now()
	a, asked, err := x.Store.NextAnnounced(ctx, member, now)
	if err != nil {
		return next, false, &storeError{err}
	}
	if a != nil {
		return next, false, x.fetch(ctx, a)
	}
	d, told, err := x.Store.NextDelivery(ctx, member, now)
	if err != nil {
		return next, false, &storeError{err}
	}
	if d != nil {
		return next, false, x.deliver(ctx, d)
	}
	if next = told; next.IsZero() || !asked.IsZero() && asked.Before(next) {
		next = asked
	}
	return next, true, nil
}

// wait waits for a wake-up, or for a time when it is not zero.
func (x *Exchange) wait(ctx context.Context, wake <-chan struct{}, at time.Time) {
	var due <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(max(at.Sub(x.Pace.Now()), time.Millisecond))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-wake:
	case <-due:
	case <-ctx.Done():
	}
}

// patience bounds one try of one thing.
const patience = 3 * time.Minute
