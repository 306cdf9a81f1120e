package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// settingAlert is the highest number that an alert had: it may be gone by now.
const settingAlert = "alert_last"

const alertColumns = "alert.seq, source, digest, format, kind, received, alert.time, severity, title, rule, doc"

func scanAlert(from scanner, more ...any) (fact.Alert, error) {
	var a fact.Alert
	var received, at int64
	var digest, doc []byte
	dest := append([]any{&a.Seq, &a.Source, &digest, &a.Format, &a.Kind, &received, &at, &a.Severity, &a.Title, &a.Rule, &doc}, more...)
	if err := from.Scan(dest...); err != nil {
		return a, err
	}
	copy(a.Digest[:], digest)
	a.Received, a.Time = fromMillis(received), fromMillis(at)
	return a, json.Unmarshal(doc, &a.AlertText)
}

// AlertsAfter returns up to limit alerts and scans behind the one whose number is seq, in
// the order in which they came, without their originals.
func (s *Store) AlertsAfter(ctx context.Context, seq int64, limit int) ([]fact.Alert, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT "+alertColumns+" FROM alert WHERE alert.seq > ? AND kind || '' <> 'report' ORDER BY alert.seq LIMIT ?", seq, limit)
	if err != nil {
		return nil, fmt.Errorf("reading alerts: %w", err)
	}
	defer rows.Close()
	var all []fact.Alert
	for rows.Next() {
		a, err := scanAlert(rows)
		if err != nil {
			return nil, fmt.Errorf("reading an alert: %w", err)
		}
		all = append(all, a)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading alerts: %w", err)
	}
	return all, nil
}

// Alert returns an alert with its original. Problems: not_found.
func (s *Store) Alert(ctx context.Context, seq int64) (fact.Alert, error) {
	var original []byte
	a, err := scanAlert(s.reading.QueryRowContext(ctx, "SELECT "+alertColumns+", original FROM alert WHERE seq = ?", seq), &original)
	if errors.Is(err, sql.ErrNoRows) {
		return a, notFound("the alert")
	}
	a.Original = original
	return a, wrapf(err, "reading an alert")
}

// Alerts lists the alerts that the filter leaves, the newest first, without originals.
func (s *Store) Alerts(ctx context.Context, f fact.AlertFilter, req ledger.PageRequest) (fact.AlertPage, error) {
	l := listing{table: "alert", order: []string{"alert.time", "alert.seq"}, newest: true}
	and := func(condition string, value any) { l.where, l.args = append(l.where, condition), append(l.args, value) }
	if f.Value != "" {
		l.table = "alert_value v JOIN alert ON alert.seq = v.alert"
		l.order = []string{"v.time", "v.alert"}
		and("v.value = ?", fact.AlertKey(f.Value))
	}
	if !f.From.IsZero() {
		and(l.order[0]+" >= ?", millis(f.From))
	}
	if !f.To.IsZero() {
		and(l.order[0]+" < ?", millis(f.To))
	}
	if f.Severity > 0 {
		and("severity >= ?", f.Severity)
	}
	l.narrow("source", f.Source)
	l.narrow("rule", f.Rule)
	if f.Kind == "" {
		and("kind || '' <> ?", string(adapt.KindReport))
	}
	l.narrow("kind", string(f.Kind))
	p := fact.AlertPage{Items: []fact.Alert{}}
	next, err := eachOf(ctx, s, s.reading, l, alertColumns, req, func(from scanner, more ...any) error {
		a, err := scanAlert(from, more...)
		p.Items = append(p.Items, a)
		return err
	})
	p.Next = next
	return p, err
}

func (t *txn) noteLastAlert(ctx context.Context) error {
	var seq int64
	if _, err := t.get(ctx, "SELECT coalesce(max(seq), 0) FROM alert", nil, &seq); err != nil {
		return fmt.Errorf("reading the last alert's number: %w", err)
	}
	return t.set(ctx, settingAlert, seq)
}

// LastAlert returns the highest number that an alert ever had.
func (s *Store) LastAlert(ctx context.Context) (seq int64, err error) {
	if seq, err = setting(ctx, s.reading, settingAlert); err != nil {
		return 0, fmt.Errorf("reading the last alert's number: %w", err)
	}
	var kept int64 // newer than the note in a store of an older version
	err = s.reading.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM alert").Scan(&kept)
	return max(seq, kept), wrapf(err, "reading the last alert's number")
}
