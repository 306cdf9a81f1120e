package forward_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/gateway/forward"
)

// list is what there is to tell: as many things as total.
type list struct {
	mu    sync.Mutex
	total int64
	place []byte
}

func (l *list) After(_ context.Context, from forward.Place, limit int) (records []adapt.Record, next forward.Place, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for next = from; next.Alert < l.total && len(records) < limit; {
		next.Alert++
		records = append(records, adapt.Record{Title: fmt.Sprintf("thing %d", next.Alert)})
	}
	return records, next, nil
}

func (l *list) Forwarded(context.Context, string) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.place, nil
}

func (l *list) PutForwarded(_ context.Context, _ string, place []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.place = place
	return nil
}

func run(t *testing.T, l forward.Source, network, address string) {
	t.Helper()
	f, err := forward.New(l, forward.Options{
		Name: "siem", Network: network, Address: address, Logger: slog.New(slog.DiscardHandler),
		Encode: func(r adapt.Record, _ bool) []byte { return []byte(r.Title + "\n") },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Each thing is told at least once and in order, also by a connection that breaks.
func TestEachThingIsToldThroughABrokenConnection(t *testing.T) {
	t.Parallel()
	l := &list{total: 450}
	server, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	run(t, l, "tcp", server.Addr().String())
	want := 1
	for turn := 0; want <= 450; turn++ {
		conn, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		r := bufio.NewReader(conn)
		for n := 0; want <= 450 && (turn > 0 || n < 100); n++ {
			text, err := r.ReadString('\n')
			if err != nil {
				t.Fatalf("at %d: %v", want, err)
			}
			var got int
			if _, err := fmt.Sscanf(text, "thing %d\n", &got); err != nil || got > want {
				t.Fatalf("got %q, want no later than thing %d", text, want)
			}
			if got == want {
				want++
			}
		}
		if turn > 0 {
			defer conn.Close()
			continue
		}
		_ = conn.Close() // in the middle of a part
	}
}

// quiet is a list of which one in a thousand is worth telling.
type quiet struct{ *list }

func (q quiet) After(ctx context.Context, from forward.Place, limit int) (records []adapt.Record, next forward.Place, err error) {
	all, next, err := q.list.After(ctx, from, limit)
	for _, r := range all {
		if strings.HasSuffix(r.Title, "000") {
			records = append(records, r)
		}
	}
	return records, next, err
}

// TestWhatIsNotToldHoldsUpNothing: of very many things few are told, without a rest after
// each part.
func TestWhatIsNotToldHoldsUpNothing(t *testing.T) {
	t.Parallel()
	server, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	run(t, quiet{&list{total: 10_000}}, "udp", server.LocalAddr().String())
	_ = server.SetReadDeadline(time.Now().Add(20 * time.Second))
	b := make([]byte, 100)
	for n := 1; n <= 10; n++ {
		size, _, err := server.ReadFrom(b)
		if err != nil || string(b[:size]) != fmt.Sprintf("thing %d\n", n*1_000) {
			t.Fatalf("got %q, want thing %d (%v)", b[:size], n*1_000, err)
		}
	}
}

func TestThingsAreToldByDatagrams(t *testing.T) {
	t.Parallel()
	server, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	run(t, &list{total: 3}, "udp", server.LocalAddr().String())
	_ = server.SetReadDeadline(time.Now().Add(20 * time.Second))
	var got strings.Builder
	b := make([]byte, 100)
	for range 3 {
		n, _, err := server.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		got.Write(b[:n])
	}
	if got.String() != "thing 1\nthing 2\nthing 3\n" {
		t.Errorf("got %q", got.String())
	}
}
