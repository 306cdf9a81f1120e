package mqtt_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/mqtt"
	"github.com/secant-platform/secant/gateway/source"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, crashChild(dir))
		os.Exit(1)
	}
	log.RouteMessages(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

// ward keeps what it gets, each message once, as a node does.
type ward struct {
	mu     sync.Mutex
	kept   map[string][]byte
	order  []string
	states map[string]mqtt.State
	fail   error         // nil, or how it answers
	faulty string        // where the program has a fault
	enter  chan struct{} // nil, or waits before it keeps
}

var unit = proof.Hash{7}

// breaks panics where the program is to have a fault.
func (w *ward) breaks(at string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.faulty == at {
		panic("a fault of the program")
	}
}

func (w *ward) fault(at string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faulty = at
}

// Find knows devices 0011 and 0012 at the source bedside, and 0011 at far.
func (w *ward) Find(_ context.Context, source, name string, signed bool) (proof.Hash, ed25519.PublicKey, error) {
	w.breaks("find")
	switch {
	case name == "0033" || signed:
		return proof.Hash{}, nil, ledger.Problemf(ledger.CodeDenied, "not in service")
	case source == "bedside" && (name == "0011" || name == "0012") || source == "far" && name == "0011":
		return unit, nil, nil
	}
	return proof.Hash{}, nil, ledger.Problemf(ledger.CodeNotFound, "unknown")
}

// Submit keeps a message that is JSON.
func (w *ward) Submit(_ context.Context, m mqtt.Message) (proof.RequestID, error) {
	if w.enter != nil {
		<-w.enter
	}
	w.breaks("submit")
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.fail != nil:
		return proof.RequestID{}, w.fail
	case !strings.HasPrefix(string(m.Body), "{") || m.MediaType != "application/json":
		return proof.RequestID{}, ledger.Problemf(ledger.CodeInvalid, "not JSON")
	}
	if _, again := w.kept[string(m.Once)]; !again {
		w.kept[string(m.Once)] = bytes.Clone(m.Body)
		w.order = append(w.order, string(m.Body))
	}
	digest := sha256.Sum256(m.Once)
	return proof.RequestID(digest[:16]), nil
}

// Put remembers a state.
func (w *ward) Put(_ context.Context, source, device string, receipt *proof.RequestID) error {
	w.breaks("put")
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.states, source+"/"+device)
	if receipt != nil {
		w.states[source+"/"+device] = mqtt.State{Source: source, Device: device, Receipt: *receipt}
	}
	return nil
}

// List lists states.
func (w *ward) List(_ context.Context, source string) (list []mqtt.State, err error) {
	w.breaks("list")
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.states {
		if s.Source == source {
			list = append(list, s)
		}
	}
	return list, nil
}

func (w *ward) answer(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = err
}

func (w *ward) records() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.order)
}

// await waits until something is so.
func await(tb testing.TB, what string, reached func() bool) {
	tb.Helper()
	for end := time.Now().Add(20 * time.Second); !reached(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("still waiting for %s", what)
		}
	}
}

// house is a broker that runs.
type house struct {
	t       testing.TB
	broker  *mqtt.Broker
	address string
	metrics *mqtt.Metrics
	reg     *prometheus.Registry
	end     func()
}

func newWard() *ward { return &ward{kept: map[string][]byte{}, states: map[string]mqtt.State{}} }

// open opens a broker for the source bedside, on 127.0.0.1, and far, on 127.0.0.2.
func open(tb testing.TB, w *ward, opts mqtt.Options) *house {
	tb.Helper()
	h := &house{t: tb, reg: prometheus.NewRegistry()}
	var err error
	if h.metrics, err = mqtt.NewMetrics(h.reg); err != nil {
		tb.Fatal(err)
	}
	opts.Metrics, opts.Logger = h.metrics, slog.New(slog.DiscardHandler)
	opts.Sources = []source.Source{
		{Name: "bedside", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}},
		{Name: "far", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}},
	}
	b, err := mqtt.NewBroker(w, w, w, opts)
	if err != nil {
		tb.Fatal(err)
	}
	h.broker = b
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	h.address = l.Addr().String()
	ctx, cancel := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, l) }()
	h.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(h.end)
	return h
}

