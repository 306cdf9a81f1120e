package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"os"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/admit"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/mllp"
	"github.com/secant-platform/secant/gateway/store"
)

// monitors is a listener for HL7 v2 messages that was put together and is not
// listened on.
type monitors struct {
	address string
	tls     *tls.Config // nil: none
	plain   bool        // without TLS also where others reach it
	server  *mllp.Server
}

// openMonitors puts the listeners for HL7 v2 messages together.
func (n *node) openMonitors() error {
	if len(n.cfg.MLLP) == 0 {
		return nil
	}
	metrics, err := mllp.NewMetrics(n.reg)
	if err != nil {
		return err
	}
	for i, c := range n.cfg.MLLP {
		m := monitors{address: c.Listen, plain: c.Plain}
		if c.Certificate != "" {
			own, err := tls.LoadX509KeyPair(c.Certificate, c.Key.Path())
			if err != nil {
				return fmt.Errorf("reading the certificate for HL7 messages: %w", err)
			}
			m.tls = mllp.TLS(own)
		}
		sources, err := readSources(c.Sources)
		if err != nil {
			return fmt.Errorf("reading the sources of mllp[%d]: %w", i, err)
		}
		m.server, err = mllp.New(messages{n.readings}, named{n.store, n.devices}, mllp.Options{
			Sources: sources, Metrics: metrics, Logger: n.logger,
		})
		if err != nil {
			return err
		}
		n.monitors = append(n.monitors, m)
	}
	return nil
}

func readSources(configured []config.MLLPSource) ([]mllp.Source, error) {
	var sources []mllp.Source
	for _, c := range configured {
		s := mllp.Source{Name: c.Name, Networks: c.Networks}
		for _, path := range c.Certificates {
			text, err := os.ReadFile(path) //nolint:gosec // the operator names it
			if err != nil {
				return nil, fmt.Errorf("source %s: %w", c.Name, err)
			}
			block, _ := pem.Decode(text)
			if block == nil || block.Type != "CERTIFICATE" {
				return nil, fmt.Errorf("source %s: %s begins with no certificate", c.Name, path)
			}
			s.Certificates = append(s.Certificates, sha256.Sum256(block.Bytes))
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// listenForMonitors opens the addresses for HL7 messages, all of them or none.
func (n *node) listenForMonitors(ctx context.Context, listen listenFunc) (listeners []net.Listener, err error) {
	for _, m := range n.monitors {
		var l net.Listener
		if m.plain && m.tls == nil { // the operator's decision
			l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", m.address)
		} else {
			l, err = listen(ctx, m.address, m.tls)
		}
		if err != nil {
			for _, open := range listeners {
				_ = open.Close()
			}
			return nil, fmt.Errorf("listening for HL7 messages: %w", err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// messages is the pipeline as the HL7 listener sees it.
type messages struct{ readings *readings }

// Submit makes a message durable; the node vouches for it.
func (m messages) Submit(ctx context.Context, msg mllp.Message) (id proof.RequestID, err error) {
	p, err := m.readings.open()
	if err != nil {
		return id, err
	}
	receipt, err := p.Submit(ctx, ingest.Request{
		Organisation: m.readings.organisation, Unit: msg.Unit, Once: msg.Once, MediaType: ingest.MediaHL7, Body: bytes.NewReader(msg.Text),
	})
	if err != nil {
		return id, err
	}
	m.readings.saw(msg.Unit.String(), false)
	return receipt.ID, nil
}

// named finds devices by what their sources call them.
type named struct {
	store   *store.Store
	devices *admit.Devices
}

// Find finds a device that may hand in readings here.
func (d named) Find(ctx context.Context, source, name string) (proof.Hash, error) {
	var unit proof.Hash
	id, err := d.store.UnitNamed(ctx, source, name)
	if err != nil {
		return unit, err
	}
	if err := unit.UnmarshalText([]byte(id)); err != nil {
		return unit, fmt.Errorf("reading a unit's id: %w", err)
	}
	_, err = d.devices.Admit(ctx, unit, false)
	return unit, err
}
