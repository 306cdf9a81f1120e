package mqtt

import (
	"errors"
	"strings"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// hook is where mochi's server asks the broker.
type hook struct {
	mochi.HookBase
	broker *Broker
}

// ID names the hook.
func (*hook) ID() string { return "secant" }

// Provides lists what is asked.
func (*hook) Provides(b byte) bool {
	switch b {
	case mochi.OnConnect, mochi.OnConnectAuthenticate, mochi.OnSessionEstablished, mochi.OnACLCheck, mochi.OnPacketRead, mochi.OnPacketEncode,
		mochi.OnSubscribe, mochi.OnPacketProcessed, mochi.OnPublish, mochi.OnPublishDropped, mochi.OnDisconnect, mochi.OnClientExpired:
		return true
	}
	return false
}

// linkOf is the connection of a client; nil: it is the node itself, or one whose
// session waits for it.
func linkOf(cl *mochi.Client) *link {
	l, _ := cl.Net.Conn.(*link)
	return l
}

var errRefused = errors.New("the connection was refused")

// OnConnect judges a CONNECT that is well-formed.
func (h *hook) OnConnect(cl *mochi.Client, pk packets.Packet) error {
	b, l := h.broker, linkOf(cl)
	if len(cl.ID) > maxClientID {
		return h.refuse(cl, packets.ErrClientIdentifierNotValid)
	}
	// Of two sources nobody takes over the other's session.
	cl.ID = l.source + "/" + cl.ID
	if pk.Connect.WillFlag {
		if r := l.readWill(&pk); r != nil {
			b.metrics.message(r.outcome)
			return h.refuse(cl, packets.Code{Code: r.code, Reason: r.detail})
		}
		cl.Properties.Will = mochi.Will{} // published by the broker, not by its server
	}
	longest := uint16(min(b.opts.Idle*2/3/time.Second, 65535)) //nolint:gosec // bounded
	if k := pk.Connect.Keepalive; k == 0 || k > longest {
		cl.State.Keepalive, cl.State.ServerKeepalive = longest, true
	}
	if _, known := b.server.Clients.Get(cl.ID); !known && b.server.Clients.Len() >= perConnection*b.opts.Connections {
		cl.Properties.Props.SessionExpiryInterval, cl.Properties.Clean, l.fleeting = 0, true, true
	}
	l.client = cl
	l.self = b.server.NewClient(nil, nodeClient, cl.ID, true)
	return nil
}

// refuse answers a CONNECT with a reason.
func (h *hook) refuse(cl *mochi.Client, code packets.Code) error {
	h.broker.metrics.end("refused")
	_ = h.broker.server.SendConnack(cl, code, false, nil)
	return errRefused
}

// OnConnectAuthenticate lets in whoever came through the door.
func (*hook) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

// OnSessionEstablished calls off the will that waits for the client, which is back
// (3.1.3.2.2).
func (h *hook) OnSessionEstablished(cl *mochi.Client, _ packets.Packet) {
	h.broker.back(cl.ID)
	if l := linkOf(cl); l != nil {
		l.established()
	}
}

// OnACLCheck is asked what may be subscribed to and delivered. Who may publish is
// decided where an answer can be given.
func (*hook) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	l := linkOf(cl)
	return write || l != nil && maySubscribe(l.source, topic)
}

// OnPacketRead sees what a client sends before it is looked at.
func (h *hook) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	l := linkOf(cl)
	switch pk.FixedHeader.Type {
	case packets.Connect: // the server would refuse it, which does not retain by itself
		l.retainsWill, pk.Connect.WillRetain = pk.Connect.WillRetain, false
	case packets.Disconnect:
		l.clean = pk.ReasonCode == codeSuccess // with any other the will is published (3.1.2.5)
	case packets.Publish:
		if pk.FixedHeader.Qos > 1 { // 3.2.2.3.4: CONNACK said so
			h.broker.metrics.end("qos")
			h.broker.disconnect(cl, packets.ErrQosNotSupported)
			return pk, packets.ErrRejectPacket
		}
		if strings.HasPrefix(pk.TopicName, "$") { // the server would never answer it
			pk.TopicName = "refused"
		}
	}
	return pk, nil
}

// OnPacketEncode says in CONNACK what the server does not say by itself.
func (h *hook) OnPacketEncode(cl *mochi.Client, pk packets.Packet) packets.Packet {
	if pk.FixedHeader.Type != packets.Connack || pk.ReasonCode != codeSuccess {
		return pk
	}
	p := &pk.Properties
	p.MaximumPacketSize = uint32(h.broker.opts.Packet) //nolint:gosec // bounded by Options
	p.SharedSubAvailable, p.SharedSubAvailableFlag = 0, true
	if l := linkOf(cl); l.fleeting {
		p.SessionExpiryInterval, p.SessionExpiryIntervalFlag = 0, true
	}
	return pk
}

// OnSubscribe grants QoS 0: what comes is news about the record, which has all.
func (h *hook) OnSubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	if cl.State.Subscriptions.Len()+len(pk.Filters) > maxSubscriptions {
		h.broker.metrics.end("subscriptions")
		h.broker.disconnect(cl, packets.ErrQuotaExceeded)
		pk.Filters = nil
	}
	l := linkOf(cl)
	l.asked = l.asked[:0]
	for i := range pk.Filters {
		f := &pk.Filters[i]
		f.Qos = 0
		_, known := cl.State.Subscriptions.Get(f.Filter)
		if maySubscribe(l.source, f.Filter) && (f.RetainHandling == 0 || f.RetainHandling == 1 && !known) { // 3.8.3.1
			l.asked = append(l.asked, *f)
		}
	}
	return pk
}

// OnPacketProcessed sends what is retained to who has just subscribed.
func (h *hook) OnPacketProcessed(cl *mochi.Client, pk packets.Packet, err error) {
	if l := linkOf(cl); l != nil && pk.FixedHeader.Type == packets.Subscribe && err == nil {
		for _, f := range l.asked {
			h.broker.retained.send(cl, f)
		}
	}
}

// OnPublish takes a message. The server is told to do nothing about it.
func (h *hook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	l := linkOf(cl)
	if l == nil { // what the node itself publishes
		return pk, nil
	}
	l.take(&pk)
	return pk, packets.ErrRejectPacket
}

// OnPublishDropped counts what a subscriber did not take.
func (h *hook) OnPublishDropped(*mochi.Client, packets.Packet) { h.broker.metrics.missed.Inc() }

// OnDisconnect publishes the will of a client that did not say that it goes.
func (h *hook) OnDisconnect(cl *mochi.Client, _ error, _ bool) {
	if l := linkOf(cl); l != nil {
		l.gone()
	}
}

// OnClientExpired forgets what an ended session was subscribed to, which the server
// does not.
func (h *hook) OnClientExpired(cl *mochi.Client) { h.broker.server.UnsubscribeClient(cl) }
