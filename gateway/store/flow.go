package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxFlows bounds the conversations of a kind that are under way, because anyone may
// begin some kinds: whoever begins too many of one keeps nobody from the others.
const maxFlows = 100_000

// recount is how often at most the flows of a kind are counted while there is no
// room for another: counting walks them, and those who ask come fast.
const recount = time.Second

// rooms knows how many flows of each kind there is room for, at least: what is taken
// or over leaves more, which the next count shows.
type rooms struct {
	most int // 0: maxFlows

	mu   sync.Mutex
	left map[string]int       // by kind; under mu, as the rest
	full map[string]time.Time // when there was no room
}

// take takes room for one flow, and reports whether there was. count tells how many
// there are.
func (r *rooms) take(kind string, now time.Time, count func() (int, error)) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left[kind] == 0 {
		if age := now.Sub(r.full[kind]); 0 <= age && age < recount {
			return false, nil
		}
		n, err := count()
		if err != nil {
			return false, err
		}
		most := cmp.Or(r.most, maxFlows)
		if n >= most {
			if r.full == nil {
				r.full = map[string]time.Time{}
			}
			r.full[kind] = now
			return false, nil
		}
		if r.left == nil {
			r.left = map[string]int{}
		}
		r.left[kind] = most - n
	}
	r.left[kind]--
	return true, nil
}

// swept is how many flows that are over one new flow clears away, so that they
// are cleared faster than they are made.
const swept = 16

const noFlow = "what this refers to is over, or never was"

// CreateFlow keeps what a conversation has to remember until it expires. It fails
// with already_exists when there is one under that key, and with busy when too
// many of its kind are under way.
func (s *Store) CreateFlow(ctx context.Context, kind, key string, doc []byte, expires time.Time) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		now := millis(s.now())
		if _, err := t.exec(ctx, "DELETE FROM flow WHERE (kind, id) IN (SELECT kind, id FROM flow WHERE expires <= ? LIMIT ?)", now, swept); err != nil {
			return fmt.Errorf("clearing flows: %w", err)
		}
		room, err := s.rooms.take(kind, s.now(), func() (n int, _ error) {
			// The index has the kinds, and is much smaller than the documents.
			_, err := t.get(ctx, "SELECT count(*) FROM flow INDEXED BY flow_expires WHERE kind = ?", []any{kind}, &n)
			return n, err
		})
		if err != nil {
			return fmt.Errorf("counting flows: %w", err)
		}
		if !room {
			return ledger.Problemf(ledger.CodeBusy, "too many conversations are under way; try again later")
		}
		made, err := t.exec(ctx, `INSERT INTO flow (kind, id, expires, doc) VALUES (?, ?, ?, ?)
			ON CONFLICT (kind, id) DO UPDATE SET expires = excluded.expires, doc = excluded.doc WHERE flow.expires <= ?`,
			kind, key, millis(expires), doc, now)
		if err != nil {
			return fmt.Errorf("keeping a flow: %w", err)
		}
		if made == 0 {
			return ledger.Problemf(ledger.CodeAlreadyExists, "there is one already")
		}
		return nil
	})
}

// ClearFlows removes what is over of every kind. New flows clear some away, but what
// people said in one must not lie here until then.
func (s *Store) ClearFlows(ctx context.Context) error {
	for cleared := int64(sweep); cleared == sweep; {
		err := s.update(ctx, func(ctx context.Context, t *txn) (err error) {
			cleared, err = t.exec(ctx, "DELETE FROM flow WHERE (kind, id) IN (SELECT kind, id FROM flow WHERE expires <= ? LIMIT ?)", millis(s.now()), sweep)
			return err
		})
		if err != nil {
			return fmt.Errorf("clearing flows: %w", err)
		}
	}
	return nil
}

// sweep is how many flows are cleared away in one transaction.
const sweep = 1000

// Flow returns what is kept under a key. It fails with not_found when it is over.
func (s *Store) Flow(ctx context.Context, kind, key string) ([]byte, error) {
	var doc []byte
	err := s.reading.QueryRowContext(ctx, "SELECT doc FROM flow WHERE kind = ? AND id = ? AND expires > ?", kind, key, millis(s.now())).Scan(&doc)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ledger.Problemf(ledger.CodeNotFound, noFlow)
	case err != nil:
		return nil, fmt.Errorf("reading a flow: %w", err)
	}
	return doc, nil
}

// UpdateFlow changes what is kept under a key from one document to another. It
// fails with conflict when it was another already.
func (s *Store) UpdateFlow(ctx context.Context, kind, key string, before, after []byte) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		now := millis(s.now())
		changed, err := t.exec(ctx, "UPDATE flow SET doc = ? WHERE kind = ? AND id = ? AND doc = ? AND expires > ?", after, kind, key, before, now)
		if err != nil {
			return fmt.Errorf("changing a flow: %w", err)
		}
		if changed == 1 {
			return nil
		}
		var there bool
		if _, err := t.get(ctx, "SELECT EXISTS (SELECT 1 FROM flow WHERE kind = ? AND id = ? AND expires > ?)", []any{kind, key, now}, &there); err != nil {
			return fmt.Errorf("reading a flow: %w", err)
		}
		if there {
			return ledger.Problemf(ledger.CodeConflict, "it was changed meanwhile")
		}
		return ledger.Problemf(ledger.CodeNotFound, noFlow)
	})
}

// TakeFlow returns what is kept under a key and forgets it: of two that take it,
// one gets it.
func (s *Store) TakeFlow(ctx context.Context, kind, key string) ([]byte, error) {
	var doc []byte
	err := s.update(ctx, func(ctx context.Context, t *txn) error {
		doc = nil
		found, err := t.get(ctx, "DELETE FROM flow WHERE kind = ? AND id = ? AND expires > ? RETURNING doc", []any{kind, key, millis(s.now())}, &doc)
		if err != nil {
			return fmt.Errorf("taking a flow: %w", err)
		}
		if !found {
			return ledger.Problemf(ledger.CodeNotFound, noFlow)
		}
		return nil
	})
	return doc, err
}
