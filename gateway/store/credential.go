package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/status"
)

const credentialColumns = "id, type, format, reference, holder, list, place, status, issued, expires, offer" //nolint:gosec // names of columns

func scanCredential(from scanner, more ...any) (desk.Record, error) {
	var r desk.Record
	var format string
	var issued, expires int64
	err := from.Scan(append([]any{&r.ID, &r.Type, &format, &r.Reference, &r.Holder, &r.List, &r.Index, &r.Status, &issued, &expires, &r.Offer}, more...)...)
	r.Format, r.Issued, r.Expires = catalogue.Format(format), fromMillis(issued), fromMillis(expires)
	return r, err
}

// The kinds of what credentials are taken back by.
const (
	byReference = "reference"
	byOffer     = "offer"
)

// Turn returns how often what was issued under a reference was taken back.
func (s *Store) Turn(ctx context.Context, reference string) (turn int64, err error) {
	if err := s.reading.QueryRowContext(ctx, turnQuery, byReference, reference).Scan(&turn); err != nil {
		return 0, fmt.Errorf("counting how often a reference was taken back: %w", err)
	}
	return turn, nil
}

const turnQuery = "SELECT coalesce((SELECT times FROM taken_back WHERE kind = ? AND id = ?), 0)"

// AddCredentials keeps what was issued for one order with its lasting signatures, by the
// digest of what each is over, all or none. It looks in the same
// transaction whether the order still stands: whoever takes back comes before or after,
// and never between.
func (s *Store) AddCredentials(ctx context.Context, records []desk.Record, lasting map[string]string, turn int64) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		for _, r := range records {
			if err := stands(ctx, t, r, turn); err != nil {
				return err
			}
			_, err := t.exec(ctx, "INSERT INTO credential ("+credentialColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
				r.ID, r.Type, string(r.Format), r.Reference, r.Holder, r.List, r.Index, int(r.Status), millis(r.Issued), millis(r.Expires), r.Offer)
			if err != nil {
				return fmt.Errorf("keeping a credential: %w", err)
			}
		}
		return addLasting(ctx, t, lasting)
	})
}

// stands refuses a credential of which the offer has ended, or the reference has had
// another turn.
func stands(ctx context.Context, t *txn, r desk.Record, turn int64) error {
	var offer, reference int64
	_, err := t.get(ctx, turnQuery, []any{byOffer, r.Offer}, &offer)
	if err == nil && r.Reference != "" {
		_, err = t.get(ctx, turnQuery, []any{byReference, r.Reference}, &reference)
	} else {
		turn = 0
	}
	switch {
	case err != nil:
		return fmt.Errorf("reading whether an order stands: %w", err)
	case offer != 0 || reference != turn:
		return ledger.Problemf(ledger.CodeDenied, "the offer has ended: what it gave, or its reference, was taken back")
	}
	return nil
}

// takeBack ends an offer, or what was ordered under a reference so far.
func takeBack(ctx context.Context, t *txn, kind, id string) error {
	if id == "" {
		return nil
	}
	_, err := t.exec(ctx, "INSERT INTO taken_back (kind, id, times) VALUES (?, ?, 1) ON CONFLICT (kind, id) DO UPDATE SET times = taken_back.times + 1", kind, id)
	return err
}

// Credential returns what is kept of one credential.
func (s *Store) Credential(ctx context.Context, id string) (*desk.Record, error) {
	r, err := scanCredential(s.reading.QueryRowContext(ctx, "SELECT "+credentialColumns+" FROM credential WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("the credential")
	}
	if err != nil {
		return nil, fmt.Errorf("reading a credential: %w", err)
	}
	return &r, nil
}

// Credentials lists what was issued, the newest first; of one type, reference or
// both when they are stated.
func (s *Store) Credentials(ctx context.Context, credentialType, reference string, req ledger.PageRequest) ([]desk.Record, string, error) {
	items := []desk.Record{}
	l := listing{table: "credential", order: []string{"issued", "id"}, newest: true}
	l.narrow("type", credentialType)
	l.narrow("reference", reference)
	next, err := eachOf(ctx, s, s.reading, l, credentialColumns, req, func(from scanner, more ...any) error {
		r, err := scanCredential(from, more...)
		items = append(items, r)
		return err
	})
	return items, next, err
}

// EachCredential calls use for every credential that was issued.
func (s *Store) EachCredential(ctx context.Context, use func(desk.Record) error) error {
	rows, err := s.reading.QueryContext(ctx, "SELECT "+credentialColumns+" FROM credential")
	if err != nil {
		return fmt.Errorf("reading credentials: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanCredential(rows)
		if err != nil {
			return fmt.Errorf("reading credentials: %w", err)
		}
		if err := use(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// SetCredential changes a credential's status from one to another, and counts it. With
// one that is taken back ends the offer by which it came.
func (s *Store) SetCredential(ctx context.Context, id string, before, after status.Status) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var list int
		var offer string
		changed, err := t.get(ctx, "UPDATE credential SET status = ? WHERE id = ? AND status = ? RETURNING list, offer", []any{int(after), id, int(before)}, &list, &offer)
		if err == nil && changed {
			err = countChange(ctx, t, list)
		}
		if err == nil && changed && after != status.Valid {
			err = takeBack(ctx, t, byOffer, offer)
		}
		switch {
		case err != nil:
			return fmt.Errorf("changing a credential's status: %w", err)
		case !changed:
			return ledger.Problemf(ledger.CodeConflict, "the credential's status was changed meanwhile")
		}
		return nil
	})
}

func countChange(ctx context.Context, t *txn, list int) error {
	_, err := t.exec(ctx, "INSERT INTO status_change (list, count) VALUES (?, 1) ON CONFLICT (list) DO UPDATE SET count = status_change.count + 1", list)
	return err
}

// SetReference changes the status of everything that was issued under a reference, but
// for what is revoked, in one transaction, and returns what it changed, and what has no
// status. What is taken back is so with the offers that were made under it.
func (s *Store) SetReference(ctx context.Context, reference string, after status.Status) (changed, without []desk.Record, err error) {
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		all, err := changing(ctx, t, reference, after)
		if err != nil {
			return fmt.Errorf("reading a reference's credentials: %w", err)
		}
		changed, without = nil, nil
		for _, r := range all {
			if r.HasStatus() {
				changed = append(changed, r)
			} else {
				without = append(without, r)
			}
		}
		counted := map[int]bool{}
		for _, r := range changed {
			_, err := t.exec(ctx, "UPDATE credential SET status = ? WHERE id = ?", int(after), r.ID)
			if err == nil && !counted[r.List] {
				err = countChange(ctx, t, r.List)
			}
			if err == nil && after != status.Valid {
				err = takeBack(ctx, t, byOffer, r.Offer)
			}
			if err != nil {
				return fmt.Errorf("changing a reference's credentials: %w", err)
			}
			counted[r.List] = true
		}
		if after != status.Valid {
			if err := takeBack(ctx, t, byReference, reference); err != nil {
				return fmt.Errorf("ending a reference's offers: %w", err)
			}
		}
		return nil
	})
	return changed, without, err
}

