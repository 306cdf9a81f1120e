package mllp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/hl7"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/mllp"
	"github.com/secant-platform/secant/gateway/source"
)

const message = "MSH|^~\\&|MONITOR^0011^EUI-64|ICU|EHR|NORTH|20261122140000||ORU^R01^ORU_R01|42|P|2.6\r" +
	"OBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC|1.1.1.1|72|{beat}/min|||||F\r"

// ward keeps what it gets, each message once, as a node does.
type ward struct {
	mu     sync.Mutex
	kept   map[string][]byte
	busy   int           // times that it is busy first
	broken error         // what is wrong for good
	enter  chan struct{} // nil, or waits before it keeps
}

var unit = proof.Hash{7}

// Find knows one device at one source.
func (w *ward) Find(_ context.Context, source, name string) (proof.Hash, error) {
	switch {
	case source == "bedside" && name == "0011":
		return unit, nil
	case source == "bedside" && name == "0033":
		return proof.Hash{}, ledger.Problemf(ledger.CodeDenied, "not in service")
	}
	return proof.Hash{}, ledger.Problemf(ledger.CodeNotFound, "unknown")
}

// Submit keeps a message.
func (w *ward) Submit(_ context.Context, m mllp.Message) (proof.RequestID, error) {
	if w.enter != nil {
		<-w.enter
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.busy > 0:
		w.busy--
		return proof.RequestID{}, ledger.Problemf(ledger.CodeBusy, "busy")
	case w.broken != nil:
		return proof.RequestID{}, w.broken
	case m.Unit != unit:
		return proof.RequestID{}, errors.New("another unit")
	}
	w.kept[string(m.Once)] = bytes.Clone(m.Text)
	digest := sha256.Sum256(m.Once)
	return proof.RequestID(digest[:16]), nil
}

func (w *ward) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.kept)
}

type door struct {
	address string
	reg     *prometheus.Registry
	end     context.CancelFunc
	ended   chan error
}

func open(t *testing.T, w *ward, opts mllp.Options) *door {
	t.Helper()
	return openOver(t, w, opts, func(l net.Listener) net.Listener { return l })
}

