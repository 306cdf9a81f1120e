package rest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// reader signs after a moment, and counts.
type reader struct {
	asked atomic.Int64
	fail  atomic.Bool
}

func (r *reader) SignedRead(ctx context.Context, _ string, _ any) (*ledger.SignedRead, error) {
	n := r.asked.Add(1)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(100 * time.Millisecond):
	}
	if r.fail.Load() {
		return nil, errors.New("no majority")
	}
	return &ledger.SignedRead{Response: []byte{byte(n)}}, nil
}

func TestSignedReadsAreSharedAndRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &reader{}
		s := newSignedReads(r, NewMetrics(prometheus.NewRegistry()))
		ask := func(times int) {
			t.Helper()
			var wg sync.WaitGroup
			for range times {
				wg.Go(func() {
					if _, err := s.get(t.Context(), ledger.AnchorGet, "a", nil); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		ask(1000)
		if n := r.asked.Load(); n != 1 {
			t.Errorf("a thousand at once cost %d reads", n)
		}
		time.Sleep(30 * time.Second)
		ask(10)
		if n := r.asked.Load(); n != 1 {
			t.Errorf("a fresh read was made again: %d", n)
		}
		if _, err := s.get(t.Context(), ledger.AnchorGet, "b", nil); err != nil || r.asked.Load() != 2 {
			t.Errorf("another anchor: %v, %d", err, r.asked.Load())
		}
		time.Sleep(time.Minute)
		ask(10)
		if n := r.asked.Load(); n != 3 {
			t.Errorf("a stale read was not made again: %d", n)
		}
	})
}

func TestFailedReadIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &reader{}
		r.fail.Store(true)
		s := newSignedReads(r, NewMetrics(prometheus.NewRegistry()))
		if _, err := s.get(t.Context(), ledger.AnchorGet, "a", nil); err == nil {
			t.Error("no error")
		}
		r.fail.Store(false)
		if _, err := s.get(t.Context(), ledger.AnchorGet, "a", nil); err != nil {
			t.Error(err)
		}
	})
}

