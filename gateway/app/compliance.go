package app

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/store"
)

// controls feeds the pure package compliance with what the node knows.
type controls struct {
	*store.Store
	seen *sightings
	wake func() // whoever fetches documents; set once the worker is made

	mu        sync.Mutex // guards what follows
	catalogue *compliance.Catalogue
	bills     map[string]compliance.Bill // by digest
}

// maxReadBills bounds how many bills of materials are remembered as counted.
const maxReadBills = 1000

func newControls(s *store.Store) *controls {
	return &controls{Store: s, seen: newSightings(), catalogue: compliance.BuiltIn(), bills: map[string]compliance.Bill{}}
}

// InUse returns the catalogue that the members use.
func (c *controls) InUse(ctx context.Context) (*compliance.Catalogue, *ledger.CatalogueInUse, error) {
	row, found, err := c.CatalogueInUse(ctx, compliance.BuiltIn().Name)
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return compliance.BuiltIn(), nil, nil
	}
	catalogue, err := c.read(ctx, row.Record.Digest)
	if err != nil {
		return nil, nil, err
	}
	published, err := c.ControlCatalogue(ctx, row.Record.Name, row.Record.Version)
	if err != nil {
		return nil, nil, err
	}
	// The ledger cannot read the document: whoever published both may have had it count
	// otherwise than people read.
	if p := catalogue.Publication(); p.Name != row.Record.Name || p.Version != row.Record.Version || !slices.Equal(p.Controls, published.Record.Controls) {
		return nil, nil, ledger.Problemf(ledger.CodeUnavailable, "the document of the catalogue that the members use is not what the ledger counts by")
	}
	return catalogue, &row.Record, nil
}

// read returns a catalogue by its digest, and remembers the last.
func (c *controls) read(ctx context.Context, digest string) (*compliance.Catalogue, error) {
	if own := compliance.BuiltIn(); own.Digest() == digest {
		return own, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.catalogue.Digest() == digest {
		return c.catalogue, nil
	}
	d, err := c.Document(ctx, fact.DocumentCatalogue, digest)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, ledger.Problemf(ledger.CodeUnavailable, "the catalogue that the members use is not here yet")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue in use: %w", err)
	}
	read, err := compliance.ParseCatalogue(d.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue in use: %w", err)
	}
	c.catalogue = read
	return read, nil
}

// Judge judges a device from what the node knows now.
func (c *controls) Judge(ctx context.Context, unit string, fetch bool) (*rest.Judged, error) {
	j := &rest.Judged{}
	var err error
	if j.Catalogue, j.InUse, err = c.InUse(ctx); err != nil {
		return nil, err
	}
	if j.Unit, err = c.Unit(ctx, unit); err != nil {
		return nil, err
	}
	model, err := c.Model(ctx, j.Unit.Record.DI)
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return nil, err
	}
	j.Model = model.Record
	facts, err := c.gather(ctx, j, fetch)
	if err != nil {
		return nil, fmt.Errorf("gathering facts of a device: %w", err)
	}
	j.Assessment, err = compliance.Evaluate(j.Catalogue, *facts)
	return j, err
}

func (c *controls) gather(ctx context.Context, j *rest.Judged, fetch bool) (*compliance.Facts, error) {
	u, m := &j.Unit.Record, &j.Model
	f := &compliance.Facts{
		At: time.Now().UTC(),
		Unit: compliance.Unit{
			ID: u.ID, Lot: u.Lot, State: u.OwnState(), Signs: u.SigningKey() != nil, IDevID: u.IDevID != "", LDevID: u.LDevID != "",
		},
		Model:   compliance.Model{DI: u.DI, BasicUDIDI: m.BasicUDIDI, SRN: m.SRN, RiskClass: m.RiskClass, SupportEnd: m.SupportEnd},
		Release: compliance.Release{Version: u.Release},
		Bill:    compliance.Bill{State: compliance.BillAbsent},
	}
	if r := u.Recall; r != nil {
		f.Recalls = []compliance.Recall{{Kind: r.Kind, Revision: r.Revision, Class: r.Class}}
	}
	release, err := c.Release(ctx, u.DI, u.Release)
	switch {
	case err == nil:
		f.Release.SBOMDigest, f.Release.Signed = release.Record.SBOMDigest, release.Record.Signature != ""
		if f.Bill, err = c.bill(ctx, &release.Record, m, fetch); err != nil {
			return nil, err
		}
	case ledger.CodeOf(err) != ledger.CodeNotFound:
		return nil, err
	}
	if err := c.vulnerabilities(ctx, f); err != nil {
		return nil, err
	}
	if err := c.readings(ctx, f); err != nil {
		return nil, err
	}
	if err := c.attestation(ctx, f); err != nil {
		return nil, err
	}
	return f, c.records(ctx, f, j)
}

