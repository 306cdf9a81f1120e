package webhook

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/webhook"
)

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

// maxAddress bounds an address, in bytes.
const maxAddress = 2048

// checkAddress judges where messages are to go.
func (d *Deliverer) checkAddress(address string) error {
	if len(address) > maxAddress {
		return ledger.Problemf(ledger.CodeInvalid, "the address has more than %d bytes", maxAddress)
	}
	return d.Sender.Check(address)
}

// SubscribeEvents makes a webhook for events. It returns the secret, which is told once.
// Problems: invalid and denied of the address; conflict.
func (d *Deliverer) SubscribeEvents(ctx context.Context, address string, doc fact.WebhookDoc) (fact.WebhookView, string, error) {
	if err := d.checkAddress(address); err != nil {
		return fact.WebhookView{}, "", err
	}
	w := fact.Webhook{ID: newID(), Face: fact.WebhookEvents, State: fact.WebhookRequested, Doc: doc, Created: d.Pace.Now(), Version: 1}
	to := &target{URL: address, Secret: webhook.NewSecret().Reveal()}
	if err := d.add(ctx, &w, to); err != nil {
		return fact.WebhookView{}, "", err
	}
	return d.view(&w, to), to.Secret, nil
}

func (d *Deliverer) add(ctx context.Context, w *fact.Webhook, to *target) (err error) {
	w.Created = w.Created.UTC().Truncate(time.Millisecond)
	if w.Sealed, err = d.seal.close(w.ID, to); err != nil {
		return err
	}
	if err := d.Store.AddWebhook(ctx, w); err != nil {
		return err
	}
	d.look()
	return nil
}

func (d *Deliverer) view(w *fact.Webhook, to *target) fact.WebhookView {
	v := fact.WebhookView{Webhook: *w, Origin: to.origin()}
	if to.Before != "" && d.Pace.Now().Before(to.Until) {
		v.Until = to.Until
	}
	return v
}

// Show returns a webhook. Problems: not_found.
func (d *Deliverer) Show(ctx context.Context, id string) (fact.WebhookView, error) {
	w, err := d.Store.Webhook(ctx, id)
	if err != nil {
		return fact.WebhookView{}, err
	}
	return d.view(&w, d.told(&w)), nil
}

// told is what is told of where a webhook leads: nothing where that cannot be opened. Its
// state says so, and it can be deleted.
func (d *Deliverer) told(w *fact.Webhook) *target {
	to, err := d.seal.open(w)
	if err != nil {
		return &target{}
	}
	return to
}

// List returns all webhooks, the oldest first.
func (d *Deliverer) List(ctx context.Context) ([]fact.WebhookView, error) {
	all, err := d.Store.Webhooks(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]fact.WebhookView, len(all))
	for i := range all {
		views[i] = d.view(&all[i], d.told(&all[i]))
	}
	return views, nil
}

// Delete forgets a webhook, with what waits for it. Problems: not_found.
func (d *Deliverer) Delete(ctx context.Context, id string) error {
	if err := d.Store.DeleteWebhook(ctx, id); err != nil {
		return err
	}
	d.wake(id)
	return nil
}

// Enable has a webhook that is disabled or off be at work again, and one that waits for
// its next try be tried now. What waited comes first; then it is told that events since
// were missed. Problems: not_found; conflict when its time is over.
func (d *Deliverer) Enable(ctx context.Context, id string) (fact.WebhookView, error) {
	w, err := d.Store.ChangeWebhook(ctx, id, func(w *fact.Webhook) (messages []fact.Queued, err error) {
		if !w.End.IsZero() && !d.Pace.Now().Before(w.End) {
			return nil, ledger.Problemf(ledger.CodeConflict, "the time of the subscription is over")
		}
		if !atWork(w) && w.Face == fact.WebhookEvents {
			m, err := missing(w.ID, d.Pace.Now())
			if err != nil {
				return nil, err
			}
			messages = append(messages, m)
		}
		if !atWork(w) {
			w.State = fact.WebhookRequested
		}
		w.Reason, w.Fault = "", ""
		w.Failures, w.Failing, w.Next = 0, time.Time{}, time.Time{}
		return messages, nil
	})
	if err != nil {
		return fact.WebhookView{}, err
	}
	d.look()
	to, err := d.seal.open(&w)
	if err != nil {
		return fact.WebhookView{}, err
	}
	return d.view(&w, to), nil
}

// Rotate gives a webhook a new secret, which is told once. The one before it signs too,
// as long as overlap says. Problems: not_found.
func (d *Deliverer) Rotate(ctx context.Context, id string, overlap time.Duration) (secret string, until time.Time, err error) {
	secret = webhook.NewSecret().Reveal()
	until = d.Pace.Now().Add(overlap).UTC().Truncate(time.Millisecond)
	_, err = d.Store.ChangeWebhook(ctx, id, func(w *fact.Webhook) ([]fact.Queued, error) {
		to, err := d.seal.open(w)
		if err != nil {
			return nil, err
		}
		to.Secret, to.Before, to.Until = secret, to.Secret, until
		if overlap <= 0 {
			to.Before, to.Until = "", time.Time{}
		}
		w.Sealed, err = d.seal.close(w.ID, to)
		return nil, err
	})
	return secret, until, err
}

// Test sends a webhook a message at once, whatever waits and whether it is at work, and
// says what came of it. Problems: not_found.
func (d *Deliverer) Test(ctx context.Context, id string) (fact.WebhookTest, error) {
	w, err := d.Store.Webhook(ctx, id)
	if err != nil {
		return fact.WebhookTest{}, err
	}
	to, err := d.seal.open(&w)
	if err != nil {
		return fact.WebhookTest{}, err
	}
	now := d.Pace.Now().UTC().Truncate(time.Millisecond)
	p := &packet{id: "msg_" + w.ID + "_test_" + newID(), method: http.MethodPost, url: to.URL, header: http.Header{}}
	if w.Face == fact.WebhookEvents {
		if err := p.say(fact.EventWebhookTest, now, &fact.Event{Kind: fact.EventWebhookTest, Key: []string{"webhook", w.ID}, Subjects: []string{}, Time: now}); err != nil {
			return fact.WebhookTest{}, err
		}
	} else {
		setHeader(p.header, to.Header)
	}
	got, err := d.send(ctx, to, p)
	test := fact.WebhookTest{Message: p.id, Status: got.Status, Taken: err == nil && got.Status/100 == http.StatusOK/100}
	if !test.Taken {
		test.Fault = faultOf(got, err)
	}
	return test, nil
}

// PublicKey is the key under which messages are signed besides their secret.
func (d *Deliverer) PublicKey() string {
	return webhook.PublicKey(d.Key.Public().(ed25519.PublicKey)) //nolint:errcheck,forcetypeassert // what the standard library promises
}
