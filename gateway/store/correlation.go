package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/correlate"
	"github.com/secant-platform/secant/analytics/fact"
)

// The settings that say how far correlation has come.
const (
	settingCorrelated = "correlated_added"   // of stix_object
	settingAlerts     = "correlated_alert"   // of alert
	settingDerivation = "correlated_version" // of the way of deriving
)

func (s *Store) setting(ctx context.Context, name string) (n int64, err error) {
	n, err = setting(ctx, s.reading, name)
	return n, wrapf(err, "reading how far correlation has come")
}

// BeginCorrelation has everything derived anew when it was derived in another way than
// that of a version. Matches that were found stay.
func (s *Store) BeginCorrelation(ctx context.Context, version int64) error {
	had, err := s.setting(ctx, settingDerivation)
	if err != nil || had == version {
		return err
	}
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		for _, table := range []string{"entry", "entry_due", "observable_gone", "alert_host", "alert_fuzzy"} {
			if _, err := t.exec(ctx, "DELETE FROM "+table); err != nil {
				return fmt.Errorf("forgetting what was derived: %w", err)
			}
		}
		for name, value := range map[string]int64{settingCorrelated: 0, settingAlerts: 0, settingDerivation: version} {
			if err := t.set(ctx, name, value); err != nil {
				return err
			}
		}
		return nil
	})
}

// CorrelationDue returns some objects that are still to be derived: last versions only,
// of about maxBodies bytes, with how far the list goes. more tells that it may not be all.
func (s *Store) CorrelationDue(ctx context.Context, limit int) (due []fact.Correlated, upTo int64, more bool, err error) {
	if upTo, err = s.setting(ctx, settingCorrelated); err != nil {
		return nil, 0, false, err
	}
	// What became the last version again may stand far behind what was not looked at yet.
	rows, err := s.reading.QueryContext(ctx, `SELECT 0, added, collection, id, last, body FROM stix_object
		WHERE added IN (SELECT object FROM entry_due LIMIT ?1)
		UNION ALL SELECT * FROM (SELECT added, added, collection, id, last, body FROM stix_object WHERE added > ?2 ORDER BY added LIMIT ?1) behind`, limit, upTo)
	if err != nil {
		return nil, 0, false, fmt.Errorf("reading what is to be correlated: %w", err)
	}
	defer rows.Close()
	n, bytes := 0, 0
	for bytes < maxBodies && rows.Next() {
		var c fact.Correlated
		var last bool
		var at int64
		if err := rows.Scan(&at, &c.Object, &c.Collection, &c.ID, &last, &c.Body); err != nil {
			return nil, 0, false, fmt.Errorf("reading what is to be correlated: %w", err)
		}
		n++
		bytes += len(c.Body)
		upTo = max(upTo, at)
		if last {
			due = append(due, c)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, 0, false, fmt.Errorf("reading what is to be correlated: %w", err)
	}
	return due, upTo, n >= limit || bytes >= maxBodies, nil
}

// PutCorrelation keeps what objects contribute, up to a place, and the own alerts that
// show it; it returns the values that the matcher must know.
func (s *Store) PutCorrelation(ctx context.Context, entries []fact.Correlated, upTo int64, matches []fact.IndicatorMatch) (fresh []fact.Observable, err error) {
	write := s.derive
	if len(matches) > 0 {
		write = s.update // they make events
	}
	err = write(ctx, func(ctx context.Context, t *txn) error {
		fresh = nil
		for i := range entries {
			some, err := t.putEntry(ctx, &entries[i])
			if err != nil {
				return err
			}
			fresh = append(fresh, some...)
		}
		if err := t.set(ctx, settingCorrelated, upTo); err != nil {
			return err
		}
		return s.putMatches(ctx, t, matches)
	})
	return fresh, err
}

func (t *txn) putEntry(ctx context.Context, c *fact.Correlated) (fresh []fact.Observable, err error) {
	if _, err := t.exec(ctx, "DELETE FROM entry_due WHERE object = ?", c.Object); err != nil {
		return nil, fmt.Errorf("keeping what an object says: %w", err)
	}
	if _, err := t.exec(ctx, "DELETE FROM entry WHERE object = ?", c.Object); err != nil {
		return nil, fmt.Errorf("keeping what an object says: %w", err)
	}
	// It may have gone, or have a later version, since it was read.
	var last bool
	if found, err := t.get(ctx, "SELECT last FROM stix_object WHERE added = ?", []any{c.Object}, &last); err != nil || !found || !last {
		return nil, wrapf(err, "looking for an object")
	}
	e := &c.Entry
	if len(e.Ways)+len(e.Links) == 0 {
		return nil, nil
	}
	doc, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encoding what an object says: %w", err)
	}
	if _, err := t.exec(ctx, "INSERT INTO entry (object, id, doc) VALUES (?, ?, ?)", c.Object, e.ID, doc); err != nil {
		return nil, fmt.Errorf("keeping what an object says: %w", err)
	}
	hostile := e.Type == "indicator" && !e.Benign && !e.Revoked
	for i := range e.Ways {
		for _, v := range e.Ways[i].Values {
			id, err := t.putObservable(ctx, v, c.Object, hostile)
			if err != nil {
				return nil, err
			}
			if hostile && id != 0 {
				fresh = append(fresh, fact.Observable{ID: id, Value: v})
			}
		}
	}
	for _, l := range e.Links {
		if _, err := t.exec(ctx, "INSERT INTO stix_link (object, source, target, kind) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", c.Object, l.Source, l.Target, l.Kind); err != nil {
			return nil, fmt.Errorf("keeping a link: %w", err)
		}
	}
	return fresh, nil
}

