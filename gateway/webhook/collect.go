package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// batch is how many events are looked through at once.
const batch = 200

// collect queues the events since it last did for the webhooks that they concern.
func (d *Deliverer) collect(ctx context.Context) error {
	for {
		after, there, err := d.Store.WebhookPosition(ctx)
		if err != nil || !there {
			return err
		}
		events, err := d.Store.Events(ctx, after, batch)
		missed := ledger.CodeOf(err) == ledger.CodeGone
		if err != nil && !missed {
			return err
		}
		if len(events) == 0 && !missed {
			return nil
		}
		all, err := d.Store.Webhooks(ctx)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(w fact.Webhook) bool { return w.Face != fact.WebhookEvents || !atWork(&w) })
		var messages []fact.Queued
		to := "" // from the oldest that is kept
		if missed {
			for i := range all {
				m, err := missing(all[i].ID, d.Pace.Now())
				if err != nil {
					return err
				}
				messages = append(messages, m)
			}
		} else {
			to = events[len(events)-1].ID
			if messages, err = d.sort(ctx, events, all); err != nil {
				return err
			}
		}
		if err := d.Store.QueueMessages(ctx, after, to, messages); err != nil {
			return err
		}
		for i := range messages {
			d.wake(messages[i].Webhook)
		}
	}
}

// missing makes the message that events were not kept for a webhook.
func missing(id string, now time.Time) (fact.Queued, error) {
	return queued(id, &fact.Event{Kind: fact.EventEventsMissed, Key: []string{"webhook", id}, Subjects: []string{}, Time: now.UTC().Truncate(time.Millisecond)})
}

func queued(id string, e *fact.Event) (fact.Queued, error) {
	doc, err := json.Marshal(e)
	if err != nil {
		return fact.Queued{}, fmt.Errorf("encoding an event: %w", err)
	}
	return fact.Queued{Webhook: id, Kind: e.Kind, Doc: doc}, nil
}

// sort says which events concern which webhooks.
func (d *Deliverer) sort(ctx context.Context, events []fact.Event, all []fact.Webhook) ([]fact.Queued, error) {
	var messages []fact.Queued
	for i := range events {
		e := &events[i]
		var proven json.RawMessage
		for j := range all {
			w := &all[j]
			if slices.Contains(w.Doc.Kinds, fact.EventReadingsProven) && d.ownAnchor(e) {
				if proven == nil {
					var err error
					if proven, err = d.provenBy(ctx, e); err != nil {
						return nil, err
					}
				}
				// Even if nothing comes of it for the unit that the webhook is about.
				messages = append(messages, fact.Queued{Webhook: w.ID, Kind: fact.EventReadingsProven, Doc: proven})
			}
			if !slices.Contains(w.Doc.Kinds, e.Kind) {
				continue
			}
			concerns, err := d.concerns(ctx, &w.Doc, slices.Concat(e.Key, e.Subjects))
			if err != nil {
				return nil, err
			}
			if !concerns {
				continue
			}
			m, err := queued(w.ID, e)
			if err != nil {
				return nil, err
			}
			messages = append(messages, m)
		}
	}
	return messages, nil
}

// concerns reports whether one of the names is of the unit or the model that a webhook
// is about.
func (d *Deliverer) concerns(ctx context.Context, w *fact.WebhookDoc, names []string) (bool, error) {
	if w.Unit != "" && !slices.Contains(names, w.Unit) {
		return false, nil
	}
	if w.DI == "" || slices.Contains(names, w.DI) {
		return true, nil
	}
	for _, name := range names {
		if len(name) != len(noUnit) || name == noUnit {
			continue
		}
		row, err := d.Store.Unit(ctx, name)
		switch {
		case ledger.CodeOf(err) == ledger.CodeNotFound:
		case err != nil:
			return false, err
		case row.Record.DI == w.DI:
			return true, nil
		}
	}
	return false, nil
}

// ownAnchor reports whether an event says that a checkpoint of this node's log is on the
// ledger.
func (d *Deliverer) ownAnchor(e *fact.Event) bool {
	return e.Kind == string(ledger.EventAnchorCommitted) && len(e.Key) == 3 && slices.Contains(e.Subjects, d.Organisation)
}

// provenBy says what an anchor newly covers.
func (d *Deliverer) provenBy(ctx context.Context, e *fact.Event) (json.RawMessage, error) {
	sequence, err := strconv.ParseUint(e.Key[2], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading an anchor's sequence: %w", err)
	}
	row, err := d.Store.Anchor(ctx, e.Key[1], sequence)
	if err != nil {
		return nil, err
	}
	a := &row.Record
	p := fact.WebhookProven{Stream: a.Stream, Sequence: sequence, Size: a.Size, Tx: a.Tx, Time: a.Time}
	if sequence > 0 {
		before, err := d.Store.Anchor(ctx, a.Stream, sequence-1)
		if err != nil {
			return nil, err
		}
		p.From = before.Record.Size
	}
	doc, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding what is proven: %w", err)
	}
	return doc, nil
}
