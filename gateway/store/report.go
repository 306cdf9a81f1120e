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
// of it. Its record is that of the earliest sharer on the ledger.
func (s *Store) Report(ctx context.Context, digest string) (fact.Report, error) {
	row, err := one[ledger.Threat](ctx, s, "the report", "threat WHERE digest = ? ORDER BY block, idx, sharer LIMIT 1", digest)
	if err != nil {
		return fact.Report{}, err
	}
	reports := []fact.Report{{Row: row, Matches: []fact.Match{}}}
	err = s.completeInto(ctx, reports)
	return reports[0], err
}

// Reports lists the threat reports that the filter leaves, newest on the ledger
// first, each digest once: with the record of its earliest sharer among those
// that the filter leaves.
func (s *Store) Reports(ctx context.Context, f fact.ReportFilter, req ledger.PageRequest) (fact.ReportPage, error) {
	l := listing{table: "threat", order: []string{"block", "idx", "digest", "sharer"}, newest: true}
	earlier := "SELECT 1 FROM threat e WHERE e.digest = threat.digest AND (e.block, e.idx, e.sharer) < (threat.block, threat.idx, threat.sharer)"
	switch {
	case f.Sharer != "":
		l.narrow("sharer", f.Sharer) // one sharer has a digest once
	case f.Marking != "":
		l.where, l.args = append(l.where, "NOT EXISTS ("+earlier+" AND e.marking = ?)"), append(l.args, f.Marking)
	default:
		l.where = append(l.where, "NOT EXISTS ("+earlier+")")
	}
	l.narrow("marking", f.Marking)
	p := fact.ReportPage{Items: []fact.Report{}}
	next, err := eachRow(ctx, s, s.reading, l, req, func(row fact.Row[ledger.Threat]) {
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
	if err := s.sharersInto(ctx, at, in, digests); err != nil {
		return err
	}
	//nolint:gosec // in holds question marks only
	titles := `SELECT digest, coalesce(title, '') FROM document
		LEFT JOIN assessment ON report = digest WHERE kind = 'report' AND digest IN ` + in + `
		UNION ALL SELECT digest, coalesce(title, '') FROM sealed_report
		LEFT JOIN assessment ON report = digest WHERE erased = 0 AND digest IN ` + in
	rows, err := s.reading.QueryContext(ctx, titles, slices.Concat(digests, digests)...)
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

// What members said of reports: on the ledger, or sealed to those who hold the report.
const (
	sightings = `(SELECT digest, sharer, witness, count FROM sighting
		UNION ALL SELECT f.digest, r.sharer, f.witness, f.count FROM sealed_feedback f JOIN sealed_report r USING (digest) WHERE f.kind = 'sighting')`
	opinions = `(SELECT digest, sharer, judge, opinion, weight FROM opinion
		UNION ALL SELECT f.digest, r.sharer, f.witness, f.opinion, f.weight FROM sealed_feedback f JOIN sealed_report r USING (digest) WHERE f.kind = 'opinion')`
)

// sharersInto adds all who shared the reports, the earliest on the ledger first,
// with what was said of each one's report.
func (s *Store) sharersInto(ctx context.Context, at map[string]*fact.Report, in string, digests []any) error {
	//nolint:gosec // in holds question marks only
	rows, err := s.reading.QueryContext(ctx, `SELECT t.digest, t.sharer, t.marking, t.time, t.late,
			coalesce(w.reason, ''), coalesce(w.superseded_by, ''),
			(SELECT count(DISTINCT witness) FROM `+sightings+` s WHERE s.digest = t.digest AND s.sharer = t.sharer AND witness <> s.sharer),
			(SELECT coalesce(CAST(sum(count) AS BIGINT), 0) FROM `+sightings+` s WHERE s.digest = t.digest AND s.sharer = t.sharer),
			(SELECT coalesce(json_group_array(opinion), '[]') FROM `+opinions+` o WHERE o.digest = t.digest AND o.sharer = t.sharer)
		FROM threat t LEFT JOIN withdrawal w ON w.digest = t.digest AND w.sharer = t.sharer
		WHERE t.digest IN `+in+" ORDER BY t.digest, t.block, t.idx, t.sharer", digests...)
	if err != nil {
		return fmt.Errorf("reading who shared a report: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var digest string
		var share fact.Share
		var ms int64
		var said []byte
		f := &share.Feedback
		if err := rows.Scan(&digest, &share.Sharer, &share.Marking, &ms, &share.Late,
			&f.Withdrawn, &f.SupersededBy, &f.SightedBy, &f.Sightings, &said); err != nil {
			return fmt.Errorf("reading who shared a report: %w", err)
		}
		if err := countOpinions(f, said); err != nil {
			return err
		}
		share.Time = fromMillis(ms)
		at[digest].Sharers = append(at[digest].Sharers, share)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading who shared a report: %w", err)
	}
	return nil
}

// countOpinions counts a JSON array of opinions. One that this version does not
// know is nobody's.
func countOpinions(f *fact.Feedback, list []byte) error {
	var opinions []string
	if err := json.Unmarshal(list, &opinions); err != nil {
		return fmt.Errorf("reading opinions of a report: %w", err)
	}
	counts := map[string]*int{
		ledger.StronglyAgree: &f.StronglyAgree, ledger.Agree: &f.Agree, ledger.Neutral: &f.Neutral,
		ledger.Disagree: &f.Disagree, ledger.StronglyDisagree: &f.StronglyDisagree,
	}
	for _, o := range opinions {
		if n := counts[o]; n != nil {
			*n++
		}
	}
	return nil
}
