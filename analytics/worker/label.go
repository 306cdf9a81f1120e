package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// labelEvery is how often the node looks for texts to label when nothing woke it: what
// programs hand in stands in no block.
const labelEvery = 5 * time.Second

// repeat has work done that stops nothing: texts labelled, new ones and all of them when
// vocabularies or the classifier have changed, or the classifier trained, by loops apart,
// since training takes long.
func (w *Worker) repeat(ctx context.Context, name string, do func(context.Context) (changed bool, err error)) error {
	wake, cancel := w.hub.Subscribe()
	defer cancel()
	for ctx.Err() == nil {
		looked := time.Now()
		next := looked.Add(labelEvery)
		var changed bool
		var err error
		if w.guard(ctx, name, func() { changed, err = do(ctx) }) {
			w.log.WarnContext(ctx, "a loop of labelling was broken off", slog.String("loop", name), slog.Duration("again_in", adviseAfter))
			next = looked.Add(adviseAfter)
		}
		if err != nil {
			return ignoreEnd(ctx, fmt.Errorf("labelling texts (%s): %w", name, err))
		}
		if changed {
			w.hub.Wake()
		}
		waitFor(ctx, wake, next)
		sleep(ctx, assessRest-time.Since(looked))
	}
	return nil
}