// openOver opens a door over what is made of its listener.
func openOver(t *testing.T, w *ward, opts mllp.Options, over func(net.Listener) net.Listener) *door {
	t.Helper()
	if w.kept == nil {
		w.kept = map[string][]byte{}
	}
	d := &door{reg: prometheus.NewPedanticRegistry(), ended: make(chan error, 1)}
	var err error
	if opts.Metrics, err = mllp.NewMetrics(d.reg); err != nil {
		t.Fatal(err)
	}
	if opts.Sources == nil {
		opts.Sources = []source.Source{{Name: "bedside", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	}
	opts.Logger = slog.New(slog.DiscardHandler)
	s, err := mllp.New(w, w, opts)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.address = l.Addr().String()
	ctx, end := context.WithCancel(t.Context())
	d.end = end
	go func() { d.ended <- s.Serve(ctx, over(l)) }()
	t.Cleanup(func() {
		end()
		if err := <-d.ended; err != nil {
			t.Error(err)
		}
	})
	return d
}

type sender struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func (d *door) call(t *testing.T) *sender {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", d.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &sender{t, conn, bufio.NewReader(conn)}
}

func (s *sender) write(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.conn, text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sender) send(text string) { s.write("\x0b" + text + "\x1c\r") }

// answer reads one acknowledgement, and returns its MSA and, if there is one, its ERR.
func (s *sender) answer() (msa, errs string) {
	s.t.Helper()
	frame, err := s.r.ReadString('\x1c')
	if err != nil {
		s.t.Fatalf("no answer: %v", err)
	}
	if c, err := s.r.ReadByte(); err != nil || c != '\r' {
		s.t.Fatalf("after the end block: %q %v", c, err)
	}
	text := strings.TrimSuffix(strings.TrimPrefix(frame, "\x0b"), "\x1c")
	if flaw, _ := hl7.Check([]byte(text)); flaw != hl7.Sound {
		s.t.Fatalf("the answer is no message: %q", text)
	}
	for line := range strings.SplitSeq(text, "\r") {
		switch {
		case strings.HasPrefix(line, "MSA"):
			msa = line
		case strings.HasPrefix(line, "ERR"):
			errs = line
		}
	}
	return msa, errs
}

// closed wants the connection to end without an answer.
func (s *sender) closed() {
	s.t.Helper()
	if b, err := io.ReadAll(s.r); err != nil && !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") || len(b) > 0 {
		s.t.Errorf("not ended: %q %v", b, err)
	}
}

func (s *sender) wants(outcome, code string) {
	s.t.Helper()
	msa, errs := s.answer()
	if !strings.HasPrefix(msa, "MSA|"+outcome) || !strings.Contains(errs, code) || code == "" && errs != "" {
		s.t.Errorf("%s %s, want %s %s", msa, errs, outcome, code)
	}
}

func TestAMessageIsTakenOnce(t *testing.T) {
	t.Parallel()
	w := &ward{busy: 2}
	s := open(t, w, mllp.Options{}).call(t)
	s.send(message)
	first, errs := s.answer()
	if !strings.HasPrefix(first, "MSA|AA|42|") || len(first) != len("MSA|AA|42|")+32 || errs != "" {
		t.Fatalf("%s %s", first, errs)
	}
	s.send(message) // its answer did not arrive
	if again, _ := s.answer(); again != first {
		t.Errorf("the second time: %s, not %s", again, first)
	}
	s.send(strings.Replace(message, "|72|", "|73|", 1)) // another one under the same control id
	if other, _ := s.answer(); other == first || !strings.HasPrefix(other, "MSA|AA|42|") {
		t.Errorf("another message: %s", other)
	}
	if w.count() != 2 {
		t.Errorf("%d messages kept", w.count())
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	w := &ward{}
	d := open(t, w, mllp.Options{Record: 1000})
	t.Run("split anywhere", func(t *testing.T) {
		s := d.call(t)
		whole := "\x0b" + message + "\x1c\r"
		for i := range whole {
			s.write(whole[i : i+1])
		}
		s.wants("AA", "")
	})
	t.Run("two at once", func(t *testing.T) {
		s := d.call(t)
		s.write("\x0b" + message + "\x1c\r\x0b" + message + "\x1c\r")
		s.wants("AA", "")
		s.wants("AA", "")
	})
	t.Run("without the last carriage return", func(t *testing.T) {
		s := d.call(t)
		s.write("\x0b" + message + "\x1c")
		s.wants("AA", "")
		s.send(message)
		s.wants("AA", "")
	})
	t.Run("begun again", func(t *testing.T) {
		s := d.call(t)
		s.write("\x0bMSH|^~\\&|MON")
		s.send(message)
		s.wants("AA", "")
	})
	t.Run("too long", func(t *testing.T) {
		s := d.call(t)
		s.send(message + "OBX|2|TX|||" + strings.Repeat("x", 50_000) + "\r")
		s.wants("AE", "102")
		s.send(message)
		s.wants("AA", "")
	})
	t.Run("without end", func(t *testing.T) {
		s := d.call(t)
		go func() {
			_, _ = io.Copy(s.conn, io.LimitReader(endless{}, 1<<20))
		}()
		s.closed()
	})
	t.Run("another protocol", func(t *testing.T) {
		s := d.call(t)
		s.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n" + strings.Repeat("x", 2000))
		s.closed()
	})
	t.Run("cut off", func(t *testing.T) {
		s := d.call(t)
		s.write("\x0b" + message[:40])
		_ = s.conn.(*net.TCPConn).CloseWrite()
		s.closed()
	})
	if got := counted(t, d, "cut"); got < 2 {
		t.Errorf("%v messages were counted as cut", got)
	}
}

// endless begins a message and never ends it.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	p[0] = 'x'
	return len(p), nil
}

func counted(t *testing.T, d *door, outcome string) float64 {
	t.Helper()
	families, err := d.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "secant_mllp_messages_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == outcome {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to, outcome, code string }{
		"no message":               {message, "hello", "AE", "100"},
		"nothing":                  {message, "", "AE", "100"},
		"segments of something":    {"OBX|1", "obx|1", "AE|42", "100"},
		"a second message":         {"OBX|1", "MSH|^~\\&|\rOBX|1", "AE|42", "100"},
		"another's device":         {"0011", "0022", "AE|42", "204"},
		"a device out of service":  {"0011", "0033", "AE|42", "204"},
		"another kind of message":  {"ORU^R01^ORU_R01", "ADT^A01", "AR|42", "200"},
		"a test":                   {"|P|", "|D|", "AR|42", "202"},
		"bytes that are not UTF-8": {"|2.6", "|2.6||||||UNICODE UTF-8||\xff", "AE|42", "102"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &ward{}
			s := open(t, w, mllp.Options{}).call(t)
			s.send(strings.Replace(message, c.from, c.to, 1))
			s.wants(c.outcome, c.code)
			if w.count() != 0 {
				t.Error("it was kept")
			}
			s.send(message)
			s.wants("AA", "")
		})
	}
}