// TestReadOutlivesWhoAskedFirst cancels the first of two who wait.
func TestReadOutlivesWhoAskedFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSignedReads(&reader{}, NewMetrics(prometheus.NewRegistry()))
		first, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = s.get(first, ledger.AnchorGet, "a", nil) })
		synctest.Wait()
		wg.Go(func() {
			if _, err := s.get(t.Context(), ledger.AnchorGet, "a", nil); err != nil {
				t.Errorf("the second: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
	})
}

func TestSignedReadsStayBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSignedReads(&reader{}, NewMetrics(prometheus.NewRegistry()))
		var wg sync.WaitGroup
		for i := range 3 * maxSignedReads {
			wg.Go(func() {
				if _, err := s.get(t.Context(), ledger.AnchorGet, time.Duration(i).String(), nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(s.kept) > maxSignedReads {
			t.Errorf("%d reads are kept", len(s.kept))
		}
	})
}

// endless is a stream of events without end.
type endless struct{ wake chan struct{} }

func (e endless) Events(_ context.Context, _ string, limit int) ([]fact.Event, error) {
	events := make([]fact.Event, limit)
	for i := range events {
		events[i] = fact.Event{ID: "1.0.0", Kind: string(ledger.EventThreatShared), Key: []string{"thr", string(make([]byte, 1024))}}
	}
	return events, nil
}
func (endless) LastEvent(context.Context) (string, error)          { return "0.0.0", nil }
func (e endless) Subscribe() (wake <-chan struct{}, cancel func()) { return e.wake, func() {} }

// TestSlowListenerIsDropped opens a stream and never reads from it.
func TestSlowListenerIsDropped(t *testing.T) {
	t.Parallel()
	m := NewMetrics(prometheus.NewRegistry())
	a := &API{
		Deps: Deps{
			Events: endless{make(chan struct{})}, Observed: m,
			Limits: Limits{Heartbeat: time.Hour, Patience: 100 * time.Millisecond},
		},
		ended: make(chan struct{}), listeners: newListeners(1),
	}
	ended := make(chan error, 1)
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.GET("/", func(c *gin.Context) { ended <- a.streamEvents(c) })
	s := httptest.NewServer(e)
	defer s.Close()
	res, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("a listener that takes nothing is still served")
	}
	if a.listeners.all != 0 {
		t.Error("the dropped listener keeps its place")
	}
}

// quietEvents never happen.
type quietEvents struct{ endless }

func (quietEvents) Events(context.Context, string, int) ([]fact.Event, error) { return nil, nil }

// onceEvents happen once, behind the beginning.
type onceEvents struct{ endless }

func (onceEvents) Events(_ context.Context, after string, _ int) ([]fact.Event, error) {
	if after != "0.0.0" {
		return nil, nil
	}
	return []fact.Event{{ID: "1.0.0", Kind: "threat.shared"}}, nil
}

// TestHeartbeatRepeatsNothing reads on for two heartbeats behind an event.
func TestHeartbeatRepeatsNothing(t *testing.T) {
	t.Parallel()
	a := &API{
		Deps: Deps{
			Events: onceEvents{}, Observed: NewMetrics(prometheus.NewRegistry()),
			Limits: Limits{Heartbeat: 5 * time.Millisecond, Patience: time.Minute},
		},
		ended: make(chan struct{}), listeners: newListeners(1),
	}
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.GET("/", func(c *gin.Context) { _ = a.streamEvents(c) })
	s := httptest.NewServer(e)
	defer s.Close()
	res, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	defer a.End()
	lines := bufio.NewScanner(res.Body)
	for beats, events := 0, 0; beats < 3; {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		switch {
		case lines.Text() == ":":
			beats++
		case strings.HasPrefix(lines.Text(), "event: "):
			events++
		}
		if events > 1 || beats > 0 && events == 0 {
			t.Fatalf("%d events before heartbeat %d", events, beats+1)
		}
	}
}

// TestListeners bounds open streams, keeps a quiet one alive and ends it.
func TestListeners(t *testing.T) {
	t.Parallel()
	a := &API{
		Deps: Deps{
			Events: quietEvents{}, Observed: NewMetrics(prometheus.NewRegistry()),
			Limits: Limits{Heartbeat: 5 * time.Millisecond, Patience: time.Minute},
		},
		ended: make(chan struct{}), listeners: newListeners(1),
	}
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	errs := make(chan error, 2)
	e.GET("/", func(c *gin.Context) { errs <- a.streamEvents(c) })
	s := httptest.NewServer(e)
	defer s.Close()
	first, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Body.Close()
	beats := make([]byte, len("retry: 2000\nid: 0.0.0\n\n:\n\n:\n\n"))
	for n := 0; n < len(beats); {
		read, err := first.Body.Read(beats[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += read
	}
	if string(beats) != "retry: 2000\nid: 0.0.0\n\n:\n\n:\n\n" {
		t.Errorf("a quiet stream: %q", beats)
	}
	second, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	second.Body.Close()
	if err := <-errs; ledger.CodeOf(err) != ledger.CodeBusy {
		t.Errorf("one stream too many: %v", err)
	}
	a.End()
	a.End()
	if err := <-errs; err != nil {
		t.Error(err)
	}
}

// TestQuietStreamOutlivesPatienceOverHTTP2 keeps a stream quiet for longer than
// a listener may take for one event: that is no fault of the listener's.
func TestQuietStreamOutlivesPatienceOverHTTP2(t *testing.T) {
	t.Parallel()
	a := &API{
		Deps: Deps{
			Events: quietEvents{}, Observed: NewMetrics(prometheus.NewRegistry()),
			Limits: Limits{Heartbeat: 800 * time.Millisecond, Patience: 600 * time.Millisecond},
		},
		ended: make(chan struct{}), listeners: newListeners(1),
	}
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.GET("/", func(c *gin.Context) { _ = a.streamEvents(c) })
	s := httptest.NewUnstartedServer(e)
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	defer a.End()
	res, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.ProtoMajor != 2 {
		t.Fatalf("HTTP/%d", res.ProtoMajor)
	}
	want := "retry: 2000\nid: 0.0.0\n\n:\n\n:\n\n:\n\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != want {
		t.Errorf("%q %v", got, err)
	}
}
