package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Counted is what the numbers of a signer came to, and when gaps in them are to be told
// next; zero: there are none.
type Counted struct {
	fact.Sequenced
	Due time.Time
}

// Sequence returns what the numbers came to that a signer gave to a unit's requests;
// nothing was counted where there are none.
func (s *Store) Sequence(ctx context.Context, unit, signer string) (fact.Sequenced, error) {
	v := fact.Sequenced{Unit: unit, Signer: signer, Newest: []fact.Conflict{}}
	var state []byte
	err := s.reading.QueryRowContext(ctx, "SELECT state FROM sequence WHERE unit = ? AND signer = ?", unit, signer).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return v, nil
	}
	if err == nil {
		err = json.Unmarshal(state, &v)
	}
	if err != nil {
		return v, fmt.Errorf("reading what was counted: %w", err)
	}
	return v, nil
}

// SequencesOf lists what numbers came to that were given to a unit's requests, or by it
// to others'.
func (s *Store) SequencesOf(ctx context.Context, unit string, req ledger.PageRequest) (fact.SequencePage, error) {
	l := listing{table: "sequence", order: []string{"unit", "signer"}, where: []string{"(unit = ? OR signer = ?)"}, args: []any{unit, unit}}
	p := fact.SequencePage{Items: []fact.Sequenced{}}
	next, err := eachOf(ctx, s, s.reading, l, "state", req, func(from scanner, more ...any) error {
		var state []byte
		if err := from.Scan(append([]any{&state}, more...)...); err != nil {
			return err
		}
		v := fact.Sequenced{}
		if err := json.Unmarshal(state, &v); err != nil {
			return fmt.Errorf("reading what was counted: %w", err)
		}
		v.Said = nil // the node's own concern
		p.Items = append(p.Items, v)
		return nil
	})
	p.Next = next
	return p, err
}

// maxDue is how many counts are looked at together.
const maxDue = 100

// DueSequences lists counts with gaps that are to be told by now.
func (s *Store) DueSequences(ctx context.Context, now time.Time) (list []fact.Sequenced, err error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT state FROM sequence WHERE due IS NOT NULL AND due <= ? ORDER BY due LIMIT ?", millis(now), maxDue)
	if err != nil {
		return nil, fmt.Errorf("reading what was counted: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var state []byte
		var v fact.Sequenced
		if err := rows.Scan(&state); err != nil {
			return nil, fmt.Errorf("reading what was counted: %w", err)
		}
		if err := json.Unmarshal(state, &v); err != nil {
			return nil, fmt.Errorf("reading what was counted: %w", err)
		}
		list = append(list, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading what was counted: %w", err)
	}
	return list, nil
}

// ReadingNumbered finds the first reading that is listed under a signer's number.
func (s *Store) ReadingNumbered(ctx context.Context, unit, signer string, epoch, number uint64) (id, root string, found bool, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT id, root FROM reading WHERE unit = ? AND signer = ? AND epoch = ? AND number = ? ORDER BY ordinal LIMIT 1",
		unit, signer, int64(epoch), int64(number)).Scan(&id, &root) //nolint:gosec // at most proof.MaxSequence
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", false, nil
	}
	if err != nil {
		return "", "", false, fmt.Errorf("finding a reading by its number: %w", err)
	}
	return id, root, true, nil
}

func (s *Store) putCounts(ctx context.Context, t *txn, counts []Counted, tell []fact.Notice) error {
	for i := range counts {
		c := &counts[i]
		state, err := json.Marshal(&c.Sequenced)
		if err != nil {
			return fmt.Errorf("encoding what was counted: %w", err)
		}
		var due any
		if !c.Due.IsZero() {
			due = millis(c.Due)
		}
		if _, err := t.exec(ctx, `INSERT INTO sequence (unit, signer, due, state) VALUES (?, ?, ?, ?)
			ON CONFLICT (unit, signer) DO UPDATE SET due = excluded.due, state = excluded.state`, c.Unit, c.Signer, due, string(state)); err != nil {
			return fmt.Errorf("keeping what was counted: %w", err)
		}
	}
	for i := range tell {
		if err := s.addLocalEvent(ctx, t, tell[i].Kind, tell[i].Key, tell[i].Subjects); err != nil {
			return err
		}
	}
	return nil
}
