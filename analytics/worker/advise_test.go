package worker

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
)

// TestWorkThatFailsIsTriedAgain: what is derived can wait, and ends no node.
func TestWorkThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, err := newMetrics(nil)
		if err != nil {
			t.Fatal(err)
		}
		w := &Worker{log: slog.New(slog.DiscardHandler), hub: newHub(), metrics: m}
		ctx, end := context.WithCancel(t.Context())
		var calls int
		err = w.whenNew(ctx, "correlating", correlateRest, func(context.Context) (bool, error) {
			switch calls++; calls {
			case 1:
				return false, errors.New("an object that nobody expected")
			case 2:
				panic("an object that nobody expected")
			}
			end()
			return false, nil
		})
		if err != nil || calls != 3 {
			t.Errorf("%v after %d calls, want none after 3", err, calls)
		}
	})
}
