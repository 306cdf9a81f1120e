package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/correlate"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxMatchEvents bounds the events of one writing: one says of an indicator that there
// are matches, and who wants them all lists them.
const maxMatchEvents = 100

// putMatches keeps matches that were not known, and says so.
func (s *Store) putMatches(ctx context.Context, t *txn, matches []fact.IndicatorMatch) error {
	told := map[string]bool{}
	for i := range matches {
		m := &matches[i]
		doc, err := json.Marshal(&m.Found)
		if err != nil {
			return fmt.Errorf("encoding a match: %w", err)
		}
		suppressed := m.Found.Warning != nil
		// What a report brought may have been withdrawn since.
		n, err := t.exec(ctx, `INSERT INTO indicator_match (alert, indicator, collection, report, time, noted, suppressed, score, doc)
			SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE ?4 = '' OR EXISTS (SELECT 1 FROM stix_object WHERE collection = ?3 AND id = ?2)
			ON CONFLICT DO NOTHING`, m.Alert, m.Indicator, m.Collection, m.Report, millis(m.Time), millis(s.now()), suppressed, m.Found.Score, doc)
		if err != nil {
			return fmt.Errorf("keeping a match: %w", err)
		}
		if n > 0 && !suppressed && m.Report != "" {
			if err := t.freshSighting(ctx, m.Report); err != nil {
				return err
			}
		}
		if n == 0 || suppressed || told[m.Indicator] || len(told) >= maxMatchEvents {
			continue
		}
		told[m.Indicator] = true
		if err := s.addLocalEvent(ctx, t, fact.EventIndicatorMatched, []string{"indicator", m.Indicator}, []string{strconv.FormatInt(m.Alert, 10)}); err != nil {
			return err
		}
	}
	return nil
}

// AlertsCorrelated is up to which alert they were matched.
func (s *Store) AlertsCorrelated(ctx context.Context) (int64, error) {
	return s.setting(ctx, settingAlerts)
}

// PutAlertMatches keeps what alerts showed, up to one, and what they are found by when
// further indicators come.
func (s *Store) PutAlertMatches(ctx context.Context, upTo int64, alerts []fact.Alert, matches []fact.IndicatorMatch) error {
	write := s.derive
	if len(matches) > 0 {
		write = s.update // they make events
	}
	return write(ctx, func(ctx context.Context, t *txn) error {
		for i := range alerts {
			if err := t.putAlertValues(ctx, &alerts[i]); err != nil {
				return err
			}
		}
		if err := t.set(ctx, settingAlerts, upTo); err != nil {
			return err
		}
		return s.putMatches(ctx, t, matches)
	})
}

func (t *txn) putAlertValues(ctx context.Context, a *fact.Alert) error {
	for _, o := range a.Observables {
		v := correlate.Seen(o)
		if h, ok := v.Host(); ok {
			if _, err := t.exec(ctx, "INSERT INTO alert_host (value, alert) VALUES (?, ?) ON CONFLICT DO NOTHING", fact.AlertKey(h.Text), a.Seq); err != nil {
				return fmt.Errorf("keeping the host of an alert's URL: %w", err)
			}
		}
		if v.Property == correlate.PropertySSDEEP || v.Property == correlate.PropertyTLSH {
			if _, err := t.exec(ctx, "INSERT INTO alert_fuzzy (property, value, alert) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", v.Property, v.Text, a.Seq); err != nil {
				return fmt.Errorf("keeping an alert's fuzzy hash: %w", err)
			}
		}
	}
	return nil
}

// FuzzySeen returns some of the fuzzy hashes that alerts name, behind the one of an id.
func (s *Store) FuzzySeen(ctx context.Context, after int64, limit int) ([]fact.FuzzySeen, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT id, alert, property, value FROM alert_fuzzy WHERE id > ? ORDER BY id LIMIT ?", after, limit)
	if err != nil {
		return nil, fmt.Errorf("reading fuzzy hashes: %w", err)
	}
	defer rows.Close()
	var list []fact.FuzzySeen
	for rows.Next() {
		f := fact.FuzzySeen{Value: correlate.Value{Type: adapt.TypeFile}}
		if err := rows.Scan(&f.ID, &f.Alert, &f.Value.Property, &f.Value.Text); err != nil {
			return nil, fmt.Errorf("reading a fuzzy hash: %w", err)
		}
		list = append(list, f)
	}
	return list, wrapf(rows.Err(), "reading fuzzy hashes")
}

