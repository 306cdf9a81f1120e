package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxAnnounced bounds the reports that one member may have announced and that are not
// here: it need not have shared them.
const maxAnnounced = 10_000

// maxSaid bounds what one member may say of one report.
const maxSaid = 1_000

// PutSealed keeps a sealed report with what is to be delivered of it, and ends its
// announcement. Keeping it again changes nothing.
func (s *Store) PutSealed(ctx context.Context, r *fact.SealedReport, to []string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		added, err := t.exec(ctx, "INSERT INTO sealed_report (digest, sharer, slot, wrapped, sealed, stored, erased) VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
			r.Digest, r.Sharer, int64(r.Slot), r.Wrapped, r.Sealed, millis(r.Stored)) //nolint:gosec // a vault has fewer slots
		if err != nil {
			return fmt.Errorf("keeping a sealed report: %w", err)
		}
		if _, err := t.exec(ctx, "DELETE FROM exchange_in WHERE sharer = ? AND digest = ?", r.Sharer, r.Digest); err != nil {
			return fmt.Errorf("ending an announcement: %w", err)
		}
		if added == 0 {
			return nil
		}
		if _, err := t.exec(ctx, `INSERT INTO assessment (report, title, severity, version, attempts, next)
			VALUES (?, '', 0, -1, 0, 0)
			ON CONFLICT DO NOTHING`, r.Digest); err != nil {
			return fmt.Errorf("noting a report to assess: %w", err)
		}
		return t.deliver(ctx, fact.DeliveryReport, r.Digest, "", to, r.Stored)
	})
}

// deliver queues something for each of some members.
func (t *txn) deliver(ctx context.Context, kind, digest, id string, to []string, now time.Time) error {
	for _, member := range to {
		if _, err := t.exec(ctx, `INSERT INTO exchange_out (kind, digest, member, id, key, copy, attempts, next, made, taken, receipt)
			VALUES (?, ?, ?, ?, '', x'', 0, 0, ?, 0, x'')
			ON CONFLICT DO NOTHING`, kind, digest, member, id, millis(now)); err != nil {
			return fmt.Errorf("queueing what a member is to take: %w", err)
		}
	}
	return nil
}

// SealedReport returns a report that this node holds sealed, or held. Problems:
// not_found.
func (s *Store) SealedReport(ctx context.Context, digest string) (fact.SealedReport, error) {
	r := fact.SealedReport{Digest: digest}
	var slot, stored, erased int64
	err := s.reading.QueryRowContext(ctx, "SELECT sharer, slot, wrapped, sealed, stored, erased FROM sealed_report WHERE digest = ?", digest).
		Scan(&r.Sharer, &slot, &r.Wrapped, &r.Sealed, &stored, &erased)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return r, notFound("the report")
	case err != nil:
		return r, fmt.Errorf("reading a sealed report: %w", err)
	}
	r.Slot, r.Stored, r.Erased = uint64(slot), fromMillis(stored), orNone(erased) //nolint:gosec // as it was written
	return r, nil
}

// ForgetSealed forgets a sealed report that never came to stand on the ledger. One that
// stands there stays.
func (s *Store) ForgetSealed(ctx context.Context, digest string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		n, err := t.exec(ctx, "DELETE FROM sealed_report WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM threat WHERE digest = ?1)", digest)
		if err != nil || n == 0 {
			return wrapf(err, "forgetting a sealed report")
		}
		if _, err := t.exec(ctx, "DELETE FROM exchange_out WHERE digest = ?", digest); err != nil {
			return fmt.Errorf("forgetting what a member was to take: %w", err)
		}
		_, err = t.exec(ctx, "DELETE FROM assessment WHERE report = ?", digest)
		return wrapf(err, "forgetting a sealed report")
	})
}

