package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/coap"
	"github.com/secant-platform/secant/gateway/ingest"
)

// window is a server for datagrams of devices that was put together and has no address
// yet.
type window struct {
	address string
	own     *tls.Certificate // nil: without DTLS
	server  *coap.Server
}

// openCoAP puts the servers for devices that speak CoAP together.
func (n *node) openCoAP() error {
	if len(n.cfg.CoAP) == 0 {
		return nil
	}
	metrics, err := coap.NewMetrics(n.reg)
	if err != nil {
		return err
	}
	for i, c := range n.cfg.CoAP {
		w := window{address: c.Listen}
		if c.Certificate != "" {
			own, err := tls.LoadX509KeyPair(c.Certificate, c.Key.Path())
			if err != nil {
				return fmt.Errorf("reading the certificate of coap[%d]: %w", i, err)
			}
			w.own = &own
		}
		sources, err := readSources(c.Sources)
		if err != nil {
			return fmt.Errorf("reading the sources of coap[%d]: %w", i, err)
		}
		w.server, err = coap.NewServer(requests{n.readings}, signers{named{n.store, n.devices}}, coap.Options{
			Sources: sources, Metrics: metrics, Logger: n.logger,
		})
		if err != nil {
			return err
		}
		n.windows = append(n.windows, w)
	}
	return nil
}

// listenForDatagrams opens the addresses for datagrams, all of them or none. Each is
// served by one of the functions, which closes it.
func listenForDatagrams(ctx context.Context, windows []window) (serve []serving, err error) {
	var open []func() error
	for i := range windows {
		s, end, err := windows[i].open(ctx)
		if err != nil {
			for _, end := range open {
				_ = end()
			}
			return nil, fmt.Errorf("listening for coap: %w", err)
		}
		serve, open = append(serve, s), append(open, end)
	}
	return serve, nil
}

// serving serves an open address until ctx ends.
type serving func(ctx context.Context) error

func (w *window) open(ctx context.Context) (serve serving, end func() error, err error) {
	if w.own == nil {
		conn, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", w.address)
		if err != nil {
			return nil, nil, err //nolint:wrapcheck // the caller says what it was doing
		}
		return func(ctx context.Context) error { return w.server.ServePackets(ctx, conn) }, conn.Close, nil
	}
	at, err := net.ResolveUDPAddr("udp", w.address)
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // the caller says what it was doing
	}
	l, err := coap.Secure(at, *w.own)
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // the caller says what it was doing
	}
	return func(ctx context.Context) error { return w.server.Serve(ctx, l) }, l.Close, nil
}

// requests is the pipeline as CoAP sees it.
type requests struct{ readings *readings }

// Submit makes readings durable, for which their device vouches or the node does.
func (r requests) Submit(ctx context.Context, m coap.Message) (id proof.RequestID, err error) {
	p, err := r.readings.open()
	if err != nil {
		return id, err
	}
	receipt, err := p.Submit(ctx, ingest.Request{
		Organisation: r.readings.organisation, Unit: m.Unit, Key: m.Key, Seed: m.Seed, Signature: m.Signature, Sequence: m.Sequence, Once: m.Once,
		Subject: m.Subject, MediaType: m.MediaType, Body: bytes.NewReader(m.Body),
	})
	if err != nil {
		return id, err
	}
	r.readings.saw(m.Unit.String(), m.Key != nil, receipt.Received)
	return receipt.ID, nil
}
