package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/gateway/problem"
	"github.com/secant-platform/secant/gateway/server"
)

func TestTooManyRequestsOfOneAddressKeepNobodyElseOut(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := server.NewLimiter(server.Rates{PerSecond: 2, Total: 100, Free: []string{"/livez"}}, func() time.Time { return now })
	ask := func(from, path string) error {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.RemoteAddr = from
		return l.Allow(r)
	}
	passed := 0
	for range 50 {
		if ask("192.0.2.1:1000", "/v1/sign-in") == nil {
			passed++
		}
	}
	if passed != 10 {
		t.Errorf("%d requests passed at once, 5 s worth of 2 are 10", passed)
	}
	d := problem.Of(ask("192.0.2.1:2000", "/v1/sign-in"))
	if d.Status != http.StatusTooManyRequests || d.RetryAfter != 500*time.Millisecond {
		t.Errorf("refused with %+v", d)
	}
	if err := ask("192.0.2.1:1000", "/livez"); err != nil {
		t.Errorf("a look at whether the node lives: %v", err)
	}
	for _, other := range []string{"192.0.2.2:1000", "[2001:db8::1]:1000", "[::ffff:192.0.2.3]:1", "no address"} {
		if err := ask(other, "/v1/sign-in"); err != nil {
			t.Errorf("%s is kept out: %v", other, err)
		}
	}
	// Whoever has an IPv6 network has one bucket.
	passed = 0
	for i := range 50 {
		if ask(fmt.Sprintf("[2001:db8::%x]:1", i+2), "/v1/sign-in") == nil {
			passed++
		}
	}
	if passed != 9 {
		t.Errorf("%d requests of one network passed", passed)
	}
	now = now.Add(time.Second)
	for i, want := range []bool{true, true, false} {
		if err := ask("192.0.2.1:1", "/"); (err == nil) != want {
			t.Errorf("request %d after a second, which brings two: %v", i+1, err)
		}
	}
}

func TestAllAddressesTogetherHaveALimit(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := server.NewLimiter(server.Rates{PerSecond: 2, Total: 10}, func() time.Time { return now })
	passed := 0
	for i := range 200 {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = fmt.Sprintf("10.0.%d.%d:1", i/200, i%200)
		if l.Allow(r) == nil {
			passed++
		}
	}
	if passed != 50 {
		t.Errorf("%d passed", passed)
	}
}

// TestManyAddressesTakeBoundedMemory: what has no room of its own shares one bucket,
// and room comes back.
func TestManyAddressesTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Now()
	l := server.NewLimiter(server.Rates{PerSecond: 1, Total: 1e9}, func() time.Time { mu.Lock(); defer mu.Unlock(); return now })
	ask := func(i int) error {
		r := &http.Request{URL: httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil).URL}
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)
		return l.Allow(r)
	}
	refused := 0
	for i := range 1<<16 + 100 {
		if ask(i) != nil {
			refused++
		}
	}
	if refused != 95 {
		t.Errorf("%d were refused of the 100 for which there is no room", refused)
	}
	mu.Lock()
	now = now.Add(time.Minute)
	mu.Unlock()
	for i := range 10 {
		if err := ask(1<<17 + i); err != nil {
			t.Errorf("there is no room again: %v", err)
		}
	}
}

// TestACallerWhoAsksTooMuchKeepsOutNobodyElse, and nobody uses up what is another's.
// TestLookingTakesNoRoom from callers who prove who they are, however many others only
// say so.
func TestLookingTakesNoRoom(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := server.NewCallers(2, func() time.Time { return now })
	for i := range 1 << 17 {
		if err := c.May(strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "b", "c"} { // who would share one bucket if there were no room
		for i := range 10 {
			if err := c.Allow(name); err != nil {
				t.Fatalf("request %d of %s: %v", i+1, name, err)
			}
		}
	}
}

func TestACallerWhoAsksTooMuchKeepsOutNobodyElse(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := server.NewCallers(2, func() time.Time { return now })
	for range 1000 { // of whom it is not proven who they are
		if err := c.May("device"); err != nil {
			t.Fatal(err)
		}
	}
	passed := 0
	for range 50 {
		if c.Allow("device") == nil {
			passed++
		}
	}
	if passed != 10 {
		t.Errorf("%d requests passed at once, 5 s worth of 2 are 10", passed)
	}
	for _, err := range []error{c.Allow("device"), c.May("device")} {
		if d := problem.Of(err); d.Status != http.StatusTooManyRequests || d.RetryAfter != 500*time.Millisecond {
			t.Errorf("refused with %+v", d)
		}
	}
	if err := c.Allow("another"); err != nil {
		t.Error(err)
	}
	now = now.Add(time.Second)
	for i, want := range []bool{true, true, false} {
		if err := c.Allow("device"); (err == nil) != want {
			t.Errorf("request %d after a second, which brings two: %v", i+1, err)
		}
	}
	// However many there are, what is kept of them is bounded, and new ones share a bucket.
	for i := range 1 << 17 {
		_ = c.Allow(strconv.Itoa(i))
	}
	if c.Allow("late") == nil {
		t.Error("those for whom there is no room are told apart")
	}
	now = now.Add(5 * time.Second)
	if err := c.Allow("late"); err != nil {
		t.Errorf("after those before are forgotten: %v", err)
	}
}
