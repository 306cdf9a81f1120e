package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxSessions bounds the sessions of one subject. One more ends the oldest, so that
// nobody is kept out by their own forgotten ones, and nobody by another's.
const maxSessions = 32

// CreateSession keeps a session until it expires.
func (s *Store) CreateSession(ctx context.Context, id, subject string, doc []byte, expires time.Time) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		now := millis(time.Now())
		if _, err := t.exec(ctx, "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires <= ? LIMIT ?)", now, swept); err != nil {
			return fmt.Errorf("clearing sessions: %w", err)
		}
		if _, err := t.exec(ctx, `DELETE FROM session WHERE id IN
			(SELECT id FROM session WHERE subject = ? ORDER BY begun DESC, id LIMIT -1 OFFSET ?)`, subject, maxSessions-1); err != nil {
			return fmt.Errorf("ending a subject's oldest sessions: %w", err)
		}
		if _, err := t.exec(ctx, "INSERT INTO session (id, subject, turn, begun, expires, doc) VALUES (?, ?, 0, ?, ?, ?)",
			id, subject, now, millis(expires), doc); err != nil {
			return fmt.Errorf("keeping a session: %w", err)
		}
		return nil
	})
}

// Session returns what is kept of a session. It fails with not_found when it has
// ended.
func (s *Store) Session(ctx context.Context, id string) ([]byte, error) {
	var doc []byte
	err := s.reading.QueryRowContext(ctx, "SELECT doc FROM session WHERE id = ? AND expires > ?", id, millis(time.Now())).Scan(&doc)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, noSession()
	case err != nil:
		return nil, fmt.Errorf("reading a session: %w", err)
	}
	return doc, nil
}

func noSession() error { return ledger.Problemf(ledger.CodeNotFound, "the session has ended") }

// RefreshSession counts one more turn of a session after the turn that is given: of
// two that do so, one does. It fails with conflict when that turn is over, and with
// not_found when the session has ended.
func (s *Store) RefreshSession(ctx context.Context, id string, turn int) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		now := millis(time.Now())
		changed, err := t.exec(ctx, "UPDATE session SET turn = turn + 1 WHERE id = ? AND turn = ? AND expires > ?", id, turn, now)
		if err != nil {
			return fmt.Errorf("refreshing a session: %w", err)
		}
		if changed == 1 {
			return nil
		}
		var there bool
		if _, err := t.get(ctx, "SELECT EXISTS (SELECT 1 FROM session WHERE id = ? AND expires > ?)", []any{id, now}, &there); err != nil {
			return fmt.Errorf("reading a session: %w", err)
		}
		if there {
			return ledger.Problemf(ledger.CodeConflict, "the session was refreshed meanwhile")
		}
		return noSession()
	})
}

// EndSession ends a session. One that has ended already is no error.
func (s *Store) EndSession(ctx context.Context, id string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, "DELETE FROM session WHERE id = ?", id); err != nil {
			return fmt.Errorf("ending a session: %w", err)
		}
		return nil
	})
}

// EndSessions ends every session of a subject and returns how many there were.
func (s *Store) EndSessions(ctx context.Context, subject string) (ended int, err error) {
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		n, err := t.exec(ctx, "DELETE FROM session WHERE subject = ? AND expires > ?", subject, millis(time.Now()))
		if err != nil {
			return fmt.Errorf("ending a subject's sessions: %w", err)
		}
		ended = int(n)
		return nil
	})
	return ended, err
}
