package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxWebhooks bounds the webhooks of a node, each of which may hold a connection.
const MaxWebhooks = 100

const webhookColumns = "id, face, state, reason, doc, sealed, created, ends, version, resource, criteria, delivered, count, waiting, failures, failing, next, fault"

func scanWebhook(from scanner) (w fact.Webhook, err error) {
	var doc []byte
	var created, ends, delivered, failing, next int64
	if err := from.Scan(&w.ID, &w.Face, &w.State, &w.Reason, &doc, &w.Sealed, &created, &ends, &w.Version, &w.Resource, &w.Criteria,
		&delivered, &w.Count, &w.Waiting, &w.Failures, &failing, &next, &w.Fault); err != nil {
		return w, err
	}
	w.Created = fromMillis(created)
	w.End, w.Delivered, w.Failing, w.Next = orNone(ends), orNone(delivered), orNone(failing), orNone(next)
	if err := json.Unmarshal(doc, &w.Doc); err != nil {
		return w, fmt.Errorf("reading what a webhook says: %w", err)
	}
	return w, nil
}

// orZero is how a time that may be none stands in the database.
func orZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}

func orNone(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return fromMillis(ms)
}

// AddWebhook keeps a webhook. What happens from now on concerns it. It fails with a
// conflict problem when there are MaxWebhooks.
func (s *Store) AddWebhook(ctx context.Context, w *fact.Webhook) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var n int
		if _, err := t.get(ctx, "SELECT count(*) FROM webhook", nil, &n); err != nil {
			return fmt.Errorf("counting webhooks: %w", err)
		}
		if n >= MaxWebhooks {
			return ledger.Problemf(ledger.CodeConflict, "there are as many webhooks as there may be: %d", MaxWebhooks)
		}
		doc, err := json.Marshal(w.Doc)
		if err != nil {
			return fmt.Errorf("encoding a webhook: %w", err)
		}
		if _, err := t.exec(ctx, "INSERT INTO webhook (id, face, state, reason, doc, sealed, created, ends, version, resource, criteria) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			w.ID, w.Face, w.State, w.Reason, doc, w.Sealed, millis(w.Created), orZero(w.End), w.Version, w.Resource, w.Criteria); err != nil {
			return fmt.Errorf("keeping a webhook: %w", err)
		}
		return t.lookFromNow(ctx)
	})
}

// lookFromNow has events looked through from now on, unless they are already.
func (t *txn) lookFromNow(ctx context.Context) error {
	c, err := t.checkpoint(ctx)
	if err != nil {
		return err
	}
	p := position{block: c.next - 1, idx: lastOfBlock}
	if _, err := t.get(ctx, "SELECT coalesce(max(seq), 0) FROM local_event", nil, &p.seq); err != nil {
		return fmt.Errorf("reading the last event: %w", err)
	}
	if _, err := t.exec(ctx, "INSERT INTO webhook_position (one, after) VALUES (1, ?) ON CONFLICT DO NOTHING", p.String()); err != nil {
		return fmt.Errorf("noting from where events are looked through: %w", err)
	}
	return nil
}

// Webhook returns a webhook. Problems: not_found.
func (s *Store) Webhook(ctx context.Context, id string) (fact.Webhook, error) {
	w, err := scanWebhook(s.reading.QueryRowContext(ctx, "SELECT "+webhookColumns+" FROM webhook WHERE id = ?", id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return w, notFound("the webhook")
	case err != nil:
		return w, fmt.Errorf("reading a webhook: %w", err)
	}
	return w, nil
}

// Webhooks lists all webhooks, the oldest first.
func (s *Store) Webhooks(ctx context.Context) ([]fact.Webhook, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT "+webhookColumns+" FROM webhook ORDER BY created, id")
	if err != nil {
		return nil, fmt.Errorf("reading webhooks: %w", err)
	}
	defer rows.Close()
	all := []fact.Webhook{}
	for rows.Next() {
		w, err := scanWebhook(rows)
		if err != nil {
			return nil, fmt.Errorf("reading a webhook: %w", err)
		}
		all = append(all, w)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading webhooks: %w", err)
	}
	return all, nil
}

// ChangeWebhook changes a webhook, and queues what change returns for it. Problems:
// not_found, and what change returns.
func (s *Store) ChangeWebhook(ctx context.Context, id string, change func(*fact.Webhook) ([]fact.Queued, error)) (w fact.Webhook, err error) {
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		one, err := t.stmt(ctx, "SELECT "+webhookColumns+" FROM webhook WHERE id = ?")
		if err != nil {
			return err
		}
		w, err = scanWebhook(one.QueryRowContext(ctx, id))
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("the webhook")
		}
		if err != nil {
			return fmt.Errorf("reading a webhook: %w", err)
		}
		before := w.State
		messages, err := change(&w)
		if err != nil {
			return err
		}
		if err := t.putWebhook(ctx, &w); err != nil {
			return err
		}
		for i := range messages {
			if _, err := s.queue(ctx, t, &messages[i]); err != nil {
				return err
			}
		}
		if w.State == fact.WebhookDisabled && before != w.State {
			return s.addLocalEvent(ctx, t, fact.EventWebhookDisabled, []string{"webhook", id}, nil)
		}
		return nil
	})
	if err == nil {
		s.tellQueued([]string{id})
	}
	return w, err
}

func (t *txn) putWebhook(ctx context.Context, w *fact.Webhook) error {
	doc, err := json.Marshal(w.Doc)
	if err != nil {
		return fmt.Errorf("encoding a webhook: %w", err)
	}
	if _, err := t.exec(ctx, `UPDATE webhook SET state = ?, reason = ?, doc = ?, sealed = ?, ends = ?, version = ?, resource = ?, criteria = ?,
		failures = ?, failing = ?, next = ?, fault = ? WHERE id = ?`,
		w.State, w.Reason, doc, w.Sealed, orZero(w.End), w.Version, w.Resource, w.Criteria,
		w.Failures, orZero(w.Failing), orZero(w.Next), w.Fault, w.ID); err != nil {
		return fmt.Errorf("keeping a webhook: %w", err)
	}
	return nil
}

// DeleteWebhook forgets a webhook with all that waits for it. Problems: not_found.
func (s *Store) DeleteWebhook(ctx context.Context, id string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		n, err := t.exec(ctx, "DELETE FROM webhook WHERE id = ?", id)
		if err != nil {
			return fmt.Errorf("forgetting a webhook: %w", err)
		}
		if n == 0 {
			return notFound("the webhook")
		}
		if _, err := t.exec(ctx, "DELETE FROM webhook_message WHERE webhook = ?", id); err != nil {
			return fmt.Errorf("forgetting what waits for a webhook: %w", err)
		}
		if _, err := t.exec(ctx, "DELETE FROM webhook_position WHERE NOT EXISTS (SELECT 1 FROM webhook)"); err != nil {
			return fmt.Errorf("forgetting from where events are looked through: %w", err)
		}
		return nil
	})
}
