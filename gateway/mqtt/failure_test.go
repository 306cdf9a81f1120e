package mqtt_test

import (
	"sync/atomic"
	"testing"

	"github.com/eclipse/paho.golang/packets"

	"github.com/secant-platform/secant/gateway/mqtt"
)

const messages, ended = "secant_mqtt_messages_total", "secant_mqtt_ended_connections_total"

// TestAFaultEndsOneMessage: at what the program fails at, one message is refused or one
// connection ends; the others go on, and so does the process.
func TestAFaultEndsOneMessage(t *testing.T) {
	t.Parallel()
	w := newWard()
	h := open(t, w, mqtt.Options{})
	other, d := h.connect("other"), h.connect("pump")
	for i, at := range []string{"find", "submit"} {
		w.fault(at)
		d.publish(uint16(2*i+1), mine+"readings", `{"a":1}`)
		d.wants(uint16(2*i+1), 0x80)
		w.fault("")
		d.publish(uint16(2*i+2), mine+"readings", `{"a":2}`)
		d.wants(uint16(2*i+2), 0)
	}
	if n := h.metric(messages, "failure"); n != 2 {
		t.Errorf("%v messages failed", n)
	}

	// Taken, and then the program fails: the connection ends without an answer.
	w.fault("put")
	d.send(packets.PUBLISH, &packets.Publish{
		PacketID: 9, QoS: 1, Retain: true, Topic: mine + "state", Payload: []byte(`{"on":true}`), Properties: &packets.Properties{},
	})
	d.ended()
	if n := h.metric(ended, "failure"); n != 1 {
		t.Errorf("%v connections failed", n)
	}
	w.fault("")
	other.publish(1, mine+"readings", `{"a":3}`)
	other.wants(1, 0)
}

// TestAFaultAtAWillEndsTheWill: neither a will that is left nor one that is published ends
// more than itself.
func TestAFaultAtAWillEndsTheWill(t *testing.T) {
	t.Parallel()
	w := newWard()
	h := open(t, w, mqtt.Options{})
	leave := func() *device {
		t.Helper()
		d := h.dial("127.0.0.1")
		delay, session := uint32(1), uint32(60)
		d.connect(&packets.Connect{
			ClientID: "lost", WillTopic: mine + "events", WillMessage: []byte(`{"lost":true}`),
			WillProperties: &packets.Properties{WillDelayInterval: &delay}, Properties: &packets.Properties{SessionExpiryInterval: &session},
		})
		return d
	}
	d := leave()
	w.fault("submit")
	_ = d.conn.Close()
	await(t, "the will to fail", func() bool { return h.metric(messages, "failure") == 1 })
	w.fault("")
	other := h.connect("other")
	other.publish(1, mine+"readings", `{"a":1}`)
	other.wants(1, 0)
}

// TestAFaultAtABrokersMessage: it is acknowledged, since it would come for ever, and the
// next one is taken.
func TestAFaultAtABrokersMessage(t *testing.T) {
	t.Parallel()
	h, w := newHospital(t), newWard()
	defer h.run(w, nil)()
	h.subscribed()
	w.fault("submit")
	h.publish("ward/3/0011/vitals", `{"poison":true}`)
	await(t, "it to be acknowledged", func() bool { return atomic.LoadInt64(&h.server.Info.MessagesSent) > 0 && h.unacknowledged() == 0 })
	w.fault("")
	h.publish("ward/3/0011/vitals", `{"a":1}`)
	await(t, "the next one", func() bool { return len(w.records()) == 1 })
}
