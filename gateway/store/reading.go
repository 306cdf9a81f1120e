package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// readingColumns are what scanReading reads.
const readingColumns = "id, unit, received, count, root, vouched_by, media_type, ordinal, signer, epoch, number, made, deviation"

func scanReading(from scanner, more ...any) (fact.Reading, error) {
	var r fact.Reading
	var ms int64
	var signer string
	var epoch, number, made, deviation sql.NullInt64
	dest := []any{&r.ID, &r.Unit, &ms, &r.Count, &r.Root, &r.VouchedBy, &r.MediaType, &r.LogIndex, &signer, &epoch, &number, &made, &deviation}
	if err := from.Scan(append(dest, more...)...); err != nil {
		return r, err
	}
	r.Received = fromMillis(ms)
	if signer != r.Unit {
		r.Edge = signer
	}
	if number.Valid || made.Valid {
		r.Sequence = &fact.Numbered{Epoch: uint64(epoch.Int64), Number: uint64(number.Int64), Claimed: signer == ""} //nolint:gosec // as AddReadings wrote them
	}
	if made.Valid {
		at := fromMillis(made.Int64)
		r.Sequence.Made = &at
	}
	if deviation.Valid {
		r.Clock = &fact.Clock{DeviationSeconds: deviation.Int64}
	}
	return r, nil
}

// sequenceOf gives epoch, number and time as they stand in a row.
func sequenceOf(q *fact.Numbered) (epoch, number, made any) {
	if q == nil {
		return nil, nil, nil
	}
	if q.Number > 0 {
		epoch, number = int64(q.Epoch), int64(q.Number) //nolint:gosec // at most proof.MaxSequence
	}
	if q.Made != nil {
		made = millis(*q.Made)
	}
	return epoch, number, made
}

// LastReading returns the newest of the readings that are listed, and none where
// there is none.
func (s *Store) LastReading(ctx context.Context) (*fact.Reading, error) {
	r, err := scanReading(s.reading.QueryRowContext(ctx, "SELECT "+readingColumns+" FROM reading ORDER BY ordinal DESC LIMIT 1"))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // none, and no error
	}
	if err != nil {
		return nil, fmt.Errorf("reading the last reading: %w", err)
	}
	return &r, nil
}

// AddReadings lists readings, and which of their records are about whom, with what the
// numbers of their senders came to by them and what is to be told of that. Those that
// are listed already stay. A power cut may take the last ones away again, where nothing
// was told: they are found by what LastReading says then.
func (s *Store) AddReadings(ctx context.Context, list []fact.Reading, shares []Share, counts []Counted, tell []fact.Notice) error {
	write := s.derive
	if len(tell) > 0 {
		write = s.update
	}
	return write(ctx, func(ctx context.Context, t *txn) error {
		for i := range list {
			r := &list[i]
			epoch, number, made := sequenceOf(r.Sequence)
			var deviation any
			if r.Clock != nil {
				deviation = r.Clock.DeviationSeconds
			}
			if _, err := t.exec(ctx, "INSERT INTO reading ("+readingColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
				r.ID, r.Unit, millis(r.Received), r.Count, r.Root, r.VouchedBy, r.MediaType, r.LogIndex,
				r.Signer(), epoch, number, made, deviation); err != nil {
				return fmt.Errorf("listing a reading: %w", err)
			}
		}
		if err := t.addShares(ctx, shares); err != nil {
			return err
		}
		return s.putCounts(ctx, t, counts, tell)
	})
}

// ForgetReadings empties the list of readings, to be made anew.
func (s *Store) ForgetReadings(ctx context.Context) error {
	return s.derive(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, "DELETE FROM reading"); err != nil {
			return fmt.Errorf("forgetting the list of readings: %w", err)
		}
		for _, derived := range []string{"sequence", "reading_subject"} {
			if _, err := t.exec(ctx, "DELETE FROM "+derived); err != nil {
				return fmt.Errorf("forgetting what readings came to: %w", err)
			}
		}
		return nil
	})
}

// ForgetReading takes a reading off the list, and off what a resource or an image is
// found by.
func (s *Store) ForgetReading(ctx context.Context, id string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, "DELETE FROM reading WHERE id = ?", id); err != nil {
			return fmt.Errorf("forgetting a reading: %w", err)
		}
		if _, err := t.exec(ctx, "DELETE FROM reading_subject WHERE reading = ?", id); err != nil {
			return fmt.Errorf("forgetting whom a reading is about: %w", err)
		}
		if _, err := t.exec(ctx, "DELETE FROM image WHERE receipt = ?", id); err != nil {
			return fmt.Errorf("forgetting an image: %w", err)
		}
		return t.forgetResource(ctx, id)
	})
}

// ReadingsOf lists the readings that the filter leaves, newest first.
func (s *Store) ReadingsOf(ctx context.Context, f fact.ReadingFilter, req ledger.PageRequest) (fact.ReadingPage, error) {
	l := listing{table: "reading", order: []string{"ordinal"}, newest: true}
	l.narrow("unit", f.Unit)
	l.narrow("media_type", f.MediaType)
	if !f.Since.IsZero() {
		l.where, l.args = append(l.where, "received >= ?"), append(l.args, millis(f.Since))
	}
	if !f.Until.IsZero() {
		l.where, l.args = append(l.where, "received < ?"), append(l.args, millis(f.Until))
	}
	p := fact.ReadingPage{Items: []fact.Reading{}}
	next, err := eachOf(ctx, s, s.reading, l, readingColumns, req, func(from scanner, more ...any) error {
		r, err := scanReading(from, more...)
		if err == nil {
			p.Items = append(p.Items, r)
		}
		return err
	})
	p.Next = next
	return p, err
}
