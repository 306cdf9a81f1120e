package app

import (
	"context"
	"fmt"
	"sync"

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
	Reports(ctx context.Context, f fact.ReportFilter, page ledger.PageRequest) (fact.ReportPage, error)
}

// assessor feeds the pure packages cti and risk with what the node knows.
type assessor struct {
	store knowledge

	mu    sync.Mutex
	bills map[string][]cti.Component // by digest of the bill of materials
}

// maxBills bounds the bills that are kept decoded.
const maxBills = 256

func newAssessor(store knowledge) *assessor {
	return &assessor{store: store, bills: map[string][]cti.Component{}}
}

// match judges which own devices a report concerns.
func (a *assessor) match(ctx context.Context, _ ledger.Threat, body []byte, devices []fact.Device) (fact.Assessment, error) {
	report, err := cti.ParseBundle(body)
	if err != nil {
		return fact.Assessment{}, fmt.Errorf("reading a report: %w", err)
	}
	known := make([]cti.Device, len(devices))
	for i, d := range devices {
		components, err := a.components(ctx, d.Release.SBOMDigest)
		if err != nil {
			return fact.Assessment{}, err
		}
		known[i] = cti.Device{
			Unit: d.Unit.Record.ID, Name: d.Model.Name, Model: d.Model.ModelNumber, Address: d.Inventory.Address, Components: components,
		}
		for _, s := range d.Inventory.Services {
			known[i].Services = append(known[i].Services, cti.Service{Protocol: s.Protocol, Port: s.Port})
		}
	}
	found := fact.Assessment{Title: report.Title}
	for _, hit := range cti.Match(report, known) {
		found.Matches = append(found.Matches, fact.Match{Unit: hit.Unit, Reasons: hit.Reasons, Confidence: hit.Confidence})
	}
	return found, nil
}

// components returns what a bill of materials lists; none when the bill is not
// here, or cannot be read.
func (a *assessor) components(ctx context.Context, digest string) ([]cti.Component, error) {
	if digest == "" {
		return nil, nil
	}
	a.mu.Lock()
	have, ok := a.bills[digest]
	a.mu.Unlock()
	if ok {
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
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.bills) >= maxBills {
		clear(a.bills)
	}
	a.bills[digest] = components
	return components, nil
}

// Assess scores a unit from what the node knows now.
func (a *assessor) Assess(ctx context.Context, unit string) (*rest.Assessment, error) {
	row, err := a.store.Unit(ctx, unit)
	if err != nil {
		return nil, err
	}
	in := risk.Inputs{Unit: unit, State: row.Record.State, Certification: row.Record.Certification}
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

// findings are the shared reports that were found to concern a unit; the newest
// when there are more than the model takes.
func (a *assessor) findings(ctx context.Context, unit string) ([]risk.Finding, error) {
	var found []risk.Finding
	page := ledger.PageRequest{Size: ledger.MaxPageSize}
	for {
		got, err := a.store.Reports(ctx, fact.ReportFilter{}, page)
		if err != nil {
			return nil, fmt.Errorf("looking for reports about the unit: %w", err)
		}
		for _, r := range got.Items {
			for _, m := range r.Matches {
				if m.Unit != unit {
					continue
				}
				severity, err := a.severity(ctx, r.Record.Digest)
				if err != nil {
					return nil, err
				}
				found = append(found, risk.Finding{Threat: r.Record.Digest, Severity: severity, Confidence: m.Confidence})
				if len(found) == risk.MaxFindings {
					return found, nil
				}
			}
		}
		if got.Next == "" {
			return found, nil
		}
		page.Bookmark = got.Next
	}
}

// severity is what a report that was matched says of itself.
func (a *assessor) severity(ctx context.Context, digest string) (int, error) {
	d, err := a.store.Document(ctx, fact.DocumentReport, digest)
	if err != nil {
		return 0, fmt.Errorf("reading a report: %w", err)
	}
	report, err := cti.ParseBundle(d.Body)
	if err != nil {
		return 0, fmt.Errorf("reading a report: %w", err)
	}
	return report.Severity, nil
}
