package coap

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/secant-platform/secant/gateway/source"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// Server takes what devices send by CoAP. The wire's forms are go-coap's; the exchange
// of messages is its own, because an acknowledgement says here that something is durable,
// and because everything that a stranger can make it remember is bounded.
type Server struct {
	opts     Options
	metrics  *Metrics
	readings Readings
	devices  Devices
	door     *source.Door
	held     *semaphore.Weighted // bytes of requests under way
	blocks   *assemblies
	registry *registry
	quiet    telemetry.Seldom
	peers    atomic.Int64 // connections so far

	sources map[string]*sender
	working sync.WaitGroup
}

// sender is what is remembered of a source.
type sender struct {
	exchanges exchanges

	mu      sync.Mutex
	under   int // requests under way
	budget  float64
	counted time.Time
}

// NewServer makes a server.
func NewServer(readings Readings, devices Devices, opts Options) (*Server, error) {
	opts, err := opts.validate()
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts: opts, metrics: opts.Metrics, readings: readings, devices: devices,
		held: semaphore.NewWeighted(opts.Held), registry: newRegistry(opts.Registrations), sources: map[string]*sender{},
	}
	s.blocks = &assemblies{limit: opts.Body, held: s.held, open: map[string]map[string]*assembly{}}
	for _, o := range opts.Sources {
		if s.sources[o.Name] == nil {
			n := &sender{budget: float64(opts.Rate), counted: time.Now()}
			n.exchanges.by = map[string]*list.Element{}
			s.sources[o.Name] = n
		}
	}
	s.door, err = source.NewDoor(source.Options{
		Protocol: "coap", Sources: opts.Sources, Connections: opts.Connections, PerSource: opts.PerSource,
		Handshake: opts.Handshake, Metrics: opts.Metrics.door, Logger: opts.Logger,
	})
	return s, err
}

// Serve serves the DTLS connections of a listener (Secure) until ctx ends; it closes the
// listener then, and answers what has arrived. It returns nil after an orderly end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	err := s.door.Serve(ctx, l, s.connection)
	s.working.Wait()
	return err //nolint:wrapcheck // it says what it was doing
}

// connection reads the datagrams of one DTLS connection.
func (s *Server) connection(ctx context.Context, conn net.Conn, name string) {
	p := &peer{server: s, source: name, key: "dtls-" + strconv.FormatInt(s.peers.Add(1), 10), waiting: map[int32]chan struct{}{}}
	p.send = func(b []byte) { _, _ = conn.Write(b) } // who does not get it asks again
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer stop()
	defer p.under.Wait() // what is under way is answered over the connection
	defer s.registry.leave(p.key)
	b := make([]byte, maxDatagram)
	for ctx.Err() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(s.opts.Idle))
		if ctx.Err() != nil {
			return
		}
		n, err := conn.Read(b)
		if err != nil {
			return
		}
		s.guard(ctx, func() { p.datagram(ctx, b[:n]) })
	}
}

// ServePackets serves plain datagrams until ctx ends; it closes conn then, and answers
// what has arrived. It returns nil after an orderly end.
func (s *Server) ServePackets(ctx context.Context, conn net.PacketConn) error {
	s.opts.Logger.InfoContext(ctx, "listening for devices", slog.String(telemetry.KeyProtocol, "coap"), slog.String(telemetry.KeyAddress, conn.LocalAddr().String()))
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer stop()
	defer s.working.Wait()
	peers := newPeers(s.opts.Peers)
	b := make([]byte, maxDatagram)
	for {
		n, from, err := conn.ReadFrom(b)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("reading CoAP datagrams: %w", err)
		case err != nil: // of an answer that did not arrive, as some systems tell
			continue
		}
		at, ok := from.(*net.UDPAddr)
		if !ok {
			continue
		}
		name := s.door.Known(at)
		if name == "" {
			s.metrics.drop("unknown")
			continue
		}
		p := peers.of(at.String(), func() *peer {
			return &peer{
				server: s, source: name, key: at.String(), waiting: map[int32]chan struct{}{},
				send: func(b []byte) { _, _ = conn.WriteTo(b, at) }, // who does not get it asks again
			}
		})
		s.guard(ctx, func() { p.datagram(ctx, b[:n]) })
	}
}

// guard ends what a message that nobody has sent before does to the decoder.
func (s *Server) guard(ctx context.Context, do func()) {
	defer func() {
		if r := recover(); r != nil {
			s.metrics.drop("format")
			s.opts.Logger.ErrorContext(ctx, "coap message failed", slog.String(telemetry.KeyError, fmt.Sprintf("%v\n%s", r, debug.Stack())))
		}
	}()
	do()
}

// enter counts a request of a source, if it may have another under way now.
func (s *Server) enter(n *sender) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	n.budget = min(float64(s.opts.Rate), n.budget+now.Sub(n.counted).Seconds()*float64(s.opts.Rate))
	n.counted = now
	if n.budget < 1 || n.under >= s.opts.Receive {
		return false
	}
	n.budget--
	n.under++
	return true
}

func (n *sender) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.under--
}
