package worker

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/analytics/fact"
)

const (
	fetchBatch  = 32 // documents looked at together
	fetchAtOnce = 4  // documents asked for at once

	firstFetchWait = 2 * time.Second
	longFetchWait  = 10 * time.Minute
)

// fetch asks other members' nodes for documents that the ledger names and this
// node wants, again and again until it has them.
func (w *Worker) fetch(ctx context.Context) error {
	wake, cancel := w.hub.Subscribe()
	defer cancel()
	for ctx.Err() == nil {
		due, next, err := w.store.Wanted(ctx, time.Now(), fetchBatch)
		if err != nil {
			return ignoreEnd(ctx, fmt.Errorf("fetching documents: %w", err))
		}
		if len(due) == 0 {
			waitFor(ctx, wake, next)
			continue
		}
		g := errgroup.Group{}
		g.SetLimit(fetchAtOnce)
		for _, f := range due {
			g.Go(func() error { return w.fetchOne(ctx, f) })
		}
		if err := g.Wait(); err != nil {
			return ignoreEnd(ctx, fmt.Errorf("fetching documents: %w", err))
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

// fetchOne takes one document. It returns an error when the store fails; a
// holder that does not give the document is asked again later.
func (w *Worker) fetchOne(ctx context.Context, f fact.Fetch) error {
	var body []byte
	var mediaType string
	var err error
	if w.guard(ctx, "fetch", func() { body, mediaType, err = w.ask(ctx, f) }) {
		err = fmt.Errorf("asking %s: the node failed at this document", f.Holder)
	}
	if err == nil && f.Kind.Digest(body) != f.Digest {
		err = fmt.Errorf("%s gave another document than the one that the ledger names", f.Holder)
	}
	if over(ctx) {
		return nil // cut short; it stays due
	}
	if err != nil {
		w.metrics.fetches.WithLabelValues("failed").Inc()
		wait := fetchPause(f.Attempts)
		w.log.WarnContext(ctx, "document was not fetched", slog.String("kind", string(f.Kind)), slog.String("digest", f.Digest),
			slog.String("holder", f.Holder), slog.Int("attempts", f.Attempts+1), slog.Duration("again_in", wait), slog.Any("error", err))
		return w.store.Postpone(ctx, f, time.Now().Add(wait))
	}
	if f.MediaType != "" {
		mediaType = f.MediaType // the ledger's word goes before the holder's
	}
	if err := w.store.PutDocument(ctx, fact.Document{Kind: f.Kind, Digest: f.Digest, MediaType: mediaType, Body: body}); err != nil {
		return err
	}
	w.metrics.fetches.WithLabelValues("taken").Inc()
	w.hub.Wake()
	return nil
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

// fetchPause is how long to wait after a number of failures: half of it fixed,
// half jitter, doubling.
func fetchPause(failures int) time.Duration {
	bound := longFetchWait
	if failures < 16 && firstFetchWait<<failures < longFetchWait {
		bound = firstFetchWait << failures
	}
	return bound/2 + rand.N(bound/2) //nolint:gosec // spreads retries, protects nothing
}
