package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// position is a place in the stream of events: behind the ledger's event of
// (block, idx) and behind the node's own event seq. The ledger's part means the
// same in every node's store, whenever and however often it was replayed.
type position struct{ block, idx, seq int64 }

func (p position) String() string { return fmt.Sprintf("%d.%d.%d", p.block, p.idx, p.seq) }

func parsePosition(s string) (position, error) {
	parts := strings.Split(s, ".")
	var n [3]int64
	ok := len(parts) == len(n)
	for i := 0; ok && i < len(n); i++ {
		var err error
		n[i], err = strconv.ParseInt(parts[i], 10, 64)
		ok = err == nil && n[i] >= -1
	}
	if !ok {
		return position{}, ledger.Problemf(ledger.CodeInvalid, "the event id is not one of this node's")
	}
	return position{n[0], n[1], n[2]}, nil
}

// addEvent keeps a transaction's event.
func (t *txn) addEvent(ctx context.Context, e *ledger.Event, at *place) error {
	key, subjects, err := encodeEvent(e.Key, e.Subjects)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, "INSERT INTO event (block, idx, kind, key, subjects, tx, time, late) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		at.block, at.idx, string(e.Kind), key, subjects, at.tx, at.time, at.late)
	if err != nil {
		return fmt.Errorf("keeping an event: %w", err)
	}
	return nil
}

func encodeEvent(key, subjects []string) (k, s string, err error) {
	kb, err := json.Marshal(slices.Concat([]string{}, key))
	if err != nil {
		return "", "", fmt.Errorf("encoding an event's key: %w", err)
	}
	sb, err := json.Marshal(slices.Concat([]string{}, subjects))
	if err != nil {
		return "", "", fmt.Errorf("encoding an event's subjects: %w", err)
	}
	return string(kb), string(sb), nil
}

// pruneEvents lets the oldest events of the ledger go, and notes how far. What
// remains depends on the blocks alone.
func (t *txn) pruneEvents(ctx context.Context, c *checkpoint, keep int64) error {
	excess := c.events - keep
	if excess <= 0 {
		return nil
	}
	_, err := t.get(ctx, "SELECT block, idx FROM event ORDER BY block, idx LIMIT 1 OFFSET ?", []any{excess - 1}, &c.lostBlock, &c.lostIdx)
	if err != nil {
		return fmt.Errorf("finding old events: %w", err)
	}
	gone, err := t.exec(ctx, "DELETE FROM event WHERE (block, idx) <= (?, ?)", c.lostBlock, c.lostIdx)
	if err != nil {
		return fmt.Errorf("letting old events go: %w", err)
	}
	c.events -= gone
	return nil
}

// AddEvent adds an event that only this node sees.
func (s *Store) AddEvent(ctx context.Context, kind string, key, subjects []string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		return s.addLocalEvent(ctx, t, kind, key, subjects)
	})
}

func (s *Store) addLocalEvent(ctx context.Context, t *txn, kind string, key, subjects []string) error {
	k, sub, err := encodeEvent(key, subjects)
	if err != nil {
		return err
	}
	c, err := t.checkpoint(ctx)
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, "INSERT INTO local_event (block, kind, key, subjects, time) VALUES (?, ?, ?, ?, ?)",
		c.next-1, kind, k, sub, millis(time.Now())); err != nil {
		return fmt.Errorf("keeping an event: %w", err)
	}
	_, err = t.exec(ctx, "DELETE FROM local_event WHERE seq <= (SELECT max(seq) FROM local_event) - ?", s.options.KeepEvents)
	if err != nil {
		return fmt.Errorf("letting old events go: %w", err)
	}
	return nil
}