// SealedWithdrawn lists sealed reports that are here although their sharer withdrew them.
func (s *Store) SealedWithdrawn(ctx context.Context, limit int) ([]string, error) {
	rows, err := s.reading.QueryContext(ctx, `SELECT r.digest FROM sealed_report r
		JOIN withdrawal w ON w.digest = r.digest AND w.sharer = r.sharer WHERE r.erased = 0 LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("reading which reports were withdrawn: %w", err)
	}
	return scanTexts(rows)
}

func scanTexts(rows *sql.Rows) (all []string, err error) {
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, fmt.Errorf("reading a name: %w", err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading names: %w", err)
	}
	return all, nil
}

// SealedErased notes that the key of a withdrawn report is destroyed, drops what this
// node made of it, and queues that each who was named erases it too.
func (s *Store) SealedErased(ctx context.Context, digest string, now time.Time) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		for _, step := range []struct {
			query string
			args  []any
		}{
			{"UPDATE sealed_report SET wrapped = x'', sealed = x'', erased = ?2 WHERE digest = ?1", []any{digest, millis(now)}},
			{"DELETE FROM assessment WHERE report = ?", []any{digest}},
			{"DELETE FROM report_match WHERE report = ?", []any{digest}},
			{`INSERT INTO exchange_out (kind, digest, member, id, key, copy, attempts, next, made, taken, receipt)
				SELECT 'withdrawal', digest, member, '', '', x'', 0, 0, ?2, 0, x'' FROM exchange_out WHERE digest = ?1 AND kind = 'report'
				ON CONFLICT DO NOTHING`, []any{digest, millis(now)}},
			{"UPDATE exchange_out SET copy = x'', key = '' WHERE digest = ?", []any{digest}},
			{"DELETE FROM exchange_out WHERE digest = ? AND kind <> 'withdrawal' AND taken = 0", []any{digest}},
		} {
			if _, err := t.exec(ctx, step.query, step.args...); err != nil {
				return fmt.Errorf("erasing a withdrawn report: %w", err)
			}
		}
		return t.dropWithdrawn(ctx, digest)
	})
}

const deliveryColumns = "seq, kind, digest, member, id, key, copy, attempts, next, made, taken, receipt"

func scanDelivery(from scanner) (d fact.Delivery, err error) {
	var next, made, taken int64
	if err := from.Scan(&d.Seq, &d.Kind, &d.Digest, &d.Member, &d.ID, &d.Key, &d.Copy, &d.Attempts, &next, &made, &taken, &d.Receipt); err != nil {
		return d, err
	}
	d.Next, d.Made, d.Taken = fromMillis(next), fromMillis(made), orNone(taken)
	return d, nil
}

// Partners lists the members (MSP ids) that are to take something, or announced a report.
func (s *Store) Partners(ctx context.Context) ([]string, error) {
	rows, err := s.reading.QueryContext(ctx, `SELECT DISTINCT member FROM exchange_out WHERE taken = 0
		UNION SELECT DISTINCT sharer FROM exchange_in`)
	if err != nil {
		return nil, fmt.Errorf("reading with whom reports are exchanged: %w", err)
	}
	return scanTexts(rows)
}

// NextDelivery returns what a member is to be told now: what failed least, then what was
// made first. Nothing of a report is told before it stands on the ledger, but to the relay
// that is to share it. It is nil when
// nothing is due; next says then when something will be, and is zero when nothing waits.
func (s *Store) NextDelivery(ctx context.Context, member string, now time.Time) (*fact.Delivery, time.Time, error) {
	const stands = "(kind = 'relay' OR EXISTS (SELECT 1 FROM threat t WHERE t.digest = exchange_out.digest))"
	d, err := scanDelivery(s.reading.QueryRowContext(ctx, "SELECT "+deliveryColumns+` FROM exchange_out
		WHERE member = ? AND taken = 0 AND next <= ? AND `+stands+" ORDER BY attempts, seq LIMIT 1", member, millis(now)))
	if err == nil {
		return &d, time.Time{}, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, time.Time{}, fmt.Errorf("reading what a member is to take: %w", err)
	}
	return s.laterOf(ctx, "SELECT min(next) FROM exchange_out WHERE member = ? AND taken = 0 AND "+stands, member)
}

func (s *Store) laterOf(ctx context.Context, query, member string) (none *fact.Delivery, next time.Time, err error) {
	next, err = s.later(ctx, query, member)
	return nil, next, err
}

func (s *Store) later(ctx context.Context, query, member string) (next time.Time, err error) {
	var later sql.NullInt64
	if err := s.reading.QueryRowContext(ctx, query, member).Scan(&later); err != nil {
		return next, fmt.Errorf("reading when something is due: %w", err)
	}
	if later.Valid {
		next = fromMillis(later.Int64)
	}
	return next, nil
}

// Delivery returns what one member is to take, or took, of a report that stands on the
// ledger. Problems: not_found.
func (s *Store) Delivery(ctx context.Context, kind, digest, member string) (fact.Delivery, error) {
	d, err := scanDelivery(s.reading.QueryRowContext(ctx, "SELECT "+deliveryColumns+` FROM exchange_out
		WHERE kind = ?1 AND digest = ?2 AND member = ?3 AND EXISTS (SELECT 1 FROM threat WHERE digest = ?2)`, kind, digest, member))
	if errors.Is(err, sql.ErrNoRows) {
		return d, notFound("the report")
	}
	return d, wrapf(err, "reading what a member is to take")
}

// Deliveries lists what members are to take of a report, or took, by kind and member.
func (s *Store) Deliveries(ctx context.Context, digest string) ([]fact.Delivery, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT "+deliveryColumns+" FROM exchange_out WHERE digest = ? ORDER BY kind, member, seq", digest)
	if err != nil {
		return nil, fmt.Errorf("reading what members are to take: %w", err)
	}
	defer rows.Close()
	var all []fact.Delivery
	for rows.Next() {
		d, err := scanDelivery(rows)
		if err != nil {
			return nil, fmt.Errorf("reading what a member is to take: %w", err)
		}
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading what members are to take: %w", err)
	}
	return all, nil
}

// SetCopy keeps what was sealed to a member; an empty one has it sealed anew
// at once, also for a member that had taken it and asks again.
func (s *Store) SetCopy(ctx context.Context, seq int64, key string, sealed []byte) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, `UPDATE exchange_out SET key = ?2, copy = ?3, attempts = CASE WHEN ?2 = '' THEN 0 ELSE attempts END,
			next = CASE WHEN ?2 = '' THEN 0 ELSE next END, taken = 0 WHERE seq = ?1 AND (taken = 0 OR ?2 = '')`, seq, key, noneAsEmpty(sealed))
		return wrapf(err, "keeping what was sealed to a member")
	})
}

func noneAsEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// PostponeDelivery notes when a member is told again.
func (s *Store) PostponeDelivery(ctx context.Context, seq int64, next time.Time) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, "UPDATE exchange_out SET attempts = attempts + 1, next = ? WHERE seq = ?", millis(next), seq)
		return wrapf(err, "postponing what a member is to take")
	})
}

// DeliveryTaken notes that a member took something, with what it signed for it. What was
// sealed to it is dropped.
func (s *Store) DeliveryTaken(ctx context.Context, seq int64, receipt []byte, now time.Time) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, "UPDATE exchange_out SET taken = ?, receipt = ?, copy = x'' WHERE seq = ? AND taken = 0",
			millis(now), noneAsEmpty(receipt), seq)
		return wrapf(err, "noting what a member took")
	})
}

// Announce notes that a member says that a report is to be had from it. Problems: busy,
// when it announced too many that are not here.
func (s *Store) Announce(ctx context.Context, sharer, digest string, now time.Time) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var n int
		if _, err := t.get(ctx, "SELECT count(*) FROM exchange_in WHERE sharer = ?", []any{sharer}, &n); err != nil {
			return fmt.Errorf("counting announcements: %w", err)
		}
		if n >= maxAnnounced {
			return ledger.Problemf(ledger.CodeBusy, "more reports were announced than are taken at once; try again later")
		}
		// Who announces it again has it for us now, whatever it answered before.
		_, err := t.exec(ctx, `INSERT INTO exchange_in (digest, sharer, attempts, next, told) VALUES (?, ?, 0, 0, ?)
			ON CONFLICT (sharer, digest) DO UPDATE SET next = 0`, digest, sharer, millis(now))
		return wrapf(err, "noting an announcement")
	})
}

// NextAnnounced returns the report that is to be asked for from a member now; nil when
// none is due. next is as of NextDelivery.
func (s *Store) NextAnnounced(ctx context.Context, sharer string, now time.Time) (*fact.Announced, time.Time, error) {
	a := fact.Announced{Sharer: sharer}
	var told int64
	err := s.reading.QueryRowContext(ctx, "SELECT digest, attempts, told FROM exchange_in WHERE sharer = ? AND next <= ? ORDER BY attempts, told LIMIT 1",
		sharer, millis(now)).Scan(&a.Digest, &a.Attempts, &told)
	if err == nil {
		a.Told = fromMillis(told)
		return &a, time.Time{}, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, time.Time{}, fmt.Errorf("reading an announcement: %w", err)
	}
	next, err := s.later(ctx, "SELECT min(next) FROM exchange_in WHERE sharer = ?", sharer)
	return nil, next, err
}

// PostponeAnnounced notes when a report is asked for again; a zero time forgets it.
func (s *Store) PostponeAnnounced(ctx context.Context, a *fact.Announced, next time.Time) error {
	return s.update(ctx, func(ctx context.Context, t *txn) (err error) {
		if next.IsZero() {
			_, err = t.exec(ctx, "DELETE FROM exchange_in WHERE sharer = ? AND digest = ?", a.Sharer, a.Digest)
		} else {
			_, err = t.exec(ctx, "UPDATE exchange_in SET attempts = attempts + 1, next = ? WHERE sharer = ? AND digest = ?", millis(next), a.Sharer, a.Digest)
		}
		return wrapf(err, "postponing what was announced")
	})
}

// ExchangeKeys lists the own keys to which others seal, the newest first.
func (s *Store) ExchangeKeys(ctx context.Context) ([]fact.ExchangeKey, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT id, sealed, made FROM exchange_key ORDER BY made DESC, id")
	if err != nil {
		return nil, fmt.Errorf("reading the keys of the exchange: %w", err)
	}
	defer rows.Close()
	var all []fact.ExchangeKey
	for rows.Next() {
		var k fact.ExchangeKey
		var made int64
		if err := rows.Scan(&k.ID, &k.Sealed, &made); err != nil {
			return nil, fmt.Errorf("reading a key of the exchange: %w", err)
		}
		k.Made = fromMillis(made)
		all = append(all, k)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the keys of the exchange: %w", err)
	}
	return all, nil
}

// AddExchangeKey keeps a new key, and forgets those that were made before a time.
func (s *Store) AddExchangeKey(ctx context.Context, k *fact.ExchangeKey, before time.Time) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, "INSERT INTO exchange_key (id, sealed, made) VALUES (?, ?, ?)", k.ID, k.Sealed, millis(k.Made)); err != nil {
			return fmt.Errorf("keeping a key of the exchange: %w", err)
		}
		_, err := t.exec(ctx, "DELETE FROM exchange_key WHERE made < ?", millis(before))
		return wrapf(err, "forgetting old keys of the exchange")
	})
}

// PeerKey returns what a member said last of its key; nil when nothing is known.
func (s *Store) PeerKey(ctx context.Context, member string) ([]byte, error) {
	var statement []byte
	err := s.reading.QueryRowContext(ctx, "SELECT statement FROM exchange_peer WHERE member = ?", member).Scan(&statement)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return statement, wrapf(err, "reading a member's key")
}

// SetPeerKey keeps what a member said of its key; nil forgets it.
func (s *Store) SetPeerKey(ctx context.Context, member string, statement []byte) error {
	return s.update(ctx, func(ctx context.Context, t *txn) (err error) {
		if statement == nil {
			_, err = t.exec(ctx, "DELETE FROM exchange_peer WHERE member = ?", member)
		} else {
			_, err = t.exec(ctx, `INSERT INTO exchange_peer (member, statement) VALUES (?, ?)
				ON CONFLICT (member) DO UPDATE SET statement = excluded.statement`, member, statement)
		}
		return wrapf(err, "keeping a member's key")
	})
}

// AddSealedFeedback keeps what a member said of a sealed report, and queues it for
// others. The same again changes nothing, and neither does an older opinion. One whose
// revision is 0 gets the next one.
func (s *Store) AddSealedFeedback(ctx context.Context, f *fact.SealedFeedback, to []string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var before int
		if _, err := t.get(ctx, "SELECT count(*) FROM sealed_feedback WHERE digest = ? AND witness = ?", []any{f.Digest, f.By}, &before); err != nil {
			return fmt.Errorf("counting what was said of a sealed report: %w", err)
		}
		if before >= maxSaid {
			return ledger.Problemf(ledger.CodeConflict, "of one report a member says %d things at most", maxSaid)
		}
		revision := f.Revision
		if f.Kind == fact.FeedbackOpinion && revision == 0 {
			if _, err := t.get(ctx, "SELECT coalesce(max(revision), 0) + 1 FROM sealed_feedback WHERE digest = ? AND witness = ? AND id = ?",
				[]any{f.Digest, f.By, f.ID}, &revision); err != nil {
				return fmt.Errorf("looking for the opinion before: %w", err)
			}
		}
		n, err := t.exec(ctx, `INSERT INTO sealed_feedback (digest, witness, id, kind, count, first, last, opinion, weight, revision, time)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest, witness, id) DO UPDATE SET
			opinion = excluded.opinion, weight = excluded.weight, revision = excluded.revision, time = excluded.time
			WHERE sealed_feedback.kind = 'opinion' AND excluded.revision > sealed_feedback.revision`,
			f.Digest, f.By, f.ID, f.Kind, f.Count, orZero(f.First), orZero(f.Last), f.Opinion, f.Weight, revision, millis(f.Time))
		if err != nil || n == 0 {
			return wrapf(err, "keeping what was said of a sealed report")
		}
		if f.Kind == fact.FeedbackOpinion { // the newest is what is delivered
			if _, err := t.exec(ctx, "DELETE FROM exchange_out WHERE kind = 'feedback' AND digest = ? AND id = ?", f.Digest, f.ID); err != nil {
				return fmt.Errorf("replacing an opinion that is to be delivered: %w", err)
			}
		}
		return t.deliver(ctx, fact.DeliveryFeedback, f.Digest, f.ID, to, f.Time)
	})
}

// SealedFeedback returns what a member said of a sealed report. Problems: not_found.
func (s *Store) SealedFeedback(ctx context.Context, digest, by, id string) (fact.SealedFeedback, error) {
	f := fact.SealedFeedback{Digest: digest, By: by, ID: id}
	var first, last, at int64
	err := s.reading.QueryRowContext(ctx, `SELECT kind, count, first, last, opinion, weight, revision, time FROM sealed_feedback
		WHERE digest = ? AND witness = ? AND id = ?`, digest, by, id).
		Scan(&f.Kind, &f.Count, &first, &last, &f.Opinion, &f.Weight, &f.Revision, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return f, notFound("the feedback")
	}
	f.First, f.Last, f.Time = orNone(first), orNone(last), fromMillis(at)
	return f, wrapf(err, "reading what was said of a sealed report")
}
