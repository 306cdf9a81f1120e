package store

import (
	"context"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// A report that own alerts show all the time is told of once a period at first, and once
// in rareTelling periods after oftenTold times: what one member may say of one sealed
// report is bounded (maxSaid), and by then it is no news.
const (
	oftenTold   = 100
	rareTelling = 24
)

// toldEvery is how long after the last telling the next is due, in SQL: ?1 is the period
// in milliseconds.
var toldEvery = fmt.Sprintf("CASE WHEN times < %d THEN ?1 ELSE ?1 * %d END", oftenTold, rareTelling)

// matchesBehind are the matches of report ?1 behind seq ?2 of alerts that showed nothing of
// the report before.
const matchesBehind = `FROM indicator_match m WHERE m.report = ?1 AND m.suppressed = 0 AND m.seq > ?2 AND NOT EXISTS
	(SELECT 1 FROM indicator_match e WHERE e.alert = m.alert AND e.report = ?1 AND e.suppressed = 0 AND e.seq <= ?2)`

// freshSighting notes that there are matches of which a report's sharer was not told.
func (t *txn) freshSighting(ctx context.Context, report string) error {
	_, err := t.exec(ctx, `INSERT INTO sighting_told (report, fresh, upto, told, times, sending, count, first, last) VALUES (?, 1, 0, 0, 0, 0, 0, 0, 0)
		ON CONFLICT (report) DO UPDATE SET fresh = 1`, report)
	return wrapf(err, "noting a sighting to tell")
}

// TellingDue lists reports of which something is to be told now, what waits longest first,
// if each is told of once a period; when nothing is, next is when something will be, zero:
// nothing waits. What was told more than a period from now was told by a clock that was
// ahead.
func (s *Store) TellingDue(ctx context.Context, period time.Duration, limit int) (due []string, next time.Time, err error) {
	//nolint:gosec // constants only
	rows, err := s.reading.QueryContext(ctx, "SELECT report FROM sighting_told WHERE fresh = 1 AND (sending <> 0 OR told > ?1 + ?2 OR told + "+toldEvery+" <= ?2) ORDER BY told, report LIMIT ?3",
		period.Milliseconds(), millis(s.now()), limit)
	if err != nil {
		return nil, next, fmt.Errorf("reading which sightings are to be told: %w", err)
	}
	if due, err = scanTexts(rows); err != nil || len(due) > 0 {
		return due, next, err
	}
	var at int64
	if err := s.reading.QueryRowContext(ctx, "SELECT coalesce(min(told + "+toldEvery+"), 0) FROM sighting_told WHERE fresh = 1", period.Milliseconds()).Scan(&at); err != nil {
		return nil, next, fmt.Errorf("reading when a sighting is to be told: %w", err)
	}
	return nil, orNone(at), nil
}

// BeginTelling says what is to be told of a report now, and notes it: until EndTelling it
// stays that, so that it is told once. Its count is 0 when nothing is.
func (s *Store) BeginTelling(ctx context.Context, report string) (g fact.Telling, err error) {
	g.Report = report
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		var upto, first, last int64
		there, err := t.get(ctx, "SELECT upto, sending, count, first, last FROM sighting_told WHERE report = ?", []any{report}, &upto, &g.UpTo, &g.Count, &first, &last)
		if err != nil || !there {
			return wrapf(err, "reading what was told")
		}
		if g.UpTo == 0 {
			if _, err := t.get(ctx, "SELECT count(DISTINCT alert), coalesce(min(time), 0), coalesce(max(time), 0), coalesce(max(seq), 0) "+matchesBehind,
				[]any{report, upto}, &g.Count, &first, &last, &g.UpTo); err != nil {
				return fmt.Errorf("counting sightings: %w", err)
			}
			g.Count = min(g.Count, ledger.MaxSightings)
			if _, err := t.exec(ctx, "UPDATE sighting_told SET fresh = ?, sending = ?, count = ?, first = ?, last = ? WHERE report = ?",
				g.Count > 0, g.UpTo, g.Count, first, last, report); err != nil {
				return fmt.Errorf("noting what is told: %w", err)
			}
		}
		g.First, g.Last = orNone(first), orNone(last)
		return nil
	})
	return g, err
}

// EndTelling notes that a sharer was told, or cannot be.
func (s *Store) EndTelling(ctx context.Context, g *fact.Telling) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, `UPDATE sighting_told SET upto = max(upto, ?2), told = ?3, times = times + 1, sending = 0, count = 0, first = 0, last = 0,
			fresh = CASE WHEN EXISTS (SELECT 1 FROM indicator_match WHERE report = ?1 AND suppressed = 0 AND seq > max(upto, ?2)) THEN 1 ELSE 0 END
			WHERE report = ?1 AND sending = ?2`, g.Report, g.UpTo, millis(s.now()))
		return wrapf(err, "noting what was told")
	})
}

// ToldByHand notes that a person told the sharer of a report what was seen until now.
func (s *Store) ToldByHand(ctx context.Context, report string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, `INSERT INTO sighting_told (report, fresh, upto, told, times, sending, count, first, last)
			SELECT ?1, 0, coalesce(max(seq), 0), ?2, 1, 0, 0, 0, 0 FROM indicator_match WHERE report = ?1
			ON CONFLICT (report) DO UPDATE SET upto = max(sighting_told.upto, excluded.upto), told = excluded.told,
				fresh = CASE WHEN sighting_told.sending <> 0 THEN 1 ELSE 0 END`, report, millis(s.now()))
		return wrapf(err, "noting what was told")
	})
}

// NextTelling says what would be told of a report next, and when; its count is 0 when
// nothing would.
func (s *Store) NextTelling(ctx context.Context, report string, period time.Duration) (n fact.NextSighting, err error) {
	var upto, first, last, at int64
	err = s.reading.QueryRowContext(ctx, "SELECT coalesce(max(upto), 0), coalesce(max(told + "+toldEvery+"), 0) FROM sighting_told WHERE report = ?2",
		period.Milliseconds(), report).Scan(&upto, &at)
	if err == nil {
		err = s.reading.QueryRowContext(ctx, "SELECT count(DISTINCT alert), coalesce(min(time), 0), coalesce(max(time), 0) "+matchesBehind, report, upto).
			Scan(&n.Count, &first, &last)
	}
	n.First, n.Last, n.At = orNone(first), orNone(last), fromMillis(max(at, millis(s.now())))
	return n, wrapf(err, "counting what is to be told")
}
