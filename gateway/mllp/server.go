package mllp

import (
	"context"
	"net"

	"github.com/secant-platform/secant/gateway/source"
)

// Server takes messages.
type Server struct {
	opts     Options
	door     *source.Door
	readings Readings
	devices  Devices
	metrics  *Metrics
}

// New makes a server.
func New(readings Readings, devices Devices, opts Options) (*Server, error) {
	opts, err := opts.validate()
	if err != nil {
		return nil, err
	}
	door, err := source.NewDoor(source.Options{
		Protocol: "hl7", Sources: opts.Sources, Connections: opts.Connections, PerSource: opts.PerSource, Handshakes: opts.Handshakes, PerAddress: opts.PerAddress,
		Handshake: opts.Handshake, Metrics: opts.Metrics.door, Logger: opts.Logger,
	})
	if err != nil {
		return nil, err
	}
	return &Server{opts: opts, door: door, readings: readings, devices: devices, metrics: opts.Metrics}, nil
}

// Serve answers the connections of a listener until ctx ends; then every message
// that has arrived is answered, and no other is read. It closes the listener, and
// returns nil after an orderly end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	return s.door.Serve(ctx, l, func(ctx context.Context, conn net.Conn, source string) {
		c := &session{server: s, source: source, conn: conn, reader: newReader(conn, s.opts.Record)}
		// An idle connection is woken when the end comes; a message under way is not.
		stop := context.AfterFunc(ctx, c.wake)
		defer stop()
		c.serve(ctx)
	})
}
