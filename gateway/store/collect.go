package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
)

// maxTaken is how many documents of one source are remembered as taken, the newest ones.
const maxTaken = 200_000

// TakeIn keeps a batch of what a source says together with how far it was read: all of
// it, or nothing. What is here already, by content and source, stays as it is.
func (s *Store) TakeIn(ctx context.Context, b *fact.Batch) (out fact.BatchOutcome, err error) {
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		out = fact.BatchOutcome{}
		for i := range b.Alerts {
			added, err := t.addAlert(ctx, &b.Alerts[i])
			if err != nil {
				return err
			}
			count(&out, added)
		}
		if out.New > 0 {
			if err := t.noteLastAlert(ctx); err != nil {
				return err
			}
		}
		added, err := s.addAllSTIX(ctx, t, b.Objects)
		if err != nil {
			return err
		}
		if len(b.Alerts) == 0 { // else they are parts of what was counted
			for _, one := range added {
				count(&out, one)
			}
		}
		return t.noteSource(ctx, b, out, millis(s.now()))
	})
	return out, err
}

func count(out *fact.BatchOutcome, added bool) {
	if added {
		out.New++
	} else {
		out.Known++
	}
}

func (t *txn) addAlert(ctx context.Context, a *fact.Alert) (added bool, err error) {
	doc, err := json.Marshal(a.AlertText)
	if err != nil {
		return false, fmt.Errorf("encoding an alert: %w", err)
	}
	var seq int64
	added, err = t.get(ctx, `INSERT INTO alert (source, digest, format, kind, received, time, severity, title, rule, doc, original)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source, digest) DO NOTHING RETURNING seq`, []any{
		a.Source, a.Digest[:], a.Format, string(a.Kind), millis(a.Received), millis(a.Time), a.Severity, a.Title, a.Rule, doc, a.Original,
	}, &seq)
	if err != nil || !added {
		return added, wrapf(err, "keeping an alert")
	}
	for _, o := range a.Observables {
		if _, err := t.exec(ctx, "INSERT INTO alert_value (value, time, alert) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", fact.AlertKey(o.Value), millis(a.Time), seq); err != nil {
			return true, fmt.Errorf("keeping an alert's values: %w", err)
		}
	}
	return true, nil
}

func (t *txn) noteSource(ctx context.Context, b *fact.Batch, out fact.BatchOutcome, now int64) error {
	if _, err := t.exec(ctx, `INSERT INTO source (name, checkpoint, fresh, known, refused, reason, success, failing, failure) VALUES (?1, coalesce(?2, x''), ?3, ?4, ?5, ?6, 0, 0, '')
		ON CONFLICT (name) DO UPDATE SET checkpoint = CASE WHEN coalesce(?2, x'') = x'' THEN source.checkpoint ELSE ?2 END,
			fresh = source.fresh + ?3, known = source.known + ?4, refused = source.refused + ?5,
			reason = CASE WHEN ?5 = 0 THEN source.reason ELSE ?6 END`,
		b.Source, b.Checkpoint, out.New, out.Known, b.Refused, b.Reason); err != nil {
		return fmt.Errorf("noting how far a source was read: %w", err)
	}
	if b.Taken == nil {
		return nil
	}
	if _, err := t.exec(ctx, `INSERT INTO source_taken (source, digest, time) VALUES (?, ?, ?)
		ON CONFLICT (source, digest) DO UPDATE SET time = excluded.time`, b.Source, b.Taken[:], now); err != nil {
		return fmt.Errorf("noting what was taken: %w", err)
	}
	return nil
}

// SourceTaken reports whether a document of a source was taken.
func (s *Store) SourceTaken(ctx context.Context, source string, digest [32]byte) (taken bool, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM source_taken WHERE source = ? AND digest = ?)", source, digest[:]).Scan(&taken)
	return taken, wrapf(err, "looking whether a document was taken")
}

// AlertReceived returns when a thing of a source came, by the digest of its original;
// zero: it is not here.
func (s *Store) AlertReceived(ctx context.Context, source string, digest [32]byte) (time.Time, error) {
	var at int64
	err := s.reading.QueryRowContext(ctx, "SELECT received FROM alert WHERE source = ? AND digest = ?", source, digest[:]).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return fromMillis(at), wrapf(err, "looking for what came before")
}

// SourceFailed notes that a source cannot be read, why and what to do, and adds an event
// when that is new.
func (s *Store) SourceFailed(ctx context.Context, source, failure string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var since int64
		if _, err := t.get(ctx, "SELECT failing FROM source WHERE name = ?", []any{source}, &since); err != nil {
			return fmt.Errorf("reading a source: %w", err)
		}
		if _, err := t.exec(ctx, `INSERT INTO source (name, checkpoint, fresh, known, refused, reason, success, failing, failure) VALUES (?1, x'', 0, 0, 0, '', 0, ?2, ?3)
			ON CONFLICT (name) DO UPDATE SET failure = ?3, failing = CASE source.failing WHEN 0 THEN ?2 ELSE source.failing END`, source, millis(s.now()), failure); err != nil {
			return fmt.Errorf("noting that a source fails: %w", err)
		}
		if since != 0 {
			return nil
		}
		return s.addLocalEvent(ctx, t, fact.EventSourceFailed, []string{"source", source}, nil)
	})
}

