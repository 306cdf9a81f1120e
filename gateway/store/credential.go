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

const credentialColumns = "id, type, format, reference, holder, place, status, issued, expires" //nolint:gosec // names of columns

func scanCredential(from scanner, more ...any) (desk.Record, error) {
	var r desk.Record
	var format string
	var issued, expires int64
	err := from.Scan(append([]any{&r.ID, &r.Type, &format, &r.Reference, &r.Holder, &r.Index, &r.Status, &issued, &expires}, more...)...)
	r.Format, r.Issued, r.Expires = catalogue.Format(format), fromMillis(issued), fromMillis(expires)
	return r, err
}

// AddCredentials keeps what was issued, all or none.
func (s *Store) AddCredentials(ctx context.Context, records []desk.Record) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		for _, r := range records {
			_, err := t.exec(ctx, "INSERT INTO credential ("+credentialColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
				r.ID, r.Type, string(r.Format), r.Reference, r.Holder, r.Index, int(r.Status), millis(r.Issued), millis(r.Expires))
			if err != nil {
				return fmt.Errorf("keeping a credential: %w", err)
			}
		}
		return nil
	})
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

// SetCredential changes a credential's status from one to another, and counts it.
func (s *Store) SetCredential(ctx context.Context, id string, before, after status.Status) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		changed, err := t.exec(ctx, "UPDATE credential SET status = ? WHERE id = ? AND status = ?", int(after), id, int(before))
		if err == nil && changed == 1 {
			_, err = t.exec(ctx, "UPDATE status_change SET count = count + 1")
		}
		switch {
		case err != nil:
			return fmt.Errorf("changing a credential's status: %w", err)
		case changed == 0:
			return ledger.Problemf(ledger.CodeConflict, "the credential's status was changed meanwhile")
		}
		return nil
	})
}

// StatusChanges returns how many changes of status there were.
func (s *Store) StatusChanges(ctx context.Context) (n int64, err error) {
	if err := s.reading.QueryRowContext(ctx, "SELECT count FROM status_change").Scan(&n); err != nil {
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
			_, err := t.exec(ctx, "INSERT OR REPLACE INTO status_edition (list, version, digest, body, change, expires) VALUES (?, ?, ?, ?, ?, ?)",
				e.List, e.Version, e.Digest, e.Body, e.Change, millis(e.Expires))
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
