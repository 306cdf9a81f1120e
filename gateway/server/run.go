package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/secant-platform/secant/gateway/telemetry"
)

// TLS serves with a certificate, by a version of the protocol (tls.VersionTLS13)
// or a later one.
func TLS(cert tls.Certificate, oldest uint16) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   oldest,
		NextProtos:   []string{"h2", "http/1.1"},
	}
}

// Listen opens an address that the node answers on. Without TLS, an address that
// can be reached from outside the machine is refused.
func Listen(ctx context.Context, address string, secure *tls.Config) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading the address to listen on: %w", err)
	}
	if ip := net.ParseIP(host); secure == nil && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, errors.New("listening: an address that is reachable from outside needs TLS")
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	if secure == nil {
		return l, nil
	}
	return tls.NewListener(l, secure), nil
}

// Run serves handler on all listeners until ctx ends, then drains: no new requests
// on any, end is called so that what would never end by itself does, and running
// requests get Options.Drain to end. It returns nil after that. A listener that
// fails ends all of them at once. Run closes the listeners.
func Run(ctx context.Context, listeners []net.Listener, handler http.Handler, opts Options, logger *slog.Logger, end func()) error {
	if err := opts.validate(); err != nil {
		return err
	}
	// Requests outlive ctx, or draining would cut them off.
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: opts.HeaderTime,
		WriteTimeout:      opts.WriteTime,
		IdleTimeout:       opts.IdleTime,
		MaxHeaderBytes:    2 * opts.MaxHeader, // beyond it the connection is cut; up to it a problem document is sent
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(quietErrors{logger.Handler()}, slog.LevelDebug),
	}
	s.RegisterOnShutdown(end)
	served := make(chan error, len(listeners))
	for _, l := range listeners {
		logger.InfoContext(ctx, "http listening", slog.String(telemetry.KeyAddress, l.Addr().String()))
		go func() { served <- s.Serve(l) }()
	}
	select {
	case err := <-served:
		cut()
		_ = s.Close() // what failed is told
		await(ctx, served, len(listeners)-1, logger)
		return fmt.Errorf("serving http: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), opts.Drain)
	defer cancel()
	err := s.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		logger.WarnContext(ctx, "http drained too slowly, requests were cut off")
		cut()
		err = s.Close()
	}
	await(ctx, served, len(listeners), logger)
	if err != nil {
		return fmt.Errorf("ending http: %w", err)
	}
	logger.InfoContext(ctx, "http drained")
	return nil
}

// await waits until a number of listeners are served no more.
func await(ctx context.Context, served <-chan error, listeners int, logger *slog.Logger) {
	for range listeners {
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			logger.WarnContext(ctx, "http ended otherwise than told", slog.Any(telemetry.KeyError, err))
		}
	}
}

// quietErrors passes on that a connection went wrong, at debug level, and not
// what was on it.
type quietErrors struct{ slog.Handler }

// Handle logs a constant in place of the server's text.
func (q quietErrors) Handle(ctx context.Context, r slog.Record) error {
	return q.Handler.Handle(ctx, slog.NewRecord(r.Time, r.Level, "http connection failed", r.PC)) //nolint:wrapcheck // a handler passes errors on
}
