package oid4vci

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/secant-platform/secant/identity/jwt"
)

// CredentialResponse is the answer of the credential and of the deferred endpoint
// (sections 8.3 and 9.2).
type CredentialResponse struct {
	Credentials  []Entry `json:"credentials,omitempty"`
	Transaction  string  `json:"transaction_id,omitempty"` // deferred: status 202
	Interval     int     `json:"interval,omitempty"`       // seconds until asking again
	Notification string  `json:"notification_id,omitempty"`

	// Encrypted is the response as the wallet wants it, a JWE: it is the body, of the
	// type TypeEncrypted. Empty: the response goes as JSON.
	Encrypted string `json:"-"`
}

// Entry is one credential of a response.
type Entry struct {
	Credential any `json:"credential"` // text, or an object for ldp_vc
}

// Deferred reports whether the credentials come later: status 202, and not 200.
func (r *CredentialResponse) Deferred() bool { return r.Transaction != "" }

// deferred is an order that was not ready.
type deferred struct {
	Grant string `json:"grant"`
	Order Order  `json:"order"`
}

// Credential serves the credential endpoint (section 8). The Content-Type among the
// headers says whether the body is encrypted.
func (i *Issuer) Credential(ctx context.Context, h http.Header, body []byte) (*CredentialResponse, error) {
	a, err := i.authorized(ctx, h, i.opts.URL+PathCredential)
	if err != nil {
		return nil, err
	}
	m, encrypted, err := i.opened(h, body)
	if err != nil {
		return nil, err
	}
	to, err := i.answerTo(m, encrypted)
	if err != nil {
		return nil, err
	}
	order, err := i.order(ctx, a, m)
	if err != nil {
		return nil, err
	}
	r, err := i.fulfil(ctx, a, order)
	if err != nil {
		return nil, err
	}
	return r.sealed(to)
}

// fulfil has an order made, within what the grant gives.
func (i *Issuer) fulfil(ctx context.Context, a *access, order *Order) (*CredentialResponse, error) {
	count := max(1, len(order.Holders))
	if err := i.reserve(ctx, a.id, order.Configuration, count); err != nil {
		return nil, err
	}
	issued, err := i.make(ctx, *order)
	if pending, ok := errors.AsType[*PendingError](err); ok {
		transaction, err := i.put(ctx, kindDeferred, deferred{a.id, *order}, GrantLife)
		if err != nil {
			return nil, err
		}
		return &CredentialResponse{Transaction: transaction, Interval: seconds(pending.After)}, nil
	}
	if err != nil {
		// What was reserved is given back even when the caller has left.
		if back := i.reserve(context.WithoutCancel(ctx), a.id, order.Configuration, -count); back != nil && !errors.Is(back, errNoFlow) {
			return nil, errors.Join(err, back)
		}
		return nil, err
	}
	r := respond(issued)
	if i.opts.Notified != nil {
		r.Notification, err = i.put(ctx, kindNotification, deferred{a.id, *order}, GrantLife)
	}
	return r, err
}

// order reads a credential request (section 8.2) and checks its proofs.
func (i *Issuer) order(ctx context.Context, a *access, m jwt.Members) (*Order, error) {
	id, err := a.configuration(m)
	if err != nil {
		return nil, err
	}
	o := &Order{Configuration: id, Subject: a.Subject}
	if o.ID, err = newSecret(); err != nil {
		return nil, err
	}
	c, known := i.opts.Configurations[id]
	if !known { // it was when it was granted
		return nil, refuse(CodeUnknownConfiguration, "the credential is no longer issued")
	}
	if !c.bound() {
		if m["proofs"] != nil {
			return nil, refuse(CodeInvalidProof, "this credential is bound to no key")
		}
		return o, nil
	}
	found, err := i.holders(ctx, m["proofs"], a.Client, c.proofAlgorithms())
	for _, h := range found {
		o.Holders, o.Names = append(o.Holders, h.key), append(o.Names, h.name)
	}
	return o, err
}

// configuration returns which credential is asked for, in the way that fits the
// token (section 8.2), and only what was granted.
func (a *access) configuration(m jwt.Members) (string, error) {
	id, ok1 := m.Text("credential_configuration_id")
	identifier, ok2 := m.Text("credential_identifier")
	if !ok1 || !ok2 || (id == "") == (identifier == "") {
		return "", refuse(CodeInvalidCredentialRequest, "a request names one credential_configuration_id, or one credential_identifier")
	}
	if a.Identifiers {
		if identifier == "" || !slices.Contains(a.Configurations, identifier) {
			return "", refuse(CodeUnknownIdentifier, "a credential_identifier of the token's is needed")
		}
		return identifier, nil
	}
	if id == "" || !slices.Contains(a.Configurations, id) {
		return "", refuse(CodeUnknownConfiguration, "a credential_configuration_id that the token is for is needed")
	}
	return id, nil
}

