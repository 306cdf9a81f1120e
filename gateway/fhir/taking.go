package fhir

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// taking is resources that are kept together or not at all.
type taking struct {
	api    *API
	bases  []string // of this server
	drafts []*draft
	links  []fhir.Link       // what references in them become
	local  map[string]*draft // by TYPE/ID, of those in here
}

// atOnce bounds the resources of one request that are made durable at a time.
const atOnce = 64

// keep makes all drafts durable, and then has them appear at once. When it fails,
// what may have been made durable is nothing that anybody can find: it was received,
// and is in the log as that.
func (t *taking) keep(ctx context.Context) ([]fhir.Written, error) {
	if len(t.drafts) == 1 { // the common case needs no condition's answer twice
		if w, found, err := t.already(ctx, t.drafts[0]); found || err != nil {
			return []fhir.Written{w}, err
		}
	}
	for _, d := range t.drafts {
		if err := t.admit(ctx, d); err != nil {
			return nil, placed(d, err)
		}
	}
	if err := t.submit(ctx); err != nil {
		return nil, err
	}
	writes := make([]fhir.Write, len(t.drafts))
	for i, d := range t.drafts {
		d.write.Links = t.linksOf(d)
		t.index(d)
		d.write.Links = t.api.sealed(d.write.Links)
		writes[i] = d.write
	}
	written, err := t.api.Store.PutResources(ctx, writes)
	if err != nil {
		return nil, conditionFailed(err, t.drafts)
	}
	t.api.Metrics.kept(written)
	return written, nil
}

// placed says where a draft's fault is.
func placed(d *draft, err error) error {
	if d.at == "" {
		return err
	}
	return within(d.at, err)
}

// already finds what a conditional create finds before anything is kept.
func (t *taking) already(ctx context.Context, d *draft) (fhir.Written, bool, error) {
	if d.write.Absent == nil {
		return fhir.Written{}, false, nil
	}
	found, _, err := t.api.Store.Resources(ctx, *d.write.Absent, ledger.PageRequest{Size: 2})
	switch {
	case err != nil:
		return fhir.Written{}, false, err
	case len(found) > 1:
		return fhir.Written{}, false, precondition("more than one resource fits the condition", d.at)
	case len(found) == 1:
		return fhir.Written{Version: found[0], Found: true}, true, nil
	}
	return fhir.Written{}, false, nil
}

