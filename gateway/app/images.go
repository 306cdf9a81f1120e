package app

import (
	"bytes"
	"context"
	"slices"

	"github.com/secant-platform/secant/analytics/correlate"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/dicom"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/misp"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/server"
	"github.com/secant-platform/secant/gateway/taxii"
)

// openImages registers the web services for DICOM instances.
func (n *node) openImages(router *auth.Router) error {
	metrics, err := dicom.NewMetrics(n.reg)
	if err != nil {
		return err
	}
	return dicom.New(router, dicom.Deps{
		Readings: manifests{n.readings}, Devices: named{n.store, n.devices}, Images: indexes{n.store, n.readings}, Proofs: imageProofs{n.api}, Metrics: metrics,
		Limits: dicom.Limits{File: n.cfg.Limits.Images},
	})
}

// bodies bounds the bodies that may be larger than others: those with files of which
// only the digest is kept, and those with many objects.
func bodies(l *config.Limits) map[string]server.Body {
	all := map[string]server.Body{
		taxii.Large:           {Max: taxii.MaxBody, Time: l.BodyTime.Std()},
		rest.LargeWarninglist: {Max: correlate.MaxWarninglistBytes, Time: l.ImagesTime.Std()},
		rest.PushIntelligence: {Max: max(maxPushed, l.Body), Time: l.BodyTime.Std()},
	}
	for _, route := range rest.References() {
		all[route] = server.Body{Max: rest.MaxReference, Time: l.BodyTime.Std()}
	}
	for _, route := range misp.Large {
		all[route] = server.Body{Max: misp.MaxBody, Time: l.BodyTime.Std()}
	}
	for _, route := range slices.Concat(dicom.Large(), rest.Large()) {
		all[route] = server.Body{Max: l.Images, Time: l.ImagesTime.Std()}
	}
	return all
}

// manifests is the pipeline as the DICOM interface sees it.
type manifests struct{ readings *readings }

// Submit makes a manifest durable; the node vouches for it.
func (m manifests) Submit(ctx context.Context, manifest dicom.Manifest) (dicom.Receipt, error) {
	p, err := m.readings.open()
	if err != nil {
		return dicom.Receipt{}, err
	}
	r, err := p.Submit(ctx, ingest.Request{
		Organisation: m.readings.organisation, Unit: manifest.Unit, Once: manifest.Once, MediaType: ingest.MediaJSON,
		Body: bytes.NewReader(manifest.Text),
	})
	if err != nil {
		return dicom.Receipt{}, err
	}
	return dicom.Receipt{ID: r.ID, Received: r.Received}, nil
}

// Admit lets pass a device that may hand in readings here.
func (d named) Admit(ctx context.Context, unit proof.Hash) error {
	_, err := d.devices.Admit(ctx, unit, false)
	return err
}

// imageProofs is the node's proofs as the DICOM interface sees them: each manifest is
// the only record of its request.
type imageProofs struct{ api *rest.API }

// Since tells since when a manifest is on the ledger.
func (p imageProofs) Since(ctx context.Context, id proof.RequestID) (*dicom.Anchor, error) {
	r, err := p.api.Anchored(ctx, id)
	if err != nil || r.Anchor == nil {
		return nil, err
	}
	return &dicom.Anchor{Stream: r.Anchor.Stream, Sequence: r.Anchor.Sequence, Time: r.Anchor.Time}, nil
}

// Bundle makes the proof of a manifest.
func (p imageProofs) Bundle(ctx context.Context, id proof.RequestID) ([]byte, error) {
	return p.api.Proof(ctx, id, 0)
}
