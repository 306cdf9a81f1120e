package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// addLasting keeps lasting signatures, by the digest of what each is over. Of two over
// the same the first stays, which is as good.
func addLasting(ctx context.Context, t *txn, signatures map[string]string) error {
	for digest, signature := range signatures {
		if _, err := t.exec(ctx, "INSERT INTO lasting_signature (digest, signature) VALUES (?, ?) ON CONFLICT DO NOTHING", digest, signature); err != nil {
			return fmt.Errorf("keeping a lasting signature: %w", err)
		}
	}
	return nil
}

// Lasting returns the lasting signature over what has that digest.
func (s *Store) Lasting(ctx context.Context, digest string) (signature string, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT signature FROM lasting_signature WHERE digest = ?", digest).Scan(&signature)
	if errors.Is(err, sql.ErrNoRows) {
		return "", notFound("the lasting signature")
	}
	if err != nil {
		return "", fmt.Errorf("reading a lasting signature: %w", err)
	}
	return signature, nil
}
