package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// adviseAfter is when matching advisories is tried again after it failed without a
// fault of the store.
const adviseAfter = time.Minute

// advise has advisories matched: new ones, and all of them when the releases that
// units run, what persons decided or what makers said have changed.
func (w *Worker) advise(ctx context.Context) error {
	wake, cancel := w.hub.Subscribe()
	defer cancel()
	for ctx.Err() == nil {
		looked := time.Now()
		var changed bool
		var err error
		next := time.Time{}
		if w.guard(ctx, "advise", func() { changed, err = w.options.Advise(ctx) }) {
			w.log.WarnContext(ctx, "advisories could not be matched", slog.Duration("again_in", adviseAfter))
			next = looked.Add(adviseAfter)
		}
		if err != nil {
			return ignoreEnd(ctx, fmt.Errorf("matching advisories: %w", err))
		}
		if changed {
			w.hub.Wake()
		}
		waitFor(ctx, wake, next)
		sleep(ctx, assessRest-time.Since(looked))
	}
	return nil
}
