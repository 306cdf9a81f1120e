package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/secant-platform/secant/analytics/fact"
)

const (
	// fetchAtOnce bounds the documents asked for at once, all holders together.
	// Each may hold ledger.MaxThreatBody bytes in memory.
	fetchAtOnce = 8

	firstFetchWait = 2 * time.Second
	longFetchWait  = 10 * time.Minute
)

// fetch asks other members' nodes for documents that the ledger names and this
// node wants, again and again until it has them. Each holder has a loop of its
// own, so that it is asked for one document at a time, and one that is slow or
// gives nothing delays only what it holds itself.
func (w *Worker) fetch(ctx context.Context) error {
	wake, cancel := w.hub.Subscribe()
	defer cancel()
	turns := semaphore.NewWeighted(fetchAtOnce) // first come, first served: holders take turns
	g, loops := errgroup.WithContext(ctx)
	known := map[string]bool{}
	for loops.Err() == nil {
		holders, err := w.store.Holders(loops)
		if err != nil {
			g.Go(func() error { return ignoreEnd(loops, err) })
			break
		}
		for _, h := range holders {
			if !known[h] {
				known[h] = true
				g.Go(func() error { return w.fetchFrom(loops, h, turns) })
			}
		}
		waitFor(loops, wake, time.Time{})
	}
	if err := g.Wait(); err != nil {
		return ignoreEnd(ctx, fmt.Errorf("fetching documents: %w", err))
	}
	return nil
}

// fetchFrom fetches what one holder has, what failed least first and in the order
// in which the ledger named it. After a failure the document is left alone for as
// long as it has failed itself, and, unless only the document is missing there,
// the holder for a while.
func (w *Worker) fetchFrom(ctx context.Context, holder string, turns *semaphore.Weighted) error {
	wake, cancel := w.hub.Subscribe()
	defer cancel()
	failures := 0
	for ctx.Err() == nil {
		if turns.Acquire(ctx, 1) != nil {
			return nil // ctx has ended
		}
		answers := false
		f, next, err := w.store.Wanted(ctx, holder, time.Now())
		if err == nil && f != nil {
			answers, err = w.fetchOne(ctx, *f)
		}
		turns.Release(1)
		switch {
		case err != nil:
			return ignoreEnd(ctx, err)
		case f == nil:
			waitFor(ctx, wake, next)
		case answers:
			failures = 0
		default:
			sleep(ctx, fetchPause(failures))
			failures++
		}
	}
	return nil
}

// over reports whether ctx has ended, and errors therefore mean nothing.
func over(ctx context.Context) bool { return ctx.Err() != nil }

// ignoreEnd drops an error that is only the end of ctx.
func ignoreEnd(ctx context.Context, err error) error {
	if over(ctx) {
		return nil
	}
	return err
}

// waitFor waits for a wake-up, or for a time when it is not zero.
func waitFor(ctx context.Context, wake <-chan struct{}, at time.Time) {
	var due <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(time.Until(at))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-wake:
	case <-due:
	case <-ctx.Done():
	}
}

// fetchOne takes one document and reports whether the holder answered: it gave
// the document, or does not have it. It returns an error when the store fails; a
// holder that does not give the document is asked for it again later.
func (w *Worker) fetchOne(ctx context.Context, f fact.Fetch) (answers bool, err error) {
	var body []byte
	var mediaType string
	if w.guard(ctx, "fetch", func() { body, mediaType, err = w.ask(ctx, f) }) {
		err = fmt.Errorf("asking %s: the node failed at this document", f.Holder)
	}
	if err == nil && f.Kind.Digest(body) != f.Digest {
		err = fmt.Errorf("%s gave another document than the one that the ledger names", f.Holder)
	}
	if over(ctx) {
		return false, nil // cut short; it stays due
	}
	if err != nil {
		w.metrics.fetches.WithLabelValues("failed").Inc()
		wait := fetchPause(f.Attempts)
		w.log.WarnContext(ctx, "document was not fetched", slog.String("kind", string(f.Kind)), slog.String("digest", f.Digest),
			slog.String("holder", f.Holder), slog.Int("attempts", f.Attempts+1), slog.Duration("again_in", wait), slog.Any("error", err))
		return errors.Is(err, errNotHeld), w.store.Postpone(ctx, f, time.Now().Add(wait))
	}
	if f.MediaType != "" {
		mediaType = f.MediaType // the ledger's word goes before the holder's
	}
	if err := w.store.PutDocument(ctx, fact.Document{Kind: f.Kind, Digest: f.Digest, MediaType: mediaType, Body: body}); err != nil {
		return false, err
	}
	w.metrics.fetches.WithLabelValues("taken").Inc()
	w.hub.Wake()
	return true, nil
}

// ask asks the holder's node for a document, where its organisation's row on
// the ledger says that it is.
func (w *Worker) ask(ctx context.Context, f fact.Fetch) (body []byte, mediaType string, err error) {
	holder, err := w.store.Organisation(ctx, f.Holder)
	if err != nil {
		return nil, "", fmt.Errorf("looking up where %s can be reached: %w", f.Holder, err)
	}
	token, err := w.options.Token(ctx, f.Holder)
	if err != nil {
		return nil, "", fmt.Errorf("minting a token: %w", err)
	}
	limit := w.options.MaxDocument
	if f.Size > 0 {
		limit = min(f.Size, maxStated)
	}
	return w.http.get(ctx, holder.Record.Endpoint, f.Path, token, limit)
}

// fetchPause is how long to wait after a failure that came after a number of
// others: half of it fixed, half jitter, doubling.
func fetchPause(failures int) time.Duration {
	bound := longFetchWait
	if failures < 16 && firstFetchWait<<failures < longFetchWait {
		bound = firstFetchWait << failures
	}
	return bound/2 + rand.N(bound/2) //nolint:gosec // spreads retries, protects nothing
}