// submit makes the bytes of all drafts durable.
func (t *taking) submit(ctx context.Context) error {
	one := func(ctx context.Context, d *draft) (err error) {
		if d.send.Subject, err = t.subject(ctx, d); err != nil {
			return placed(d, err)
		}
		id, err := t.api.Readings.Submit(ctx, &d.send)
		if err != nil {
			return placed(d, err)
		}
		d.write.Request = id.String()
		return nil
	}
	if len(t.drafts) == 1 {
		return one(ctx, t.drafts[0])
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, d := range t.drafts {
		g.Go(func() error { return one(ctx, d) })
	}
	return g.Wait()
}

// linksOf are the links that a draft needs.
func (t *taking) linksOf(d *draft) []fhir.Link {
	if len(t.links) == 0 {
		return nil
	}
	has := map[string]bool{}
	for _, r := range d.resource.References() {
		r, _, _ = strings.Cut(r, "#")
		has[r] = true
	}
	var links []fhir.Link
	for _, l := range t.links {
		if has[l.From] {
			links = append(links, l)
		}
	}
	return links
}

// index notes what a draft is found by, blinded.
func (t *taking) index(d *draft) {
	terms, spans := d.resource.Index(d.write.Links)
	if d.write.Unit != "" && d.write.Type == "Observation" {
		if named := (fhir.Term{Param: "device", Value: "Device/" + d.write.Unit}); !slices.Contains(terms, named) {
			terms = append(terms, named)
		}
	}
	d.write.Keys = make([]fhir.Key, len(terms))
	for i, term := range terms {
		d.write.Keys[i] = fhir.Key{Param: term.Param, Value: t.api.Blind(term.Param, term.Value)}
	}
	d.write.Spans = spans
}

// admit finds the device that a draft is from, or that it describes. An observation
// that names a device is taken when that is one of this organisation, in service; a
// device that signs speaks for itself alone.
func (t *taking) admit(ctx context.Context, d *draft) error {
	unit, named, err := t.unitOf(ctx, d)
	if err != nil {
		return err
	}
	signer := d.send.Unit
	if signer != (proof.Hash{}) {
		if !slices.Contains(byDevices, d.write.Type) {
			return ledger.Problemf(ledger.CodeDenied, "a device speaks of itself and of what it measures")
		}
		if named && unit != signer {
			return ledger.Problemf(ledger.CodeDenied, "the device that signs is another than the one that is named")
		}
		unit = signer
	} else if unit != (proof.Hash{}) {
		_, err := t.api.Devices.Admit(ctx, unit, false)
		code := ledger.CodeOf(err)
		if d.write.Type == "Device" && (code == ledger.CodeNotFound || code == ledger.CodeDenied) {
			unit, err = proof.Hash{}, nil // it is described, and nothing is said in its name
		}
		if err != nil {
			return notOurs(d.write.Type, err)
		}
	}
	d.send.Unit, d.write.Unit = unit, hexUnit(unit)
	return nil
}

// byDevices are the types of resources that devices sign.
var byDevices = []string{"Device", "DeviceMetric", "Observation"}

// notOurs says of a device that it may not hand in readings here.
func notOurs(typ string, err error) error {
	switch ledger.CodeOf(err) {
	case ledger.CodeNotFound:
		return noDevice(typ)
	case ledger.CodeDenied:
		p := &refused{http.StatusUnprocessableEntity, "business-rule", "the device is not this organisation's, or not in service", typ + ".device"}
		return p
	}
	return err
}

func noDevice(typ string) error {
	return &refused{
		http.StatusUnprocessableEntity, "business-rule",
		"the device must be one that is registered: name it by its unit id (Device/ID), by an identifier that its inventory has as source and name, or by a Device resource here that has one of these",
		typ + ".device",
	}
}

// unitOf finds the device that a draft names. Without one, and without an error, it
// names none: who may hand in readings may do so for what no device measured.
func (t *taking) unitOf(ctx context.Context, d *draft) (unit proof.Hash, named bool, err error) {
	if d.write.Type == "Device" {
		unit, err = t.byNames(ctx, append([]fhir.Name{{System: UnitSystem, Value: d.write.ID}}, d.resource.Identifiers()...))
		if ledger.CodeOf(err) == ledger.CodeNotFound {
			return proof.Hash{}, false, nil // a device that only is described
		}
		return unit, err == nil, err
	}
	ref, named := d.resource.DeviceRef()
	if !named {
		return proof.Hash{}, false, nil
	}
	unit, err = t.follow(ctx, d, ref)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		if d.write.Type == "DeviceMetric" {
			return proof.Hash{}, false, nil
		}
		err = noDevice(d.write.Type)
	}
	return unit, true, err
}

// UnitSystem is the system of identifiers that are ids of units on the ledger.
const UnitSystem = "urn:secant:unit"

// follow finds the device that a reference is to.
func (t *taking) follow(ctx context.Context, d *draft, ref fhir.Ref) (proof.Hash, error) {
	if names, is := d.resource.Contained(ref.Reference); is {
		return t.byNames(ctx, names)
	}
	if ref.Reference == "" {
		return t.byNames(ctx, []fhir.Name{ref.Identifier})
	}
	to := ref.Reference
	for _, l := range t.links {
		if l.From == to {
			to = l.To
		}
	}
	typ, id, ok := fhir.Local(to, t.bases)
	if !ok || typ != "Device" && (typ != "DeviceMetric" || d.write.Type != "Observation") {
		return proof.Hash{}, errNoUnit // an observation may lead to a metric, that to a device, and that nowhere: so this ends
	}
	if other := t.local[typ+"/"+id]; other != nil && other != d {
		unit, _, err := t.unitOf(ctx, other)
		if err == nil && unit == (proof.Hash{}) {
			err = errNoUnit
		}
		return unit, err
	}
	if typ == "Device" {
		if unit, err := t.byNames(ctx, []fhir.Name{{System: UnitSystem, Value: id}}); err == nil {
			return unit, nil
		}
	}
	v, err := t.api.Store.Resource(ctx, typ, id, 0)
	if err != nil {
		return proof.Hash{}, err
	}
	var unit proof.Hash
	if v.Unit == "" || unit.UnmarshalText([]byte(v.Unit)) != nil {
		return proof.Hash{}, errNoUnit
	}
	return unit, nil
}

var errNoUnit = ledger.Problemf(ledger.CodeNotFound, "no device is named")

// byNames finds the first device that has one of the names.
func (t *taking) byNames(ctx context.Context, names []fhir.Name) (proof.Hash, error) {
	for _, n := range names {
		var unit proof.Hash
		if n.System == UnitSystem || n.System == "" {
			if unit.UnmarshalText([]byte(n.Value)) == nil {
				return unit, nil
			}
			continue
		}
		unit, err := t.api.Devices.Named(ctx, n.System, n.Value)
		if ledger.CodeOf(err) == ledger.CodeNotFound {
			continue
		}
		return unit, err
	}
	return proof.Hash{}, errNoUnit
}
