package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/secant-platform/secant/gateway/telemetry"
)

// Door lets sources in.
type Door struct {
	opts      Options
	metrics   *Metrics
	arrivals  arrivals
	strangers telemetry.Seldom

	mu     sync.Mutex
	open   int            // connections of known senders
	counts map[string]int // of them by source
}

// NewDoor makes a door.
func NewDoor(opts Options) (*Door, error) {
	opts, err := opts.validate()
	if err != nil {
		return nil, err
	}
	return &Door{
		opts: opts, metrics: opts.Metrics, counts: map[string]int{},
		arrivals: arrivals{most: opts.Handshakes, each: opts.PerAddress},
	}, nil
}

// acceptPause is how long a listener waits that could not take a connection.
const acceptPause = 100 * time.Millisecond

// Serve hands the connections of a listener to handle, each in a goroutine of its
// own with the name of its source, until ctx ends; it closes the listener then, and
// a connection when handle returns. It returns nil after an orderly end, once every
// handle has returned.
func (d *Door) Serve(ctx context.Context, l net.Listener, handle func(ctx context.Context, conn net.Conn, source string)) error {
	d.opts.Logger.InfoContext(ctx, "listening for devices", slog.String(telemetry.KeyProtocol, d.opts.Protocol), slog.String(telemetry.KeyAddress, l.Addr().String()))
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
			return fmt.Errorf("accepting %s connections: %w", d.opts.Protocol, err)
		}
		if err != nil { // no file for another connection, or one that was broken off: both pass
			d.metrics.refuse("accept")
			select {
			case <-ctx.Done():
			case <-time.After(acceptPause):
			}
			continue
		}
		from := addressOf(conn)
		if !d.opts.possible(secure(conn), from) {
			d.unknown(ctx)
			_ = below(conn).Close()
			continue
		}
		if !d.arrivals.enter(conn, from) {
			d.metrics.refuse("handshakes")
			_ = below(conn).Close()
			continue
		}
		serving.Go(func() {
			defer conn.Close()
			defer telemetry.Rescue(ctx, d.opts.Logger, "device connection", func() { d.metrics.refuse("failure") },
				slog.String(telemetry.KeyProtocol, d.opts.Protocol))
			d.admit(ctx, conn, from, handle)
		})
	}
}

// admit finds out who is there and lets them in.
func (d *Door) admit(ctx context.Context, conn net.Conn, from netip.Addr, handle func(context.Context, net.Conn, string)) {
	certificate, err := d.handshake(ctx, conn)
	d.arrivals.leave(conn)
	if err != nil {
		d.metrics.refuse("handshake")
		return
	}
	s := d.opts.find(certificate, from)
	if s == nil {
		d.unknown(ctx)
		return
	}
	if !d.enter(s.Name) {
		d.metrics.refuse("connections")
		return
	}
	defer d.leave(s.Name)
	handle(ctx, conn, s.Name)
}

func (d *Door) unknown(ctx context.Context) {
	d.metrics.refuse("unknown")
	if n := d.strangers.May(); n > 0 {
		d.opts.Logger.WarnContext(ctx, "senders unknown: neither their certificates nor their networks are a source's",
			slog.String(telemetry.KeyProtocol, d.opts.Protocol), slog.Int(telemetry.KeyCount, n))
	}
}

// handshake returns the certificate of the other side, or nil without TLS.
func (d *Door) handshake(ctx context.Context, conn net.Conn) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, d.opts.Handshake)
	defer cancel()
	if other, ok := conn.(Secured); ok {
		return secured(ctx, other)
	}
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil, nil
	}
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return ofToday(secure.ConnectionState().PeerCertificates[0]) // there is one: TLS
}

// ofToday returns a certificate's bytes if it is good now.
func ofToday(leaf *x509.Certificate) ([]byte, error) {
	now := time.Now()
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return nil, errors.New("tls: the sender's certificate is not of today")
	}
	return leaf.Raw, nil
}

// enter reports whether there is room for another connection of a source.
func (d *Door) enter(source string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open >= d.opts.Connections || d.counts[source] >= d.opts.PerSource {
		return false
	}
	d.open++
	d.counts[source]++
	d.metrics.connections.Inc()
	return true
}

func (d *Door) leave(source string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	d.counts[source]--
	d.metrics.connections.Dec()
}
