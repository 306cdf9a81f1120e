package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Status is how a worker is doing.
type Status struct {
	Next     uint64         // number of the block that the read model wants next
	Height   uint64         // blocks that the own peer has; the read model lags by Height - Next
	Open     int            // commands that are not finished
	Oldest   time.Time      // when the oldest of them was stored; zero when there is none
	Verified bool           // the integrity log was found to continue its last anchor
	Anchor   *ledger.Anchor // newest of this node's log; nil: none yet
}

// Status asks the own peer how far it is. Its error is that of asking; the
// status holds all else nonetheless.
func (w *Worker) Status(ctx context.Context) (Status, error) {
	s := Status{Next: w.next.Load(), Anchor: w.anchored.Load()}
	select {
	case <-w.verified:
		s.Verified = true
	default:
	}
	select {
	case <-w.ready:
		s.Open, s.Oldest = w.desk.load()
	default:
		return s, ledger.Problemf(ledger.CodeUnavailable, "the node is starting")
	}
	height, err := w.ledger.Height(ctx)
	if err != nil {
		return s, fmt.Errorf("asking the own peer how far it is: %w", err)
	}
	s.Height = height
	return s, nil
}
