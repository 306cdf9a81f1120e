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
	"github.com/secant-platform/secant/gateway/vault"
)

const (
	listPause = 250 * time.Millisecond // between two looks for new readings
	listBatch = 1000                   // readings listed in one transaction
)

// listReadings keeps the list of each device's readings up with the vault, until
// ctx ends. It goes on where it ended; a list of another vault, from before a disk
// was lost, is made anew.
func listReadings(ctx context.Context, p *ingest.Pipeline, r *readings, by *senders) error {
	from, err := listedUntil(ctx, p, r.store)
	if err != nil {
		return err
	}
	look := time.NewTicker(listPause)
	defer look.Stop()
	for {
		next, err := listSome(ctx, p, r, by, from)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		r.listed.Store(next)
		more := next-from == listBatch
		if from = next; more {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

// listedUntil says from which entry of the log on readings are not listed yet.
func listedUntil(ctx context.Context, p *ingest.Pipeline, s *store.Store) (uint64, error) {
	last, same, err := lastListed(ctx, p, s)
	switch {
	case err != nil || last == nil:
		return 0, err
	case !same:
		return 0, s.ForgetReadings(ctx)
	}
	return last.LogIndex + 1, nil
}

// lastListed finds the last reading of the list, and whether it is this vault's.
func lastListed(ctx context.Context, p *ingest.Pipeline, s *store.Store) (last *fact.Reading, same bool, err error) {
	if last, err = s.LastReading(ctx); err != nil || last == nil {
		return nil, false, err
	}
	same = last.LogIndex < p.Size()
	if _, err := p.Each(ctx, last.LogIndex, 1, func(r *ingest.Receipt, _ time.Time) { same = r.ID.String() == last.ID }); err != nil {
		return nil, false, fmt.Errorf("comparing the list of readings with the vault: %w", err)
	}
	return last, same, nil
}

// keysThere fails when the list tells of a subject whose key's slot the vault does not
// have. The file of keys was lost then, and the next subjects must not get the slots of
// those before: who erased one would erase another's.
func keysThere(ctx context.Context, p *ingest.Pipeline, s *store.Store, v *vault.Vault) error {
	slot, some, err := s.LastSubject(ctx)
	if err != nil || !some {
		return err
	}
	_, _, missing := v.SubjectErased(slot)
	if missing == nil {
		return nil
	}
	if last, same, err := lastListed(ctx, p, s); err == nil && (last == nil || !same) {
		return nil // the list is another vault's, and made anew
	}
	return fmt.Errorf("the subjects' keys are not those of the readings that are listed: restore the file: %w", missing)
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

// listSome lists some readings. What is about a subject that is being erased is listed
// as well, to be found and counted.
func listSome(ctx context.Context, p *ingest.Pipeline, r *readings, by *senders, from uint64) (uint64, error) {
	r.sweeping.Lock() // no subject is finished between the look and the list
	defer r.sweeping.Unlock()
	var batch []fact.Reading
	var shares []store.Share
	var empty []*ingest.Receipt
	next, err := p.Each(ctx, from, listBatch, func(got *ingest.Receipt, sent time.Time) {
		left := 0
		for _, s := range got.Subjects {
			if !s.Finished {
				shares = append(shares, store.Share{Slot: s.Slot, Reading: got.ID.String(), Records: s.Records})
				left++
			}
		}
		if left == 0 && len(got.Subjects) > 0 { // it was on its way when its subjects were erased
			empty = append(empty, got)
			return
		}
		one := listing(got)
		by.judge(&one, sent)
		batch = append(batch, one)
	})
	if err != nil {
		return from, err
	}
	for _, got := range empty {
		about := make([]uint64, len(got.Subjects))
		for i := range got.Subjects {
			about[i] = got.Subjects[i].Slot
		}
		if _, err := r.eraseEmpty(ctx, p, got.ID, about); err != nil {
			return from, err
		}
	}
	round := by.begin(p)
	if len(batch) == 0 {
		err = round.overdue(ctx)
	} else {
		err = round.follow(ctx, batch)
	}
	if counts := round.all(); err == nil && len(batch)+len(counts) > 0 {
		err = r.store.AddReadings(ctx, batch, shares, counts, round.tell)
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
