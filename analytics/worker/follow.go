package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// follow carries blocks over into the read model. It begins with the newest
// block that the read model has: the store compares it, and refuses to mix the
// histories of two ledgers.
func (w *Worker) follow(ctx context.Context, next uint64) error {
	if next > 0 {
		next--
	}
	if err := w.ledger.Follow(ctx, next, w.take); err != nil && ctx.Err() == nil {
		return fmt.Errorf("following the ledger: %w", err)
	}
	return nil
}

// take carries one block over and tells everyone whom it concerns.
func (w *Worker) take(ctx context.Context, b *ledger.Block) error {
	for _, t := range w.desk.of(b.Txs) {
		w.step(t, StepSubmitted)
		w.step(t, StepCommitted)
	}
	decisions, err := w.store.Apply(ctx, b)
	if err != nil {
		return err
	}
	w.next.Store(max(w.next.Load(), b.Number+1))
	w.metrics.blocks.Inc()
	w.metrics.next.Set(float64(w.next.Load()))
	for _, d := range decisions {
		if d.Valid {
			w.succeed(d, b.Number)
		}
	}
	w.hub.Wake()
	return nil
}

// caughtUp waits until the read model shows all that the own peer has now.
func (w *Worker) caughtUp(ctx context.Context) error {
	height, err := w.ledger.Height(ctx)
	if err != nil {
		return fmt.Errorf("asking how far the ledger is: %w", err)
	}
	wake, cancel := w.hub.Subscribe()
	defer cancel()
	for w.next.Load() < height {
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// succeed ends the task of a transaction that the read model now shows.
func (w *Worker) succeed(d fact.Decision, block uint64) {
	t := w.desk.finish(d.Seq, func(t *task) {
		op := &t.final
		op.State, op.Tx, op.Block, op.Updated = fact.StateDone, d.Tx, block, time.Now().UTC().Truncate(time.Millisecond)
		op.Result = d.Result
	})
	if t == nil {
		return // it had been given up, and is done after all: the store says so
	}
	w.ended(t, "done")
	w.step(t, StepProjected)
}

func (w *Worker) ended(t *task, result string) {
	w.metrics.open.Dec()
	w.metrics.commands.WithLabelValues(result).Inc()
	w.metrics.seconds.Observe(time.Since(t.stored).Seconds())
}

// logTask names a task in the log.
func logTask(t *task) slog.Attr {
	return slog.Group("command", slog.String("operation", t.id), slog.String("name", t.name))
}