// vulnerabilities adds those of the release that runs, once a catalogue of exploited
// ones is known here to compare with. What an advisory says of names alone, and nobody
// has confirmed, is none.
func (c *controls) vulnerabilities(ctx context.Context, f *compliance.Facts) error {
	list, err := c.ExploitedDigest(ctx)
	if err != nil || list == "" || f.Bill.State == compliance.BillAbsent {
		return err
	}
	known, err := c.Exposures(ctx, f.Model.DI, f.Release.Version)
	if err != nil {
		return err
	}
	v := &compliance.Vulnerabilities{Lists: []string{list}, Known: []compliance.Vulnerability{}}
	for _, e := range known {
		status := e.Status
		if status == compliance.StatusAffected && !e.Answered {
			status = "" // nobody says what to do
		}
		v.Known = append(v.Known, compliance.Vulnerability{
			ID: e.ID, Severity: e.Score, Exploited: e.Exploited, Status: status, Published: e.Published.UTC().Truncate(time.Minute),
		})
	}
	f.Vulnerabilities = v
	return nil
}

// readings adds when the unit handed in readings here.
func (c *controls) readings(ctx context.Context, f *compliance.Facts) error {
	at, err := c.Seen(ctx, f.Unit.ID)
	if err != nil {
		return err
	}
	at = c.seen.newest(f.Unit.ID, at)
	minute := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC().Truncate(time.Minute)
		return &t
	}
	f.KeyProof = minute(at.Signed)
	if !at.Signed.IsZero() || !at.Unsigned.IsZero() {
		f.Readings = &compliance.Readings{Unsigned: minute(at.Unsigned)}
	}
	return nil
}

// attestation adds what the unit attested here of the release that it runs.
func (c *controls) attestation(ctx context.Context, f *compliance.Facts) error {
	a, found, err := c.Attestation(ctx, f.Unit.ID, f.Release.Version)
	if err != nil || !found {
		return err
	}
	f.Attestation = &compliance.Attestation{Verdict: a.Status, Time: a.Time.UTC().Truncate(time.Minute), Digest: a.Digest}
	return nil
}

// records adds evidence and exceptions that the ledger has under this catalogue.
func (c *controls) records(ctx context.Context, f *compliance.Facts, j *rest.Judged) error {
	evidence, err := c.Evidence(ctx, f.Unit.ID, f.Model.DI, compliance.MaxRecords)
	if err != nil {
		return err
	}
	for _, r := range evidence {
		e := &r.Record
		if e.Catalogue == j.Catalogue.ID() {
			f.Evidence = append(f.Evidence, compliance.Evidence{
				Control: e.Control, SubjectKind: e.SubjectKind, Claim: e.Claim, Digest: e.Digest, By: e.By, Party: e.Party, Time: e.Time, Until: e.Until,
			})
		}
	}
	exceptions, err := c.ControlExceptions(ctx, f.Unit.ID, f.Model.DI, compliance.MaxRecords)
	if err != nil {
		return err
	}
	for _, r := range exceptions {
		e := &r.Record
		if e.Catalogue == j.Catalogue.ID() && f.At.Before(e.Until) {
			f.Exceptions = append(f.Exceptions, compliance.Exception{
				Control: e.Control, SubjectKind: e.SubjectKind, Effect: e.Effect, ReasonDigest: e.ReasonDigest, By: e.By, Until: e.Until,
			})
		}
	}
	return nil
}

// billWait is how long a judgement waits for a bill of materials that the maker's
// node holds.
const billWait = 3 * time.Second

// bill counts what a release's bill of materials lists.
func (c *controls) bill(ctx context.Context, r *ledger.Release, m *ledger.Model, fetch bool) (compliance.Bill, error) {
	c.mu.Lock()
	have, known := c.bills[r.SBOMDigest]
	c.mu.Unlock()
	if known {
		return have, nil
	}
	d, err := c.Document(ctx, fact.DocumentSBOM, r.SBOMDigest)
	if ledger.CodeOf(err) == ledger.CodeNotFound && fetch {
		d, err = c.await(ctx, r, m)
	}
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return compliance.Bill{State: compliance.BillAbsent}, nil
	}
	if err != nil {
		return compliance.Bill{}, err
	}
	b := countBill(d.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.bills) >= maxReadBills {
		clear(c.bills)
	}
	c.bills[r.SBOMDigest] = b
	return b, nil
}

// await notes a bill of materials as wanted, and waits a moment for it.
func (c *controls) await(ctx context.Context, r *ledger.Release, m *ledger.Model) (fact.Document, error) {
	path := "/v1/models/" + url.PathEscape(r.DI) + "/releases/" + url.PathEscape(r.Version) + "/sbom"
	if _, err := c.WantBill(ctx, *r, r.PublishedBy(m), path); err != nil {
		return fact.Document{}, err
	}
	c.wake()
	ctx, cancel := context.WithTimeout(ctx, billWait)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		d, err := c.Document(ctx, fact.DocumentSBOM, r.SBOMDigest)
		if err == nil {
			return d, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return d, ledger.Problemf(ledger.CodeNotFound, "the bill of materials did not come")
		}
	}
}

func countBill(body []byte) compliance.Bill {
	components, err := cti.Components(body)
	if err != nil {
		return compliance.Bill{State: compliance.BillUnreadable}
	}
	version, product, err := cti.Product(body)
	if err != nil {
		return compliance.Bill{State: compliance.BillUnreadable}
	}
	if product && len(components) > 0 {
		components = components[1:] // the product itself comes first
	}
	b := compliance.Bill{State: compliance.BillRead, Version: version, Components: len(components)}
	for _, one := range components {
		if one.Version != "" && (one.PURL != "" || one.CPE != "") {
			b.Identified++
		}
	}
	return b
}