// EndOffer ends an offer, as SetCredential does with that of what it takes back.
func (s *Store) EndOffer(ctx context.Context, offer string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error { return takeBack(ctx, t, byOffer, offer) })
}

// changing lists the credentials of a reference that a change of their status concerns,
// as they are after it, with those that have none.
func changing(ctx context.Context, t *txn, reference string, after status.Status) (list []desk.Record, err error) {
	query, err := t.stmt(ctx, "SELECT "+credentialColumns+" FROM credential WHERE reference = ? AND (place < 0 OR status NOT IN (?, ?))")
	if err != nil {
		return nil, err
	}
	rows, err := query.QueryContext(ctx, reference, int(after), int(status.Revoked))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanCredential(rows)
		if err != nil {
			return nil, err
		}
		if r.HasStatus() {
			r.Status = after
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// StatusChanges returns how many changes of status there were in a list.
func (s *Store) StatusChanges(ctx context.Context, list int) (n int64, err error) {
	if err := s.reading.QueryRowContext(ctx, "SELECT coalesce((SELECT count FROM status_change WHERE list = ?), 0)", list).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting changes of status: %w", err)
	}
	return n, nil
}

// keptEditions is how many editions of a list are kept that were made for one
// version: of those the ledger commits the issuer to one, which may be another than
// the newest when an earlier request reaches it late.
const keptEditions = 8

// AddEditions keeps editions of status lists. Whatever becomes of a new one, that to
// which the issuer is committed stays, for it is what is served.
func (s *Store) AddEditions(ctx context.Context, editions []desk.Edition) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		for _, e := range editions {
			// Not in place of the one before: what is kept last is the newest.
			_, err := t.exec(ctx, "DELETE FROM status_edition WHERE list = ? AND version = ? AND digest = ?", e.List, e.Version, e.Digest)
			if err == nil {
				_, err = t.exec(ctx, "INSERT INTO status_edition (list, version, digest, body, change, expires) VALUES (?, ?, ?, ?, ?, ?)",
					e.List, e.Version, e.Digest, e.Body, e.Change, millis(e.Expires))
			}
			if err == nil {
				_, err = t.exec(ctx, `DELETE FROM status_edition WHERE list = ? AND (version < ? OR version = ? AND rowid NOT IN (
					SELECT rowid FROM status_edition WHERE list = ? AND version = ? ORDER BY rowid DESC LIMIT ?))`,
					e.List, e.Version-1, e.Version, e.List, e.Version, keptEditions)
			}
			if err != nil {
				return fmt.Errorf("keeping a status list: %w", err)
			}
		}
		return nil
	})
}

// Editions returns the editions of a list that are kept, the newest first.
func (s *Store) Editions(ctx context.Context, list string) (editions []desk.Edition, err error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT version, digest, body, change, expires FROM status_edition WHERE list = ? ORDER BY rowid DESC", list)
	if err != nil {
		return nil, fmt.Errorf("reading a status list: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e := desk.Edition{List: list}
		var expires int64
		if err := rows.Scan(&e.Version, &e.Digest, &e.Body, &e.Change, &expires); err != nil {
			return nil, fmt.Errorf("reading a status list: %w", err)
		}
		e.Expires = fromMillis(expires)
		editions = append(editions, e)
	}
	return editions, rows.Err()
}
