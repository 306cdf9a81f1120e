package ingest

import (
	"context"
	"fmt"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Judge judges bodies as a pipeline does, for whoever signs readings before a node has
// them.
type Judge struct{ workers chan *worker }

// NewJudge makes a judge that reads as many bodies at once as there are workers. Of
// opts it takes the limits and the workers.
func NewJudge(opts Options) (*Judge, error) {
	opts, err := opts.validate()
	if err != nil {
		return nil, fmt.Errorf("making a judge: %w", err)
	}
	j := &Judge{workers: make(chan *worker, opts.Workers)}
	for range opts.Workers {
		w, err := newWorker(opts.Limits)
		if err != nil {
			return nil, fmt.Errorf("making a judge: %w", err)
		}
		j.workers <- w
	}
	return j, nil
}

// Read returns how many records a body has and the root over their leaves, whose salts
// derive from seed. Problems: those of Pipeline.Submit about a body.
func (j *Judge) Read(ctx context.Context, mediaType, encoding string, seed *proof.Seed, body []byte) (count int, root proof.Hash, err error) {
	f, err := parseMediaType(mediaType)
	if err != nil {
		return 0, root, err
	}
	if f.boundary != "" { // an edge box speaks for one device, about whoever the record says
		return 0, root, unframed("Content-Type", "must be that of readings, and not of parts")
	}
	packed, err := parseEncoding(encoding)
	if err != nil {
		return 0, root, err
	}
	var w *worker
	select {
	case w = <-j.workers:
	case <-ctx.Done():
		return 0, root, errBusy
	}
	defer func() { j.workers <- w }()
	if len(body) > w.limits.Wire {
		return 0, root, ledger.Problemf(ledger.CodeTooLarge, "the body has more than %d bytes", w.limits.Wire)
	}
	parts := []part{{seed: *seed, storage: storageOf(packed), body: body}}
	if count, root, err = w.take(f, parts); err != nil {
		return 0, root, err
	}
	return count, root, w.reader.whole(f, parts[0].plain)
}
