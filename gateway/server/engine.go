// Package server is the node's HTTP server: the engine with what every request
// passes on its way, and the listener that starts and ends in order. It knows no
// route and no rule of the application.
package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// Options bound what one caller can take. Every limit must be set.
type Options struct {
	MaxBody    int64         // bytes of a request's body
	MaxHeader  int           // bytes of a request's line and headers
	HeaderTime time.Duration // for the headers to arrive
	BodyTime   time.Duration // for a body to arrive
	WriteTime  time.Duration // for an answer to be made and taken
	IdleTime   time.Duration // between two requests on one connection
	Drain      time.Duration // for running requests to end at shutdown

	// Bodies bound the bodies of those routes, as "POST /v1/readings", whose bounds are
	// others: they read a body as it comes, and keep none.
	Bodies map[string]Body

	// Quiet are routes that are called so often that a success is only logged
	// at debug level, as "POST /v1/readings".
	Quiet []string
	// Shapes are of protocols that have error bodies of their own.
	Shapes []problem.Shape
}

// Body bounds the body of a request. Both must be set.
type Body struct {
	Max  int64         // bytes
	Time time.Duration // to arrive
}

func (o *Options) validate() error {
	for _, b := range o.Bodies {
		if b.Max <= 0 || b.Time <= 0 {
			return errors.New("the bounds of a route's bodies must be more than zero")
		}
	}
	if o.MaxBody <= 0 || o.MaxHeader <= 0 || o.HeaderTime <= 0 || o.BodyTime <= 0 || o.WriteTime <= 0 || o.IdleTime <= 0 || o.Drain <= 0 {
		return errors.New("every limit of the HTTP server must be more than zero")
	}
	return nil
}

// NewEngine makes the engine that routes are registered on. What a request
// passes, in order: its id, the log and the metrics, recovery from panics, the
// limits. Authentication comes with each route, from auth.Router.
func NewEngine(opts Options, logger *slog.Logger, reg prometheus.Registerer) (*gin.Engine, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	if err := e.SetTrustedProxies(nil); err != nil {
		return nil, err //nolint:wrapcheck // cannot fail for none
	}
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.UseRawPath = true          // a parameter may hold an escaped slash
	e.UnescapePathValues = false // gin reads a plus as a space, as in a query

	m := newMetrics(reg)
	e.Use(unescape, identify, problem.Shaped(opts.Shapes), observe(logger, m, opts.Quiet), recovery(logger, m), limit(opts))
	e.NoRoute(problem.Handler(func(*gin.Context) error { return problem.NoRoute() }))
	e.NoMethod(problem.Handler(func(*gin.Context) error { return problem.Method() }))
	return e, nil
}

// unescape undoes the escapes of path parameters (RFC 3986), in which a plus is
// a plus. Without RawPath net/http has undone them already.
func unescape(c *gin.Context) {
	if c.Request.URL.RawPath == "" {
		return
	}
	for i, p := range c.Params {
		if v, err := url.PathUnescape(p.Value); err == nil { // else net/url would have refused the path
			c.Params[i].Value = v
		}
	}
}

// identify gives the request an id of our own making, and the answer the
// headers that all answers have.
func identify(c *gin.Context) {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	h := c.Writer.Header()
	h.Set(problem.RequestID, hex.EncodeToString(id[:]))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
}

// observe counts the request and logs it: never its path, its headers or its
// body, which may name a device or a patient.
func observe(logger *slog.Logger, m *metrics, quiet []string) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		m.inFlight.Inc()
		defer func() {
			m.inFlight.Dec()
			took, status := time.Since(start), c.Writer.Status()
			route := c.FullPath()
			if route == "" {
				route = "none"
			}
			method := knownMethod(c.Request.Method)
			m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
			m.duration.WithLabelValues(method, route).Observe(took.Seconds())

			level := slog.LevelInfo
			switch {
			case status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable:
				level = slog.LevelError
			case status < http.StatusBadRequest && slices.Contains(quiet, method+" "+route):
				level = slog.LevelDebug
			}
			ctx := c.Request.Context()
			if !logger.Enabled(ctx, level) {
				return
			}
			attrs := []slog.Attr{
				slog.String(telemetry.KeyRequest, c.Writer.Header().Get(problem.RequestID)),
				slog.String(telemetry.KeyMethod, method),
				slog.String(telemetry.KeyRoute, route),
				slog.Int(telemetry.KeyStatus, status),
				slog.Float64(telemetry.KeyDuration, took.Seconds()),
				slog.Int64(telemetry.KeyBytesIn, c.Request.ContentLength),
				slog.Int(telemetry.KeyBytesOut, c.Writer.Size()),
			}
			if caller := auth.CallerOf(ctx); caller != nil {
				attrs = append(attrs, slog.String(telemetry.KeyOrganisation, caller.Organisation), slog.String(telemetry.KeyRole, string(caller.Role)))
			}
			logger.LogAttrs(ctx, level, "request served", append(attrs, fault(c)...)...)
		}()
		c.Next()
	}
}

