package mqtt_test

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/mqtt"
)

func TestWhatIsAcknowledgedIsKeptAndInOrder(t *testing.T) {
	t.Parallel()
	w := newWard()
	w.enter = make(chan struct{})
	d := open(t, w, mqtt.Options{}).connect("pump")
	for i := range 20 {
		d.publish(uint16(i+1), mine+"readings", fmt.Sprintf(`{"n":%d}`, i))
	}
	_ = d.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if p, err := packets.ReadPacket(d.conn); err == nil {
		t.Fatalf("%v came before anything was kept", p)
	}
	close(w.enter)
	for i := range 20 {
		d.wants(uint16(i+1), 0)
	}
	if n := len(w.records()); n != 20 {
		t.Errorf("%d kept", n)
	}
}

func TestConnackSaysWhatTheBrokerDoes(t *testing.T) {
	t.Parallel()
	h := open(t, newWard(), mqtt.Options{Receive: 10, Packet: 4096})
	d := h.dial("127.0.0.1")
	p := d.connect(&packets.Connect{ClientID: "pump"}).Properties
	if *p.MaximumQOS != 1 || *p.ReceiveMaximum != 10 || *p.MaximumPacketSize != 4096 || *p.SharedSubAvailable != 0 || p.TopicAliasMaximum != nil {
		t.Errorf("%+v", p)
	}
}