// keyRange is the part of the index of alerts in which a value stands: a network is all
// its addresses.
func keyRange(v correlate.Value) (from, to string) {
	p, err := netip.ParsePrefix(v.Text)
	if v.Op != correlate.OpWithin || err != nil {
		k := fact.AlertKey(v.Text)
		return k, k
	}
	last := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(last)*8; bit++ {
		last[bit/8] |= 1 << (7 - bit%8)
	}
	end, _ := netip.AddrFromSlice(last) // four or sixteen bytes
	return fact.AlertKey(p.Addr().String()), fact.AlertKey(end.String())
}

// AlertsNaming returns the numbers of the newest alerts that name a value, lie in its
// network, or have it as the host of a URL.
func (s *Store) AlertsNaming(ctx context.Context, v correlate.Value, limit int) ([]int64, error) {
	from, to := keyRange(v)
	rows, err := s.reading.QueryContext(ctx, `SELECT alert FROM (SELECT alert FROM alert_value WHERE value BETWEEN ?1 AND ?2
			UNION SELECT alert FROM alert_host WHERE value BETWEEN ?1 AND ?2) a ORDER BY alert DESC LIMIT ?3`, from, to, limit)
	if err != nil {
		return nil, fmt.Errorf("looking back for a value: %w", err)
	}
	defer rows.Close()
	var list []int64
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return nil, fmt.Errorf("looking back for a value: %w", err)
		}
		list = append(list, seq)
	}
	return list, wrapf(rows.Err(), "looking back for a value")
}

// AlertsBySeq returns alerts and scans by their numbers, without originals.
func (s *Store) AlertsBySeq(ctx context.Context, seqs []int64) ([]fact.Alert, error) {
	var all []fact.Alert
	const some = 500 // question marks
	for len(seqs) > 0 {
		part := seqs[:min(len(seqs), some)]
		seqs = seqs[len(part):]
		//nolint:gosec // question marks only
		rows, err := s.reading.QueryContext(ctx, "SELECT "+alertColumns+" FROM alert WHERE kind <> 'report' AND alert.seq IN ("+marks(len(part))+") ORDER BY alert.seq", anys(part)...)
		if err != nil {
			return nil, fmt.Errorf("reading alerts: %w", err)
		}
		for rows.Next() {
			a, err := scanAlert(rows)
			if err != nil {
				_ = rows.Close()
				return nil, fmt.Errorf("reading an alert: %w", err)
			}
			all = append(all, a)
		}
		if err := rows.Close(); err != nil {
			return nil, fmt.Errorf("reading alerts: %w", err)
		}
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("reading alerts: %w", err)
		}
	}
	return all, nil
}

// IndicatorMatches lists matches, the newest first.
func (s *Store) IndicatorMatches(ctx context.Context, f fact.MatchFilter, req ledger.PageRequest) (fact.MatchPage, error) {
	l := listing{table: "indicator_match", order: []string{"seq"}, newest: true}
	l.narrow("indicator", f.Indicator)
	l.narrow("report", f.Report)
	if !f.Suppressed {
		l.where = append(l.where, "suppressed = 0")
	}
	p := fact.MatchPage{Items: []fact.IndicatorMatch{}}
	next, err := eachOf(ctx, s, s.reading, l, "seq, alert, indicator, collection, report, time, noted, doc", req, func(from scanner, more ...any) error {
		m, err := scanIndicatorMatch(from, more...)
		p.Items = append(p.Items, m)
		return err
	})
	p.Next = next
	return p, err
}

func scanIndicatorMatch(from scanner, more ...any) (fact.IndicatorMatch, error) {
	var m fact.IndicatorMatch
	var at, noted int64
	var doc []byte
	if err := from.Scan(append([]any{&m.Seq, &m.Alert, &m.Indicator, &m.Collection, &m.Report, &at, &noted, &doc}, more...)...); err != nil {
		return m, err
	}
	m.Time, m.Noted = fromMillis(at), fromMillis(noted)
	return m, json.Unmarshal(doc, &m.Found)
}

// SightingsOf counts the own alerts that show what a report describes: what may be told
// to who shared it.
func (s *Store) SightingsOf(ctx context.Context, report string) (c fact.SightingCount, err error) {
	var first, last int64
	err = s.reading.QueryRowContext(ctx, "SELECT count(DISTINCT alert), coalesce(min(time), 0), coalesce(max(time), 0) FROM indicator_match WHERE suppressed = 0 AND report = ? AND report <> ''", report).
		Scan(&c.Count, &first, &last)
	if err == nil && c.Count > 0 {
		c.First, c.Last = fromMillis(first), fromMillis(last)
	}
	return c, wrapf(err, "counting sightings")
}
