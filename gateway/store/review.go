package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// due makes own units due for review at once; where selects them.
func (s *Store) due(ctx context.Context, t *txn, where string, args ...any) error {
	if s.options.Organisation == "" {
		return nil
	}
	_, err := t.exec(ctx, `INSERT INTO review (unit, next, changes, attempts, catalogue, release, results, published)
		SELECT id, 0, 0, 0, '', '', '', 0 FROM unit WHERE owner = ? AND `+where+`
		ON CONFLICT (unit) DO UPDATE SET next = 0, attempts = 0, changes = review.changes + 1`, append([]any{s.options.Organisation}, args...)...)
	if err != nil {
		return fmt.Errorf("noting units to review: %w", err)
	}
	return nil
}

// groups says of each kind of group which units are in it; ?1 and ?2 are its values.
var groups = map[string]string{
	"all":     "?1 = ?2",
	"model":   "di = ?1 AND ?2 = ''",
	"release": "di = ?1 AND version = ?2",
	"lot":     "di = ?1 AND lot = ?2",
	"bill":    "(di, version) IN (SELECT di, version FROM release WHERE sbom = ?1) AND ?2 = ''",
}

// dueGroup notes that all own units of a group are due for review.
func (s *Store) dueGroup(ctx context.Context, t *txn, kind, a, b string) error {
	if s.options.Organisation == "" {
		return nil
	}
	_, err := t.exec(ctx, "INSERT INTO review_group (kind, a, b, done) VALUES (?, ?, ?, '') ON CONFLICT (kind, a, b) DO UPDATE SET done = ''", kind, a, b)
	if err != nil {
		return fmt.Errorf("noting units to review: %w", err)
	}
	return nil
}

// groupBatch is how many units of a group become due in one transaction.
const groupBatch = 500

// spread makes the next units of each group due, in a transaction of its own for each.
func (s *Store) spread(ctx context.Context) error {
	rows, err := s.reading.QueryContext(ctx, "SELECT kind, a, b FROM review_group LIMIT 100")
	if err != nil {
		return fmt.Errorf("reading groups to review: %w", err)
	}
	defer rows.Close()
	var found [][3]string
	for rows.Next() {
		var g [3]string
		if err := rows.Scan(&g[0], &g[1], &g[2]); err != nil {
			return fmt.Errorf("reading a group to review: %w", err)
		}
		found = append(found, g)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading groups to review: %w", err)
	}
	for _, g := range found {
		if err := s.update(ctx, func(ctx context.Context, t *txn) error { return s.spreadGroup(ctx, t, g) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) spreadGroup(ctx context.Context, t *txn, g [3]string) error {
	var done, last string
	found, err := t.get(ctx, "SELECT done FROM review_group WHERE kind = ? AND a = ? AND b = ?", []any{g[0], g[1], g[2]}, &done)
	if err != nil || !found {
		return wrapped("reading a group to review", err)
	}
	where, known := groups[g[0]]
	if !known {
		return fmt.Errorf("reading a group to review: there is no kind %q", g[0])
	}
	const next = " AND owner = ?3 AND id > ?4 ORDER BY id LIMIT ?5"
	args := []any{g[1], g[2], s.options.Organisation, done, groupBatch}
	var count int
	if _, err := t.get(ctx, "SELECT count(*), coalesce(max(id), '') FROM (SELECT id FROM unit WHERE "+where+next+") u", args, &count, &last); err != nil {
		return fmt.Errorf("reading units to review: %w", err)
	}
	if _, err := t.exec(ctx, `INSERT INTO review (unit, next, changes, attempts, catalogue, release, results, published)
		SELECT id, 0, 0, 0, '', '', '', 0 FROM unit WHERE `+where+next+`
		ON CONFLICT (unit) DO UPDATE SET next = 0, attempts = 0, changes = review.changes + 1`, args...); err != nil {
		return fmt.Errorf("noting units to review: %w", err)
	}
	if count < groupBatch {
		_, err = t.exec(ctx, "DELETE FROM review_group WHERE kind = ? AND a = ? AND b = ?", g[0], g[1], g[2])
	} else {
		_, err = t.exec(ctx, "UPDATE review_group SET done = ? WHERE kind = ? AND a = ? AND b = ?", last, g[0], g[1], g[2])
	}
	return wrapped("noting units to review", err)
}

// reviewAll makes every own unit due.
func (s *Store) reviewAll(ctx context.Context, t *txn) error {
	return s.dueGroup(ctx, t, "all", "", "")
}

// reviewBill makes those due that run a release with that bill of materials.
func (s *Store) reviewBill(ctx context.Context, t *txn, digest string) error {
	return s.dueGroup(ctx, t, "bill", digest, "")
}

// reviewAfter makes those own units due whose facts a write changes: the unit, its
// model or release, a recall, evidence, exceptions, and the catalogue in use.
func (s *Store) reviewAfter(ctx context.Context, t *txn, w *ledger.Write) error {
	p := w.Key.Parts
	switch {
	case w.Key.Type == ledger.TypeUnit && len(p) == 1:
		return s.due(ctx, t, "id = ?", p[0])
	case w.Key.Type == ledger.TypeModel && len(p) == 1:
		return s.dueGroup(ctx, t, "model", p[0], "")
	case w.Key.Type == ledger.TypeRelease && len(p) == 2:
		return s.dueGroup(ctx, t, "release", p[0], p[1])
	case w.Key.Type == ledger.TypeRecall && len(p) == 3:
		if p[1] == ledger.RecallRelease {
			return s.dueGroup(ctx, t, "release", p[0], p[2])
		}
		return s.dueGroup(ctx, t, "lot", p[0], p[2])
	case (w.Key.Type == ledger.TypeEvidence || w.Key.Type == ledger.TypeException || w.Key.Type == ledger.TypeExceptionEnd) && len(p) >= 2:
		if p[0] == ledger.SubjectModel {
			return s.dueGroup(ctx, t, "model", p[1], "")
		}
		return s.due(ctx, t, "id = ?", p[1])
	case w.Key.Type == ledger.TypeCatalogueInUse:
		return s.reviewAll(ctx, t)
	}
	return nil
}

// ToReview returns up to limit own units that are due for review, those first that
// have waited longest. When it returns none, next is when one will be; zero when
// there is none.
func (s *Store) ToReview(ctx context.Context, now time.Time, limit int) (due []fact.Review, next time.Time, err error) {
	if err := s.spread(ctx); err != nil {
		return nil, time.Time{}, err
	}
	rows, err := s.reading.QueryContext(ctx, `SELECT unit, changes, attempts, catalogue, release, results, published FROM review
		WHERE next <= ? ORDER BY next, unit LIMIT ?`, millis(now), limit)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading units to review: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r fact.Review
		var published int64
		if err := rows.Scan(&r.Unit, &r.Changes, &r.Attempts, &r.Catalogue, &r.Release, &r.Results, &published); err != nil {
			return nil, time.Time{}, fmt.Errorf("reading a unit to review: %w", err)
		}
		if published > 0 {
			r.Published = fromMillis(published)
		}
		due = append(due, r)
	}
	if err := rows.Err(); err != nil || len(due) > 0 {
		return due, time.Time{}, err
	}
	var more bool
	if err := s.reading.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM review_group)").Scan(&more); err != nil {
		return nil, time.Time{}, fmt.Errorf("reading groups to review: %w", err)
	}
	if more {
		return nil, now, nil
	}
	var later sql.NullInt64
	if err := s.reading.QueryRowContext(ctx, "SELECT min(next) FROM review").Scan(&later); err != nil {
		return nil, time.Time{}, fmt.Errorf("reading when a unit is to be reviewed: %w", err)
	}
	if later.Valid {
		next = fromMillis(later.Int64)
	}
	return nil, next, nil
}

