package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/gateway/source"
)

func TestMessagesComeInEitherFraming(t *testing.T) {
	t.Parallel()
	text := "7 <13>a\nb<14>c\r\n\n5 <15>d<16>e\x006 <17>fg"
	f := newFrames(strings.NewReader(text))
	var got []string
	for {
		m, err := f.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(m))
	}
	if want := []string{"<13>a\nb", "<14>c", "<15>d", "<16>e", "<17>fg"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, bad := range []string{"12345678 x", "1x2 <1>", "999999 x", "5 ab"} {
		if _, err := newFrames(strings.NewReader(bad)).next(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%q: got %v", bad, err)
		}
	}
	if _, err := newFrames(strings.NewReader("<" + strings.Repeat("x", maxMessage+1))).next(); err == nil {
		t.Error("a message of any length is read")
	}
}

func FuzzFrames(f *testing.F) {
	for _, seed := range []string{"7 <13>a\nb<14>c\n", "999999999 x", "0 x", "<1>", "\x00\x00", "5 ab"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newFrames(bytes.NewReader(b))
		for n := 0; ; n++ {
			m, err := r.next()
			if err != nil {
				return
			}
			if len(m) > maxMessage || n > len(b) {
				t.Fatalf("message %d of %d bytes out of %d", n, len(m), len(b))
			}
		}
	})
}

// listening is a listener for syslog that runs.
func listening(t *testing.T, w *world, format string, networks ...string) (tcp, udp net.Addr) {
	t.Helper()
	metrics, err := source.NewMetrics(nil, "syslog", "Syslog")
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	sender := source.Source{Name: "fw"}
	for _, n := range networks {
		sender.Networks = append(sender.Networks, netip.MustParsePrefix(n))
	}
	door, err := source.NewDoor(source.Options{Protocol: "syslog", Sources: []source.Source{sender}, Connections: 4, PerSource: 4, Handshake: time.Second, Metrics: metrics, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	s := NewSyslog("test", named(t, format), door, quiet)
	c, err := New(cutStore{w.store, func() (bool, bool) { return false, false }}, Options{
		Collection: "own", Keep: 1000, Age: time.Hour, Wake: func() {}, Logger: quiet, Syslog: []*Syslog{s},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	working, end := context.WithCancel(context.WithoutCancel(ctx))
	ended, served := make(chan error, 1), make(chan error, 2)
	go func() { ended <- c.Run(working) }()
	go func() { served <- s.Serve(ctx, l) }()
	go func() { served <- s.ServePackets(ctx, p) }()
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-served; err != nil {
				t.Error(err)
			}
		}
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr(), p.LocalAddr()
}

func (w *world) await(t *testing.T, n int) []string {
	t.Helper()
	for range 500 {
		if got := w.titles(); len(got) >= n {
			return got
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("after ten seconds there are %d things, want %d", len(w.titles()), n)
	return nil
}

func send(t *testing.T, to net.Addr, text ...string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), to.Network(), to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, one := range text {
		if _, err := io.WriteString(conn, one); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSyslogIsTakenByTCPAndUDP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tcp, udp := listening(t, w, "syslog", "127.0.0.0/8")
	m := func(n int) string {
		return fmt.Sprintf("<84>1 2026-01-02T03:04:%02dZ fw1 ids - - - CEF:0|V|P|1|%d|event %d|7|src=198.51.100.7", n, n, n)
	}
	counted := m(1)
	send(t, tcp, fmt.Sprintf("%d %s", len(counted), counted), m(2)+"\n", m(3))
	send(t, udp, m(4), m(5))
	got := w.await(t, 5)
	slices.Sort(got)
	if want := []string{"event 1", "event 2", "event 3", "event 4", "event 5"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	send(t, tcp, "this is no syslog\n", "77x")
	for range 500 {
		if s := w.state(); s.Refused >= 2 && s.New == 5 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("what is no syslog is not counted: %+v", w.state())
}

func TestStrangersAreNotHeard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, udp := listening(t, w, "syslog", "198.51.100.0/24")
	send(t, udp, "<84>1 2026-01-02T03:04:05Z fw1 ids - - - CEF:0|V|P|1|1|event|7|src=198.51.100.7")
	time.Sleep(2 * gathering)
	if got := w.titles(); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

// A store that fails for a moment in the midst of many messages loses none of them.
func TestNoMessageIsLostWhenTheStoreFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fails := 1
	w.fails = func() (before, after bool) { fails--; return fails >= 0, false }
	c := w.collector()
	s := NewSyslog("test", eve(t), nil, slog.New(slog.DiscardHandler))
	in := c.intake("test", eve(t))
	var text strings.Builder
	const messages = batchThings + 500
	for n := range messages {
		text.WriteString(line(n) + "\n")
	}
	s.put(t.Context(), in, []byte(text.String()))
	s.write(t.Context(), in)
	if got := len(w.titles()); got != messages {
		t.Errorf("%d of %d messages were kept", got, messages)
	}
}

// What was taken when the node is told to end is kept.
func TestWhatWaitsIsKeptAtTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("sending", func(t *testing.T) {
		tcp, _ := listening(t, w, "eve", "127.0.0.0/8")
		send(t, tcp, line(0)+"\n")
		w.await(t, 1)
		send(t, tcp, line(1)+"\n"+line(2)+"\n")
		time.Sleep(20 * time.Millisecond) // they are heard, and not kept yet
	})
	if got := w.titles(); len(got) != 3 {
		t.Errorf("got %q", got)
	}
}
