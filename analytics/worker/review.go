package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// reviewRest is the least time between two looks for devices to review.
const reviewRest = 500 * time.Millisecond

// review has the own devices judged by the controls in use: each when something
// that its judgement rests on has changed, and daily. It shares the node's one way
// to the ledger with everything else, and stops nothing.
func (w *Worker) review(ctx context.Context) error {
	wake, cancel := w.hub.Subscribe()
	defer cancel()
	failures := 0
	for ctx.Err() == nil {
		looked := time.Now()
		var next time.Time
		var err error
		if w.guard(ctx, "review", func() { next, err = w.options.Review(ctx, looked) }) {
			err = errors.New("the node failed at a device")
		}
		switch {
		case over(ctx):
			return nil
		case err != nil:
			w.log.WarnContext(ctx, "devices could not be reviewed", slog.Any("error", err))
			next = time.Now().Add(fetchPause(failures))
			failures++
			sleep(ctx, time.Until(next))
			continue
		}
		failures = 0
		if next.IsZero() || next.After(time.Now()) {
			waitFor(ctx, wake, next)
		}
		sleep(ctx, reviewRest-time.Since(looked))
	}
	return nil
}
