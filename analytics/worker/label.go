package worker

import (
	"context"
	"time"
)

// labelEvery is how often the node looks for texts to label when nothing woke it: what
// programs hand in stands in no block.
const labelEvery = 5 * time.Second

// label has texts labelled: new ones, and all of them when vocabularies or the classifier
// have changed.
func (w *Worker) label(ctx context.Context) error {
	return w.whenNew(ctx, "labelling texts", labelEvery, w.options.Label)
}

// train has the classifier trained, by a loop apart, since that takes long.
func (w *Worker) train(ctx context.Context) error {
	return w.whenNew(ctx, "training the classifier", labelEvery, w.options.Train)
}
