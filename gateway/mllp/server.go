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

	mu     sync.Mutex
	open   int            // connections, of this listener
	counts map[string]int // connections by source
}

// New makes a server.
func New(readings Readings, devices Devices, opts Options) (*Server, error) {
	opts, err := opts.validate()
	if err != nil {
		return nil, err
	}
	return &Server{opts: opts, readings: readings, devices: devices, metrics: opts.Metrics, counts: map[string]int{}}, nil
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
		if !s.enter() {
			s.metrics.refused("connections")
			_ = conn.Close()
			continue
		}
		serving.Go(func() {
			defer s.leave()
			defer conn.Close()
			s.connection(ctx, conn)
		})
	}
}

// acceptPause is how long a listener waits that could not take a connection.
const acceptPause = 100 * time.Millisecond

// connection finds out who is there and hears them out.
func (s *Server) connection(ctx context.Context, conn net.Conn) {
	certificate, err := s.handshake(ctx, conn)
	if err != nil {
		s.metrics.refused("handshake")
		return
	}
	var from netip.Addr
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		from = a.AddrPort().Addr().Unmap()
	}
	source := s.opts.source(certificate, from)
	if source == nil {
		s.metrics.refused("unknown")
		s.opts.Logger.WarnContext(ctx, "hl7 sender unknown: neither its certificate nor its network is a source's")
		return
	}
	if !s.count(source.Name, 1) {
		s.metrics.refused("connections")
		return
	}
	defer s.count(source.Name, -1)
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

func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= s.opts.Connections {
		return false
	}
	s.open++
	s.metrics.connections.Inc()
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.metrics.connections.Dec()
}

// count adds to the connections of a source, and reports whether there is room.
func (s *Server) count(source string, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > 0 && s.counts[source] >= s.opts.PerSource {
		return false
	}
	s.counts[source] += n
	return true
}
