package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
)

// PutCareService keeps a care service of the own organisation, in place of what was
// known of it.
func (s *Store) PutCareService(ctx context.Context, c fact.CareService) error {
	doc, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encoding a care service: %w", err)
	}
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, `INSERT INTO care_service (id, name, doc, updated) VALUES (?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, doc = excluded.doc, updated = excluded.updated`,
			c.ID, c.Name, string(doc), millis(time.Now())); err != nil {
			return fmt.Errorf("keeping a care service: %w", err)
		}
		if _, err := t.exec(ctx, "DELETE FROM care_service_unit WHERE service = ?", c.ID); err != nil {
			return fmt.Errorf("keeping what a care service relies on: %w", err)
		}
		for _, unit := range c.Units {
			if _, err := t.exec(ctx, "INSERT INTO care_service_unit (unit, service) VALUES (?, ?)", unit, c.ID); err != nil {
				return fmt.Errorf("keeping what a care service relies on: %w", err)
			}
		}
		return nil
	})
}

// DeleteCareService forgets a care service; it fails with a not_found problem when
// there is none.
func (s *Store) DeleteCareService(ctx context.Context, id string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, "DELETE FROM care_service_unit WHERE service = ?", id); err != nil {
			return fmt.Errorf("forgetting what a care service relies on: %w", err)
		}
		n, err := t.exec(ctx, "DELETE FROM care_service WHERE id = ?", id)
		if err != nil {
			return fmt.Errorf("forgetting a care service: %w", err)
		}
		if n == 0 {
			return notFound("the care service")
		}
		return nil
	})
}

// CareService returns a care service; it fails with a not_found problem when there
// is none.
func (s *Store) CareService(ctx context.Context, id string) (fact.CareService, error) {
	var doc []byte
	var updated int64
	err := s.reading.QueryRowContext(ctx, "SELECT doc, updated FROM care_service WHERE id = ?", id).Scan(&doc, &updated)
	if errors.Is(err, sql.ErrNoRows) {
		return fact.CareService{}, notFound("the care service")
	}
	if err != nil {
		return fact.CareService{}, fmt.Errorf("reading a care service: %w", err)
	}
	return decodeCare(doc, updated)
}

func decodeCare(doc []byte, updated int64) (fact.CareService, error) {
	var c fact.CareService
	if err := json.Unmarshal(doc, &c); err != nil {
		return c, fmt.Errorf("reading a care service: %w", err)
	}
	c.Updated = fromMillis(updated)
	return c, nil
}

// CareServices lists the care services by id, behind the one named after, at most
// limit of them.
func (s *Store) CareServices(ctx context.Context, after string, limit int) ([]fact.CareService, error) {
	return s.careServices(ctx, "SELECT doc, updated FROM care_service WHERE id > ? ORDER BY id LIMIT ?", after, limit)
}

// CareServicesOf lists the care services that rely on a unit themselves, by id.
func (s *Store) CareServicesOf(ctx context.Context, unit string) ([]fact.CareService, error) {
	return s.careServices(ctx, `SELECT c.doc, c.updated FROM care_service_unit u JOIN care_service c ON c.id = u.service
		WHERE u.unit = ? ORDER BY c.id LIMIT ?`, unit, fact.MaxCareServices)
}

func (s *Store) careServices(ctx context.Context, query string, args ...any) ([]fact.CareService, error) {
	rows, err := s.reading.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("listing care services: %w", err)
	}
	defer rows.Close()
	all := []fact.CareService{}
	for rows.Next() {
		var doc []byte
		var updated int64
		if err := rows.Scan(&doc, &updated); err != nil {
			return nil, fmt.Errorf("reading a care service: %w", err)
		}
		c, err := decodeCare(doc, updated)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing care services: %w", err)
	}
	return all, nil
}
