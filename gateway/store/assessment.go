package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Unassessed returns up to limit reports whose body is here and was not yet
// assessed with the own devices as they are now. Their sharers take turns, so
// that one who shares much does not keep the others waiting; those of one sharer
// come never assessed first, then in order of the ledger. When it returns none,
// next is when one that failed is to be tried again; zero when there is none. Those that
// are sealed come without their body.
func (s *Store) Unassessed(ctx context.Context, now time.Time, limit int) (due []fact.Unassessed, next time.Time, err error) {
	tx, err := s.reading.BeginTx(ctx, nil)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading unassessed reports: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // only reads
	version, err := setting(ctx, tx, settingDevices)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading the version of the own devices: %w", err)
	}
	rows, err := tx.QueryContext(ctx, `WITH first AS (
			SELECT digest, sharer, attempts, row_number() OVER (PARTITION BY sharer ORDER BY version, block, idx) AS turn
			FROM assessment JOIN threat ON digest = report
			WHERE version < ?1 AND next <= ?2 AND NOT EXISTS (SELECT 1 FROM threat e WHERE e.digest = threat.digest
				AND (e.block, e.idx, e.sharer) < (threat.block, threat.idx, threat.sharer)))
		SELECT block, idx, tx, org, time, late, doc, attempts, coalesce(body, x'')
		FROM (SELECT * FROM first ORDER BY turn, sharer LIMIT ?3) f JOIN threat USING (digest, sharer)
			LEFT JOIN document ON kind = 'report' AND document.digest = f.digest
		ORDER BY turn, sharer`, version, millis(now), limit)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading unassessed reports: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		u := fact.Unassessed{Version: version}
		if u.Row, err = scanRow[ledger.Threat](rows, &u.Attempts, &u.Body); err != nil {
			return nil, time.Time{}, fmt.Errorf("reading an unassessed report: %w", err)
		}
		due = append(due, u)
	}
	if err := rows.Err(); err != nil || len(due) > 0 {
		return due, time.Time{}, err
	}
	var later sql.NullInt64
	err = tx.QueryRowContext(ctx, "SELECT min(next) FROM assessment WHERE version < ? AND next > ?", version, millis(now)).Scan(&later)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading when a report is to be assessed again: %w", err)
	}
	if later.Valid {
		next = fromMillis(later.Int64)
	}
	return nil, next, nil
}

// devicesVersion counts the changes that may change which own devices a report
// concerns.
const settingDevices = "devices"

// devicesChanged makes every report due for assessment again.
func (t *txn) devicesChanged(ctx context.Context) error {
	version, err := t.setting(ctx, settingDevices)
	if err == nil {
		err = t.set(ctx, settingDevices, version+1)
	}
	return wrapf(err, "noting a change of the own devices")
}

// PutAssessment keeps what the node made of a report. It adds an event when
// another member's report is assessed for the first time, and when a report
// turns out to concern further own units.
func (s *Store) PutAssessment(ctx context.Context, u fact.Unassessed, a fact.Assessment) error {
	err := s.derive(ctx, func(ctx context.Context, t *txn) error {
		kind, _, err := s.putAssessment(ctx, t, u, a)
		if err == nil && kind != "" {
			return errMustLast
		}
		return err
	})
	if !errors.Is(err, errMustLast) {
		return err
	}
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		kind, found, err := s.putAssessment(ctx, t, u, a)
		if err != nil || kind == "" {
			return err
		}
		return s.addLocalEvent(ctx, t, kind, []string{string(ledger.TypeThreat), u.Record.Digest}, found)
	})
}

// errMustLast undoes a lazy write that turns out to add a local event: were it
// lost to a power cut, its number would be given to another event, which those
// who saw the first one would never see.
var errMustLast = errors.New("the write must be durable")

