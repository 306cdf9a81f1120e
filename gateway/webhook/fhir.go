package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/webhook"
)

// statuses are the states as FHIR says them.
var statuses = map[string]string{
	fact.WebhookRequested: fhir.StatusRequested, fact.WebhookActive: fhir.StatusActive,
	fact.WebhookDisabled: fhir.StatusError, fact.WebhookOff: fhir.StatusOff,
}

// subscription is a webhook as FHIR says it.
func subscription(w *fact.Webhook, to *target) fhir.Subscription {
	s := fhir.Subscription{
		ID: w.ID, Version: w.Version, Status: statuses[w.State], Contact: to.Contact, End: w.End, Reason: to.Said, Criteria: to.Criteria,
		Endpoint: to.URL, Payload: to.Payload, Header: to.Header, Error: w.Fault,
	}
	if w.State == fact.WebhookDisabled {
		s.Error = w.Reason
	}
	return s
}

// fill takes over what a subscription asks for.
func (d *Deliverer) fill(w *fact.Webhook, to *target, s *fhir.Subscription, q *fhir.Query) (err error) {
	if err := d.checkAddress(s.Endpoint); err != nil {
		return err
	}
	w.Resource, w.End = q.Type, s.End
	if w.Criteria, err = json.Marshal(q); err != nil {
		return fmt.Errorf("encoding a subscription's criteria: %w", err)
	}
	to.URL, to.Payload, to.Header, to.Criteria, to.Said, to.Contact = s.Endpoint, s.Payload, s.Header, s.Criteria, s.Reason, s.Contact
	return nil
}

// SubscribeResources makes a webhook of a FHIR subscription, whose criteria the query
// says, blinded. It returns the secret, which is told once. Problems: invalid and denied
// of the endpoint; conflict.
func (d *Deliverer) SubscribeResources(ctx context.Context, s *fhir.Subscription, q *fhir.Query, by, role string) (fhir.Subscription, string, error) {
	w := fact.Webhook{
		ID: newID(), Face: fact.WebhookFHIR, State: fact.WebhookRequested, Doc: fact.WebhookDoc{By: by, Role: role}, Created: d.Pace.Now(), Version: 1,
	}
	to := &target{Secret: webhook.NewSecret().Reveal()}
	if err := d.fill(&w, to, s, q); err != nil {
		return fhir.Subscription{}, "", err
	}
	if err := d.add(ctx, &w, to); err != nil {
		return fhir.Subscription{}, "", err
	}
	return subscription(&w, to), to.Secret, nil
}

// Subscription returns a FHIR subscription. Problems: not_found.
func (d *Deliverer) Subscription(ctx context.Context, id string) (fhir.Subscription, error) {
	w, err := d.Store.Webhook(ctx, id)
	if err == nil && w.Face != fact.WebhookFHIR {
		err = noSubscription()
	}
	if err != nil {
		return fhir.Subscription{}, err
	}
	return subscription(&w, d.told(&w)), nil
}

func noSubscription() error {
	return ledger.Problemf(ledger.CodeNotFound, "there is no such subscription")
}

// Subscriptions lists the FHIR subscriptions, the oldest first.
func (d *Deliverer) Subscriptions(ctx context.Context) ([]fhir.Subscription, error) {
	all, err := d.Store.Webhooks(ctx)
	if err != nil {
		return nil, err
	}
	list := []fhir.Subscription{}
	for i := range all {
		if all[i].Face != fact.WebhookFHIR {
			continue
		}
		list = append(list, subscription(&all[i], d.told(&all[i])))
	}
	return list, nil
}

// ReplaceSubscription changes a FHIR subscription: off, or requested, by which one that
// is off or in error is at work again. Match is the version that must be the current
// one; 0: any. Problems: not_found, conflict; invalid when values of headers are to be kept
// for another server; invalid and denied of the endpoint.
func (d *Deliverer) ReplaceSubscription(ctx context.Context, s *fhir.Subscription, q *fhir.Query, match int64) (fhir.Subscription, error) {
	var to *target
	w, err := d.Store.ChangeWebhook(ctx, s.ID, func(w *fact.Webhook) (_ []fact.Queued, err error) {
		if w.Face != fact.WebhookFHIR {
			return nil, noSubscription()
		}
		if match != 0 && match != w.Version {
			return nil, ledger.Problemf(ledger.CodeConflict, "the current version is another than the one that must be")
		}
		if to, err = d.seal.open(w); err != nil {
			return nil, err
		}
		changed, at := *s, target{URL: s.Endpoint}
		// Whoever may not see what a header says must not have it sent to themselves.
		if at.origin() == to.origin() {
			changed.Keep(to.Header)
		} else if changed.Hidden() {
			return nil, &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the subscription is not valid", Faults: []ledger.Fault{{
				Field: fhir.SubscriptionType + ".channel.header", Detail: "must have its values anew for another server",
			}}}
		}
		if err := d.fill(w, to, &changed, q); err != nil {
			return nil, err
		}
		w.Version++
		w.Reason = ""
		switch {
		case s.Status == fhir.StatusOff:
			w.State = fact.WebhookOff
		case !atWork(w):
			w.State = fact.WebhookRequested
			w.Failures, w.Failing, w.Next, w.Fault = 0, time.Time{}, time.Time{}, ""
		}
		w.Sealed, err = d.seal.close(w.ID, to)
		return nil, err
	})
	if err != nil {
		return fhir.Subscription{}, err
	}
	d.look()
	return subscription(&w, to), nil
}