// LastEvent returns the id that resumes the stream behind its newest event.
func (s *Store) LastEvent(ctx context.Context) (string, error) {
	p := position{block: -1, idx: -1}
	err := s.reading.QueryRowContext(ctx, `SELECT coalesce((SELECT next - 1 FROM checkpoint), -1), ?,
		coalesce((SELECT max(seq) FROM local_event), 0)`, int64(math.MaxInt32)).Scan(&p.block, &p.idx, &p.seq)
	if err != nil {
		return "", fmt.Errorf("reading the last event: %w", err)
	}
	return p.String(), nil
}

// Events returns up to limit events behind the one whose id is after, or from
// the oldest that is kept when after is empty; none when there is nothing new.
// It fails with a gone problem when events behind after are no longer kept, and
// with an invalid one for an id that no store gave out.
func (s *Store) Events(ctx context.Context, after string, limit int) ([]fact.Event, error) {
	tx, err := s.reading.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	defer func() { _ = tx.Rollback() }()   // only reads
	oldest := position{block: -1, idx: -1} // behind which all is kept
	err = tx.QueryRowContext(ctx, `SELECT coalesce((SELECT lost_block FROM checkpoint), -1), coalesce((SELECT lost_idx FROM checkpoint), -1),
		coalesce((SELECT min(seq) - 1 FROM local_event), 0)`).Scan(&oldest.block, &oldest.idx, &oldest.seq)
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	from := oldest
	if after != "" {
		if from, err = parsePosition(after); err != nil {
			return nil, err
		}
		if from.block < oldest.block || from.block == oldest.block && from.idx < oldest.idx || from.seq < oldest.seq {
			return nil, ledger.Problemf(ledger.CodeGone, "events since that one are no longer kept; read the lists anew")
		}
	}
	onLedger, err := scanEvents(ctx, tx, `SELECT block, idx, 0, kind, key, subjects, tx, time, late FROM event
		WHERE (block, idx) > (?, ?) ORDER BY block, idx LIMIT ?`, from.block, from.idx, limit)
	if err != nil {
		return nil, err
	}
	local, err := scanEvents(ctx, tx, `SELECT block, ?, seq, kind, key, subjects, '', time, 0 FROM local_event
		WHERE seq > ? ORDER BY seq LIMIT ?`, int64(math.MaxInt32), from.seq, limit)
	if err != nil {
		return nil, err
	}
	return merge(from, onLedger, local, limit), nil
}

// placed is an event with its place: a local one stands behind all of its block.
type placed struct {
	position
	fact.Event
}

func scanEvents(ctx context.Context, q querier, query string, args ...any) ([]placed, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	defer rows.Close()
	var events []placed
	for rows.Next() {
		var e placed
		var key, subjects []byte
		var ms int64
		if err := rows.Scan(&e.block, &e.idx, &e.seq, &e.Kind, &key, &subjects, &e.Tx, &ms, &e.Late); err != nil {
			return nil, fmt.Errorf("reading an event: %w", err)
		}
		if err := json.Unmarshal(key, &e.Key); err != nil {
			return nil, fmt.Errorf("reading an event's key: %w", err)
		}
		if err := json.Unmarshal(subjects, &e.Subjects); err != nil {
			return nil, fmt.Errorf("reading an event's subjects: %w", err)
		}
		if e.Subjects == nil { // "null" stands for none
			e.Subjects = []string{}
		}
		e.Block, e.Time = uint64(max(e.block, 0)), fromMillis(ms)
		events = append(events, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	return events, nil
}

// merge brings the two streams together. Each event's id tells how far both
// have come.
func merge(at position, onLedger, local []placed, limit int) []fact.Event {
	all := slices.Concat(onLedger, local)
	slices.SortStableFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.block, b.block), cmp.Compare(a.idx, b.idx), cmp.Compare(a.seq, b.seq))
	})
	all = all[:min(len(all), limit)]
	events := make([]fact.Event, len(all))
	for i, e := range all {
		if e.seq > 0 {
			at.seq = e.seq
		} else {
			at.block, at.idx = e.block, e.idx
		}
		events[i] = e.Event
		events[i].ID = at.String()
	}
	return events
}