func TestWhoDoesOtherwiseIsDisconnected(t *testing.T) {
	t.Parallel()
	alias, huge := uint16(1), strings.Repeat(" ", 5000)
	for name, c := range map[string]struct {
		reason byte
		send   func(d *device)
	}{
		"QoS 2": {0x9b, func(d *device) {
			d.send(packets.PUBLISH, &packets.Publish{PacketID: 1, QoS: 2, Topic: mine + "readings", Payload: []byte("{}"), Properties: &packets.Properties{}})
		}},
		"more than it may": {0x93, func(d *device) {
			for i := range 12 {
				d.publish(uint16(i+1), mine+"readings", "{}")
			}
		}},
		"a topic alias": {0x94, func(d *device) {
			d.send(packets.PUBLISH, &packets.Publish{PacketID: 1, QoS: 1, Topic: mine + "readings", Payload: []byte("{}"), Properties: &packets.Properties{TopicAlias: &alias}})
		}},
		"a wildcard":    {0x82, func(d *device) { d.publish(1, mine+"+", "{}") }},
		"no packet id":  {0x82, func(d *device) { d.publish(0, mine+"readings", "{}") }},
		"a huge packet": {0, func(d *device) { d.publish(1, mine+"readings", huge) }},
		"no MQTT":       {0, func(d *device) { _, _ = d.conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")) }},
		"CONNECT again": {0x82, func(d *device) {
			d.send(packets.CONNECT, &packets.Connect{ProtocolName: "MQTT", ProtocolVersion: 5, Properties: &packets.Properties{}})
		}},
		"many questions": {0x97, func(d *device) {
			for i := range 40 {
				if d.subscribe(fmt.Sprintf("secant/v1/bedside/%d/state", i)) == nil {
					return
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWard()
			w.enter = make(chan struct{})
			h := open(t, w, mqtt.Options{Receive: 10, Packet: 4096})
			t.Cleanup(func() { close(w.enter) })
			d := h.connect("pump")
			d.t = t
			c.send(d)
			if name == "many questions" { // its DISCONNECT was read among the answers
				return
			}
			if reason := d.ended(); reason != c.reason && c.reason != 0 {
				t.Errorf("%#x", reason)
			}
		})
	}
}

func TestARedeliveryIsTheSameRequest(t *testing.T) {
	t.Parallel()
	w := newWard()
	h := open(t, w, mqtt.Options{})
	again := func(d *device, id uint16, body string) {
		d.send(packets.PUBLISH, &packets.Publish{PacketID: id, QoS: 1, Duplicate: true, Topic: mine + "readings", Payload: []byte(body), Properties: &packets.Properties{}})
	}
	d := h.connect("pump")
	d.publish(1, mine+"readings", `{"n":1}`)
	d.wants(1, 0)
	_ = d.conn.Close() // as if the answer had not arrived
	d = h.connect("pump")
	again(d, 1, `{"n":1}`)
	d.wants(1, 0)
	if n := len(w.records()); n != 1 {
		t.Errorf("%d kept of one that was sent twice", n)
	}
	// The same reading again, under the same identifier, is another.
	d.publish(1, mine+"readings", `{"n":1}`)
	d.wants(1, 0)
	again(d, 1, `{"n":2}`)
	d.wants(1, 0)
	other := h.connect("other")
	again(other, 1, `{"n":1}`)
	other.wants(1, 0)
	if n := len(w.records()); n != 4 {
		t.Errorf("%d kept of four", n)
	}
}

func TestNobodySpeaksForAnother(t *testing.T) {
	t.Parallel()
	w := newWard()
	h := open(t, w, mqtt.Options{})
	session := uint32(600)
	far := h.dial("127.0.0.2")
	far.connect(&packets.Connect{ClientID: "pump", Properties: &packets.Properties{SessionExpiryInterval: &session}})
	if got := far.subscribe("secant/v1/far/#", "secant/v1/bedside/#", "#", "$SYS/#", "secant/v1/+/0011/state", "$share/a/secant/v1/far/#"); !cmp.Equal(got, []byte{0, 0x87, 0x87, 0x87, 0x87, 0x87}) {
		t.Errorf("%#x", got)
	}
	// A client of the same name elsewhere is another client: nobody is thrown out, and
	// no session is taken over.
	d := h.dial("127.0.0.1")
	if ack := d.connect(&packets.Connect{ClientID: "pump"}); ack.SessionPresent {
		t.Error("a session of another source")
	}
	for _, topic := range []string{"secant/v1/far/0011/readings", "secant/v1/bedside/0099/readings", "secant/v1/bedside/0033/readings"} {
		d.publish(1, topic, "{}")
		d.wants(1, 0x87)
	}
	for _, topic := range []string{"secant/v1/bedside/0011/receipts", "secant/v1/bedside/0011", "secant/v2/bedside/0011/state", "$SYS/x", "x", "secant/v1//0011/state", mine + "readings/x"} {
		d.publish(1, topic, "{}")
		d.wants(1, 0x90)
	}
	d.publish(1, mine+"events", `{"mine":true}`)
	d.wants(1, 0)
	far.publish(1, "secant/v1/far/0011/events", `{"far":true}`)
	far.wants(1, 0)
	if p := far.hears(); string(p.Payload) != `{"far":true}` {
		t.Errorf("%s %s", p.Topic, p.Payload)
	}
}

func TestSubscribersSeeStateEventsAndReceipts(t *testing.T) {
	t.Parallel()
	w := newWard()
	h := open(t, w, mqtt.Options{})
	d := h.connect("pump")
	d.send(packets.PUBLISH, &packets.Publish{PacketID: 1, QoS: 1, Retain: true, Topic: mine + "state", Payload: []byte(`{"on":true}`), Properties: &packets.Properties{}})
	d.wants(1, 0)
	d.publish(2, mine+"readings", `{"secret":1}`)
	d.wants(2, 0)

	desk := h.connect("desk")
	if got := desk.subscribe("secant/v1/bedside/+/state", "secant/v1/bedside/#"); !cmp.Equal(got, []byte{0, 0}) {
		t.Errorf("granted %v, and news come at QoS 0", got)
	}
	d.publish(3, mine+"readings", `{"secret":2}`)
	d.wants(3, 0)
	d.publish(4, mine+"events", `{"alarm":1}`)
	d.wants(4, 0)
	heard := map[string]bool{}
	for !heard[`{"alarm":1}`] || !heard[`{"on":true}`] { // what is retained may come after what is new
		p := desk.hears()
		heard[string(p.Payload)] = true
		if p.QoS != 0 || strings.Contains(string(p.Payload), "secret") || !strings.Contains(string(p.Payload), "receipt") && len(p.Properties.User) != 1 {
			t.Errorf("%s %s %+v", p.Topic, p.Payload, p.Properties)
		}
	}
	// An empty state takes the retained one away, and is no record.
	before := len(w.records())
	d.send(packets.PUBLISH, &packets.Publish{PacketID: 5, QoS: 1, Retain: true, Topic: mine + "state", Properties: &packets.Properties{}})
	d.wants(5, 0)
	late := h.connect("late")
	late.subscribe("secant/v1/bedside/+/state")
	d.publish(6, mine+"state", `{"on":false}`)
	d.wants(6, 0)
	if p := late.hears(); string(p.Payload) != `{"on":false}` || len(w.records()) != before+1 || len(w.states) != 0 {
		t.Errorf("%s, %d records, %d states", p.Payload, len(w.records())-before, len(w.states))
	}
}

// TestAnErasedStateIsNotRetained, and nobody who comes later gets it.
func TestAnErasedStateIsNotRetained(t *testing.T) {
	t.Parallel()
	w := newWard()
	h := open(t, w, mqtt.Options{})
	d := h.connect("pump")
	states := map[string]string{"0011": `{"patient":"Mrs Moor"}`, "0012": `{"on":true}`}
	for device, body := range states {
		d.send(packets.PUBLISH, &packets.Publish{
			PacketID: 1, QoS: 1, Retain: true, Topic: "secant/v1/bedside/" + device + "/state", Payload: []byte(body), Properties: &packets.Properties{},
		})
		d.wants(1, 0)
	}
	w.mu.Lock()
	erased := w.states["bedside/0011"].Receipt
	w.mu.Unlock()
	h.broker.Forget(erased)
	desk := h.connect("desk")
	desk.subscribe("secant/v1/bedside/+/state")
	if p := desk.hears(); string(p.Payload) != states["0012"] {
		t.Errorf("%s %s", p.Topic, p.Payload)
	}
	d.publish(2, mine+"state", `{"on":false}`)
	if p := desk.hears(); string(p.Payload) != `{"on":false}` {
		t.Errorf("%s %s", p.Topic, p.Payload)
	}
}

func TestWhatPassesIsNotRefused(t *testing.T) {
	t.Parallel()
	w := newWard()
	h := open(t, w, mqtt.Options{Patience: 100 * time.Millisecond})
	w.answer(ledger.Problemf(ledger.CodeBusy, "busy"))
	d := h.connect("pump")
	d.publish(1, mine+"readings", "{}")
	d.wants(1, 0x97) // nothing was done, so that it may be said
	w.answer(ledger.Problemf(ledger.CodeGone, "erased"))
	d.publish(1, mine+"readings", "{}")
	d.wants(1, 0x83)
	w.answer(ledger.Problemf(ledger.CodeUnavailable, "who knows"))
	d.publish(2, mine+"readings", "{}")
	if reason := d.ended(); reason != 0x88 { // no PUBACK came
		t.Errorf("%#x", reason)
	}
	w.answer(nil)
	d = h.connect("pump")
	d.publish(3, mine+"readings", "{}")
	d.wants(3, 0)
}

func TestWillsBecomeEvents(t *testing.T) {
	t.Parallel()
	w := newWard()
	h := open(t, w, mqtt.Options{})
	desk := h.connect("desk")
	desk.subscribe("secant/v1/bedside/+/events", "secant/v1/bedside/+/state")
	lose := func(c *packets.Connect, goodbye *packets.Disconnect) {
		d := h.dial("127.0.0.1")
		if ack := d.connect(c); ack.ReasonCode != 0 {
			t.Fatalf("%#x %s", ack.ReasonCode, ack.Properties.ReasonString)
		}
		if goodbye != nil {
			goodbye.Properties = &packets.Properties{}
			d.send(packets.DISCONNECT, goodbye)
		}
		_ = d.conn.Close()
	}
	will := func() *packets.Connect {
		return &packets.Connect{ClientID: "pump", WillTopic: mine + "state", WillMessage: []byte(`{"on":false}`)}
	}
	// Who says goodbye leaves none.
	lose(will(), &packets.Disconnect{})
	if n := h.metric("secant_mqtt_wills_total", ""); n != 0 {
		t.Errorf("%v wills of who said goodbye", n)
	}
	lose(will(), &packets.Disconnect{ReasonCode: 0x04})
	check := func(want string) {
		t.Helper()
		p := desk.hears()
		var e mqtt.Lost
		if err := json.Unmarshal(p.Payload, &e); err != nil || p.Topic != mine+"events" || e.Event != "connection-lost" || e.Device != "0011" || e.Will+e.WillBase64 != want {
			t.Errorf("%s %s: %v", p.Topic, p.Payload, err)
		}
	}
	check(`{"on":false}`)
	if p := desk.hears(); p.Topic != mine+"state" || string(p.Payload) != `{"on":false}` {
		t.Errorf("%s %s", p.Topic, p.Payload)
	}
	// Nor is it a goodbye when a client says what went wrong with it.
	lose(will(), &packets.Disconnect{ReasonCode: 0x80})
	check(`{"on":false}`)
	if p := desk.hears(); p.Topic != mine+"state" {
		t.Errorf("%s %s", p.Topic, p.Payload)
	}
	// A will that is no message is kept in the event.
	bad := will()
	bad.WillMessage = []byte("offline \xff")
	lose(bad, nil)
	check("b2ZmbGluZSD/")
	// One that waits is called off by whoever comes back, and not forgotten otherwise.
	long := uint32(600)
	late := will()
	late.WillProperties, late.Properties = &packets.Properties{WillDelayInterval: &long}, &packets.Properties{SessionExpiryInterval: &long}
	before := h.metric("secant_mqtt_wills_total", "")
	lose(late, nil)
	back := h.dial("127.0.0.1")
	back.connect(late)
	short := uint32(1)
	late.ClientID, late.WillProperties.WillDelayInterval = "lost", &short
	lose(late, nil)
	check(`{"on":false}`)
	if n := h.metric("secant_mqtt_wills_total", "") - before; n != 1 {
		t.Errorf("%v wills", n)
	}
	// Of others' devices nobody leaves a will, nor one that is too large, nor at QoS 2.
	for name, c := range map[string]*packets.Connect{
		"another's": {WillTopic: "secant/v1/far/0011/state", WillMessage: []byte("{}")},
		"unknown":   {WillTopic: "secant/v1/bedside/0099/state", WillMessage: []byte("{}")},
		"none":      {WillTopic: "x", WillMessage: []byte("{}")},
		"large":     {WillTopic: mine + "state", WillMessage: make([]byte, 9000)},
		"QoS 2":     {WillTopic: mine + "state", WillMessage: []byte("{}"), WillQOS: 2},
	} {
		c.ClientID = "pump"
		if ack := h.dial("127.0.0.1").connect(c); ack.ReasonCode < 0x80 {
			t.Errorf("%s: %#x", name, ack.ReasonCode)
		}
	}
}

func TestTheEndAnswersWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := newWard()
	w.enter = make(chan struct{})
	h := open(t, w, mqtt.Options{})
	d := h.dial("127.0.0.1")
	d.connect(&packets.Connect{ClientID: "pump", WillTopic: mine + "state", WillMessage: []byte("{}")})
	d.publish(1, mine+"readings", "{}")
	w.enter <- struct{}{} // it is being kept
	go h.end()
	d.wants(1, 0)
	if reason := d.ended(); reason != 0x8b {
		t.Errorf("%#x", reason)
	}
	h.end()
	if n := len(w.records()); n != 1 {
		t.Errorf("%d records: a node that ends has lost nobody", n)
	}
}

func TestOlderClientsAreHeard(t *testing.T) {
	t.Parallel()
	w := newWard()
	h := open(t, w, mqtt.Options{})
	d := h.dial("127.0.0.1")
	write := func(b string) {
		if _, err := d.conn.Write([]byte(b)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(n int) string {
		b := make([]byte, n)
		_ = d.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		for i := 0; i < n; {
			k, err := d.conn.Read(b[i:])
			if err != nil {
				return string(b[:i])
			}
			i += k
		}
		return string(b)
	}
	message := func(header byte, id string, body string) string {
		rest := "\x00" + string(rune(len(mine+"readings"))) + mine + "readings" + id + body
		return string(header) + string(rune(len(rest))) + rest
	}
	write("\x10\x10\x00\x04MQTT\x04\x02\x00\x1e\x00\x04pump")
	if got := read(4); got != "\x20\x02\x00\x00" {
		t.Fatalf("%q", got)
	}
	write(message(0x32, "\x00\x07", "{}"))
	if got := read(4); got != "\x40\x02\x00\x07" {
		t.Fatalf("%q", got)
	}
	write(message(0x30, "", `{"qos":0}`))
	await(t, "a message at QoS 0", func() bool { return len(w.records()) == 2 })
	write(message(0x32, "\x00\x08", "no JSON")) // for which 3.1.1 has no answer
	if got := read(1); got != "" {
		t.Errorf("%q", got)
	}
}

// TestFloodsAreBounded: who sends more than is taken, connects too often, or does not
// read, takes nothing from the others.
func TestFloodsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWard()
	h := open(t, w, mqtt.Options{Packet: 4096, Held: 8192, Receive: 4, PerSource: 8, Write: time.Second})
	good := h.connect("good")

	slow := h.dial("127.0.0.1") // subscribes and never reads
	slow.connect(&packets.Connect{ClientID: "slow"})
	slow.subscribe("secant/v1/bedside/#")
	if tcp, ok := slow.conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(1024)
	}
	var crowd []*device
	for range 20 {
		crowd = append(crowd, h.dial("127.0.0.1"))
	}
	// For being one too many of the source or, where all come at once, of its address.
	await(t, "connections to be refused", func() bool { return h.metric("secant_mqtt_refused_connections_total", "") >= 14 })
	for _, d := range crowd {
		_ = d.conn.Close()
	}
	await(t, "the crowd to go", func() bool { return h.metric("secant_mqtt_connections", "") == 2 })

	flood := h.connect("flood")
	flooding := make(chan struct{})
	go func() { // QoS 0, as fast as it goes
		defer close(flooding)
		body := []byte(`{"x":"` + strings.Repeat("x", 3500) + `"}`)
		for range 3000 {
			p := packets.NewControlPacket(packets.PUBLISH)
			p.Content = &packets.Publish{Topic: "secant/v1/bedside/0012/events", Payload: body, Properties: &packets.Properties{}}
			if _, err := p.WriteTo(flood.conn); err != nil {
				return
			}
		}
	}()
	for i := range 50 {
		good.publish(uint16(i+1), mine+"readings", "{}")
		good.wants(uint16(i+1), 0)
	}
	<-flooding
	await(t, "news to be left out for who does not read", func() bool { return h.metric("secant_mqtt_undelivered_total", "") > 0 })
}

// FuzzConnection sends anything to the broker: what is acknowledged is kept.
func FuzzConnection(f *testing.F) {
	f.Add([]byte("\x10\x11\x00\x04MQTT\x05\x02\x00\x1e\x00\x00\x04pump\x32\x26\x00\x1f" + mine + "readings\x00\x07\x00{}"))
	f.Add([]byte("\x10\x10\x00\x04MQTT\x04\x02\x00\x1e\x00\x04pump\x82\x08\x00\x01\x00\x03a/#\x01\xe0\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		w := newWard()
		h := open(t, w, mqtt.Options{Packet: 2048, Handshake: 2 * time.Second})
		d := h.dial("127.0.0.1")
		_, _ = d.conn.Write(text)
		_ = d.conn.(*net.TCPConn).CloseWrite()
		acknowledged := 0
		_ = d.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		for {
			p, err := packets.ReadPacket(d.conn)
			if err != nil {
				break
			}
			if ack, ok := p.Content.(*packets.Puback); ok && ack.ReasonCode == 0 {
				acknowledged++
			}
		}
		h.end()
		if kept := len(w.records()); kept < acknowledged {
			t.Errorf("%d kept, %d acknowledged", kept, acknowledged)
		}
	})
}
