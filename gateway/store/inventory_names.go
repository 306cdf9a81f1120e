package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// UnitNamed returns the unit that a source calls by a name. Problems: not_found.
func (s *Store) UnitNamed(ctx context.Context, source, name string) (string, error) {
	var unit string
	err := s.reading.QueryRowContext(ctx, "SELECT unit FROM device_name WHERE source = ? AND name = ?", source, name).Scan(&unit)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ledger.Problemf(ledger.CodeNotFound, "no device has this name at this source")
	}
	if err != nil {
		return "", fmt.Errorf("reading a device's name: %w", err)
	}
	return unit, nil
}

// Speaks reports whether a source has a name for a unit.
func (s *Store) Speaks(ctx context.Context, source, unit string) (bool, error) {
	var speaks bool
	err := s.reading.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM device_name WHERE unit = ? AND source = ?)", unit, source).Scan(&speaks)
	if err != nil {
		return false, fmt.Errorf("reading a device's names: %w", err)
	}
	return speaks, nil
}

// putNames gives a unit its names, in place of those that it had.
func (t *txn) putNames(ctx context.Context, unit string, names []fact.DeviceName) error {
	if _, err := t.exec(ctx, "DELETE FROM device_name WHERE unit = ?", unit); err != nil {
		return fmt.Errorf("forgetting a device's names: %w", err)
	}
	for i, n := range names {
		var other string
		taken, err := t.get(ctx, "SELECT unit FROM device_name WHERE source = ? AND name = ?", []any{n.Source, n.Name}, &other)
		switch {
		case err != nil:
			return fmt.Errorf("reading a device's name: %w", err)
		case taken && other != unit:
			return &ledger.Problem{
				Code: ledger.CodeAlreadyExists, Detail: "another device has this name at this source: take it from that one first",
				Faults: []ledger.Fault{{Field: fmt.Sprintf("names[%d]", i), Detail: "is another device's"}},
			}
		case taken:
			continue // twice in the list
		}
		if _, err := t.exec(ctx, "INSERT INTO device_name (source, name, unit) VALUES (?, ?, ?)", n.Source, n.Name, unit); err != nil {
			return fmt.Errorf("keeping a device's name: %w", err)
		}
	}
	return nil
}

// names lists a unit's names, by source and name.
func (s *Store) names(ctx context.Context, unit string) ([]fact.DeviceName, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT source, name FROM device_name WHERE unit = ? ORDER BY source, name", unit)
	if err != nil {
		return nil, fmt.Errorf("reading a device's names: %w", err)
	}
	defer rows.Close()
	names := []fact.DeviceName{}
	for rows.Next() {
		var n fact.DeviceName
		if err := rows.Scan(&n.Source, &n.Name); err != nil {
			return nil, fmt.Errorf("reading a device's name: %w", err)
		}
		names = append(names, n)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading a device's names: %w", err)
	}
	return names, nil
}
