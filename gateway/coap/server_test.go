package coap

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/source"
)

// store keeps what was submitted; wait, if there is one, is waited for before.
type store struct {
	mu   sync.Mutex
	kept []Message
	wait chan struct{}
	err  error
}

func (s *store) Submit(ctx context.Context, m Message) (id proof.RequestID, err error) {
	if s.wait != nil {
		select {
		case <-s.wait:
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return id, s.err
	}
	s.kept = append(s.kept, m)
	id[0] = byte(len(s.kept))
	return id, nil
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept)
}

func (s *store) at(i int) Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[i]
}

// ward knows one device.
type ward struct{}

func (ward) Find(_ context.Context, source, name string, signed bool) (proof.Hash, ed25519.PublicKey, error) {
	switch {
	case source != "bench" || name != "a" && name != "b":
		return proof.Hash{}, nil, ledger.Problemf(ledger.CodeNotFound, "none")
	case signed:
		return proof.Hash{}, nil, ledger.Problemf(ledger.CodeDenied, "it cannot sign")
	}
	return proof.Hash{name[0]}, nil, nil
}

// served is a server at an address of its own.
type served struct {
	t      testing.TB
	server *Server
	at     net.Addr
}

func serve(tb testing.TB, s *store, edit func(*Options)) *served {
	tb.Helper()
	metrics, err := NewMetrics(nil)
	if err != nil {
		tb.Fatal(err)
	}
	opts := Options{
		Sources: []source.Source{{Name: "bench", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}}, Metrics: metrics,
		Separate: 50 * time.Millisecond, Acknowledge: 50 * time.Millisecond, Patience: 50 * time.Millisecond,
	}
	if edit != nil {
		edit(&opts)
	}
	server, err := NewServer(s, ward{}, opts)
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := (&net.ListenConfig{}).ListenPacket(tb.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	go func() { done <- server.ServePackets(ctx, conn) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	return &served{tb, server, conn.LocalAddr()}
}

// wire is a sender that writes what it wants.
type wire struct {
	t    testing.TB
	conn net.Conn
}

func (s *served) dial(from string) *wire {
	s.t.Helper()
	local, err := net.ResolveUDPAddr("udp", from+":0")
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := (&net.Dialer{LocalAddr: local}).DialContext(s.t.Context(), "udp", s.at.String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return &wire{s.t, conn}
}

func (w *wire) send(b []byte) {
	w.t.Helper()
	if _, err := w.conn.Write(b); err != nil {
		w.t.Fatal(err)
	}
}

// next is the next message; nil when none comes for a while.
func (w *wire) next() *request {
	w.t.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(400 * time.Millisecond))
	b := make([]byte, maxDatagram)
	n, err := w.conn.Read(b)
	if err != nil {
		return nil
	}
	m, err := decode(b[:n])
	if err != nil {
		w.t.Fatal(err)
	}
	return &m
}

// post is a confirmable POST; more are options, which must be in order behind the path,
// as 12 Content-Format is.
func post(id uint16, path, query string, format message.MediaType, body string, more ...message.Option) []byte {
	r := &reply{code: codes.POST, payload: []byte(body)}
	for part := range strings.SplitSeq(path, "/") {
		r.add(message.URIPath, []byte(part))
	}
	for q := range strings.SplitSeq(query, "&") {
		if q != "" {
			r.add(message.URIQuery, []byte(q))
		}
	}
	r.number(message.ContentFormat, uint32(format))
	for _, o := range more {
		r.add(o.ID, o.Value)
	}
	return encode(message.Confirmable, int32(id), message.Token{1, byte(id)}, r)
}

const pack = `[{"n":"t","v":1}]`

func block1(number int, more bool, szx byte) message.Option {
	n := uint32(number)<<4 | uint32(szx)
	if more {
		n |= 8
	}
	b := binary.BigEndian.AppendUint32(nil, n)
	return message.Option{ID: message.Block1, Value: b[1:]}
}

func (w *wire) want(code codes.Code, sent []byte) *request {
	w.t.Helper()
	w.send(sent)
	m := w.next()
	if m == nil || m.code != code {
		w.t.Fatalf("%+v, not %v", m, code)
	}
	return m
}

// TestAMessageThatComesAgainIsDoneOnce: by its message id it gets the same answer.
func TestAMessageThatComesAgainIsDoneOnce(t *testing.T) {
	t.Parallel()
	s := &store{}
	w := serve(t, s, nil).dial("127.0.0.1")
	first := w.want(codes.Created, post(7, "readings", "d=a", message.AppSenmlJSON, pack))
	again := w.want(codes.Created, post(7, "readings", "d=a", message.AppSenmlJSON, pack))
	if s.count() != 1 || string(first.payload) != string(again.payload) || first.kind != message.Acknowledgement || again.id != 7 {
		t.Errorf("%d: %+v %+v", s.count(), first, again)
	}
	w.want(codes.Created, post(8, "readings", "d=a", message.AppSenmlJSON, pack))
	if s.count() != 2 || slices.Equal(s.at(0).Once, s.at(1).Once) {
		t.Errorf("another message is another reading: %d", s.count())
	}
	w.want(codes.Created, post(9, "readings", "d=a&id=x", message.AppSenmlJSON, pack))
	w.want(codes.Created, post(10, "readings", "d=a&id=x", message.AppSenmlJSON, pack))
	w.want(codes.Created, post(11, "readings", "d=b&id=x", message.AppSenmlJSON, pack))
	if !slices.Equal(s.at(2).Once, s.at(3).Once) || slices.Equal(s.at(3).Once, s.at(4).Once) {
		t.Error("a request is named by its device and id")
	}
}

// TestAnAnswerThatTakesLongComesSeparately: acknowledged empty at first, then sent until
// it is acknowledged, and not before it is durable.
func TestAnAnswerThatTakesLongComesSeparately(t *testing.T) {
	t.Parallel()
	s := &store{wait: make(chan struct{})}
	w := serve(t, s, nil).dial("127.0.0.1")
	w.send(post(7, "readings", "d=a", message.AppSenmlJSON, pack))
	if m := w.next(); m == nil || m.kind != message.Acknowledgement || m.code != codes.Empty || m.id != 7 {
		t.Fatalf("%+v", m)
	}
	w.send(post(7, "readings", "d=a", message.AppSenmlJSON, pack))
	if m := w.next(); m == nil || m.code != codes.Empty { // it is under way
		t.Fatalf("%+v", m)
	}
	close(s.wait)
	got := w.next()
	if got == nil || got.kind != message.Confirmable || got.code != codes.Created || !slices.Equal(got.token, message.Token{1, 7}) {
		t.Fatalf("%+v", got)
	}
	if m := w.next(); m == nil || m.id != got.id { // again, since nobody acknowledged it
		t.Fatalf("%+v", m)
	}
	w.send(encode(message.Acknowledgement, got.id, nil, nil))
	for m := w.next(); m != nil; m = w.next() { // what was on its way
		if m.id != got.id {
			t.Errorf("%+v", m)
		}
	}
	if s.count() != 1 {
		t.Error(s.count())
	}
}

// TestBlocksAreBounded: RFC 7959.
func TestBlocksAreBounded(t *testing.T) {
	t.Parallel()
	s := &store{}
	v := serve(t, s, func(o *Options) { o.Body, o.Held = 100, 200 })
	w := v.dial("127.0.0.1")
	body := `[{"n":"t","vs":"` + strings.Repeat("x", 40) + `"}]`
	id := uint16(0)
	part := func(path string, n int, text string, more bool, szx byte, options ...message.Option) []byte {
		id++
		return post(id, path, "d=a", message.AppSenmlJSON, text, append([]message.Option{block1(n, more, szx)}, options...)...)
	}
	w.want(codes.Continue, part("readings", 0, body[:16], true, 0))
	w.want(codes.Continue, part("readings", 1, body[16:32], true, 0))
	w.want(codes.Continue, part("readings", 2, body[32:48], true, 0))
	w.want(codes.Created, part("readings", 3, body[48:], false, 0))
	if s.count() != 1 || string(s.at(0).Body) != body {
		t.Fatalf("%d", s.count())
	}
	w.want(codes.RequestEntityIncomplete, part("readings", 1, body[:16], true, 0))
	w.want(codes.BadRequest, part("readings", 0, "short", true, 0))
	w.want(codes.BadRequest, part("readings", 0, body[:16], true, 7))
	if m := w.want(codes.RequestEntityTooLarge, part("readings", 0, body[:16], true, 0, message.Option{ID: message.Size1, Value: []byte{1, 0}})); func() bool { n, _ := m.number(message.Size1); return n != 100 }() {
		t.Error("it does not say how much would be taken")
	}
	for i := range 6 {
		w.want(codes.Continue, part("readings", i, strings.Repeat("y", 16), true, 0))
	}
	w.want(codes.RequestEntityTooLarge, part("readings", 6, strings.Repeat("y", 16), true, 0))
	// More at once than all may hold: none is lost that was whole, and what was held is given back.
	refused := false
	for i := range 20 {
		w.send(part("readings", 0, strings.Repeat("y", 16), true, 0, message.Option{ID: requestTag, Value: []byte{byte(i)}}))
		refused = w.next().code == codes.ServiceUnavailable || refused
	}
	if !refused {
		t.Error("there is no bound of what is held")
	}
	// A critical option of a wrong length is no block, and no whole either.
	id++
	w.want(codes.BadOption, post(id, "readings", "d=a", message.AppSenmlJSON, pack, message.Option{ID: message.Block1, Value: []byte{0, 0, 0, 8}}))
	if s.count() != 1 {
		t.Error(s.count())
	}
}

// TestStrangersAreNotAnswered: nobody can make the node send to somebody else.
func TestStrangersAreNotAnswered(t *testing.T) {
	t.Parallel()
	s := &store{}
	w := serve(t, s, nil).dial("127.0.0.2")
	w.send(post(1, "readings", "d=a", message.AppSenmlJSON, pack))
	w.send([]byte{0x40, 0, 0, 1})
	if m := w.next(); m != nil || s.count() != 0 {
		t.Errorf("%+v", m)
	}
}

// TestAFloodIsBounded: a source that sends too much is told so, and others go on.
func TestAFloodIsBounded(t *testing.T) {
	t.Parallel()
	s := &store{wait: make(chan struct{})}
	v := serve(t, s, func(o *Options) { o.Receive, o.Peers = 2, 2 })
	a := v.dial("127.0.0.1")
	for i := range uint16(2) {
		a.send(post(i+1, "readings", "d=a", message.AppSenmlJSON, pack))
	}
	a.send(post(9, "readings", "d=a", message.AppSenmlJSON, pack))
	for {
		m := a.next()
		if m == nil {
			t.Fatal("no refusal")
		}
		if m.code == codes.TooManyRequests {
			break
		}
	}
	for range 5 { // addresses are forgotten, and nothing breaks
		v.dial("127.0.0.1").send([]byte{0x40, 0, 0, 1})
	}
	close(s.wait)
	under := func() int {
		n := v.server.sources["bench"]
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.under
	}
	for end := time.Now().Add(10 * time.Second); under() > 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	v.dial("127.0.0.1").want(codes.Content, encode(message.Confirmable, 3, nil, &reply{code: codes.GET, options: message.Options{
		{ID: message.URIPath, Value: []byte(".well-known")}, {ID: message.URIPath, Value: []byte("core")},
	}}))
}

// TestRequestsThatAreRefused: each with its code, and with details that say nothing of it.
func TestRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := &store{}
	w := serve(t, s, nil).dial("127.0.0.1")
	option := func(id message.OptionID, value string) message.Option {
		return message.Option{ID: id, Value: []byte(value)}
	}
	for i, c := range []struct {
		name string
		code codes.Code
		sent func(id uint16) []byte
	}{
		{"another path", codes.NotFound, func(id uint16) []byte { return post(id, "secret", "", 110, pack) }},
		{"a path of one part with a slash", codes.NotFound, func(id uint16) []byte {
			return post(id, "rd", "ep=a", 40, "", option(message.URIPath, "/x"))
		}},
		{"a device that is none", codes.Forbidden, func(id uint16) []byte { return post(id, "readings", "d=secret", 110, pack) }},
		{"no form", codes.UnsupportedMediaType, func(id uint16) []byte { return post(id, "readings", "d=a", 0, pack) }},
		{"a signature that is none", codes.BadRequest, func(id uint16) []byte { return post(id, "readings", "d=a&seed=secret&sig=secret", 110, pack) }},
		{"a name twice", codes.BadRequest, func(id uint16) []byte { return post(id, "readings", "d=a&d=b", 110, pack) }},
		{"a proxy", codes.ProxyingNotSupported, func(id uint16) []byte {
			return post(id, "readings", "d=a", 110, pack, option(message.ProxyURI, "coap://secret"))
		}},
		{"a critical option of no meaning", codes.BadOption, func(id uint16) []byte { return post(id, "readings", "d=a", 110, pack, option(9, "x")) }},
		{"an answer in no form", codes.NotAcceptable, func(id uint16) []byte { return post(id, "readings", "d=a", 110, pack, option(message.Accept, "\x01")) }},
		{"sending without registration", codes.NotFound, func(id uint16) []byte { return post(id, "dp", "", 110, pack) }},
		{"registering as nobody", codes.BadRequest, func(id uint16) []byte { return post(id, "rd", "", 40, "") }},
		{"registering for ever", codes.BadRequest, func(id uint16) []byte { return post(id, "rd", "ep=a&lt=99999999", 40, "") }},
		{"registering by another version", codes.PreconditionFailed, func(id uint16) []byte { return post(id, "rd", "ep=a&lwm2m=2.0", 40, "") }},
		{"an update of none", codes.NotFound, func(id uint16) []byte { return post(id, "rd/secret", "", 40, "") }},
	} {
		m := w.want(c.code, c.sent(uint16(i+1)))
		var details map[int]any
		if err := cbor.Unmarshal(m.payload, &details); err != nil || details[-4] != uint64(c.code) || strings.Contains(string(m.payload), "secret") {
			t.Errorf("%s: %x %v", c.name, m.payload, err)
		}
	}
	if s.count() != 0 {
		t.Error(s.count())
	}
	// What is no request: a ping, something cut off, a response.
	for _, b := range [][]byte{{0x40, 0, 1, 1}, {0x48, 2, 1, 2, 1}, {0x40, 0x45, 1, 3}, {0x40, 0, 1, 4, 0}} {
		w.send(b)
		if m := w.next(); m == nil || m.kind != message.Reset || m.id != int32(binary.BigEndian.Uint16(b[2:])) {
			t.Errorf("%x: %+v", b, m)
		}
	}
	for _, b := range [][]byte{{}, {0x40}, {0xc0, 2, 1, 1}, {0x60, 0, 1, 1}, {0x70, 0, 1, 1}, {0x50, 0, 1, 1, 1}} {
		w.send(b)
		if m := w.next(); m != nil {
			t.Errorf("%x: %+v", b, m)
		}
	}
}

// TestRegistrationsEnd: by their lifetime, by a newer one, by leaving; and two of one
// address are nobody in particular.
func TestRegistrationsEnd(t *testing.T) {
	t.Parallel()
	g := newRegistry(2)
	id, _ := g.put("bench", "a", "peer", time.Hour)
	if g.only("peer") != "a" || g.update(id, "other", "peer", 0) || g.end(id, "other") {
		t.Error("a registration is its source's")
	}
	again, _ := g.put("bench", "a", "peer", time.Hour)
	if g.update(id, "bench", "peer", 0) || !g.update(again, "bench", "elsewhere", time.Minute) || g.only("peer") != "" || g.only("elsewhere") != "a" {
		t.Error("it is replaced, and moves")
	}
	g.put("bench", "b", "elsewhere", time.Hour)
	if g.only("elsewhere") != "" {
		t.Error("two are none")
	}
	if _, ok := g.put("bench", "c", "x", time.Hour); ok {
		t.Error("there is a bound")
	}
	g.leave("elsewhere")
	if g.only("elsewhere") != "" || !g.end(again, "bench") || g.end(again, "bench") {
		t.Error("it ends once")
	}
	short, _ := g.put("bench", "d", "y", time.Nanosecond)
	time.Sleep(time.Millisecond)
	if g.only("y") != "" || g.update(short, "bench", "y", time.Hour) {
		t.Error("its lifetime is over")
	}
}

// TestWhatPassesIsToComeAgain: a node that cannot say is no refusal.
func TestWhatPassesIsToComeAgain(t *testing.T) {
	t.Parallel()
	s := &store{err: ledger.Problemf(ledger.CodeUnavailable, "not now")}
	w := serve(t, s, func(o *Options) { o.Separate = time.Minute }).dial("127.0.0.1")
	m := w.want(codes.ServiceUnavailable, post(1, "readings", "d=a", 110, pack))
	if age, there := m.number(message.MaxAge); !there || age == 0 {
		t.Errorf("%+v", m)
	}
}

// FuzzDatagram: whatever comes, the server goes on, and answers no stranger's message
// with more than some hundred bytes.
func FuzzDatagram(f *testing.F) {
	f.Add(post(1, "readings", "d=a", 110, pack))
	f.Add(post(2, "rd", "ep=a&lt=60", 40, "</3/0>", block1(0, true, 0)))
	f.Add([]byte{0x40, 0, 0, 1})
	f.Add([]byte{0x41, 2, 0, 1, 9, 0xff})
	metrics, err := NewMetrics(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		server, err := NewServer(&store{}, ward{}, Options{
			Sources: []source.Source{{Name: "bench", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}}, Metrics: metrics, Rate: 1 << 30,
		})
		if err != nil {
			t.Fatal(err)
		}
		p := &peer{server: server, source: "bench", key: "k", waiting: map[int32]chan struct{}{}, send: func(b []byte) {
			if len(b) > 1024 {
				t.Errorf("%d bytes", len(b))
			}
			if _, err := decode(b); err != nil {
				t.Error(err)
			}
		}}
		p.datagram(t.Context(), b)
		p.under.Wait()
	})
}
