package worker

import (
	"context"
	"log/slog"
	"time"
)

// adviseAfter is when matching advisories, correlating or labelling is tried again after
// it failed.
const adviseAfter = time.Minute

// correlateRest is how long objects and alerts wait at most until they are correlated:
// who takes them in does not wake the worker, so as not to wait for it.
const correlateRest = time.Second

// advise has advisories matched: new ones, and all of them when the releases that
// units run, what persons decided or what makers said have changed.
func (w *Worker) advise(ctx context.Context) error {
	return w.whenNew(ctx, "matching advisories", 0, w.options.Advise)
}

// correlate has what came correlated: objects of threat intelligence with each other,
// and with own alerts.
func (w *Worker) correlate(ctx context.Context) error {
	return w.whenNew(ctx, "correlating", correlateRest, w.options.Correlate)
}

// whenNew has something done whenever there may be something new, and after a rest
// where there is one. What it does is derived and can wait: that it fails stops nothing.
func (w *Worker) whenNew(ctx context.Context, doing string, rest time.Duration, do func(context.Context) (bool, error)) error {
	wake, cancel := w.hub.Subscribe()
	defer cancel()
	for ctx.Err() == nil {
		looked := time.Now()
		var changed bool
		var err error
		next := time.Time{}
		if rest > 0 {
			next = looked.Add(rest)
		}
		panicked := w.guard(ctx, doing, func() { changed, err = do(ctx) })
		if changed {
			w.hub.Wake()
		}
		if (panicked || err != nil) && ctx.Err() == nil {
			w.log.ErrorContext(ctx, "work on what is new was given up", slog.String("in", doing), slog.Any("error", err), slog.Duration("again_in", adviseAfter))
			sleep(ctx, adviseAfter)
			continue
		}
		waitFor(ctx, wake, next)
		sleep(ctx, assessRest-time.Since(looked))
	}
	return nil
}
