package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/fhir"
)

// MaxWaiting bounds the messages that wait for one webhook. One more disables it:
// what waits stays.
const MaxWaiting = 10_000

// lastOfBlock is a place behind all events of a block.
const lastOfBlock = math.MaxInt32

// queued is for which webhooks messages were queued since somebody asked.
type queued struct {
	call chan struct{} // holds one call
	mu   sync.Mutex
	ids  map[string]bool
}

func newQueued() queued { return queued{call: make(chan struct{}, 1), ids: map[string]bool{}} }

// Queued calls when messages were queued beside QueueMessages.
func (s *Store) Queued() <-chan struct{} { return s.queued.call }

// TakeQueued lists for which webhooks, since it was last asked.
func (s *Store) TakeQueued() []string {
	s.queued.mu.Lock()
	defer s.queued.mu.Unlock()
	ids := slices.Collect(maps.Keys(s.queued.ids))
	clear(s.queued.ids)
	return ids
}

func (s *Store) tellQueued(ids []string) {
	if len(ids) == 0 {
		return
	}
	s.queued.mu.Lock()
	for _, id := range ids {
		s.queued.ids[id] = true
	}
	s.queued.mu.Unlock()
	select {
	case s.queued.call <- struct{}{}:
	default: // called already
	}
}

// queue has a message wait for a webhook that is at work. It reports whether it does.
func (s *Store) queue(ctx context.Context, t *txn, m *fact.Queued) (bool, error) {
	var waiting int64
	there, err := t.get(ctx, "SELECT waiting FROM webhook WHERE id = ? AND state IN ('requested', 'active')", []any{m.Webhook}, &waiting)
	if err != nil {
		return false, fmt.Errorf("reading how much waits for a webhook: %w", err)
	}
	if !there {
		return false, nil
	}
	if waiting >= MaxWaiting {
		if _, err := t.exec(ctx, "UPDATE webhook SET state = ?, reason = ? WHERE id = ?", fact.WebhookDisabled,
			fmt.Sprintf("more than %d messages wait", MaxWaiting), m.Webhook); err != nil {
			return false, fmt.Errorf("disabling a webhook: %w", err)
		}
		return false, s.addLocalEvent(ctx, t, fact.EventWebhookDisabled, []string{"webhook", m.Webhook}, nil)
	}
	if _, err := t.exec(ctx, "INSERT INTO webhook_message (webhook, kind, doc) VALUES (?, ?, ?)", m.Webhook, m.Kind, []byte(m.Doc)); err != nil {
		return false, fmt.Errorf("queueing a message: %w", err)
	}
	if _, err := t.exec(ctx, "UPDATE webhook SET waiting = waiting + 1 WHERE id = ?", m.Webhook); err != nil {
		return false, fmt.Errorf("counting what waits: %w", err)
	}
	return true, nil
}

// WebhookPosition returns the id of the event behind which nothing was looked through
// yet; false: there is no webhook.
func (s *Store) WebhookPosition(ctx context.Context) (after string, there bool, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT after FROM webhook_position").Scan(&after)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("reading from where events are looked through: %w", err)
	}
	return after, true, nil
}

