package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/admit"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/mllp"
	"github.com/secant-platform/secant/gateway/source"
	"github.com/secant-platform/secant/gateway/store"
)

// openMonitors puts the listeners for HL7 v2 messages together.
func (n *node) openMonitors() error {
	if len(n.cfg.MLLP) == 0 {
		return nil
	}
	metrics, err := mllp.NewMetrics(n.reg)
	if err != nil {
		return err
	}
	n.doors, err = openDoors(n.doors, "mllp", n.cfg.MLLP, hearMessages(messages{n.readings}, named{n.store, n.devices}, metrics, n.logger))
	return err
}

// hearMessages makes listeners for HL7 v2 messages.
func hearMessages(readings mllp.Readings, devices mllp.Devices, metrics *mllp.Metrics, logger *slog.Logger) func([]source.Source) (serveFunc, error) {
	return func(sources []source.Source) (serveFunc, error) {
		s, err := mllp.New(readings, devices, mllp.Options{Sources: sources, Metrics: metrics, Logger: logger})
		if err != nil {
			return nil, err
		}
		return s.Serve, nil
	}
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
	m.readings.saw(msg.Unit.String(), false, receipt.Received)
	return receipt.ID, nil
}

// named finds devices by what their sources call them.
type named struct {
	store   *store.Store
	devices *admit.Devices
}

// Find finds a device that may hand in readings here.
func (d named) Find(ctx context.Context, source, name string) (proof.Hash, error) {
	unit, err := d.unit(ctx, source, name)
	if err == nil {
		_, err = d.devices.Admit(ctx, unit, false)
	}
	return unit, err
}

func (d named) unit(ctx context.Context, source, name string) (unit proof.Hash, err error) {
	id, err := d.store.UnitNamed(ctx, source, name)
	if err != nil {
		return unit, err
	}
	if err := unit.UnmarshalText([]byte(id)); err != nil {
		return unit, fmt.Errorf("reading a unit's id: %w", err)
	}
	return unit, nil
}