// putObservable notes that an object names a value; 0: it was noted before.
func (t *txn) putObservable(ctx context.Context, v correlate.Value, object int64, hostile bool) (id int64, err error) {
	found, err := t.get(ctx, "SELECT id FROM observable WHERE value = ? AND type = ? AND property = ? AND op = ?", []any{v.Text, v.Type, v.Property, v.Op}, &id)
	if err != nil {
		return 0, fmt.Errorf("looking for a value: %w", err)
	}
	if !found {
		if _, err := t.get(ctx, `INSERT INTO observable (type, property, op, value, near, objects) VALUES (?, ?, ?, ?, ?, 0) RETURNING id`,
			[]any{v.Type, v.Property, v.Op, v.Text, v.Near()}, &id); err != nil {
			return 0, fmt.Errorf("keeping a value: %w", err)
		}
	}
	n, err := t.exec(ctx, "INSERT INTO observable_of (observable, object, hostile) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", id, object, hostile)
	if err != nil || n == 0 {
		return 0, wrapf(err, "keeping what an object names")
	}
	_, err = t.exec(ctx, "UPDATE observable SET objects = objects + 1 WHERE id = ?", id)
	return id, wrapf(err, "counting a value")
}

// HostileValues returns some of the values that indicators name, behind the one of an id.
func (s *Store) HostileValues(ctx context.Context, after int64, limit int) ([]fact.Observable, error) {
	return s.observables(ctx, `SELECT id, type, property, op, value, objects FROM observable o WHERE id > ?
		AND EXISTS (SELECT 1 FROM observable_of x WHERE x.observable = o.id AND x.hostile = 1) ORDER BY id LIMIT ?`, after, limit)
}

// GoneValues returns some of the values that no object names any more and that were not
// forgotten.
func (s *Store) GoneValues(ctx context.Context, limit int) ([]fact.Observable, error) {
	return s.observables(ctx, "SELECT id, type, property, op, value, 0 FROM observable_gone ORDER BY id LIMIT ?", limit)
}

// ForgetValues forgets that values are gone, up to one.
func (s *Store) ForgetValues(ctx context.Context, upTo int64) error {
	return s.derive(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, "DELETE FROM observable_gone WHERE id <= ?", upTo)
		return wrapf(err, "forgetting values")
	})
}

func (s *Store) observables(ctx context.Context, query string, args ...any) ([]fact.Observable, error) {
	rows, err := s.reading.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading values: %w", err)
	}
	defer rows.Close()
	list := []fact.Observable{}
	for rows.Next() {
		var o fact.Observable
		if err := rows.Scan(&o.ID, &o.Value.Type, &o.Value.Property, &o.Value.Op, &o.Value.Text, &o.Objects); err != nil {
			return nil, fmt.Errorf("reading a value: %w", err)
		}
		list = append(list, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading values: %w", err)
	}
	return list, nil
}

// FindObservable returns a value that objects name.
func (s *Store) FindObservable(ctx context.Context, v correlate.Value) (o fact.Observable, found bool, err error) {
	list, err := s.observables(ctx, "SELECT id, type, property, op, value, objects FROM observable WHERE value = ? AND type = ? AND property = ? AND op = ?",
		v.Text, v.Type, v.Property, v.Op)
	if err != nil || len(list) == 0 {
		return fact.Observable{Value: v}, false, err
	}
	return list[0], true, nil
}

// ObservablesByID returns values by their ids.
func (s *Store) ObservablesByID(ctx context.Context, ids []int64) ([]fact.Observable, error) {
	if len(ids) == 0 {
		return []fact.Observable{}, nil
	}
	return s.observables(ctx, "SELECT id, type, property, op, value, objects FROM observable WHERE id IN ("+marks(len(ids))+") ORDER BY id", anys(ids)...)
}

