package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/risk"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/rest"
)

// knowledge is what judging reports and scoring units needs of the store.
type knowledge interface {
	Unit(ctx context.Context, id string) (fact.Row[ledger.Unit], error)
	Release(ctx context.Context, di, version string) (fact.Row[ledger.Release], error)
	Inventory(ctx context.Context, unit string) (fact.Inventory, bool, error)
	Document(ctx context.Context, kind fact.DocumentKind, digest string) (fact.Document, error)
	Findings(ctx context.Context, unit string, limit int) ([]fact.Finding, error)
	PutVEX(ctx context.Context, digest string, doc []byte) error
	AddSTIX(ctx context.Context, objects []fact.STIXObject) (added []bool, err error)
	PutMISP(ctx context.Context, e *fact.MISPEvent, was int64, objects []fact.STIXObject) (id int64, err error)
	Organisation(ctx context.Context, id string) (fact.Row[ledger.Organisation], error)
}

// assessor feeds the pure packages cti and risk with what the node knows.
type assessor struct {
	store  knowledge
	bills  *billCache
	shared string // id of the collection of what members share
	sealed string // id of the collection of what they share under seal
}

func newAssessor(store knowledge, organisation string) *assessor {
	return &assessor{store: store, bills: newBillCache(maxBills), shared: cti.CollectionID(organisation, aliasShared), sealed: cti.CollectionID(organisation, aliasSealed)}
}

// match judges which own devices a report concerns, and has its objects served in a
// collection, unless that is empty. It takes the devices of one
// bill of materials together, so that each bill is read once, and only those
// that the cache keeps stay in memory.
func (a *assessor) match(ctx context.Context, shared ledger.Threat, body []byte, collection string, devices []fact.Device) (fact.Assessment, error) {
	report, err := cti.ParseBundle(body)
	if err != nil {
		return fact.Assessment{}, fmt.Errorf("reading a report: %w", err)
	}
	if err := a.collect(ctx, shared, collection, report); err != nil {
		return fact.Assessment{}, err
	}
	if title, carries, err := a.takeVEX(ctx, shared.Digest, body); carries || err != nil {
		return fact.Assessment{Title: title}, err
	}
	byBill := map[string][]cti.Device{}
	for i := range devices {
		d := &devices[i]
		byBill[d.Release.SBOMDigest] = append(byBill[d.Release.SBOMDigest], viewDevice(d))
	}
	found := fact.Assessment{Title: report.Title, Severity: report.Severity}
	matcher := cti.NewMatcher(report)
	for digest, group := range byBill {
		if err := ctx.Err(); err != nil {
			return fact.Assessment{}, err
		}
		components, err := a.components(ctx, digest)
		if err != nil {
			return fact.Assessment{}, err
		}
		for i := range group {
			group[i].Components = components
		}
		for _, hit := range matcher.Match(group) {
			found.Matches = append(found.Matches, fact.Match{Unit: hit.Unit, Reasons: hit.Reasons, Confidence: hit.Confidence})
		}
	}
	slices.SortFunc(found.Matches, func(a, b fact.Match) int { return strings.Compare(a.Unit, b.Unit) })
	return found, nil
}

// viewDevice is a device as matching sees it, without its components.
func viewDevice(d *fact.Device) cti.Device {
	v := cti.Device{Unit: d.Unit.Record.ID, Name: d.Model.Name, Model: d.Model.ModelNumber, Address: d.Inventory.Address}
	for _, s := range d.Inventory.Services {
		v.Services = append(v.Services, cti.Service{Protocol: s.Protocol, Port: s.Port})
	}
	return v
}

// components returns what a bill of materials lists; none when the bill is not
// here, or cannot be read.
func (a *assessor) components(ctx context.Context, digest string) ([]cti.Component, error) {
	if digest == "" {
		return nil, nil
	}
	if have, ok := a.bills.get(digest); ok {
		return have, nil
	}
	d, err := a.store.Document(ctx, fact.DocumentSBOM, digest)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, nil // it may come: not remembered
	}
	if err != nil {
		return nil, fmt.Errorf("reading a bill of materials: %w", err)
	}
	// A maker's bill that cannot be read says as much as none.
	components, _ := cti.Components(d.Body)
	a.bills.put(digest, components)
	return components, nil
}

// Assess scores a unit from what the node knows now.
func (a *assessor) Assess(ctx context.Context, unit string) (*rest.Assessment, error) {
	row, err := a.store.Unit(ctx, unit)
	if err != nil {
		return nil, err
	}
	in := risk.Inputs{Unit: unit, State: row.Record.OwnState(), Certification: row.Record.Certification}
	inventory, _, err := a.store.Inventory(ctx, unit)
	if err != nil {
		return nil, err
	}
	in.Services = len(inventory.Services)
	release, err := a.store.Release(ctx, row.Record.DI, row.Record.Release)
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return nil, err
	}
	components, err := a.components(ctx, release.Record.SBOMDigest)
	if err != nil {
		return nil, err
	}
	in.Components = len(components)
	if in.Findings, err = a.findings(ctx, unit); err != nil {
		return nil, err
	}
	got, err := risk.Compute(in)
	if err != nil {
		return nil, fmt.Errorf("computing the score: %w", err)
	}
	v := &rest.Assessment{Model: risk.Model, Inputs: got.Inputs, Value: got.Value, Lower: got.Lower, Upper: got.Upper}
	for _, r := range got.Reasons {
		v.Reasons = append(v.Reasons, rest.Reason{Text: r.Text, Points: r.Points})
	}
	return v, nil
}

// findings are the shared reports that were found to concern a unit; those that
// weigh most when there are more than the model takes.
func (a *assessor) findings(ctx context.Context, unit string) ([]risk.Finding, error) {
	known, err := a.store.Findings(ctx, unit, risk.MaxFindings)
	if err != nil {
		return nil, fmt.Errorf("looking for reports about the unit: %w", err)
	}
	found := make([]risk.Finding, len(known))
	for i, f := range known {
		found[i] = risk.Finding{Threat: f.Report, Severity: f.Severity, Confidence: f.Confidence}
	}
	return found, nil
}
