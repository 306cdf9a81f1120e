package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Check re-derives what must hold of the stored bytes, and returns all that does
// not: the database is sound, every projected record can be read and stands
// under its own key, every document has its digest, and every operation is in a
// state that it can be in.
func (s *Store) Check(ctx context.Context) error {
	var errs []error
	for _, part := range []func(context.Context) error{s.checkDatabase, s.checkRecords, s.checkDocuments, s.checkOperations} {
		if err := part(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *Store) checkDatabase(ctx context.Context) error { return s.engine.check(ctx, s.reading) }

func (s *Store) checkRecords(ctx context.Context) error {
	for _, t := range tables {
		if err := s.checkTable(ctx, t); err != nil {
			return fmt.Errorf("checking the rows of %s: %w", t.name, err)
		}
	}
	return nil
}

func (s *Store) checkTable(ctx context.Context, t *table) error {
	//nolint:gosec // names of this package's own tables and columns
	query := "SELECT " + strings.Join(t.key, ", ") + ", block, coalesce((SELECT next FROM checkpoint), 0), doc FROM " + t.name
	rows, err := s.reading.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	key := ledger.Key{Type: t.object, Parts: make([]string, len(t.key))}
	var block, next int64
	var doc []byte
	var dest []any
	for i := range key.Parts {
		dest = append(dest, &key.Parts[i])
	}
	dest = append(dest, &block, &next, &doc)
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if _, err := t.values(key, doc); err != nil || block >= next {
			return fmt.Errorf("the row of block %d is not what a block could have written", block)
		}
	}
	return rows.Err()
}

func (s *Store) checkDocuments(ctx context.Context) error {
	rows, err := s.reading.QueryContext(ctx, "SELECT kind, digest, body FROM document")
	if err != nil {
		return fmt.Errorf("checking documents: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind fact.DocumentKind
		var digest string
		var body []byte
		if err := rows.Scan(&kind, &digest, &body); err != nil {
			return fmt.Errorf("checking documents: %w", err)
		}
		if kind.Digest(body) != digest {
			return fmt.Errorf("a document of kind %s is not the one of its digest", kind)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("checking documents: %w", err)
	}
	return nil
}

func (s *Store) checkOperations(ctx context.Context) error {
	var odd int
	err := s.reading.QueryRowContext(ctx, `SELECT count(*) FROM operation o WHERE NOT (
		   state = 'stored' AND problem IS NULL
		OR state = 'endorsed' AND problem IS NULL AND EXISTS (SELECT 1 FROM operation_tx t WHERE t.tx = o.tx AND t.seq = o.seq AND envelope IS NOT NULL)
		OR state = 'done' AND problem IS NULL AND EXISTS (SELECT 1 FROM operation_tx t WHERE t.tx = o.tx AND t.seq = o.seq)
			AND block < (SELECT next FROM checkpoint)
		OR state = 'failed' AND problem IS NOT NULL)`).Scan(&odd)
	if err != nil {
		return fmt.Errorf("checking operations: %w", err)
	}
	if odd > 0 {
		return fmt.Errorf("%d operations are in a state that they cannot be in", odd)
	}
	return nil
}

// Replay applies the ledger from block 0 up to, and not with, block next to an
// empty store in a temporary directory, and returns the digest of what comes
// out: that of a store that stands at next, if its projection is right. Follow
// delivers blocks from a number on until its function errs. Options are those
// of the store to compare with.
func Replay(ctx context.Context, next uint64, options Options,
	follow func(ctx context.Context, from uint64, fn func(context.Context, *ledger.Block) error) error,
) (digest string, err error) {
	dir, err := os.MkdirTemp("", "secant-replay-")
	if err != nil {
		return "", fmt.Errorf("replaying the ledger: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := Open(ctx, dir, Options{KeepEvents: options.KeepEvents})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if next > 0 {
		err = follow(ctx, 0, func(ctx context.Context, b *ledger.Block) error {
			if _, err := s.Apply(ctx, b); err != nil {
				return err
			}
			if b.Number+1 == next {
				return errReplayed
			}
			return nil
		})
		if !errors.Is(err, errReplayed) {
			if err == nil {
				err = context.Cause(ctx)
			}
			return "", fmt.Errorf("replaying the ledger: %w", err)
		}
	}
	_, digest, err = s.Digest(ctx)
	return digest, err
}

// errReplayed ends a replay that has come far enough.
var errReplayed = errors.New("replayed")