// fault tells what went wrong: for our own faults the error as it is, for the
// caller's only the code, since the rest may repeat what was sent.
func fault(c *gin.Context) []slog.Attr {
	last := c.Errors.Last()
	if last == nil {
		return nil
	}
	err := last.Err
	d := problem.Of(err)
	attrs := []slog.Attr{slog.String(telemetry.KeyCode, string(d.Code))}
	if refusal, ok := errors.AsType[*auth.RefusedError](err); ok {
		return append(attrs, slog.String(telemetry.KeyError, refusal.Error()))
	}
	if d.Code == problem.Code(ledger.CodeInternal) || d.Code == problem.Code(ledger.CodeUnavailable) {
		attrs = append(attrs, slog.String(telemetry.KeyError, err.Error()))
	}
	return attrs
}

// recovery turns a panic into a problem document and a logged stack.
func recovery(logger *slog.Logger, m *metrics) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(r) // meant: the server breaks the connection off
			}
			m.panics.Inc()
			logger.LogAttrs(c.Request.Context(), slog.LevelError, "request panicked",
				slog.String(telemetry.KeyRequest, c.Writer.Header().Get(problem.RequestID)),
				slog.String(telemetry.KeyRoute, c.FullPath()),
				slog.String(telemetry.KeyStack, string(debug.Stack())))
			problem.Write(c, errPanic)
		}()
		c.Next()
	}
}

// errPanic stands for the value of a panic, which may hold what was sent.
var errPanic = errors.New("the handler panicked")

// limit bounds the headers and the body. The body's time is bounded while it is
// read and not after, so that a handler may take longer than a sender.
func limit(opts Options) gin.HandlerFunc {
	return func(c *gin.Context) {
		req := c.Request
		if headerBytes(req) > opts.MaxHeader {
			problem.Write(c, problem.Headers())
			return
		}
		bound, ok := opts.Bodies[req.Method+" "+c.FullPath()]
		if !ok {
			bound = Body{Max: opts.MaxBody, Time: opts.BodyTime}
		}
		if req.ContentLength > bound.Max {
			c.Writer.Header().Set("Connection", "close")
			problem.Write(c, &http.MaxBytesError{Limit: bound.Max})
			return
		}
		if req.Body == nil || req.Body == http.NoBody {
			return
		}
		rc := http.NewResponseController(c.Writer)
		deadline := time.Now().Add(bound.Time)
		if ok { // the server counts the time for the answer from the headers on
			_ = rc.SetWriteDeadline(deadline.Add(opts.WriteTime))
		}
		_ = rc.SetReadDeadline(deadline) // also bounds what the server itself reads when the handler does not
		req.Body = &timedBody{
			ReadCloser: http.MaxBytesReader(bare(c.Writer), req.Body, bound.Max),
			rc:         rc, deadline: deadline,
		}
	}
}

// bare finds the server's own writer, which MaxBytesReader tells to close the
// connection after a body that is too large.
func bare(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}

// timedBody is a body with a deadline that ends with the body. The deadline is
// set again at each read, because others may have changed it in between.
type timedBody struct {
	io.ReadCloser
	rc       *http.ResponseController
	deadline time.Time
}

// Read reads on until the deadline.
func (b *timedBody) Read(p []byte) (int, error) {
	_ = b.rc.SetReadDeadline(b.deadline)
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.rc.SetReadDeadline(time.Time{})
	}
	return n, err //nolint:wrapcheck // a reader passes errors on
}

// headerBytes estimates the size of a request's line and headers.
func headerBytes(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	return n
}

// knownMethod keeps what a caller invents out of labels.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}
