package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/telemetry"
)

const (
	listPause = 250 * time.Millisecond // between two looks for new readings
	listBatch = 1000                   // readings listed in one transaction
)

// listReadings keeps the list of each device's readings up with the vault, until
// ctx ends. It goes on where it ended; a list of another vault, from before a disk
// was lost, is made anew.
func listReadings(ctx context.Context, p *ingest.Pipeline, by *senders) error {
	s := by.store
	from, err := listedUntil(ctx, p, s)
	if err != nil {
		return err
	}
	look := time.NewTicker(listPause)
	defer look.Stop()
	for {
		next, err := listSome(ctx, p, by, from)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case next-from == listBatch: // there may be more
			from = next
			continue
		}
		from = next
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

// listedUntil says from which entry of the log on readings are not listed yet.
func listedUntil(ctx context.Context, p *ingest.Pipeline, s *store.Store) (uint64, error) {
	last, err := s.LastReading(ctx)
	if err != nil || last == nil {
		return 0, err
	}
	same := true
	if _, err := p.Each(ctx, last.LogIndex, 1, func(r *ingest.Receipt, _ time.Time) { same = r.ID.String() == last.ID }); err != nil {
		return 0, fmt.Errorf("comparing the list of readings with the vault: %w", err)
	}
	if !same || last.LogIndex >= p.Size() {
		return 0, s.ForgetReadings(ctx)
	}
	return last.LogIndex + 1, nil
}

// byRetention is the key of the event that tells of all readings that were erased in one
// go: one event for each would drive out all others, of which the store keeps few.
const byRetention = "retention"

// retain erases readings that are older than the node is to keep them, until ctx ends.
// What cannot be erased now is tried again: that ends nothing else.
func retain(ctx context.Context, r *readings, keep time.Duration, logger *slog.Logger) error {
	some := false
	for {
		old := fact.ReadingFilter{Until: time.Now().Add(-keep)}
		page, err := r.store.ReadingsOf(ctx, old, ledger.PageRequest{Size: ledger.MaxPageSize})
		for i := range page.Items {
			var id proof.RequestID
			if id, err = proof.ParseRequestID(page.Items[i].ID); err == nil {
				err = r.erase(ctx, id)
			}
			if err != nil {
				break
			}
		}
		some = some || len(page.Items) > 0
		if err == nil && page.Next == "" && some {
			some, err = false, r.store.AddEvent(ctx, fact.EventReadingsErased, []string{byRetention}, nil)
		}
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // told to end
		case err != nil:
			logger.ErrorContext(ctx, "what is older than it is to be kept could not be erased", slog.String(telemetry.KeyError, err.Error()))
			if err := sleep(ctx, time.Minute); err != nil {
				return nil //nolint:nilerr // told to end
			}
			continue
		case page.Next != "":
			continue
		}
		if err := sleep(ctx, min(time.Hour, keep/10)); err != nil {
			return nil //nolint:nilerr // told to end
		}
	}
}

func listSome(ctx context.Context, p *ingest.Pipeline, by *senders, from uint64) (uint64, error) {
	var batch []fact.Reading
	next, err := p.Each(ctx, from, listBatch, func(r *ingest.Receipt, sent time.Time) {
		one := listing(r)
		by.judge(&one, sent)
		batch = append(batch, one)
	})
	if err != nil {
		return next, err
	}
	round := by.begin(p)
	if len(batch) == 0 {
		err = round.overdue(ctx)
	} else {
		err = round.follow(ctx, batch)
	}
	if counts := round.all(); err == nil && len(batch)+len(counts) > 0 {
		err = by.store.AddReadings(ctx, batch, counts, round.tell)
	}
	return next, err
}

// listing is a request as it is listed.
func listing(r *ingest.Receipt) fact.Reading {
	one := fact.Reading{
		ID: r.ID.String(), Unit: r.Unit.String(), Count: r.Count, Root: r.Root.String(), VouchedBy: string(r.VouchedBy),
		MediaType: r.MediaType, Received: r.Received, LogIndex: r.LogIndex,
	}
	if r.Edge != nil {
		one.Edge = r.Edge.String()
	}
	if q := r.Sequence; q != (proof.Sequence{}) {
		one.Sequence = &fact.Numbered{Epoch: q.Epoch, Number: q.Number, Claimed: r.VouchedBy == proof.VouchedByNode}
		if at, ok := q.MadeAt(); ok {
			one.Sequence.Made = &at
		}
	}
	return one
}
