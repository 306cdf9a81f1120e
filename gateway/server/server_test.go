package server_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/problem"
	"github.com/secant-platform/secant/gateway/server"
	"github.com/secant-platform/secant/gateway/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options() server.Options {
	return server.Options{
		MaxBody: 1 << 10, MaxHeader: 4 << 10, HeaderTime: 500 * time.Millisecond, BodyTime: 500 * time.Millisecond,
		WriteTime: time.Minute, IdleTime: time.Minute, Drain: 10 * time.Second, Quiet: []string{"POST /quiet"},
	}
}

// lockedBuffer is a log that requests write to at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// running is a server with a few routes that misbehave.
type running struct {
	url     string
	address string
	log     *lockedBuffer
	stop    context.CancelFunc
	stopped chan error
	entered chan struct{} // a request is in /wait
	release chan struct{} // ends /wait
	ended   chan struct{} // closed when draining begins
}

func start(t *testing.T, opts server.Options) *running {
	t.Helper()
	r := &running{log: &lockedBuffer{}, stopped: make(chan error, 1), entered: make(chan struct{}), release: make(chan struct{}), ended: make(chan struct{})}
	logger := telemetry.NewLogger(r.log, slog.LevelDebug)
	reg := prometheus.NewRegistry()
	e, err := server.NewEngine(opts, logger, reg)
	if err != nil {
		t.Fatal(err)
	}
	e.POST("/echo/:name", problem.Handler(func(c *gin.Context) error {
		b, err := io.ReadAll(c.Request.Body)
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		c.String(http.StatusOK, "%s:%d", c.Param("name"), len(b))
		return nil
	}))
	e.GET("/panic", func(*gin.Context) { panic("MARKED in a panic") })
	e.GET("/fail", problem.Handler(func(*gin.Context) error { return errors.New("the disk is full") }))
	e.GET("/invalid", problem.Handler(func(c *gin.Context) error {
		return ledger.Problemf(ledger.CodeInvalid, "MARKED %s", c.Query("q"))
	}))
	e.POST("/wait", problem.Handler(func(c *gin.Context) error {
		if _, err := io.Copy(io.Discard, c.Request.Body); err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		r.entered <- struct{}{}
		select {
		case <-r.release:
			c.String(http.StatusOK, "waited")
			return nil
		case <-c.Request.Context().Done():
			return fmt.Errorf("waiting: %w", c.Request.Context().Err())
		}
	}))
	l, err := server.Listen(t.Context(), "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.address = l.Addr().String()
	r.url = "http://" + r.address
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() { r.stopped <- server.Run(ctx, []net.Listener{l}, e, opts, logger, func() { close(r.ended) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-r.stopped; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

func (r *running) do(t *testing.T, method, path string, body io.Reader, header http.Header) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

// raw sends text and returns all that comes back until the server closes.
func (r *running) raw(t *testing.T, text string) string {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
	b, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Logf("reading: %v", err)
	}
	return string(b)
}

func TestLimits(t *testing.T) {
	r := start(t, options())
	for name, c := range map[string]struct {
		method, path string
		body         io.Reader
		header       http.Header
		status       int
		contains     string
	}{
		"fits":             {"POST", "/echo/a%2Fb", strings.NewReader(strings.Repeat("x", 1<<10)), nil, 200, "a/b:1024"},
		"too large, told":  {"POST", "/echo/a", strings.NewReader(strings.Repeat("x", 1<<10+1)), nil, 413, `"too_large"`},
		"too large, chunk": {"POST", "/echo/a", io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20))), nil, 413, `"too_large"`},
		"headers":          {"GET", "/fail", nil, http.Header{"X-Long": {strings.Repeat("x", 5<<10)}}, 431, `"headers"`},
		"long address":     {"GET", "/fail?q=" + strings.Repeat("x", 5<<10), nil, nil, 431, `"headers"`},
		"unknown path":     {"GET", "/MARKED", nil, nil, 404, `"not_found"`},
		"unknown method":   {"DELETE", "/echo/a", nil, nil, 405, `"method"`},
		"invented method":  {"BREW", "/echo/a", nil, nil, 405, `"method"`},
		"slash at the end": {"POST", "/echo/a/", nil, nil, 404, `"not_found"`},
		"panic":            {"GET", "/panic", nil, nil, 500, `"internal"`},
		"own fault":        {"GET", "/fail", nil, nil, 500, `"internal"`},
	} {
		status, body, header := r.do(t, c.method, c.path, c.body, c.header)
		if status != c.status || !strings.Contains(body, c.contains) || strings.Contains(body, "MARKED") {
			t.Errorf("%s: %d %s", name, status, body)
		}
		if status >= 400 && (header.Get("Content-Type") != problem.MediaType || !strings.Contains(body, header.Get(problem.RequestID))) {
			t.Errorf("%s: not a problem document with its id: %v %s", name, header, body)
		}
	}
	if status, _, _ := r.do(t, "GET", "/fail", nil, nil); status != 500 {
		t.Error("the server did not survive")
	}
}

func TestSlowSendersAreCutOff(t *testing.T) {
	r := start(t, options())
	if got := r.raw(t, "POST /echo/a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nslow"); !strings.Contains(got, " 408 ") {
		t.Errorf("a body that does not come: %q", got)
	}
	if got := r.raw(t, "GET /fail HTTP/1.1\r\nHost: x\r\nX-Slow: "); strings.Contains(got, " 200 ") {
		t.Errorf("headers that do not come: %q", got)
	}
	// The handler never reads this body; the server must not wait for it either.
	if got := r.raw(t, "GET /fail HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nslow"); !strings.Contains(got, " 500 ") {
		t.Errorf("an unread body: %q", got)
	}
}

func TestHandlerMayTakeLongerThanTheBody(t *testing.T) {
	opts := options()
	r := start(t, opts)
	answer := make(chan string, 1)
	go func() {
		_, body, _ := r.do(t, "POST", "/wait", strings.NewReader("quick"), nil)
		answer <- body
	}()
	<-r.entered
	time.Sleep(2 * opts.BodyTime) // what must not happen has no state to wait for
	close(r.release)
	if got := <-answer; got != "waited" {
		t.Errorf("the deadline of the body ended the handler: %s", got)
	}
}

func TestDrainWaitsForRunningRequests(t *testing.T) {
	r := start(t, options())
	answer := make(chan string, 1)
	go func() {
		_, body, _ := r.do(t, "POST", "/wait", strings.NewReader("x"), nil)
		answer <- body
	}()
	<-r.entered
	r.stop()
	<-r.ended // draining began
	if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.address); err == nil {
		t.Error("new connections are taken while draining")
	}
	close(r.release)
	if got := <-answer; got != "waited" {
		t.Errorf("a running request was cut off: %s", got)
	}
}