// Reviewed keeps what came of a review, and when the unit is due again. A unit whose
// facts changed since ToReview returned it stays due.
func (s *Store) Reviewed(ctx context.Context, r fact.Review, next time.Time) error {
	published := int64(0)
	if !r.Published.IsZero() {
		published = millis(r.Published)
	}
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, `UPDATE review SET next = CASE WHEN changes = ? THEN ? ELSE 0 END, attempts = ?,
			catalogue = ?, release = ?, results = ?, published = ? WHERE unit = ?`,
			r.Changes, millis(next), r.Attempts, r.Catalogue, r.Release, r.Results, published, r.Unit)
		return wrapped("keeping a review", err)
	})
}

// AddSeen keeps when units last handed in readings that they had signed, and such
// that they had not.
func (s *Store) AddSeen(ctx context.Context, seen map[string]fact.Seen) error {
	if len(seen) == 0 {
		return nil
	}
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		for unit, at := range seen {
			_, err := t.exec(ctx, `INSERT INTO reading_seen (unit, signed, unsigned) VALUES (?1, ?2, ?3)
				ON CONFLICT (unit) DO UPDATE SET signed = max(reading_seen.signed, ?2), unsigned = max(reading_seen.unsigned, ?3)`, unit, seenMillis(at.Signed), seenMillis(at.Unsigned))
			if err != nil {
				return fmt.Errorf("keeping when a unit was seen: %w", err)
			}
		}
		return nil
	})
}

func seenMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}

// Seen returns when a unit last handed in readings; zero times for never.
func (s *Store) Seen(ctx context.Context, unit string) (fact.Seen, error) {
	var signed, unsigned int64
	err := s.reading.QueryRowContext(ctx, "SELECT coalesce(max(signed), 0), coalesce(max(unsigned), 0) FROM reading_seen WHERE unit = ?", unit).Scan(&signed, &unsigned)
	if err != nil {
		return fact.Seen{}, fmt.Errorf("reading when a unit was seen: %w", err)
	}
	var at fact.Seen
	if signed > 0 {
		at.Signed = fromMillis(signed)
	}
	if unsigned > 0 {
		at.Unsigned = fromMillis(unsigned)
	}
	return at, nil
}
