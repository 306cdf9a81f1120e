package store

import (
	"context"
	"fmt"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Standing judges a member by all its reports: see fact.StandingOf. What it relayed for
// another counts for neither, not even once the name is opened. It fails with
// a not_found problem for an organisation that is not registered.
func (s *Store) Standing(ctx context.Context, org string) (fact.Standing, error) {
	if _, err := s.Organisation(ctx, org); err != nil {
		return fact.Standing{}, err
	}
	tx, err := s.reading.BeginTx(ctx, nil)
	if err != nil {
		return fact.Standing{}, fmt.Errorf("reading a member's reports: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // only reads
	reports := []fact.SharedReport{}
	at := map[string]int{} // by digest: an index into reports
	steps := []struct {
		query string
		use   func(scan func(...any) error) error
	}{
		{`SELECT t.digest, t.marking, coalesce(w.reason, ''), EXISTS (SELECT 1 FROM sealed_report r WHERE r.digest = t.digest AND r.sharer = t.sharer)
			FROM threat t LEFT JOIN withdrawal w ON w.digest = t.digest AND w.sharer = t.sharer WHERE t.sharer = ?
			AND NOT EXISTS (SELECT 1 FROM threat_escrow e WHERE e.digest = t.digest AND e.sharer = t.sharer)`, func(scan func(...any) error) error {
			var digest, marking string
			var r fact.SharedReport
			err := scan(&digest, &marking, &r.Withdrawn, &r.Held)
			r.Sealed = ledger.Sealed(marking)
			at[digest] = len(reports)
			reports = append(reports, r)
			return err
		}},
		{"SELECT DISTINCT digest, witness FROM " + sightings + " s WHERE sharer = ? ORDER BY digest, witness", func(scan func(...any) error) error {
			var digest, witness string
			err := scan(&digest, &witness)
			if i, known := at[digest]; known {
				reports[i].Witnesses = append(reports[i].Witnesses, witness)
			}
			return err
		}},
		{"SELECT digest, judge, opinion, weight FROM " + opinions + " o WHERE sharer = ? ORDER BY digest, judge", func(scan func(...any) error) error {
			var digest string
			var o fact.Opinion
			err := scan(&digest, &o.By, &o.Opinion, &o.Weight)
			if i, known := at[digest]; known {
				reports[i].Opinions = append(reports[i].Opinions, o)
			}
			return err
		}},
	}
	for _, step := range steps {
		if err := each(ctx, tx, step.query, org, step.use); err != nil {
			return fact.Standing{}, fmt.Errorf("reading a member's reports: %w", err)
		}
	}
	return fact.StandingOf(org, reports), nil
}

// each calls use for each row of a query with one argument.
func each(ctx context.Context, q querier, query, arg string, use func(scan func(...any) error) error) error {
	rows, err := q.QueryContext(ctx, query, arg)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := use(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
