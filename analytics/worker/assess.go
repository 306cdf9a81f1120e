package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	assessBatch = 8
	// assessRest is the least time between two looks for reports to assess, so
	// that a thousand units that are registered one by one do not have every
	// report assessed a thousand times.
	assessRest = 500 * time.Millisecond
)

// assess has reports judged against the own devices: each once when its body is
// here, and again when the own devices have changed.
func (w *Worker) assess(ctx context.Context) error {
	wake, cancel := w.hub.Subscribe()
	defer cancel()
	var devices []fact.Device
	known := int64(-1) // version of devices
	for ctx.Err() == nil {
		looked := time.Now()
		due, next, err := w.store.Unassessed(ctx, looked, assessBatch)
		if err != nil {
			return ignoreEnd(ctx, fmt.Errorf("assessing reports: %w", err))
		}
		if len(due) == 0 {
			waitFor(ctx, wake, next)
			sleep(ctx, assessRest-time.Since(looked))
			continue
		}
		if v := due[0].Version; v != known {
			if devices, err = w.store.Devices(ctx, w.options.Organisation); err != nil {
				return ignoreEnd(ctx, fmt.Errorf("assessing reports: %w", err))
			}
			known = v
		}
		for _, u := range due {
			if over(ctx) {
				return nil
			}
			if err := w.assessOne(ctx, u, devices); err != nil {
				return ignoreEnd(ctx, fmt.Errorf("assessing reports: %w", err))
			}
		}
		w.hub.Wake()
	}
	return nil
}

func (w *Worker) assessOne(ctx context.Context, u fact.Unassessed, devices []fact.Device) error {
	var a fact.Assessment
	var err error
	if w.guard(ctx, "assess", func() { a, err = w.options.Assess(ctx, u.Record, u.Body, devices) }) {
		err = errors.New("the node failed at this report")
	}
	if over(ctx) {
		return nil // cut short; it stays due
	}
	if err != nil {
		w.log.WarnContext(ctx, "report could not be assessed", slog.String("digest", u.Record.Digest),
			slog.String("sharer", u.Record.Sharer), slog.Int("attempts", u.Attempts+1), slog.Any("error", err))
		if code := ledger.CodeOf(err); code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
			return w.store.PostponeAssessment(ctx, u, time.Now().Add(fetchPause(u.Attempts)))
		}
		a = fact.Assessment{} // the body will not become readable
	}
	w.metrics.assessed.Inc()
	return w.store.PutAssessment(ctx, u, a)
}