func TestDrainEnds(t *testing.T) {
	opts := options()
	opts.Drain = 50 * time.Millisecond
	r := start(t, opts)
	answer := make(chan error, 1)
	go func() {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/wait", strings.NewReader("x"))
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
		}
		answer <- err
	}()
	<-r.entered
	r.stop()
	<-answer // the request ended, one way or the other, though nobody released it
}

func TestLogHoldsNothingThatWasSent(t *testing.T) {
	r := start(t, options())
	marked := http.Header{"Authorization": {"Bearer MARKED"}, "X-Request-Id": {"MARKED"}, "Cookie": {"a=MARKED"}, "User-Agent": {"MARKED"}}
	for _, c := range [][2]string{
		{"POST", "/echo/MARKED"},
		{"GET", "/invalid?q=MARKED"},
		{"GET", "/panic?MARKED"},
		{"GET", "/MARKED"},
		{"MARKED", "/echo/MARKED"},
		{"POST", "/wait/MARKED"},
	} {
		r.do(t, c[0], c[1], strings.NewReader("MARKED"), marked)
	}
	r.raw(t, "MARKED / nonsense\r\n\r\n")
	log := r.log.String()
	if strings.Contains(log, "MARKED") {
		t.Errorf("the log repeats what was sent:\n%s", log)
	}
	for _, want := range []string{`"route":"/echo/:name"`, `"code":"invalid"`, "request panicked", `"route":"none"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
}

func TestListenRefusesPlainHTTPOutside(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.org:0", "nowhere"} {
		if l, err := server.Listen(t.Context(), address, nil); err == nil {
			l.Close()
			t.Errorf("%s: listening without TLS", address)
		}
	}
}

func TestOptionsMustBeSet(t *testing.T) {
	opts := options()
	opts.MaxBody = 0
	if _, err := server.NewEngine(opts, slog.New(slog.DiscardHandler), prometheus.NewRegistry()); err == nil {
		t.Error("an unbounded body was accepted")
	}
}

func TestPipelinedGarbageAfterRequest(t *testing.T) {
	r := start(t, options())
	got := r.raw(t, "POST /echo/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nokGARBAGE")
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("got %q", got)
	}
}