// SourceRead notes that a source was read to its end, and adds an event when it failed
// before.
func (s *Store) SourceRead(ctx context.Context, source string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var since int64
		if _, err := t.get(ctx, "SELECT failing FROM source WHERE name = ?", []any{source}, &since); err != nil {
			return fmt.Errorf("reading a source: %w", err)
		}
		if _, err := t.exec(ctx, `INSERT INTO source (name, checkpoint, fresh, known, refused, reason, success, failing, failure) VALUES (?1, x'', 0, 0, 0, '', ?2, 0, '')
			ON CONFLICT (name) DO UPDATE SET success = ?2, failing = 0, failure = ''`, source, millis(s.now())); err != nil {
			return fmt.Errorf("noting that a source was read: %w", err)
		}
		if since == 0 {
			return nil
		}
		return s.addLocalEvent(ctx, t, fact.EventSourceRecovered, []string{"source", source}, nil)
	})
}

const sourceColumns = "name, checkpoint, fresh, known, refused, reason, success, failing, failure"

func scanSource(from scanner) (v fact.SourceState, err error) {
	var success, failing int64
	if err := from.Scan(&v.Name, &v.Checkpoint, &v.New, &v.Known, &v.Refused, &v.Reason, &success, &failing, &v.Failure); err != nil {
		return v, err
	}
	if success > 0 {
		v.Success = fromMillis(success)
	}
	if failing > 0 {
		v.Failing = fromMillis(failing)
	}
	return v, nil
}

// Sources lists all sources that ever said something or failed, by name.
func (s *Store) Sources(ctx context.Context) ([]fact.SourceState, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT "+sourceColumns+" FROM source ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("reading the sources: %w", err)
	}
	defer rows.Close()
	all := []fact.SourceState{}
	for rows.Next() {
		one, err := scanSource(rows)
		if err != nil {
			return nil, fmt.Errorf("reading a source: %w", err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the sources: %w", err)
	}
	return all, nil
}

// SourceCheckpoint returns how far a source was read; empty: not at all.
func (s *Store) SourceCheckpoint(ctx context.Context, source string) (checkpoint []byte, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT coalesce((SELECT checkpoint FROM source WHERE name = ?), '')", source).Scan(&checkpoint)
	return checkpoint, wrapf(err, "reading how far a source was read")
}

// prunedPart is how many alerts one write lets go: a bound on how long others wait.
const prunedPart = 2_000

// PruneAlerts lets alerts and scans go that came before a time, and of all things the
// oldest beyond a number; reports go by the number alone. It reports whether there may be
// more to go.
func (s *Store) PruneAlerts(ctx context.Context, before time.Time, most int64) (more bool, err error) {
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		old, err := t.oldAlerts(ctx, millis(before), most)
		if err != nil {
			return err
		}
		for i := range old {
			if err := t.dropAlert(ctx, &old[i]); err != nil {
				return err
			}
		}
		if more = len(old) == prunedPart; more {
			return nil
		}
		_, err = t.exec(ctx, `DELETE FROM source_taken WHERE (source, digest) IN (SELECT source, digest FROM (
			SELECT source, digest, row_number() OVER (PARTITION BY source ORDER BY time DESC) AS n FROM source_taken) t WHERE n > ?)`, maxTaken)
		return wrapf(err, "forgetting what was taken")
	})
	return more, err
}

// oldAlerts reads those that are to go, as far as it takes to let them go. They came in
// the order of their numbers, so that none is looked at behind the first that is young.
func (t *txn) oldAlerts(ctx context.Context, before, most int64) ([]fact.Alert, error) {
	one, err := t.stmt(ctx, "SELECT "+alertColumns+` FROM alert WHERE alert.seq <= coalesce((SELECT seq FROM alert ORDER BY seq DESC LIMIT 1 OFFSET ?1), 0)
		OR kind <> 'report' AND received < ?2 AND alert.seq < coalesce((SELECT seq FROM alert WHERE received >= ?2 ORDER BY seq LIMIT 1), 9223372036854775807)
		ORDER BY alert.seq LIMIT ?3`)
	if err != nil {
		return nil, err
	}
	rows, err := one.QueryContext(ctx, most, before, prunedPart)
	if err != nil {
		return nil, fmt.Errorf("finding old alerts: %w", err)
	}
	defer rows.Close()
	var old []fact.Alert
	for rows.Next() {
		a, err := scanAlert(rows)
		if err != nil {
			return nil, fmt.Errorf("finding old alerts: %w", err)
		}
		old = append(old, a)
	}
	return old, wrapf(rows.Err(), "finding old alerts")
}

func (t *txn) dropAlert(ctx context.Context, a *fact.Alert) error {
	for _, o := range a.Observables {
		if _, err := t.exec(ctx, "DELETE FROM alert_value WHERE value = ? AND time = ? AND alert = ?", fact.AlertKey(o.Value), millis(a.Time), a.Seq); err != nil {
			return fmt.Errorf("letting an old alert's values go: %w", err)
		}
	}
	_, err := t.exec(ctx, "DELETE FROM alert WHERE seq = ?", a.Seq)
	return wrapf(err, "letting an old alert go")
}

// Forwarded returns how far what is told to another system was told; empty: not at all.
func (s *Store) Forwarded(ctx context.Context, name string) (checkpoint []byte, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT coalesce((SELECT value FROM setting WHERE name = ?), '')", "forward "+name).Scan(&checkpoint)
	return checkpoint, wrapf(err, "reading how far another system was told")
}

// PutForwarded notes how far another system was told.
func (s *Store) PutForwarded(ctx context.Context, name string, checkpoint []byte) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", "forward "+name, checkpoint)
		return wrapf(err, "noting how far another system was told")
	})
}
