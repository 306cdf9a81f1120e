package mqtt

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// link is one client's connection. Messages are made durable beside each other, as
// many as the client was told that it may have under way, and answered in the order
// in which they came (4.6).
type link struct {
	net.Conn
	broker *Broker
	source string
	ctx    context.Context //nolint:containedctx // the server's callbacks bring none
	ending <-chan struct{} // closed when the node ends

	client   *mochi.Client // from CONNECT on
	self     *mochi.Client // publishes what the node has to say about the client's messages
	fleeting bool          // no session is kept for it
	clean    bool          // it said that it goes
	will     *will

	retainsWill bool                   // as CONNECT said
	asked       []packets.Subscription // by the SUBSCRIBE that is looked at, what wants retained messages

	queue   chan *pending
	working sync.WaitGroup

	mu       sync.Mutex
	up       bool          // CONNACK was sent
	draining bool          // nothing more is taken
	under    int           // messages without an outcome
	unacked  int           // of them at QoS 1, not answered
	idle     chan struct{} // closed when draining and nothing is under way
}

// pending is a message that waits for its outcome and for its turn.
type pending struct {
	published
	id      uint16
	qos     byte
	retain  bool
	done    chan struct{}
	verdict verdict
}

func newLink(ctx context.Context, b *Broker, conn net.Conn, source string) *link {
	l := &link{
		Conn: conn, broker: b, source: source, ctx: context.WithoutCancel(ctx), ending: ctx.Done(),
		queue: make(chan *pending, b.opts.Receive), idle: make(chan struct{}),
	}
	l.working.Go(l.answer)
	return l
}

// SetDeadline is the server's: how long a packet may take to come. What is sent has
// a time of its own.
func (l *link) SetDeadline(t time.Time) error {
	return l.Conn.SetReadDeadline(t) //nolint:wrapcheck // part of net.Conn
}

// Write gives up on a client that does not read.
func (l *link) Write(b []byte) (int, error) {
	if err := l.Conn.SetWriteDeadline(time.Now().Add(l.broker.opts.Write)); err != nil {
		return 0, err //nolint:wrapcheck // part of net.Conn
	}
	return l.Conn.Write(b) //nolint:wrapcheck // part of net.Conn
}

func (l *link) established() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = true
}

// end waits for what is under way when the connection has ended.
func (l *link) end() {
	close(l.queue)
	l.working.Wait()
}

// drain ends the connection once all that was taken is answered.
func (l *link) drain() {
	l.mu.Lock()
	l.draining = true
	up := l.up
	if l.under == 0 {
		close(l.idle)
	}
	l.mu.Unlock()
	if up {
		<-l.idle
		l.broker.disconnect(l.client, packets.ErrServerShuttingDown)
	}
	_ = l.Conn.Close()
}

// enter counts a message that is taken from now on.
func (l *link) enter(qos byte) (ok, tooMany bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.draining:
		return false, false
	case qos == 1 && l.unacked >= l.broker.opts.Receive && l.client.Properties.ProtocolVersion == 5:
		return false, true
	}
	l.under++
	l.unacked += int(qos)
	return true, false
}

// turn counts a message that is answered now: who has read the answer may send the
// next one.
func (l *link) turn(qos byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unacked -= int(qos)
}

func (l *link) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.under--; l.under == 0 && l.draining {
		close(l.idle)
	}
}

// take takes a message off the connection. It waits while too much is held for all
// clients, so that the connection waits.
func (l *link) take(pk *packets.Packet) {
	p := &pending{
		published: publishedOf(pk), id: pk.PacketID, qos: pk.FixedHeader.Qos, retain: pk.FixedHeader.Retain,
		done: make(chan struct{}),
	}
	ok, tooMany := l.enter(p.qos)
	if tooMany { // 4.9
		l.broker.metrics.end("receive")
		l.broker.disconnect(l.client, packets.ErrReceiveMaximum)
	}
	if !ok {
		return
	}
	if err := l.broker.held.Acquire(l.ctx, p.size()); err != nil {
		l.leave() // never: the context does not end
		return
	}
	l.queue <- p
	again := pk.FixedHeader.Dup
	l.working.Go(func() {
		defer close(p.done)
		defer telemetry.Rescue(l.ctx, l.broker.opts.Logger, "mqtt message", func() { p.verdict = failed() }, slog.String(telemetry.KeySource, l.source))
		p.verdict = l.judge(p, pk.TopicName, again)
	})
}

func publishedOf(pk *packets.Packet) published {
	t, _ := parseTopic(pk.TopicName)
	p := published{topic: t, contentType: pk.Properties.ContentType, body: pk.Payload}
	for _, u := range pk.Properties.User {
		p.user = append(p.user, property{u.Key, u.Val})
	}
	return p
}

// judge makes a message durable, or finds out why not.
func (l *link) judge(p *pending, name string, again bool) verdict {
	if r := l.own(p.topic); r != nil {
		return verdict{refusal: r}
	}
	if p.retain && p.topic.kind == kindState && len(p.body) == 0 {
		return verdict{} // 3.3.1.3: it is no message, and takes the retained one away
	}
	return l.broker.take(l.ctx, &p.published, func() []byte {
		if p.qos == 0 {
			return newName() // never sent again
		}
		digest := sha256.Sum256(slices.Concat([]byte(name+"\x00"), p.body))
		return slices.Concat([]byte(l.client.ID+"\x00mqtt\x00"), l.broker.recent.name(l.client.ID, p.id, again, digest))
	})
}

