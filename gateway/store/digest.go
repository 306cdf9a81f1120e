package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Digest returns a digest of the whole projection, every column of every row of
// every table in a fixed order, together with the number of the next block that
// it stands for. Two stores that applied the same blocks, in whatever pieces
// and however often, have the same digest.
func (s *Store) Digest(ctx context.Context) (next uint64, digest string, err error) {
	tx, err := s.reading.BeginTx(ctx, nil)
	if err != nil {
		return 0, "", fmt.Errorf("digesting the projection: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // only reads
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(next), 0) FROM checkpoint").Scan(&next); err != nil {
		return 0, "", fmt.Errorf("reading the checkpoint: %w", err)
	}
	h := sha256.New()
	for _, t := range digested() {
		if err := digestTable(ctx, tx, h, t.name, t.key); err != nil {
			return 0, "", fmt.Errorf("digesting %s: %w", t.name, err)
		}
	}
	return next, hex.EncodeToString(h.Sum(nil)), nil
}

// keyed is a table's name and the columns that order it.
type keyed struct {
	name string
	key  []string
}

// digested lists all tables of the projection.
func digested() []keyed {
	all := []keyed{{"checkpoint", []string{"id"}}}
	for _, t := range tables {
		all = append(all, keyed{t.name, t.key})
	}
	return append(all, keyed{"other", []string{"type", "parts"}}, keyed{"event", []string{"block", "idx"}})
}

func digestTable(ctx context.Context, q querier, h hash.Hash, name string, key []string) error {
	rows, err := q.QueryContext(ctx, "SELECT * FROM "+name+" ORDER BY "+strings.Join(key, ", "))
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	text(h, []byte(name))
	for _, c := range columns {
		text(h, []byte(c))
	}
	values := make([]sql.RawBytes, len(columns))
	dest := make([]any, len(columns))
	for i := range values {
		dest[i] = &values[i]
	}
	n := uint64(0)
	for ; rows.Next(); n++ {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		for _, v := range values { // no column of the projection is ever null
			text(h, v)
		}
	}
	number(h, n)
	return rows.Err()
}
