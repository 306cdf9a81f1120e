package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/admit"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/fhir"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/store"
)

// openFHIR puts the FHIR interface together and registers its routes.
func (n *node) openFHIR(ctx context.Context, router *auth.Router, known callers) error {
	metrics, err := fhir.NewMetrics(n.reg)
	if err != nil {
		return fmt.Errorf("counting resources: %w", err)
	}
	n.fhir, err = fhir.New(ctx, router, fhir.Deps{
		Bases: n.addresses(), Readings: resources{n.readings}, Store: indexes{n.store, n.readings}, Devices: described{n.devices, n.store},
		Signatures: n.sessions, Services: n.sessions.Describe, Device: known.device, Metrics: metrics, Subscriptions: n.webhooks,
		Blind: func(param, value string) []byte {
			id := n.vault.ID([]byte("secant/fhir/index/v1"), []byte(param), []byte(value))
			return id[:]
		},
		Prove:  func(ctx context.Context, id proof.RequestID) (*proof.Verdict, error) { return n.api.Prove(ctx, id, 0) },
		Limits: fhir.Limits{Resource: recorded, Bundle: int(n.cfg.Limits.Body), Depth: n.cfg.Limits.Depth},
	})
	return err
}

// resources is the pipeline as the FHIR interface sees it.
type resources struct{ *readings }

// Submit makes a resource durable.
func (r resources) Submit(ctx context.Context, s *fhir.Submission) (id proof.RequestID, err error) {
	p, err := r.open()
	if err != nil {
		return id, err
	}
	receipt, err := p.Submit(ctx, ingest.Request{
		Organisation: r.organisation, Unit: s.Unit, Key: s.Key, Seed: s.Seed, Signature: s.Signature, Sequence: s.Sequence,
		Subject: s.Subject, MediaType: ingest.MediaFHIR, Body: bytes.NewReader(s.Body),
	})
	if err != nil {
		return id, err
	}
	if s.Unit != (proof.Hash{}) { // a resource may be of no device
		r.saw(s.Unit.String(), s.Key != nil, receipt.Received)
	}
	return receipt.ID, nil
}

// described finds devices as resources speak of them.
type described struct {
	devices *admit.Devices
	store   *store.Store
}

// Admit lets pass a device that may hand in readings here.
func (d described) Admit(ctx context.Context, unit proof.Hash, signed bool) (ed25519.PublicKey, error) {
	return d.devices.Admit(ctx, unit, signed)
}

// Named finds the device that a source calls by a name.
func (d described) Named(ctx context.Context, source, name string) (unit proof.Hash, err error) {
	id, err := d.store.UnitNamed(ctx, source, name)
	if err != nil {
		return unit, err
	}
	if err := unit.UnmarshalText([]byte(id)); err != nil {
		return unit, fmt.Errorf("reading a unit's id: %w", err)
	}
	return unit, nil
}

// Registered finds a device as the ledger has it.
func (d described) Registered(ctx context.Context, unit proof.Hash) (*ledger.Unit, error) {
	row, err := d.store.Unit(ctx, unit.String())
	if err != nil {
		return nil, err
	}
	return &row.Record, nil
}