// own refuses what is not published to a topic of the client's own.
func (l *link) own(t topic) *refusal {
	switch {
	case t.kind == "":
		return &refusal{codeTopicName, outcomeTopic, "must be " + prefix + "{source}/{device}/readings, state or events"}
	case t.source != l.source:
		return &refusal{codeNotAuthorised, outcomeAuthority, "the topic is another source's"}
	}
	return nil
}

// answer answers messages in their order, until there are no more.
func (l *link) answer() {
	for p := range l.queue {
		<-p.done
		l.settle(p)
	}
}

// settle does what follows from a message's outcome, and lets it go. Where the node fails
// at it, the connection ends.
func (l *link) settle(p *pending) {
	defer l.leave()
	defer l.broker.held.Release(p.size())
	defer telemetry.Rescue(l.ctx, l.broker.opts.Logger, "mqtt answer", func() {
		l.broker.metrics.message(outcomeFailure)
		l.broker.metrics.end("failure")
		_ = l.Conn.Close()
	}, slog.String(telemetry.KeySource, l.source))
	l.finish(p)
}

// finish does what follows from a message's outcome.
func (l *link) finish(p *pending) {
	if p.verdict.refusal == nil && p.verdict.err == nil {
		p.verdict.err = l.tell(p.topic, &p.published, p.verdict.receipt, p.retain)
	}
	b, v5 := l.broker, l.client.Properties.ProtocolVersion == 5
	l.turn(p.qos)
	r := p.verdict.refusal
	switch {
	case p.verdict.err != nil:
		b.metrics.message(outcomeUnanswered)
		if b.quiet.May() > 0 {
			b.opts.Logger.WarnContext(l.ctx, "mqtt message not taken, and not refused: its sender is to repeat it",
				slog.String(telemetry.KeySource, l.source), slog.Any(telemetry.KeyError, p.verdict.err))
		}
		b.disconnect(l.client, packets.ErrServerUnavailable)
	case r == nil:
		b.metrics.message(outcomeAccepted)
		l.acknowledge(p, codeSuccess, packets.Properties{User: receiptProperty(p.verdict.receipt)})
	default:
		b.metrics.message(r.outcome)
		if p.qos == 1 && !v5 { // 3.1.1 has no word for no
			b.disconnect(l.client, packets.ErrNotAuthorized)
			return
		}
		l.acknowledge(p, r.code, packets.Properties{ReasonString: r.detail})
	}
}

// acknowledge writes a PUBACK.
func (l *link) acknowledge(p *pending, code byte, properties packets.Properties) {
	if p.qos == 0 {
		return
	}
	l.broker.recent.answered(l.client.ID, p.id)
	_ = l.client.WritePacket(packets.Packet{ // who does not read it asks again
		FixedHeader: packets.FixedHeader{Type: packets.Puback}, PacketID: p.id, ReasonCode: code, Properties: properties,
	})
}

// tell tells subscribers of a message that was taken.
func (l *link) tell(t topic, p *published, receipt proof.RequestID, retain bool) error {
	b := l.broker
	retain = retain && t.kind == kindState
	if t.kind == kindReadings {
		l.tellReceipt(t, receipt)
		return nil
	}
	if retain {
		b.stating.Lock()
		defer b.stating.Unlock()
		kept := &receipt
		if len(p.body) == 0 {
			kept = nil
		}
		if err := b.states.Put(l.ctx, t.source, t.device, kept); err != nil {
			return err //nolint:wrapcheck // a problem is passed on as it is
		}
	}
	b.publish(l.self, t, newsOf(receipt, p.contentType, p.body, retain))
	if len(p.body) > 0 {
		l.tellReceipt(t, receipt)
	}
	return nil
}

// tellReceipt tells the receipt of a message, where it has one: an edge box gives none.
func (l *link) tellReceipt(t topic, receipt proof.RequestID) {
	if receipt != (proof.RequestID{}) {
		l.broker.publish(l.self, t.beside(kindReceipts), receiptNews(receipt))
	}
}

// newsOf is what subscribers get of a message.
func newsOf(receipt proof.RequestID, contentType string, body []byte, retain bool) packets.Packet {
	return packets.Packet{
		FixedHeader: packets.FixedHeader{Retain: retain}, Payload: body,
		Properties: packets.Properties{ContentType: contentType, User: receiptProperty(receipt)},
	}
}

// receiptNews is the receipt of the last message, for those who do not get it in
// their PUBACK.
func receiptNews(receipt proof.RequestID) packets.Packet {
	return newsOf(receipt, mediaJSON, []byte(`{"receipt":"`+receipt.String()+`"}`), true)
}

func receiptProperty(receipt proof.RequestID) []packets.UserProperty {
	if receipt == (proof.RequestID{}) {
		return nil
	}
	return []packets.UserProperty{{Key: propertyReceipt, Val: receipt.String()}}
}

// passes reports whether an error is of those that pass.
func passes(err error) bool {
	code := ledger.CodeOf(err)
	return code == ledger.CodeBusy || code == ledger.CodeUnavailable
}