// QueueMessages queues what was found between two places of the stream, and notes how
// far that is: both or neither. It does nothing when another has come further.
func (s *Store) QueueMessages(ctx context.Context, from, to string, messages []fact.Queued) error {
	return s.derive(ctx, func(ctx context.Context, t *txn) error {
		n, err := t.exec(ctx, "UPDATE webhook_position SET after = ? WHERE after = ?", to, from)
		if err != nil {
			return fmt.Errorf("noting from where events are looked through: %w", err)
		}
		if n == 0 {
			return nil
		}
		for i := range messages {
			if _, err := s.queue(ctx, t, &messages[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// NextMessage returns the first message that waits for a webhook; nil: none does.
func (s *Store) NextMessage(ctx context.Context, webhook string) (*fact.WebhookMessage, error) {
	var m fact.WebhookMessage
	var doc []byte
	err := s.reading.QueryRowContext(ctx, "SELECT seq, kind, doc, sent FROM webhook_message WHERE webhook = ? ORDER BY seq LIMIT 1", webhook).
		Scan(&m.Seq, &m.Kind, &doc, &m.Sent)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // none, and no error
	}
	if err != nil {
		return nil, fmt.Errorf("reading what waits for a webhook: %w", err)
	}
	m.Doc = doc
	return &m, nil
}

// MessageTaken notes that a message was delivered as far as sent says, or wholly.
func (s *Store) MessageTaken(ctx context.Context, webhook string, seq int64, sent uint64, whole bool, now time.Time) error {
	return s.derive(ctx, func(ctx context.Context, t *txn) error {
		if err := t.advance(ctx, webhook, seq, sent, whole); err != nil {
			return err
		}
		if _, err := t.exec(ctx, "UPDATE webhook SET delivered = ?, count = count + 1, failures = 0, failing = 0, next = 0, fault = '' WHERE id = ?",
			millis(now), webhook); err != nil {
			return fmt.Errorf("noting a delivery: %w", err)
		}
		return nil
	})
}

// MessagePassed goes over a message, or a part of it, of which there is nothing to
// deliver.
func (s *Store) MessagePassed(ctx context.Context, webhook string, seq int64, sent uint64, whole bool) error {
	return s.derive(ctx, func(ctx context.Context, t *txn) error { return t.advance(ctx, webhook, seq, sent, whole) })
}

func (t *txn) advance(ctx context.Context, webhook string, seq int64, sent uint64, whole bool) error {
	if !whole {
		if _, err := t.exec(ctx, "UPDATE webhook_message SET sent = ? WHERE seq = ?", sent, seq); err != nil {
			return fmt.Errorf("noting how far a message was delivered: %w", err)
		}
		return nil
	}
	n, err := t.exec(ctx, "DELETE FROM webhook_message WHERE seq = ? AND webhook = ?", seq, webhook)
	if err != nil {
		return fmt.Errorf("noting a delivery: %w", err)
	}
	if _, err := t.exec(ctx, "UPDATE webhook SET waiting = waiting - ? WHERE id = ?", n, webhook); err != nil {
		return fmt.Errorf("counting what waits: %w", err)
	}
	return nil
}

// MessageFailed notes a try that failed, and when the next is due.
func (s *Store) MessageFailed(ctx context.Context, webhook string, p *fact.WebhookProgress) error {
	return s.derive(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, "UPDATE webhook SET failures = ?, failing = ?, next = ?, fault = ? WHERE id = ?",
			p.Failures, orZero(p.Failing), orZero(p.Next), p.Fault, webhook); err != nil {
			return fmt.Errorf("noting a failure: %w", err)
		}
		return nil
	})
}

// notify queues a message for each webhook whose criteria a written version fits, in
// the transaction that writes it.
func (s *Store) notify(ctx context.Context, t *txn, v *fhir.Version, w *fhir.Write) (told []string, err error) {
	ids, err := t.fitting(ctx, v, w)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	doc, err := json.Marshal(fact.WebhookResource{Type: v.Type, ID: v.ID, Number: v.Number})
	if err != nil {
		return nil, fmt.Errorf("encoding a message: %w", err)
	}
	for _, id := range ids {
		queued, err := s.queue(ctx, t, &fact.Queued{Webhook: id, Kind: fact.MessageResource, Doc: doc})
		if err != nil {
			return nil, err
		}
		if queued {
			told = append(told, id)
		}
	}
	return told, nil
}

func (t *txn) fitting(ctx context.Context, v *fhir.Version, w *fhir.Write) (ids []string, err error) {
	all, err := t.stmt(ctx, "SELECT id, criteria FROM webhook WHERE resource = ? AND state IN ('requested', 'active') ORDER BY created, id")
	if err != nil {
		return nil, err
	}
	rows, err := all.QueryContext(ctx, v.Type)
	if err != nil {
		return nil, fmt.Errorf("reading which webhooks a resource concerns: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var criteria []byte
		if err := rows.Scan(&id, &criteria); err != nil {
			return nil, fmt.Errorf("reading which webhooks a resource concerns: %w", err)
		}
		var q fhir.Query
		if err := json.Unmarshal(criteria, &q); err != nil {
			return nil, fmt.Errorf("reading a webhook's criteria: %w", err)
		}
		if q.Fits(v, w.Keys, w.Spans) {
			ids = append(ids, id)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading which webhooks a resource concerns: %w", err)
	}
	return ids, nil
}
