package mqtt

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// will is what a client wants to be published when it is lost.
type will struct {
	published
	unit   proof.Hash
	retain bool
	delay  time.Duration
}

// Lost is the event that a node records of a device that was lost: its connection
// ended and it had not said that it goes.
type Lost struct {
	Event       string    `json:"event"` // "connection-lost"
	Source      string    `json:"source"`
	Device      string    `json:"device"` // as its source calls it
	Time        time.Time `json:"time"`   // when the connection ended, by the node's clock
	Topic       string    `json:"topic"`  // of the last will
	ContentType string    `json:"contentType,omitempty"`
	Will        string    `json:"will,omitempty"`       // its payload, where that is UTF-8
	WillBase64  string    `json:"willBase64,omitempty"` // its payload otherwise
}

// maxWill is how many bytes a will has: written out in the event that holds it, it
// must fit into a record.
const maxWill = 8 << 10

// readWill judges a will when it is left: nobody could be told later.
func (l *link) readWill(pk *packets.Packet) *refusal {
	c := &pk.Connect
	t, _ := parseTopic(c.WillTopic)
	if r := l.own(t); r != nil {
		return r
	}
	if len(c.WillPayload) > maxWill {
		return &refusal{codeQuota, outcomeQuota, fmt.Sprintf("a will has at most %d bytes", maxWill)}
	}
	w := &will{published: published{topic: t, contentType: c.WillProperties.ContentType, body: c.WillPayload}, retain: l.retainsWill}
	for _, u := range c.WillProperties.User {
		w.user = append(w.user, property{u.Key, u.Val})
	}
	m, r, err := l.broker.message(l.ctx, &w.published)
	switch {
	case r != nil:
		return r
	case err != nil:
		return &refusal{codeUnavailable, outcomeUnanswered, "the device cannot be looked up now"}
	}
	w.unit = m.Unit
	// 3.1.2.5: a will does not wait longer than its session.
	w.delay = time.Duration(min(c.WillProperties.WillDelayInterval, pk.Properties.SessionExpiryInterval, uint32(sessionLife/time.Second))) * time.Second
	l.will = w
	return nil
}

// gone publishes the will of a client that is lost, when it has waited.
func (l *link) gone() {
	l.mu.Lock()
	w, ending := l.will, l.draining
	l.will = nil
	l.mu.Unlock()
	if w == nil || l.clean || ending { // 3.14.4; a node that ends has lost nobody
		return
	}
	at := time.Now()
	if wait := l.broker.wait(l, w.delay); wait != nil {
		l.broker.later.Go(func() {
			if wait() {
				l.publish(w, at)
			}
		})
		return
	}
	l.publish(w, at)
}

// wait begins to wait for a client that may come back; nil: there is nothing to
// wait for, or no room for one more that waits. What it returns waits, and reports
// whether the client did not come back.
func (b *Broker) wait(l *link, delay time.Duration) func() (lost bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := l.client.ID
	if delay == 0 || len(b.waiting) >= perConnection*b.opts.Connections || b.waiting[id] != nil {
		return nil
	}
	if now, ok := b.server.Clients.Get(id); ok && now != l.client { // back already
		return func() bool { return false }
	}
	ctx, back := context.WithCancel(l.ctx)
	b.waiting[id] = back
	timer := time.NewTimer(delay)
	return func() bool {
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return false
		case <-l.ending: // sooner than lost
		case <-timer.C:
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if ctx.Err() != nil {
			return false
		}
		delete(b.waiting, id)
		back()
		return true
	}
}

// back calls off the wait for a client.
func (b *Broker) back(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if back := b.waiting[id]; back != nil {
		back()
		delete(b.waiting, id)
	}
}

// publish records that a device was lost, and publishes its will.
func (l *link) publish(w *will, at time.Time) {
	defer telemetry.Rescue(l.ctx, l.broker.opts.Logger, "mqtt will",
		func() { l.broker.metrics.message(outcomeFailure) }, slog.String(telemetry.KeySource, l.source))
	l.broker.metrics.wills.Inc()
	receipt, err := l.record(w, at)
	if err != nil {
		l.broker.metrics.message(outcomeUnanswered)
		l.broker.opts.Logger.ErrorContext(l.ctx, "device lost, and no record of it", slog.String(telemetry.KeySource, l.source), slog.Any(telemetry.KeyError, err))
		return
	}
	if l.broker.quiet.May() > 0 {
		l.broker.opts.Logger.WarnContext(l.ctx, "device lost", slog.String(telemetry.KeySource, l.source), slog.String(telemetry.KeyReceipt, receipt.String()))
	}
	// The will itself, where it is a message that is taken; the event holds any.
	v := l.broker.take(l.ctx, &w.published, newName)
	if v.refusal == nil && v.err == nil {
		v.err = l.tell(w.topic, &w.published, v.receipt, w.retain)
	}
	switch {
	case v.err != nil:
		l.broker.metrics.message(outcomeUnanswered)
	case v.refusal != nil:
		l.broker.metrics.message(v.refusal.outcome)
	default:
		l.broker.metrics.message(outcomeAccepted)
	}
}

// record makes the event durable, and tells subscribers.
func (l *link) record(w *will, at time.Time) (id proof.RequestID, err error) {
	e := Lost{
		Event: "connection-lost", Source: l.source, Device: w.topic.device, Time: at.UTC().Truncate(time.Millisecond),
		Topic: w.topic.String(), ContentType: w.contentType,
	}
	if utf8.Valid(w.body) {
		e.Will = string(w.body)
	} else {
		e.WillBase64 = base64.StdEncoding.EncodeToString(w.body)
	}
	body, err := json.Marshal(e)
	if err != nil {
		return id, fmt.Errorf("writing an event: %w", err)
	}
	if id, err = l.broker.submit(l.ctx, Message{Unit: w.unit, Once: newName(), MediaType: mediaJSON, Body: body}); err != nil {
		return id, err
	}
	l.broker.publish(l.self, w.topic.beside(kindEvents), newsOf(id, mediaJSON, body, false))
	return id, nil
}