func TestAcknowledgementsAreNotAnswered(t *testing.T) {
	t.Parallel()
	s := open(t, &ward{}, mllp.Options{}).call(t)
	s.send("MSH|^~\\&|A|B|C|D|20261122140000||ACK^R01^ACK|7|P|2.6\rMSA|AA|1\r")
	s.send(message)
	if msa, _ := s.answer(); !strings.HasPrefix(msa, "MSA|AA|42|") {
		t.Error(msa)
	}
}

func TestWhatMayPassIsNeitherTakenNorRefused(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]error{
		"busy for long": ledger.Problemf(ledger.CodeBusy, "busy"),
		"a full disk":   ledger.Problemf(ledger.CodeUnavailable, "no room"),
		"a fault":       errors.New("a fault of ours"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, &ward{broken: broken}, mllp.Options{Patience: 200 * time.Millisecond}).call(t)
			s.send(message)
			s.closed()
		})
	}
}

func TestWhoMaySend(t *testing.T) {
	t.Parallel()
	elsewhere := []source.Source{{Name: "bedside", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}
	open(t, &ward{}, mllp.Options{Sources: elsewhere}).call(t).closed()
	// A certificate that was asked for is not made up for by an address.
	both := []source.Source{{Name: "bedside", Certificates: [][32]byte{{1}}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	open(t, &ward{}, mllp.Options{Sources: both}).call(t).closed()
	// A device of one source is unknown at another.
	other := []source.Source{{Name: "theatre", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	s := open(t, &ward{}, mllp.Options{Sources: other}).call(t)
	s.send(message)
	s.wants("AE|42", "204")
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]mllp.Options{"in all": {Connections: 1}, "of one source": {PerSource: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, &ward{}, opts)
			first := d.call(t)
			first.send(message)
			first.wants("AA", "")
			d.call(t).closed()
			_ = first.conn.Close()
			for range 100 { // the place is free again
				s := d.call(t)
				_, _ = io.WriteString(s.conn, "\x0b"+message+"\x1c\r")
				if _, err := s.r.ReadByte(); err == nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Error("the place of a sender that left stays taken")
		})
	}
}

func TestSlowSendersAreLeft(t *testing.T) {
	t.Parallel()
	d := open(t, &ward{}, mllp.Options{Frame: 50 * time.Millisecond, Idle: 50 * time.Millisecond})
	s := d.call(t)
	s.closed()
	s = d.call(t)
	s.write("\x0bMSH")
	s.closed()
}

func TestAMessageUnderWayIsAnsweredAtTheEnd(t *testing.T) {
	t.Parallel()
	w := &ward{enter: make(chan struct{})}
	d := open(t, w, mllp.Options{})
	idle, s := d.call(t), d.call(t)
	s.send(message)
	w.enter <- struct{}{} // it is being kept
	d.end()
	s.wants("AA", "")
	s.closed()
	idle.closed()
}

func FuzzConnection(f *testing.F) {
	f.Add([]byte("\x0b" + message + "\x1c\r"))
	f.Add([]byte("\r\n\x0bMSH|^~\\&|\x0b\x1c\x1c\r\x0b\x1c\r"))
	f.Fuzz(func(t *testing.T, text []byte) {
		w := &ward{}
		d := open(t, w, mllp.Options{Record: 2000, Frame: 2 * time.Second})
		s := d.call(t)
		go func() {
			_, _ = s.conn.Write(text)
			_ = s.conn.(*net.TCPConn).CloseWrite()
		}()
		answers, err := io.ReadAll(io.LimitReader(s.r, 1<<20))
		if err != nil {
			return // reset: what was sent was not read
		}
		if n := bytes.Count(answers, []byte("MSA|AA|")); n < w.count() {
			t.Errorf("%d messages kept, %d acknowledged", w.count(), n)
		}
	})
}

// broken is a listener that cannot take its first connections.
type broken struct {
	net.Listener
	times int
}

// Accept fails, as without a file to open, and then no more.
func (b *broken) Accept() (net.Conn, error) {
	if b.times > 0 {
		b.times--
		return nil, errors.New("too many open files")
	}
	return b.Listener.Accept()
}

func TestAListenerOutlivesWhatPasses(t *testing.T) {
	t.Parallel()
	metrics, err := mllp.NewMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &ward{kept: map[string][]byte{}}
	s, err := mllp.New(w, w, mllp.Options{
		Metrics: metrics, Logger: slog.New(slog.DiscardHandler),
		Sources: []source.Source{{Name: "bedside", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, &broken{l, 2}) }()
	d := &door{address: l.Addr().String()}
	c := d.call(t)
	c.send(message)
	c.wants("AA", "")
	end()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
