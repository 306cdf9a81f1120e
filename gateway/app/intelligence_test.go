package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
)

// TestIndexingThatFailsIsTriedAgain, and ends no node.
func TestIndexingThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		calls := 0
		err := indexIntelligence(ctx, func(context.Context) (int, error) {
			if calls++; calls == 1 {
				return 0, errors.New("the disk is full")
			}
			end()
			return 0, nil
		}, slog.New(slog.DiscardHandler))
		if err != nil || calls != 2 {
			t.Errorf("%v after %d calls, want none after 2", err, calls)
		}
	})
}
