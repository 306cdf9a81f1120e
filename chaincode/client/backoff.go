package client

import (
	"context"
	"math/rand/v2"
	"time"
)

// pause draws a wait between nothing and a bound that doubles with each try up
// to a limit (full jitter), so that many who failed together do not come back
// together.
func pause(try int, first, limit time.Duration) time.Duration {
	bound := limit
	if try < 16 && first<<try < limit {
		bound = first << try
	}
	return rand.N(bound) + time.Millisecond //nolint:gosec // spreads retries, protects nothing
}

// sleep waits; it reports false when the context ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
