package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/secant-platform/secant/analytics/fact"
)

// maxSightings bounds the sightings of one event that are kept: the newest ones.
const maxSightings = 10_000

// AddMISPSightings keeps what was said of attributes that are here. What is known by its
// UUID stays as it is.
func (s *Store) AddMISPSightings(ctx context.Context, list []fact.MISPSighting) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		events := map[string]bool{}
		for i := range list {
			g := &list[i]
			n, err := t.exec(ctx, `INSERT INTO misp_sighting (uuid, event, attribute, type, date, source, org)
				SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM misp_event WHERE uuid = ?2)
				ON CONFLICT DO NOTHING`,
				g.UUID, g.Event, g.Attribute, g.Type, g.Date, g.Source, g.Org)
			if err != nil {
				return fmt.Errorf("keeping a sighting: %w", err)
			}
			events[g.Event] = events[g.Event] || n > 0
		}
		for event, changed := range events {
			if !changed {
				continue
			}
			if _, err := t.exec(ctx, "DELETE FROM misp_sighting WHERE id IN (SELECT id FROM misp_sighting WHERE event = ? ORDER BY date DESC, id DESC LIMIT -1 OFFSET ?)",
				event, maxSightings); err != nil {
				return fmt.Errorf("forgetting old sightings: %w", err)
			}
		}
		return nil
	})
}

// MISPSightings returns a page of sightings, the newest first.
func (s *Store) MISPSightings(ctx context.Context, f *fact.MISPSightingFilter) ([]fact.MISPSighting, error) {
	where, args := []string{"TRUE"}, []any{}
	and := func(condition string, values ...any) { where, args = append(where, condition), append(args, values...) }
	for _, l := range []struct {
		uuid, id string
		names    []string
	}{{"g.uuid", "g.id", f.UUIDs}, {"g.event", "e.id", f.Events}, {"g.attribute", "a.id", f.Attributes}} {
		if len(l.names) > 0 {
			condition, values := eitherName(l.uuid, l.id, l.names)
			and(condition, values...)
		}
	}
	if f.Type != nil {
		and("g.type = ?", *f.Type)
	}
	if f.Source != "" {
		and("g.source = ?", f.Source)
	}
	if f.From != 0 {
		and("g.date >= ?", f.From)
	}
	if f.To != 0 {
		and("g.date <= ?", f.To)
	}
	//nolint:gosec // conditions and question marks only
	rows, err := s.reading.QueryContext(ctx, `SELECT g.id, g.uuid, g.event, g.attribute, g.type, g.date, g.source, g.org, e.id, coalesce(a.id, 0)
		FROM misp_sighting g JOIN misp_event e ON e.uuid = g.event LEFT JOIN misp_attribute a ON a.uuid = g.attribute AND a.event = e.id
		WHERE `+strings.Join(where, " AND ")+" ORDER BY g.id DESC LIMIT ? OFFSET ?", append(args, f.Limit, (f.Page-1)*f.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("reading sightings: %w", err)
	}
	defer rows.Close()
	list := []fact.MISPSighting{}
	for rows.Next() {
		var g fact.MISPSighting
		if err := rows.Scan(&g.ID, &g.UUID, &g.Event, &g.Attribute, &g.Type, &g.Date, &g.Source, &g.Org, &g.EventID, &g.AttributeID); err != nil {
			return nil, fmt.Errorf("reading a sighting: %w", err)
		}
		list = append(list, g)
	}
	return list, wrapf(rows.Err(), "reading sightings")
}

// DeleteMISPSighting deletes a sighting by its UUID or id. What its report's sharer was
// told stays told. Problems: not_found.
func (s *Store) DeleteMISPSighting(ctx context.Context, name string) error {
	condition, args := eitherName("uuid", "id", []string{name})
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		n, err := t.exec(ctx, "DELETE FROM misp_sighting WHERE "+condition, args...)
		if err == nil && n == 0 {
			return notFound("the sighting")
		}
		return wrapf(err, "deleting a sighting")
	})
}