// NearValues returns values with the same surroundings: those that few objects name.
func (s *Store) NearValues(ctx context.Context, near string, most, limit int) ([]fact.Observable, error) {
	return s.observables(ctx, `SELECT id, type, property, op, value, objects FROM observable
		WHERE near = ? AND near <> '' AND objects <= ? ORDER BY id LIMIT ?`, near, most, limit)
}

// BlockedValues lists values that more than most objects name, the most frequent first.
func (s *Store) BlockedValues(ctx context.Context, most, limit int) ([]fact.Observable, error) {
	return s.observables(ctx, `SELECT id, type, property, op, value, objects FROM observable
		WHERE objects > ? ORDER BY objects DESC, id DESC LIMIT ?`, most, limit)
}

// LinkedValues returns the values of objects that are linked with one of these ids.
func (s *Store) LinkedValues(ctx context.Context, ids []string, limit int) ([]fact.Observable, error) {
	if len(ids) == 0 {
		return []fact.Observable{}, nil
	}
	in := marks(len(ids))
	return s.observables(ctx, `SELECT DISTINCT o.id, o.type, o.property, o.op, o.value, o.objects FROM (
			SELECT target AS other FROM stix_link WHERE source IN (`+in+`) UNION SELECT source FROM stix_link WHERE target IN (`+in+`)) l
		JOIN entry e ON e.id = l.other JOIN observable_of x ON x.object = e.object JOIN observable o ON o.id = x.observable ORDER BY o.id LIMIT ?`,
		append(append(anys(ids), anys(ids)...), limit)...)
}

// Naming returns the objects that name one of these values, the newest first, with the
// reports that brought them. hostile: only those of indicators.
func (s *Store) Naming(ctx context.Context, observables []int64, hostile bool, limit int) ([]fact.Correlated, error) {
	if len(observables) == 0 {
		return nil, nil
	}
	query := `SELECT e.object, o.collection, e.doc, coalesce((SELECT max(time) FROM indicator_match m WHERE m.indicator = e.id AND m.suppressed = 0), 0)
		FROM entry e JOIN stix_object o ON o.added = e.object
		WHERE e.object IN (SELECT object FROM observable_of WHERE observable IN (` + marks(len(observables)) + ")"
	if hostile {
		query += " AND hostile = 1"
	}
	rows, err := s.reading.QueryContext(ctx, query+") ORDER BY e.object DESC LIMIT ?", append(anys(observables), limit)...)
	if err != nil {
		return nil, fmt.Errorf("reading who names a value: %w", err)
	}
	defer rows.Close()
	var list []fact.Correlated
	for rows.Next() {
		var c fact.Correlated
		var doc []byte
		var refreshed int64
		if err := rows.Scan(&c.Object, &c.Collection, &doc, &refreshed); err != nil {
			return nil, fmt.Errorf("reading who names a value: %w", err)
		}
		if err := json.Unmarshal(doc, &c.Entry); err != nil {
			return nil, fmt.Errorf("reading what an object says: %w", err)
		}
		if c.ID = c.Entry.ID; refreshed > 0 {
			c.Refreshed = fromMillis(refreshed)
		}
		list = append(list, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading who names a value: %w", err)
	}
	for i := range list {
		if list[i].Reports, err = s.Brought(ctx, list[i].Object); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// maxBrought bounds the reports that are told of one object.
const maxBrought = 20

// Brought returns the reports that brought an object and that somebody stands by.
func (s *Store) Brought(ctx context.Context, object int64) ([]fact.Brought, error) {
	rows, err := s.reading.QueryContext(ctx, `SELECT b.report, (SELECT json_group_array(sharer) FROM (SELECT sharer FROM threat t WHERE t.digest = b.report
			AND NOT EXISTS (SELECT 1 FROM withdrawal w WHERE w.digest = t.digest AND w.sharer = t.sharer) ORDER BY block, idx, sharer) s)
		FROM stix_source b WHERE b.object = ? ORDER BY b.report LIMIT ?`, object, maxBrought)
	if err != nil {
		return nil, fmt.Errorf("reading who brought an object: %w", err)
	}
	defer rows.Close()
	list := []fact.Brought{}
	for rows.Next() {
		var b fact.Brought
		var sharers []byte
		if err := rows.Scan(&b.Digest, &sharers); err != nil {
			return nil, fmt.Errorf("reading who brought an object: %w", err)
		}
		if err := json.Unmarshal(sharers, &b.Sharers); err != nil {
			return nil, fmt.Errorf("reading who brought an object: %w", err)
		}
		if len(b.Sharers) > 0 {
			list = append(list, b)
		}
	}
	return list, wrapf(rows.Err(), "reading who brought an object")
}

// STIXBody returns an object by when it was added.
func (s *Store) STIXBody(ctx context.Context, added int64) (body []byte, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT body FROM stix_object WHERE added = ?", added).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return body, wrapf(err, "reading an object")
}

// Exploitation says what is known of vulnerabilities and of their being exploited, in their
// order.
func (s *Store) Exploitation(ctx context.Context, ids []string) ([]fact.Exploitation, error) {
	list := make([]fact.Exploitation, len(ids))
	for i, id := range ids {
		v := &list[i]
		v.ID, v.Weaknesses = id, []string{}
		var added, due int64
		if err := s.reading.QueryRowContext(ctx, `SELECT e.vulnerability IS NOT NULL, coalesce(e.added, 0), coalesce(e.due, 0), coalesce(e.ransomware, 0),
			coalesce(l.probability, 0), coalesce(l.percentile, 0), (SELECT count(*) FROM advisory_vulnerability WHERE vulnerability = x.id)
			FROM (SELECT ? AS id) x LEFT JOIN exploited e ON e.vulnerability = x.id LEFT JOIN likelihood l ON l.vulnerability = x.id`, id).
			Scan(&v.Exploited, &added, &due, &v.Ransomware, &v.Likelihood, &v.Percentile, &v.Advisories); err != nil {
			return nil, fmt.Errorf("reading what is known of a vulnerability: %w", err)
		}
		if v.Exploited {
			v.Added, v.Due = fromMillis(added), fromMillis(due)
		}
		if v.Advisories == 0 {
			continue
		}
		if err := s.advised(ctx, v); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// advised adds what the newest advisories say of a vulnerability.
func (s *Store) advised(ctx context.Context, v *fact.Exploitation) error {
	rows, err := s.reading.QueryContext(ctx, `SELECT coalesce(CAST(json_extract(x.value, '$.score') AS BIGINT), 0), coalesce(json_extract(x.value, '$.cwe'), '')
		FROM (SELECT a.doc FROM advisory_vulnerability v JOIN advisory a ON a.id = v.advisory WHERE v.vulnerability = ?1 ORDER BY a.updated DESC, a.id LIMIT 5) a,
		json_each(CAST(a.doc AS TEXT), '$.vulnerabilities') x WHERE json_extract(x.value, '$.id') = ?1`, v.ID)
	if err != nil {
		return fmt.Errorf("reading what advisories say of a vulnerability: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var score int
		var cwe string
		if err := rows.Scan(&score, &cwe); err != nil {
			return fmt.Errorf("reading what an advisory says of a vulnerability: %w", err)
		}
		v.Score = max(v.Score, score)
		if cwe != "" && !slices.Contains(v.Weaknesses, cwe) {
			v.Weaknesses = append(v.Weaknesses, cwe)
		}
	}
	return wrapf(rows.Err(), "reading what advisories say of a vulnerability")
}

// PutWarninglist keeps a warninglist by its name, in place of the one
// before.
func (s *Store) PutWarninglist(ctx context.Context, name string, version int, doc []byte) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, `INSERT INTO warninglist (name, version, doc) VALUES (?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET version = excluded.version, doc = excluded.doc`, name, version, doc)
		return wrapf(err, "keeping a warninglist")
	})
}

// PutDecay keeps a decaying model by its name, in place of the one before.
func (s *Store) PutDecay(ctx context.Context, name string, doc []byte) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, "INSERT INTO decay_model (name, doc) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET doc = excluded.doc", name, doc)
		return wrapf(err, "keeping a decaying model")
	})
}