// putAssessment keeps an assessment and returns the kind of event that it
// makes, empty for none, and the units found.
func (s *Store) putAssessment(ctx context.Context, t *txn, u fact.Unassessed, a fact.Assessment) (kind string, found []string, err error) {
	digest := u.Record.Digest
	var erased bool // it may have been withdrawn while it was judged
	if _, err := t.get(ctx, "SELECT EXISTS (SELECT 1 FROM sealed_report WHERE digest = ? AND erased <> 0)", []any{digest}, &erased); err != nil || erased {
		return "", nil, wrapf(err, "looking whether a report was erased")
	}
	var before []byte
	var again bool
	if _, err := t.get(ctx, `SELECT EXISTS (SELECT 1 FROM assessment WHERE report = ? AND version >= 0),
		(SELECT json_group_array(unit) FROM report_match WHERE report = ?)`, []any{digest, digest}, &again, &before); err != nil {
		return "", nil, fmt.Errorf("reading the assessment before: %w", err)
	}
	var known []string
	if err := json.Unmarshal(before, &known); err != nil {
		return "", nil, fmt.Errorf("reading the matches before: %w", err)
	}
	if _, err := t.exec(ctx, `INSERT INTO assessment (report, title, severity, version, attempts, next)
		VALUES (?, ?, ?, ?, 0, 0)
		ON CONFLICT (report) DO UPDATE SET title = excluded.title, severity = excluded.severity, version = excluded.version,
			attempts = excluded.attempts, next = excluded.next`,
		digest, a.Title, a.Severity, u.Version); err != nil {
		return "", nil, fmt.Errorf("keeping an assessment: %w", err)
	}
	if _, err := t.exec(ctx, "DELETE FROM report_match WHERE report = ?", digest); err != nil {
		return "", nil, fmt.Errorf("replacing matches: %w", err)
	}
	found, fresh := []string{}, false
	for _, m := range a.Matches {
		reasons, err := json.Marshal(slices.Concat([]string{}, m.Reasons))
		if err != nil {
			return "", nil, fmt.Errorf("encoding a match's reasons: %w", err)
		}
		if _, err := t.exec(ctx, `INSERT INTO report_match (report, unit, reasons, confidence) VALUES (?, ?, ?, ?)
			ON CONFLICT (report, unit) DO UPDATE SET reasons = excluded.reasons, confidence = excluded.confidence`,
			digest, m.Unit, string(reasons), m.Confidence); err != nil {
			return "", nil, fmt.Errorf("keeping a match: %w", err)
		}
		found = append(found, m.Unit)
		fresh = fresh || !slices.Contains(known, m.Unit)
	}
	switch {
	case !again && u.Record.Sharer != s.options.Organisation:
		kind = fact.EventReportReceived
	case fresh:
		kind = fact.EventReportMatched
	}
	return kind, found, nil
}

// PostponeAssessment notes that a report could not be assessed and when to try
// again; what an earlier assessment found stays.
func (s *Store) PostponeAssessment(ctx context.Context, u fact.Unassessed, next time.Time) error {
	return s.derive(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, "UPDATE assessment SET attempts = attempts + 1, next = ? WHERE report = ?", millis(next), u.Record.Digest)
		if err != nil {
			return fmt.Errorf("postponing an assessment: %w", err)
		}
		return nil
	})
}

// Findings returns up to limit reports that were found to concern a unit, those
// first whose severity and confidence together weigh most. A report that nobody
// stands by any more, who shared it, is left out.
func (s *Store) Findings(ctx context.Context, unit string, limit int) ([]fact.Finding, error) {
	//nolint:gosec // names of this package's own
	rows, err := s.reading.QueryContext(ctx, `SELECT m.report, a.severity, m.confidence FROM report_match m JOIN assessment a USING (report)
		WHERE m.unit = ? AND `+stoodBy("m.report")+`
		ORDER BY a.severity * m.confidence DESC, m.report LIMIT ?`, unit, limit)
	if err != nil {
		return nil, fmt.Errorf("reading the reports about a unit: %w", err)
	}
	defer rows.Close()
	all := []fact.Finding{}
	for rows.Next() {
		var f fact.Finding
		if err := rows.Scan(&f.Report, &f.Severity, &f.Confidence); err != nil {
			return nil, fmt.Errorf("reading a report about a unit: %w", err)
		}
		all = append(all, f)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the reports about a unit: %w", err)
	}
	return all, nil
}

// stoodBy is true of a report, by its digest, as long as one of those who shared it has
// not withdrawn it.
func stoodBy(digest string) string {
	return "(NOT EXISTS (SELECT 1 FROM withdrawal w WHERE w.digest = " + digest + `) OR EXISTS (
		SELECT 1 FROM threat t WHERE t.digest = ` + digest + ` AND NOT EXISTS (
			SELECT 1 FROM withdrawal w WHERE w.digest = t.digest AND w.sharer = t.sharer)))`
}
