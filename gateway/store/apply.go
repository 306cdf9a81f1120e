package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// ErrOtherLedger says that the blocks that are offered belong to another ledger
// than those that the store holds: the network was made anew, or the store was
// moved. Nothing in the store may be believed then.
var ErrOtherLedger = errors.New("the ledger is not the one that this store was filled from; " +
	"give the node an empty data directory, or the network that the store belongs to")

// checkpoint is how far the projection has come.
type checkpoint struct {
	next      int64
	newest    int64  // ms
	hash      []byte // of the last block
	events    int64
	lostBlock int64
	lostIdx   int64
}

const noTime = math.MinInt64

func (t *txn) checkpoint(ctx context.Context) (*checkpoint, error) {
	c := checkpoint{newest: noTime, lostBlock: -1, lostIdx: -1}
	_, err := t.get(ctx, "SELECT next, newest, hash, events, lost_block, lost_idx FROM checkpoint", nil,
		&c.next, &c.newest, &c.hash, &c.events, &c.lostBlock, &c.lostIdx)
	if err != nil {
		return nil, fmt.Errorf("reading the checkpoint: %w", err)
	}
	return &c, nil
}

func (t *txn) setCheckpoint(ctx context.Context, c *checkpoint) error {
	_, err := t.exec(ctx, `INSERT INTO checkpoint (id, next, newest, hash, events, lost_block, lost_idx) VALUES (1, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET next = excluded.next, newest = excluded.newest, hash = excluded.hash,
			events = excluded.events, lost_block = excluded.lost_block, lost_idx = excluded.lost_idx`,
		c.next, c.newest, c.hash, c.events, c.lostBlock, c.lostIdx)
	if err != nil {
		return fmt.Errorf("writing the checkpoint: %w", err)
	}
	return nil
}

// NextBlock returns the number of the block that Apply wants next.
func (s *Store) NextBlock(ctx context.Context) (uint64, error) {
	var next uint64
	err := s.reading.QueryRowContext(ctx, "SELECT coalesce(max(next), 0) FROM checkpoint").Scan(&next)
	if err != nil {
		return 0, fmt.Errorf("reading the checkpoint: %w", err)
	}
	return next, nil
}

// Apply carries one block over into the projection: records, events, the
// checkpoint and the outcome of own operations, all in one transaction. It
// returns what the block decided about own operations. After a power cut, but
// not after the end of the process, NextBlock may want the newest blocks again.
//
// Blocks must come in order. One that was applied before changes nothing, and
// if it is the newest one it must be the same block. The next one must name the
// newest as the one before it. Otherwise the ledger is another (ErrOtherLedger).
// One that skips a number is refused.
func (s *Store) Apply(ctx context.Context, b *ledger.Block) ([]fact.Decision, error) {
	if b.Number >= math.MaxInt64 {
		return nil, fmt.Errorf("applying block %d: no such number", b.Number)
	}
	number := signed(b.Number)
	var decisions []fact.Decision
	err := s.derive(ctx, func(ctx context.Context, t *txn) error {
		decisions = nil
		c, err := t.checkpoint(ctx)
		if err != nil {
			return err
		}
		switch {
		case number == c.next-1 && !bytes.Equal(b.Hash, c.hash), number == c.next && !bytes.Equal(b.Previous, c.hash):
			return ErrOtherLedger
		case number < c.next:
			return nil
		case number > c.next:
			return fmt.Errorf("it does not follow block %d", c.next-1)
		}
		decisions, err = s.apply(ctx, t, c, b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("applying block %d: %w", b.Number, err)
	}
	return decisions, nil
}

func (s *Store) apply(ctx context.Context, t *txn, c *checkpoint, b *ledger.Block) ([]fact.Decision, error) {
	var decisions []fact.Decision
	newest := c.newest // of earlier blocks: late is judged against these only
	for i := range b.Txs {
		tx := &b.Txs[i]
		if d, err := s.decide(ctx, t, b.Number, tx); err != nil {
			return nil, err
		} else if d != nil {
			decisions = append(decisions, *d)
		}
		if !tx.Valid || len(tx.Writes) == 0 { // nobody vouches for the time of one that only reads
			continue
		}
		at := &place{
			block: signed(b.Number), idx: int64(i), tx: tx.ID, org: tx.Creator,
			time: millis(tx.Time), late: late(tx.Time, c.newest),
		}
		newest = max(newest, at.time)
		for j := range tx.Writes {
			if err := project(ctx, t, &tx.Writes[j], at); err != nil {
				return nil, err
			}
			if err := s.want(ctx, t, &tx.Writes[j]); err != nil {
				return nil, err
			}
			if err := s.reviewAfter(ctx, t, &tx.Writes[j]); err != nil {
				return nil, err
			}
			if err := t.intelligenceAfter(ctx, &tx.Writes[j]); err != nil {
				return nil, err
			}
		}
		if tx.Event != nil {
			if err := t.addEvent(ctx, tx.Event, at); err != nil {
				return nil, err
			}
			c.events++
		}
	}
	c.next, c.newest, c.hash = signed(b.Number)+1, newest, b.Hash
	if err := t.pruneEvents(ctx, c, int64(s.options.KeepEvents)); err != nil {
		return nil, err
	}
	return decisions, t.setCheckpoint(ctx, c)
}

// late is 1 when the newest vouched time of earlier blocks is more than
// ledger.LateAfter after the claimed one.
func late(claimed time.Time, newest int64) int64 {
	if newest != noTime && fromMillis(newest).Sub(fromMillis(millis(claimed))) > ledger.LateAfter {
		return 1
	}
	return 0
}

// decide notes the outcome of an own operation's transaction. Anyone who orders
// may put a copy of a transaction into a later block, where it is invalid: one
// that was valid once stays so, and the copy decides nothing.
func (s *Store) decide(ctx context.Context, t *txn, block uint64, tx *ledger.Tx) (*fact.Decision, error) {
	if s.options.Organisation == "" || tx.Creator != s.options.Organisation {
		return nil, nil
	}
	d := fact.Decision{Tx: tx.ID, Valid: tx.Valid}
	var done bool
	found, err := t.get(ctx, `SELECT x.seq, x.result, o.state = 'done' AND o.tx = x.tx
		FROM operation_tx x JOIN operation o ON o.seq = x.seq WHERE x.tx = ?`, []any{tx.ID}, &d.Seq, &d.Result, &done)
	if err != nil {
		return nil, fmt.Errorf("looking up an operation: %w", err)
	}
	if !found || done && !tx.Valid {
		return nil, nil
	}
	if tx.Valid {
		if err := t.setDone(ctx, d.Seq, tx.ID, block); err != nil {
			return nil, err
		}
	}
	return &d, nil
}

// signed is a block's number as SQLite keeps it. Apply refuses what does not fit.
func signed(n uint64) int64 {
	return int64(n) //nolint:gosec // within int64, see Apply
}

// number and text write a value so that no two sequences of values look alike.
func number(h hash.Hash, n uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	h.Write(b[:])
}

func text(h hash.Hash, b []byte) {
	number(h, uint64(len(b)))
	h.Write(b)
}
