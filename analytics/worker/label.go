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

// label has texts labelled: new ones, and all of them when vocabularies or the classifier
// have changed. It stops nothing.
func (w *Worker) label(ctx context.Context) error {
	wake, cancel := w.hub.Subscribe()
	defer cancel()
	for ctx.Err() == nil {
		looked := time.Now()
		next := looked.Add(labelEvery)
		var changed bool
		var err error
		if w.guard(ctx, "label", func() { changed, err = w.options.Label(ctx) }) {
			w.log.WarnContext(ctx, "texts could not be labelled", slog.Duration("again_in", adviseAfter))
			next = looked.Add(adviseAfter)
		}
		if err != nil {
			return ignoreEnd(ctx, fmt.Errorf("labelling texts: %w", err))
		}
		if changed {
			w.hub.Wake()
		}
		waitFor(ctx, wake, next)
		sleep(ctx, assessRest-time.Since(looked))
	}
	return nil
}
