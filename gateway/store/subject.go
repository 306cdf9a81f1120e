package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Share is how many records of a request are about one subject, which the slot of its
// key in the vault stands for.
type Share struct {
	Slot    uint64
	Reading string // id
	Records int
}

// addShares lists what of requests is about whom.
func (t *txn) addShares(ctx context.Context, shares []Share) error {
	for i := range shares {
		s := &shares[i]
		if _, err := t.exec(ctx, "INSERT INTO reading_subject (slot, reading, records) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
			s.Slot, s.Reading, s.Records); err != nil {
			return fmt.Errorf("listing whom a reading is about: %w", err)
		}
	}
	return nil
}

// Shares lists what is about a subject, at most limit of it.
func (s *Store) Shares(ctx context.Context, slot uint64, limit int) ([]Share, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT slot, reading, records FROM reading_subject WHERE slot = ? ORDER BY reading LIMIT ?", slot, limit)
	if err != nil {
		return nil, fmt.Errorf("reading what is about a subject: %w", err)
	}
	defer rows.Close()
	var list []Share
	for rows.Next() {
		var share Share
		if err := rows.Scan(&share.Slot, &share.Reading, &share.Records); err != nil {
			return nil, fmt.Errorf("reading what is about a subject: %w", err)
		}
		list = append(list, share)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading what is about a subject: %w", err)
	}
	return list, nil
}

// Subjects returns the slots of all whom a request is about, as far as it is listed.
func (s *Store) Subjects(ctx context.Context, reading string) ([]uint64, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT slot FROM reading_subject WHERE reading = ? ORDER BY slot", reading)
	if err != nil {
		return nil, fmt.Errorf("reading whom a reading is about: %w", err)
	}
	defer rows.Close()
	var slots []uint64
	for rows.Next() {
		var slot uint64
		if err := rows.Scan(&slot); err != nil {
			return nil, fmt.Errorf("reading whom a reading is about: %w", err)
		}
		slots = append(slots, slot)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading whom a reading is about: %w", err)
	}
	return slots, nil
}

// LastSubject returns the highest slot that is listed, if there is one.
func (s *Store) LastSubject(ctx context.Context) (slot uint64, some bool, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT slot FROM reading_subject ORDER BY slot DESC LIMIT 1").Scan(&slot)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("reading which subjects are listed: %w", err)
	}
	return slot, true, nil
}

// ForgetShare takes off the list that a request is about a subject.
func (s *Store) ForgetShare(ctx context.Context, slot uint64, reading string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, "DELETE FROM reading_subject WHERE slot = ? AND reading = ?", slot, reading); err != nil {
			return fmt.Errorf("forgetting whom a reading is about: %w", err)
		}
		return nil
	})
}