// metric sums a counter, or those of its children that have a label's value.
func (h *house) metric(name, value string) float64 {
	h.t.Helper()
	families, err := h.reg.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (value == "" || len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == value) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// device is a connection of which a test writes each packet itself.
type device struct {
	t    testing.TB
	conn net.Conn
	news []*packets.Publish // what came while something else was waited for
}

func (h *house) dial(from string) *device {
	h.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.DialContext(h.t.Context(), "tcp", h.address)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	return &device{t: h.t, conn: conn}
}

// connect connects a device of the source bedside.
func (h *house) connect(id string) *device {
	h.t.Helper()
	d := h.dial("127.0.0.1")
	d.connect(&packets.Connect{ClientID: id})
	return d
}

// connect sends a CONNECT and returns the answer.
func (d *device) connect(c *packets.Connect) *packets.Connack {
	d.t.Helper()
	c.ProtocolName, c.ProtocolVersion, c.KeepAlive = "MQTT", 5, 60
	if c.Properties == nil {
		c.Properties = &packets.Properties{}
	}
	if c.WillTopic != "" {
		c.WillFlag = true
		if c.WillProperties == nil {
			c.WillProperties = &packets.Properties{}
		}
	}
	d.send(packets.CONNECT, c)
	ack, ok := d.next().(*packets.Connack)
	if !ok {
		d.t.Fatal("no CONNACK")
	}
	return ack
}

func (d *device) send(kind byte, content packets.Packet) {
	d.t.Helper()
	p := packets.NewControlPacket(kind)
	p.Content = content
	if _, err := p.WriteTo(d.conn); err != nil {
		d.t.Fatal(err)
	}
}

const mine = "secant/v1/bedside/0011/"

// publish sends a PUBLISH at QoS 1.
func (d *device) publish(id uint16, topic, body string) {
	d.t.Helper()
	d.send(packets.PUBLISH, &packets.Publish{PacketID: id, QoS: 1, Topic: topic, Payload: []byte(body), Properties: &packets.Properties{}})
}

// next reads a packet; nil: the connection has ended.
func (d *device) next() packets.Packet {
	d.t.Helper()
	_ = d.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	p, err := packets.ReadPacket(d.conn)
	if err != nil {
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			d.t.Fatal("nothing came")
		}
		return nil
	}
	return p.Content
}

// puback reads up to the next PUBACK.
func (d *device) puback() *packets.Puback {
	d.t.Helper()
	for {
		switch p := d.next().(type) {
		case *packets.Puback:
			return p
		case *packets.Publish:
			d.news = append(d.news, p)
		case nil:
			d.t.Fatal("the connection ended before a PUBACK")
		default:
			d.t.Fatalf("%T instead of a PUBACK", p)
		}
	}
}

// wants reads a PUBACK and looks at it.
func (d *device) wants(id uint16, code byte) {
	d.t.Helper()
	if p := d.puback(); p.PacketID != id || p.ReasonCode != code || code >= 0x80 && p.Properties.ReasonString == "" {
		d.t.Errorf("PUBACK %d with %#x %q, not %d with %#x", p.PacketID, p.ReasonCode, p.Properties.ReasonString, id, code)
	}
}

// ended reads up to the end, and returns the reason of the DISCONNECT; 0: none.
func (d *device) ended() byte {
	d.t.Helper()
	reason := byte(0)
	for {
		switch p := d.next().(type) {
		case nil:
			return reason
		case *packets.Disconnect:
			reason = p.ReasonCode
		}
	}
}

func (d *device) subscribe(filters ...string) []byte {
	d.t.Helper()
	s := &packets.Subscribe{PacketID: 99, Properties: &packets.Properties{}}
	for _, f := range filters {
		s.Subscriptions = append(s.Subscriptions, packets.SubOptions{Topic: f, QoS: 1})
	}
	d.send(packets.SUBSCRIBE, s)
	for {
		switch p := d.next().(type) {
		case *packets.Suback:
			return p.Reasons
		case *packets.Publish:
			d.news = append(d.news, p)
		case nil:
			return nil
		}
	}
}

// hears waits for a publication.
func (d *device) hears() *packets.Publish {
	d.t.Helper()
	if len(d.news) > 0 {
		p := d.news[0]
		d.news = d.news[1:]
		return p
	}
	for {
		switch p := d.next().(type) {
		case *packets.Publish:
			return p
		case nil:
			d.t.Fatal("the connection ended")
		}
	}
}
