package source

import (
	"context"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Patiently tries again what may pass (busy, unavailable), until it has or the
// time is up, and returns what came last. A try that has begun is not cut off. A device that is told to come back later
// often does not.
func Patiently(ctx context.Context, patience time.Duration, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := do()
		if code := ledger.CodeOf(err); code != ledger.CodeBusy && code != ledger.CodeUnavailable {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}
