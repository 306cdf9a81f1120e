package app

import (
	"context"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/rest"
)

const (
	// bySubject is the key of the event that tells of a subject's readings.
	bySubject = "subject"
	// sweepBatch is how many requests of a subject are looked up at once.
	sweepBatch = 1000
	// sweepPause is how long what remains to be forgotten waits to be tried again.
	sweepPause = time.Minute
	// sweepWait is how long whoever erases a subject waits for the list of readings.
	sweepWait = 10 * time.Second
)

// EraseSubject destroys the key of all that is about a subject, and then forgets what
// else is known of it: its requests in the list and the indexes. When it fails, nothing
// happened; once the key is gone it does not, and what remains goes on by itself.
func (r *readings) EraseSubject(ctx context.Context, id pseudonym.ID) (rest.ErasedSubject, error) {
	var e rest.ErasedSubject
	p, err := r.open()
	if err != nil {
		return e, err
	}
	slots, err := p.EraseSubject(ctx, id)
	if err != nil {
		return e, err
	}
	e.Complete = true
	for _, slot := range slots {
		done, err := r.sweep(ctx, p, slot, sweepWait, &e)
		e.Complete = e.Complete && done && err == nil // sweepSubjects meets the error again, and says it
	}
	if len(slots) == 0 {
		return e, nil
	}
	// Whoever asked may be gone; the erasure is to be told all the same.
	return e, r.store.AddEvent(context.WithoutCancel(ctx), fact.EventReadingsErased, []string{bySubject}, nil)
}

// sweepSubjects forgets what an erasure left when it was interrupted, until ctx ends.
func sweepSubjects(ctx context.Context, p *ingest.Pipeline, r *readings) error {
	for {
		for _, slot := range p.ErasedSubjects() {
			_, err := r.sweep(ctx, p, slot, 0, &rest.ErasedSubject{})
			switch {
			case ctx.Err() != nil:
				return nil //nolint:nilerr // told to end
			case err != nil:
				return fmt.Errorf("forgetting a subject that was erased: %w", err)
			}
		}
		if err := sleep(ctx, sweepPause); err != nil {
			return nil //nolint:nilerr // told to end
		}
	}
}

// sweep forgets all that is known of a subject whose key was destroyed, and reports
// whether nothing remains. What is in the vault has to be listed first; it waits for
// that as long as it may. It counts what it found.
func (r *readings) sweep(ctx context.Context, p *ingest.Pipeline, slot uint64, wait time.Duration, found *rest.ErasedSubject) (done bool, err error) {
	all := p.Size() // what comes later is listed as what was erased
	for until := time.Now().Add(wait); r.listed.Load() < all && time.Now().Before(until); {
		if err := sleep(ctx, listPause/10); err != nil {
			return false, fmt.Errorf("waiting for the list of readings: %w", err)
		}
	}
	done = r.listed.Load() >= all
	r.sweeping.Lock()
	defer r.sweeping.Unlock()
	for {
		shares, err := r.store.Shares(ctx, slot, sweepBatch)
		if err != nil {
			return false, err
		}
		for i := range shares {
			id, err := proof.ParseRequestID(shares[i].Reading)
			if err != nil {
				return false, fmt.Errorf("forgetting a subject: %w", err)
			}
			about, err := r.store.Subjects(ctx, shares[i].Reading)
			if err != nil {
				return false, err
			}
			empty, err := r.eraseEmpty(ctx, p, id, about)
			if err == nil && !empty {
				err = r.store.ForgetShare(ctx, slot, shares[i].Reading)
			}
			if err != nil {
				return false, err
			}
			found.Requests++
			found.Records += shares[i].Records
		}
		if len(shares) < sweepBatch {
			break
		}
	}
	if done {
		err = p.FinishSubject(slot)
	}
	return done, err
}

// eraseEmpty erases a request that has no record left, and takes it off the lists. It is
// about those whose keys' slots are given.
func (r *readings) eraseEmpty(ctx context.Context, p *ingest.Pipeline, id proof.RequestID, about []uint64) (empty bool, err error) {
	if empty, err = p.EraseEmpty(id, about); err != nil || !empty {
		return empty, err
	}
	return true, r.forgotten(ctx, id)
}
