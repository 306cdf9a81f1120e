package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const operationColumns = "seq, id, coalesce(key, ''), role, name, request, state, tx, block, attempts, stored, updated, result, problem"

// pruneEvery is how many operations arrive between two looks for old ones.
const pruneEvery = 256

// Enqueue puts a command into the outbox and returns its operation when that is
// durable. A command that asks the same as an unfinished one joins it. With a
// key, the same holds for finished ones that are still kept, and another
// command under that key is a conflict.
func (s *Store) Enqueue(ctx context.Context, key string, role ledger.Role, name string, request []byte) (op fact.Operation, joined bool, err error) {
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		op, joined, err = s.enqueue(ctx, t, key, role, name, request)
		return err
	})
	if err != nil {
		return fact.Operation{}, false, err
	}
	return op, joined, nil
}

func (s *Store) enqueue(ctx context.Context, t *txn, key string, role ledger.Role, name string, request []byte) (fact.Operation, bool, error) {
	digest := commandDigest(role, name, request)
	if key != "" {
		op, found, err := t.operation(ctx, "key = ?", key)
		if err != nil {
			return op, false, err
		}
		if found {
			if string(commandDigest(op.Role, op.Name, op.Request)) != string(digest) {
				return op, false, ledger.Problemf(ledger.CodeConflict, "the key was used for another command")
			}
			return op, true, nil
		}
	} else {
		op, found, err := t.operation(ctx, "digest = ? AND state IN ('stored', 'endorsed') LIMIT 1", digest)
		if err != nil || found {
			return op, found, err
		}
	}
	now := fromMillis(millis(time.Now()))
	op := fact.Operation{Key: key, Role: role, Name: name, Request: request, State: fact.StateStored, Stored: now, Updated: now}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	op.ID = hex.EncodeToString(id[:])
	_, err := t.get(ctx, `INSERT INTO operation (id, key, digest, role, name, request, state, tx, block, attempts, stored, updated)
		VALUES (?, nullif(?, ''), ?, ?, ?, ?, ?, '', 0, 0, ?, ?) RETURNING seq`,
		[]any{op.ID, key, digest, string(role), name, request, string(op.State), millis(now), millis(now)}, &op.Seq)
	if err != nil {
		return op, false, fmt.Errorf("storing a command: %w", err)
	}
	if op.Seq%pruneEvery == 0 {
		if _, err := t.exec(ctx, "DELETE FROM operation WHERE seq <= ? AND state IN ('done', 'failed')",
			op.Seq-int64(s.options.KeepOperations)); err != nil {
			return op, false, fmt.Errorf("letting old operations go: %w", err)
		}
	}
	return op, false, nil
}

func commandDigest(role ledger.Role, name string, request []byte) []byte {
	h := sha256.New()
	text(h, []byte(role))
	text(h, []byte(name))
	text(h, request)
	return h.Sum(nil)
}

// Unfinished returns all operations that are not finished, in order of arrival.
func (s *Store) Unfinished(ctx context.Context) ([]fact.Operation, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT "+operationColumns+
		", (SELECT envelope FROM operation_tx t WHERE t.tx = operation.tx)"+
		", (SELECT json_group_array(tx) FROM operation_tx t WHERE t.seq = operation.seq)"+
		" FROM operation WHERE state IN ('stored', 'endorsed') ORDER BY seq")
	if err != nil {
		return nil, fmt.Errorf("listing unfinished operations: %w", err)
	}
	defer rows.Close()
	var ops []fact.Operation
	for rows.Next() {
		var envelope, txs []byte
		op, err := scanOperation(rows, &envelope, &txs)
		if err == nil {
			err = json.Unmarshal(txs, &op.Txs)
		}
		if err != nil {
			return nil, fmt.Errorf("reading an unfinished operation: %w", err)
		}
		op.Envelope = envelope
		ops = append(ops, op)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing unfinished operations: %w", err)
	}
	return ops, nil
}

