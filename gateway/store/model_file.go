package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
)

// PutModelFile keeps what is known of a model beside the ledger, in place of what
// was known before.
func (s *Store) PutModelFile(ctx context.Context, f fact.ModelFile) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, `INSERT INTO model_file (di, kind, digest, doc, body, updated) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (di, kind) DO UPDATE SET digest = excluded.digest, doc = excluded.doc, body = excluded.body, updated = excluded.updated`,
			f.DI, string(f.Kind), f.Digest, string(f.Doc), f.Body, millis(time.Now()))
		if err != nil {
			return fmt.Errorf("keeping a file of a model: %w", err)
		}
		return nil
	})
}

// ModelFile returns what is known; it fails with a not_found problem when nothing is.
func (s *Store) ModelFile(ctx context.Context, di string, kind fact.ModelFileKind) (fact.ModelFile, error) {
	f := fact.ModelFile{DI: di, Kind: kind}
	var updated int64
	err := s.reading.QueryRowContext(ctx, "SELECT digest, doc, body, updated FROM model_file WHERE di = ? AND kind = ?", di, string(kind)).
		Scan(&f.Digest, &f.Doc, &f.Body, &updated)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return f, notFound("the file of the model")
	case err != nil:
		return f, fmt.Errorf("reading a file of a model: %w", err)
	}
	f.Updated = fromMillis(updated)
	return f, nil
}