// EachWarninglist calls use for each warninglist, by name.
func (s *Store) EachWarninglist(ctx context.Context, use func(doc []byte) error) error {
	return s.eachDoc(ctx, "SELECT doc FROM warninglist ORDER BY name", use)
}

// EachDecay calls use for each decaying model, by name.
func (s *Store) EachDecay(ctx context.Context, use func(doc []byte) error) error {
	return s.eachDoc(ctx, "SELECT doc FROM decay_model ORDER BY name", use)
}

func (s *Store) eachDoc(ctx context.Context, query string, use func(doc []byte) error) error {
	rows, err := s.reading.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("reading reference data: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var doc []byte
		if err := rows.Scan(&doc); err != nil {
			return fmt.Errorf("reading reference data: %w", err)
		}
		if err := use(doc); err != nil {
			return err
		}
	}
	return wrapf(rows.Err(), "reading reference data")
}

// RefreshedBy is the time of the newest match of an indicator before one.
func (s *Store) RefreshedBy(ctx context.Context, indicator string, before time.Time) (time.Time, error) {
	var at int64
	err := s.reading.QueryRowContext(ctx, "SELECT coalesce(max(time), 0) FROM indicator_match WHERE indicator = ? AND suppressed = 0 AND time < ?",
		indicator, millis(before)).Scan(&at)
	if err != nil || at == 0 {
		return time.Time{}, wrapf(err, "reading when an indicator was seen")
	}
	return fromMillis(at), nil
}