// Operation returns an operation by its id. Finished ones are kept for a while
// only (Options.KeepOperations).
func (s *Store) Operation(ctx context.Context, id string) (fact.Operation, error) {
	op, err := scanOperation(s.reading.QueryRowContext(ctx, "SELECT "+operationColumns+" FROM operation WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return op, notFound("the operation")
	}
	if err != nil {
		return op, fmt.Errorf("reading an operation: %w", err)
	}
	return op, nil
}

// FailedUnder returns when the command under a key failed; false while none did.
func (s *Store) FailedUnder(ctx context.Context, key string) (at time.Time, failed bool, err error) {
	var updated int64
	err = s.reading.QueryRowContext(ctx, "SELECT updated FROM operation WHERE key = ? AND state = 'failed'", key).Scan(&updated)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	return fromMillis(updated), err == nil, wrapped("reading an operation", err)
}

func (t *txn) operation(ctx context.Context, where string, args ...any) (fact.Operation, bool, error) {
	s, err := t.stmt(ctx, "SELECT "+operationColumns+" FROM operation WHERE "+where)
	if err != nil {
		return fact.Operation{}, false, err
	}
	op, err := scanOperation(s.QueryRowContext(ctx, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return op, false, nil
	}
	if err != nil {
		return op, false, fmt.Errorf("reading an operation: %w", err)
	}
	return op, true, nil
}

func scanOperation(from scanner, more ...any) (fact.Operation, error) {
	var op fact.Operation
	var request, result []byte
	var stored, updated int64
	var problem sql.NullString
	err := from.Scan(append([]any{
		&op.Seq, &op.ID, &op.Key, &op.Role, &op.Name, &request, &op.State, &op.Tx, &op.Block,
		&op.Attempts, &stored, &updated, &result, &problem,
	}, more...)...)
	if err != nil {
		return op, err
	}
	op.Request, op.Result = request, result
	op.Stored, op.Updated = fromMillis(stored), fromMillis(updated)
	if problem.Valid {
		op.Problem = &ledger.Problem{}
		if err := json.Unmarshal([]byte(problem.String), op.Problem); err != nil {
			return op, fmt.Errorf("reading an operation's problem: %w", err)
		}
	}
	return op, nil
}

// SetEndorsed notes a transaction that is about to be sent for an operation. It
// must be durable before the transaction leaves the node: after a crash its id
// tells whether it is in, and its envelope can be sent again.
func (s *Store) SetEndorsed(ctx context.Context, seq int64, e fact.Endorsed) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		changed, err := t.exec(ctx, `UPDATE operation SET state = 'endorsed', tx = ?, attempts = attempts + 1, updated = ?
			WHERE seq = ? AND state IN ('stored', 'endorsed')`, e.Tx, millis(time.Now()), seq)
		if err != nil {
			return fmt.Errorf("noting a transaction: %w", err)
		}
		if changed == 0 {
			return errors.New("noting a transaction: its operation is finished")
		}
		if err := t.dropEnvelopes(ctx, seq); err != nil {
			return err
		}
		if _, err := t.exec(ctx, "INSERT INTO operation_tx (tx, seq, result, envelope) VALUES (?, ?, ?, ?)",
			e.Tx, seq, e.Result, e.Envelope); err != nil {
			return fmt.Errorf("noting a transaction: %w", err)
		}
		return nil
	})
}

// dropEnvelopes lets go of transactions that will not be sent again. Their ids
// stay: one of them may still become valid.
func (t *txn) dropEnvelopes(ctx context.Context, seq int64) error {
	_, err := t.exec(ctx, "UPDATE operation_tx SET envelope = NULL WHERE seq = ? AND envelope IS NOT NULL", seq)
	if err != nil {
		return fmt.Errorf("letting an old transaction go: %w", err)
	}
	return nil
}

// SetStored puts an operation back to its beginning: its transaction stands in
// a block without effect.
func (s *Store) SetStored(ctx context.Context, seq int64) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, "UPDATE operation SET state = 'stored', updated = ? WHERE seq = ? AND state = 'endorsed'",
			millis(time.Now()), seq); err != nil {
			return fmt.Errorf("putting an operation back: %w", err)
		}
		return t.dropEnvelopes(ctx, seq)
	})
}

// setDone finishes an operation by a valid transaction of it. A failed one is
// corrected: the ledger is right.
func (t *txn) setDone(ctx context.Context, seq int64, tx string, block uint64) error {
	_, err := t.exec(ctx, `UPDATE operation SET state = 'done', tx = ?1, block = ?2, updated = ?3, problem = NULL,
		result = (SELECT result FROM operation_tx WHERE tx = ?1) WHERE seq = ?4 AND state <> 'done'`,
		tx, signed(block), millis(time.Now()), seq)
	if err != nil {
		return fmt.Errorf("finishing an operation: %w", err)
	}
	return t.dropEnvelopes(ctx, seq)
}

// SetFailed finishes an operation that will have no effect, and adds an event.
// It reports false, and changes nothing, when the operation is finished already.
func (s *Store) SetFailed(ctx context.Context, seq int64, p *ledger.Problem) (changed bool, err error) {
	problem, err := json.Marshal(p)
	if err != nil {
		return false, fmt.Errorf("encoding a problem: %w", err)
	}
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		var id string
		changed, err = t.get(ctx, `UPDATE operation SET state = 'failed', problem = ?, updated = ?
			WHERE seq = ? AND state IN ('stored', 'endorsed') RETURNING id`, []any{string(problem), millis(time.Now()), seq}, &id)
		if err != nil {
			return fmt.Errorf("failing an operation: %w", err)
		}
		if !changed {
			return nil
		}
		if err := t.dropEnvelopes(ctx, seq); err != nil {
			return err
		}
		return s.addLocalEvent(ctx, t, fact.EventOperationFailed, []string{"operation", id}, nil)
	})
	return changed && err == nil, err
}
