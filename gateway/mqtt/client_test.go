package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	mochipackets "github.com/mochi-mqtt/server/v2/packets"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/mqtt"
)

// hospital is a broker as hospitals have: it sends on what it gets.
type hospital struct {
	t       *testing.T
	address string
	server  *mochi.Server
}

// allow lets everybody do everything.
type allow struct{ mochi.HookBase }

// Provides says what allow is asked.
func (*allow) Provides(b byte) bool { return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck }

// OnConnectAuthenticate lets everybody in.
func (*allow) OnConnectAuthenticate(*mochi.Client, mochipackets.Packet) bool { return true }

// OnACLCheck lets everybody publish and subscribe.
func (*allow) OnACLCheck(*mochi.Client, string, bool) bool { return true }

func newHospital(t *testing.T) *hospital {
	t.Helper()
	h := &hospital{t: t}
	h.server = mochi.New(&mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := h.server.AddHook(&allow{}, nil); err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.address = l.Addr().String()
	if err := h.server.AddListener(listeners.NewNet("t", l)); err != nil {
		t.Fatal(err)
	}
	if err := h.server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.server.Close() })
	return h
}

func (h *hospital) publish(topic, body string) {
	h.t.Helper()
	if err := h.server.Publish(topic, []byte(body), false, 1); err != nil {
		h.t.Fatal(err)
	}
}

// subscribed waits until a client has subscribed.
func (h *hospital) subscribed() {
	h.t.Helper()
	await(h.t, "the client to subscribe", func() bool {
		c, ok := h.server.Clients.Get("node")
		return ok && !c.Closed() && c.State.Subscriptions.Len() > 0
	})
}

// unacknowledged is how many messages the broker still has for the client.
func (h *hospital) unacknowledged() int {
	c, ok := h.server.Clients.Get("node")
	if !ok {
		return 0
	}
	return c.State.Inflight.Len()
}

// cut breaks the client's connection, as if the network had gone, and waits until it
// is back: this broker itself forgets what comes while a session is taken over.
func (h *hospital) cut() {
	h.t.Helper()
	c, ok := h.server.Clients.Get("node")
	if !ok {
		h.t.Fatal("the client is not there")
	}
	c.Stop(mochipackets.ErrServerBusy)
	await(h.t, "the client to come back", func() bool {
		now, ok := h.server.Clients.Get("node")
		return ok && now != c && !now.Closed() && now.State.Subscriptions.Len() > 0
	})
}

// run runs a client until what it returns is called.
func (h *hospital) run(w *ward, edit func(*mqtt.ClientOptions)) (end func()) {
	h.t.Helper()
	metrics, err := mqtt.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		h.t.Fatal(err)
	}
	opts := mqtt.ClientOptions{
		Source: "bedside", Address: h.address, ID: "node", Metrics: metrics, Logger: slog.New(slog.DiscardHandler),
		Patience: 50 * time.Millisecond, Retry: 20 * time.Millisecond,
		Topics: []mqtt.Subscription{{Topic: "ward/+/{device}/vitals"}, {Topic: "gateway", Device: "0012"}},
	}
	if edit != nil {
		edit(&opts)
	}
	c, err := mqtt.NewClient(w, w, opts)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	})
	h.t.Cleanup(end)
	return end
}

func TestABrokersMessagesAreKeptBeforeItForgetsThem(t *testing.T) {
	t.Parallel()
	h, w := newHospital(t), newWard()
	w.enter = make(chan struct{})
	end := h.run(w, nil)
	h.subscribed()
	h.publish("ward/3/0011/vitals", `{"n":1}`)
	h.publish("gateway", `{"n":2}`)
	await(t, "the broker to wait for acknowledgements", func() bool { return h.unacknowledged() == 2 })
	time.Sleep(50 * time.Millisecond)
	if n := h.unacknowledged(); n != 2 {
		t.Fatalf("%d are unacknowledged of two that are not kept", n)
	}
	close(w.enter)
	await(t, "acknowledgements", func() bool { return h.unacknowledged() == 0 })
	// Of an unknown device, and what is no reading: acknowledged, or it would come for ever.
	h.publish("ward/3/0099/vitals", `{"n":3}`)
	h.publish("ward/3/0011/vitals", `no JSON`)
	h.publish("ward/3/0011/vitals", `{"n":4}`)
	await(t, "acknowledgements", func() bool { return h.unacknowledged() == 0 && len(w.records()) == 3 })
	end()
	// What comes while the node is away waits for it.
	h.publish("ward/3/0011/vitals", `{"n":5}`)
	h.run(w, nil)
	await(t, "what came meanwhile", func() bool { return slices.Contains(w.records(), `{"n":5}`) })
}

// TestAClientGoesOnAfterWhatPasses: the broker's connection breaks, and the node takes
// nothing for a while: every message is kept in the end, and once.
func TestAClientGoesOnAfterWhatPasses(t *testing.T) {
	t.Parallel()
	h, w := newHospital(t), newWard()
	h.run(w, nil)
	h.subscribed()
	const messages = 200
	w.answer(ledger.Problemf(ledger.CodeUnavailable, "starting"))
	for i := range messages {
		switch i {
		case 20:
			w.answer(nil)
		case 60, 120:
			h.cut()
		case 90:
			w.answer(ledger.Problemf(ledger.CodeBusy, "busy"))
		case 100:
			w.answer(nil)
		}
		h.publish("ward/3/0011/vitals", fmt.Sprintf(`{"n":%d}`, i))
		time.Sleep(time.Millisecond)
	}
	await(t, "all to be kept", func() bool { return len(w.records()) >= messages })
	await(t, "acknowledgements", func() bool { return h.unacknowledged() == 0 })
	if n := len(w.records()); n != messages {
		t.Errorf("%d kept of %d", n, messages)
	}
}

func TestABrokerIsBounded(t *testing.T) {
	t.Parallel()
	h, w := newHospital(t), newWard()
	h.run(w, func(o *mqtt.ClientOptions) { o.Packet = 2048 })
	h.subscribed()
	h.publish("ward/3/0011/vitals", `{"x":"`+strings.Repeat("x", 5000)+`"}`) // the broker keeps it to itself: it was told
	h.publish("ward/3/0011/vitals", `{"n":1}`)
	await(t, "the one that fits", func() bool { return slices.Equal(w.records(), []string{`{"n":1}`}) })

	// One that does not keep to what it was told is left.
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	liar := &hospital{t: t, address: l.Addr().String()}
	liar.run(w, func(o *mqtt.ClientOptions) { o.Packet = 2048 })
	for range 2 { // it comes back, and is left again
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Read(make([]byte, 1024)); err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte("\x20\x03\x00\x00\x00"))
		if _, err := conn.Read(make([]byte, 1024)); err != nil { // it subscribes
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte("\x32\xff\xff\x7f"))
		for b := make([]byte, 4096); err == nil; {
			_, err = conn.Read(b)
		}
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			t.Error("the client waits for a packet of two megabytes")
		}
		_ = conn.Close()
	}
}
