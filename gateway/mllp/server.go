package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/secant-platform/secant/gateway/telemetry"
)

// Server takes messages.
type Server struct {
	opts     Options
	readings Readings
	devices  Devices
	metrics  *Metrics

	arrivals  arrivals
	strangers strangers

	mu     sync.Mutex
	open   int            // connections of known senders, of this listener
	counts map[string]int // of them by source
}

// New makes a server.
func New(readings Readings, devices Devices, opts Options) (*Server, error) {
	opts, err := opts.validate()
	if err != nil {
		return nil, err
	}
	return &Server{
		opts: opts, readings: readings, devices: devices, metrics: opts.Metrics, counts: map[string]int{},
		arrivals: arrivals{most: opts.Handshakes, each: opts.PerAddress},
	}, nil
}

// Serve answers the connections of a listener until ctx ends; then every message
// that has arrived is answered, and no other is read. It closes the listener, and
// returns nil after an orderly end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.opts.Logger.InfoContext(ctx, "hl7 listening", slog.String(telemetry.KeyAddress, l.Addr().String()))
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("accepting hl7 connections: %w", err)
		}
		if err != nil { // no file for another connection, or one that was broken off: both pass
			s.metrics.refused("accept")
			select {
			case <-ctx.Done():
			case <-time.After(acceptPause):
			}
			continue
		}
		from := addressOf(conn)
		_, secure := conn.(*tls.Conn)
		if !s.opts.possible(secure, from) {
			s.unknown(ctx)
			_ = below(conn).Close()
			continue
		}
		if !s.arrivals.enter(conn, from) {
			s.metrics.refused("handshakes")
			_ = below(conn).Close()
			continue
		}
		serving.Go(func() {
			defer conn.Close()
			s.connection(ctx, conn, from)
		})
	}
}

// acceptPause is how long a listener waits that could not take a connection.
const acceptPause = 100 * time.Millisecond

// connection finds out who is there and hears them out.
func (s *Server) connection(ctx context.Context, conn net.Conn, from netip.Addr) {
	certificate, err := s.handshake(ctx, conn)
	s.arrivals.leave(conn)
	if err != nil {
		s.metrics.refused("handshake")
		return
	}
	source := s.opts.source(certificate, from)
	if source == nil {
		s.unknown(ctx)
		return
	}
	if !s.enter(source.Name) {
		s.metrics.refused("connections")
		return
	}
	defer s.leave(source.Name)
	c := &session{server: s, source: source.Name, conn: conn, reader: newReader(conn, s.opts.Record)}
	// An idle connection is woken when the end comes; a message under way is not.
	stop := context.AfterFunc(ctx, c.wake)
	defer stop()
	c.serve(ctx)
}

// handshake returns the certificate of the other side, or nil without TLS.
func (s *Server) handshake(ctx context.Context, conn net.Conn) ([]byte, error) {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Handshake)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	now := time.Now()
	leaf := secure.ConnectionState().PeerCertificates[0] // there is one: TLS
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return nil, errors.New("tls: the sender's certificate is not of today")
	}
	return leaf.Raw, nil
}

func (s *Server) unknown(ctx context.Context) {
	s.metrics.refused("unknown")
	s.strangers.came(ctx, s.opts.Logger)
}

// enter reports whether there is room for another connection of a source.
func (s *Server) enter(source string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= s.opts.Connections || s.counts[source] >= s.opts.PerSource {
		return false
	}
	s.open++
	s.counts[source]++
	s.metrics.connections.Inc()
	return true
}

func (s *Server) leave(source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.counts[source]--
	s.metrics.connections.Dec()
}