// reserve counts credentials before they are made, so that requests at the same
// time cannot have more than one grant gives.
func (i *Issuer) reserve(ctx context.Context, grant, configuration string, count int) error {
	_, err := change(ctx, i, kindGrant, grant, func(g *granted) error {
		if g.Issued[configuration]+count > i.opts.BatchSize {
			return refuse(CodeRequestDenied, "the grant gives no more credentials of this kind")
		}
		if g.Issued == nil {
			g.Issued = map[string]int{}
		}
		g.Issued[configuration] += count
		return nil
	})
	if errors.Is(err, errNoFlow) && count > 0 {
		return i.refuseToken("the access token is over")
	}
	return err
}

// make has the credentials of an order made.
func (i *Issuer) make(ctx context.Context, o Order) ([]Issued, error) {
	issued, err := i.opts.Issue(ctx, o)
	if denied(err) {
		return nil, refuse(CodeRequestDenied, "the credential is not issued")
	}
	if err != nil {
		return nil, err
	}
	if len(issued) != max(1, len(o.Holders)) {
		return nil, fmt.Errorf("issuing: %d credentials for %d keys", len(issued), len(o.Holders))
	}
	return issued, nil
}

// respond hands credentials over.
func respond(issued []Issued) *CredentialResponse {
	r := &CredentialResponse{}
	for _, one := range issued {
		if one.Object != nil {
			r.Credentials = append(r.Credentials, Entry{one.Object})
		} else {
			r.Credentials = append(r.Credentials, Entry{one.Text})
		}
	}
	return r
}

// Deferred serves the deferred credential endpoint (section 9). Its answers carry
// no notification_id, which they may (section 9.2): wallets in use refuse those
// that have credentials and one.
func (i *Issuer) Deferred(ctx context.Context, h http.Header, body []byte) (*CredentialResponse, error) {
	a, err := i.authorized(ctx, h, i.opts.URL+PathDeferred)
	if err != nil {
		return nil, err
	}
	m, encrypted, err := i.opened(h, body)
	if err != nil {
		return nil, err
	}
	transaction, isText := m.Text("transaction_id")
	if !isText {
		return nil, refuse(CodeInvalidCredentialRequest, "the request has no transaction_id, or one that is no text")
	}
	to, err := i.answerTo(m, encrypted)
	if err != nil {
		return nil, err
	}
	over := refuse(CodeInvalidTransaction, "the transaction is unknown, over, or another's")
	var d deferred
	_, err = i.get(ctx, kindDeferred, transaction, &d)
	if errors.Is(err, errNoFlow) || err == nil && d.Grant != a.id {
		return nil, over
	}
	if err != nil {
		return nil, err
	}
	issued, err := i.make(ctx, d.Order)
	if pending, ok := errors.AsType[*PendingError](err); ok {
		return (&CredentialResponse{Transaction: transaction, Interval: seconds(pending.After)}).sealed(to)
	}
	refused, isRefused := errors.AsType[*Error](err)
	if err != nil && !isRefused {
		return nil, err
	}
	if err := i.take(ctx, kindDeferred, transaction, &d); errors.Is(err, errNoFlow) {
		return nil, over
	} else if err != nil {
		return nil, err
	}
	if isRefused {
		return nil, refused
	}
	return respond(issued).sealed(to)
}

// seconds is never zero, which would mean that nothing is deferred.
func seconds(d time.Duration) int { return max(1, int((d+time.Second-1)/time.Second)) }

// Notification serves the notification endpoint (section 11), with status 204. A
// notice may come more than once.
func (i *Issuer) Notification(ctx context.Context, h http.Header, body []byte) error {
	a, err := i.authorized(ctx, h, i.opts.URL+PathNotification)
	if err != nil {
		return err
	}
	m, ok := jwt.ParseMembers(body)
	id, ok1 := m.Text("notification_id")
	event, ok2 := m.Text("event")
	if _, ok3 := m.Text("event_description"); !ok || !ok1 || !ok2 || !ok3 || !slices.Contains([]string{EventAccepted, EventFailure, EventDeleted}, event) {
		return refuse(CodeInvalidNotificationRequest, "a notice has a notification_id and an event of the standard's")
	}
	var n deferred
	_, err = i.get(ctx, kindNotification, id, &n)
	if errors.Is(err, errNoFlow) || err == nil && (n.Grant != a.id || i.opts.Notified == nil) {
		return refuse(CodeInvalidNotification, "the notification_id is unknown, over, or another's")
	}
	if err != nil {
		return err
	}
	return i.opts.Notified(ctx, Notice{n.Order, event})
}
