package worker_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/worker"
	"github.com/secant-platform/secant/chaincode/client/clienttest"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// BenchmarkCommand compares commands through the outbox with the bare client,
// 100 at once, on the ledger in memory: what the worker and the store add.
func BenchmarkCommand(b *testing.B) {
	seed := time.Now().UnixNano()
	share := func(i int) ledger.ShareThreat {
		return ledger.ShareThreat{
			Digest: ledger.Digest("bench", fmt.Append(nil, seed, b.N, i)), Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: 1,
		}
	}
	open := func(b *testing.B) *clienttest.Client {
		b.Helper()
		return clienttest.New(b).Client(north)
	}
	b.Run("client", func(b *testing.B) {
		c := open(b)
		hundred(b, func(i int) error {
			p, err := c.Prepare(b.Context(), ledger.RoleSharer, ledger.ThreatShare, share(i))
			if err == nil {
				_, err = p.Submit(b.Context())
			}
			return err
		})
	})
	b.Run("worker", func(b *testing.B) {
		c := open(b)
		s, err := store.Open(b.Context(), storetest.Place(b), store.Options{Organisation: north})
		if err != nil {
			b.Fatal(err)
		}
		w, err := worker.New(c, s, worker.Options{Organisation: north})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := w.Run(ctx); err != nil {
				b.Error(err)
			}
		})
		b.Cleanup(func() { cancel(); wg.Wait(); _ = s.Close() })
		hundred(b, func(i int) error {
			_, err := w.Do(b.Context(), ledger.RoleSharer, ledger.ThreatShare, share(i))
			return err
		})
	})
}

// hundred runs b.N commands, 100 at once, and reports the median time of one.
func hundred(b *testing.B, do func(i int) error) {
	b.Helper()
	times := make([]time.Duration, b.N)
	next := make(chan int)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			for i := range next {
				begin := time.Now()
				if err := do(i); err != nil {
					b.Error(err)
				}
				times[i] = time.Since(begin)
			}
		})
	}
	b.ResetTimer()
	for i := range b.N {
		next <- i
	}
	close(next)
	wg.Wait()
	slices.Sort(times)
	b.ReportMetric(float64(times[b.N/2].Microseconds())/1000, "ms/p50")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}
