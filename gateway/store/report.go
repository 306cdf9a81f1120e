package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Report returns a threat report by its body's digest, with what the node made
// of it.
func (s *Store) Report(ctx context.Context, digest string) (fact.Report, error) {
	row, err := one[ledger.Threat](ctx, s, "the report", "threat WHERE digest = ?", digest)
	if err != nil {
		return fact.Report{}, err
	}
	reports := []fact.Report{{Row: row, Matches: []fact.Match{}}}
	return reports[0], s.completeInto(ctx, reports)
}

// Reports lists the threat reports that the filter leaves, newest on the ledger
// first.
func (s *Store) Reports(ctx context.Context, f fact.ReportFilter, req ledger.PageRequest) (fact.ReportPage, error) {
	l := listing{table: "threat", order: []string{"block", "idx", "digest"}, newest: true}
	l.narrow("sharer", f.Sharer)
	l.narrow("marking", f.Marking)
	p := fact.ReportPage{Items: []fact.Report{}}
	next, err := eachRow(ctx, s, l, req, func(row fact.Row[ledger.Threat]) {
		p.Items = append(p.Items, fact.Report{Row: row, Matches: []fact.Match{}})
	})
	if err != nil {
		return p, err
	}
	p.Next = next
	return p, s.completeInto(ctx, p.Items)
}

// completeInto adds what the node knows beyond the ledger.
func (s *Store) completeInto(ctx context.Context, reports []fact.Report) error {
	if len(reports) == 0 {
		return nil
	}
	at := make(map[string]*fact.Report, len(reports))
	digests := make([]any, len(reports))
	for i := range reports {
		digests[i] = reports[i].Record.Digest
		at[reports[i].Record.Digest] = &reports[i]
	}
	in := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(digests)), ", ") + ")"
	//nolint:gosec // in holds question marks only
	titles := `SELECT digest, coalesce(title, '') FROM document
		LEFT JOIN assessment ON report = digest WHERE kind = 'report' AND digest IN ` + in
	rows, err := s.reading.QueryContext(ctx, titles, digests...)
	if err != nil {
		return fmt.Errorf("reading assessments: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var digest, title string
		if err := rows.Scan(&digest, &title); err != nil {
			return fmt.Errorf("reading an assessment: %w", err)
		}
		at[digest].Held, at[digest].Title = true, title
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading assessments: %w", err)
	}
	//nolint:gosec // in holds question marks only
	found := "SELECT report, unit, reasons, confidence FROM report_match WHERE report IN " + in + " ORDER BY report, unit"
	matches, err := s.reading.QueryContext(ctx, found, digests...)
	if err != nil {
		return fmt.Errorf("reading matches: %w", err)
	}
	defer matches.Close()
	for matches.Next() {
		var digest string
		var m fact.Match
		var reasons []byte
		if err := matches.Scan(&digest, &m.Unit, &reasons, &m.Confidence); err != nil {
			return fmt.Errorf("reading a match: %w", err)
		}
		if err := json.Unmarshal(reasons, &m.Reasons); err != nil {
			return fmt.Errorf("reading a match's reasons: %w", err)
		}
		at[digest].Matches = append(at[digest].Matches, m)
	}
	if err := matches.Err(); err != nil {
		return fmt.Errorf("reading matches: %w", err)
	}
	return nil
}

// Unassessed returns up to limit reports whose body is here and was not yet
// assessed with the own devices as they are now, those never assessed first.
func (s *Store) Unassessed(ctx context.Context, limit int) ([]fact.Unassessed, error) {
	tx, err := s.reading.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("reading unassessed reports: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // only reads
	var version int64
	if err := tx.QueryRowContext(ctx, devicesVersion).Scan(&version); err != nil {
		return nil, fmt.Errorf("reading the version of the own devices: %w", err)
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+placeColumns+`, body FROM assessment
		JOIN threat ON threat.digest = report JOIN document ON kind = 'report' AND document.digest = report
		WHERE version < ? ORDER BY version, report LIMIT ?`, version, limit)
	if err != nil {
		return nil, fmt.Errorf("reading unassessed reports: %w", err)
	}
	defer rows.Close()
	var all []fact.Unassessed
	for rows.Next() {
		u := fact.Unassessed{Version: version}
		if u.Row, err = scanRow[ledger.Threat](rows, &u.Body); err != nil {
			return nil, fmt.Errorf("reading an unassessed report: %w", err)
		}
		all = append(all, u)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading unassessed reports: %w", err)
	}
	return all, nil
}

// devicesVersion counts the changes that may change which own devices a report
// concerns.
const devicesVersion = "SELECT coalesce((SELECT value FROM setting WHERE name = 'devices'), 0)"

// devicesChanged makes every report due for assessment again.
func (t *txn) devicesChanged(ctx context.Context) error {
	_, err := t.exec(ctx, `INSERT INTO setting (name, value) VALUES ('devices', 1)
		ON CONFLICT (name) DO UPDATE SET value = value + 1`)
	if err != nil {
		return fmt.Errorf("noting a change of the own devices: %w", err)
	}
	return nil
}

// PutAssessment keeps what the node made of a report. It adds an event when
// another member's report is assessed for the first time, and when a report
// turns out to concern further own units.
func (s *Store) PutAssessment(ctx context.Context, u fact.Unassessed, a fact.Assessment) error {
	return s.derive(ctx, func(ctx context.Context, t *txn) error {
		digest := u.Record.Digest
		var before []byte
		var again bool
		if _, err := t.get(ctx, `SELECT EXISTS (SELECT 1 FROM assessment WHERE report = ? AND version >= 0),
			(SELECT json_group_array(unit) FROM report_match WHERE report = ?)`, []any{digest, digest}, &again, &before); err != nil {
			return fmt.Errorf("reading the assessment before: %w", err)
		}
		var known []string
		if err := json.Unmarshal(before, &known); err != nil {
			return fmt.Errorf("reading the matches before: %w", err)
		}
		if _, err := t.exec(ctx, "INSERT OR REPLACE INTO assessment (report, title, version) VALUES (?, ?, ?)", digest, a.Title, u.Version); err != nil {
			return fmt.Errorf("keeping an assessment: %w", err)
		}
		if _, err := t.exec(ctx, "DELETE FROM report_match WHERE report = ?", digest); err != nil {
			return fmt.Errorf("replacing matches: %w", err)
		}
		found, fresh := []string{}, false
		for _, m := range a.Matches {
			reasons, err := json.Marshal(slices.Concat([]string{}, m.Reasons))
			if err != nil {
				return fmt.Errorf("encoding a match's reasons: %w", err)
			}
			if _, err := t.exec(ctx, "INSERT OR REPLACE INTO report_match (report, unit, reasons, confidence) VALUES (?, ?, ?, ?)",
				digest, m.Unit, string(reasons), m.Confidence); err != nil {
				return fmt.Errorf("keeping a match: %w", err)
			}
			found = append(found, m.Unit)
			fresh = fresh || !slices.Contains(known, m.Unit)
		}
		key := []string{string(ledger.TypeThreat), digest}
		switch {
		case !again && u.Record.Sharer != s.options.Organisation:
			return s.addLocalEvent(ctx, t, fact.EventReportReceived, key, found)
		case fresh:
			return s.addLocalEvent(ctx, t, fact.EventReportMatched, key, found)
		}
		return nil
	})
}
