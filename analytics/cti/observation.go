package cti

import (
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Observation is what a tool saw or found, as far as STIX can tell of it.
type Observation struct {
	Time       time.Time // when; must not be zero
	Title      string    // one printable line
	Values     []Value
	CVEs       []string  // upper case, sorted
	Techniques []string  // ATT&CK ids, sorted
	Product    *Software // what a scan found it in; nil: not said
}

// Value is what an observation names: a property of a STIX cyber-observable object, in
// its canonical form.
type Value struct {
	Type     string // "ipv4-addr", "file", …
	Property string // "value", or the name of a hash as in hash-algorithm-ov
	Value    string
	Role     string // "source", "destination", or empty
}

type stixHashed struct { // file, x509-certificate
	Type        string            `json:"type"`
	SpecVersion string            `json:"spec_version"`
	ID          string            `json:"id"`
	Hashes      map[string]string `json:"hashes"`
}

type stixValue struct {
	Type        string `json:"type"`
	SpecVersion string `json:"spec_version"`
	ID          string `json:"id"`
	Value       string `json:"value"`
}

type stixSoftware struct {
	Type        string `json:"type"`
	SpecVersion string `json:"spec_version"`
	ID          string `json:"id"`
	Name        string `json:"name"`
	CPE         string `json:"cpe,omitempty"`
	Vendor      string `json:"vendor,omitempty"`
	Version     string `json:"version,omitempty"`
}

type stixFlow struct {
	Type        string   `json:"type"`
	SpecVersion string   `json:"spec_version"`
	ID          string   `json:"id"`
	Source      string   `json:"src_ref,omitempty"`
	Destination string   `json:"dst_ref,omitempty"`
	Protocols   []string `json:"protocols"`
}

type stixFindingReport struct {
	common
	Name      string   `json:"name"`
	Types     []string `json:"report_types"`
	Published string   `json:"published"`
	Refs      []string `json:"object_refs"`
}

// FromObservation makes a bundle of an observation: the same observation gives the same bytes to
// the same sharer. What is inside a network is withheld as in FromEVE: addresses
// that are not public or the sharer's own, hardware addresses, and the mailbox that
// something was sent to. The bundle has no marking; who shares it marks the report.
func FromObservation(f Observation, by Sharer) ([]byte, error) {
	if by.ID == "" || by.Name == "" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the sharer needs an id and a name")
	}
	if f.Time.IsZero() || f.Title == "" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "an observation needs a title and a time; where the tool says none, give when it was received")
	}
	w := &observationWriter{observation: f, by: by}
	return w.write()
}

// observationWriter makes one bundle. The first error sticks.
type observationWriter struct {
	observation Observation
	by          Sharer
	author      string
	key         []any // all that identifies the observation and may be told
	told        []Value
	objects     []any
	refs        []string
	err         error
}

func (w *observationWriter) write() ([]byte, error) {
	w.author = w.own("identity", w.by.ID)
	for _, v := range w.observation.Values {
		if w.outside(v) {
			w.told = append(w.told, v)
		}
	}
	f := w.observation
	name := withhold(f.Title, w.named)
	w.key = []any{w.author, stamp(f.Time), name, w.told, f.CVEs, f.Techniques}
	if f.Product != nil {
		w.key = append(w.key, *f.Product)
	}
	w.add(w.author, stixIdentity{
		common: common{
			Type: "identity", SpecVersion: specVersion, ID: w.author, Created: fixedTime, Modified: fixedTime,
		},
		Name: w.by.Name, Class: "organization", Sectors: []string{"healthcare"},
	})
	observed := w.observed()
	product := w.product()
	found := w.known("vulnerability", f.CVEs)
	for _, v := range found {
		if product != "" {
			link := stixRelationship{
				common: w.common("relationship", v), Kind: "related-to", Source: product, Target: v,
			}
			w.add(link.ID, link)
		}
	}
	sighted := append(found, w.known("attack-pattern", f.Techniques)...)
	for _, of := range sighted {
		w.sighting(of, observed)
	}
	report := stixFindingReport{
		common: w.common("report"), Name: name, Types: []string{"observed-data"}, Published: stamp(f.Time), Refs: w.refs,
	}
	if len(found) > 0 {
		report.Types = []string{"vulnerability"}
	}
	w.objects = append(w.objects, report)
	bundle := stixBundle{Type: "bundle", ID: w.own("bundle", w.key...), Objects: w.objects}
	if w.err != nil {
		return nil, w.err
	}
	return encode(bundle)
}

// own is ownID whose error sticks.
func (w *observationWriter) own(kind string, parts ...any) string {
	id, err := ownID(kind, parts...)
	if err != nil && w.err == nil {
		w.err = err
	}
	return id
}

func (w *observationWriter) observable(kind string, contributing map[string]any) string {
	id, err := observableID(kind, contributing)
	if err != nil && w.err == nil {
		w.err = err
	}
	return id
}

// add appends an object once and lets the report refer to it.
func (w *observationWriter) add(id string, o any) {
	if slices.Contains(w.refs, id) {
		return
	}
	w.objects = append(w.objects, o)
	w.refs = append(w.refs, id)
}

func (w *observationWriter) common(kind string, parts ...any) common {
	now := stamp(w.observation.Time)
	return common{
		Type: kind, SpecVersion: specVersion, ID: w.own(kind, append(slices.Clone(w.key), parts...)...),
		CreatedBy: w.author, Created: now, Modified: now,
	}
}

// outside tells whether a value may be told to others.
func (w *observationWriter) outside(v Value) bool {
	switch v.Type {
	case "ipv4-addr", "ipv6-addr":
		addr, err := netip.ParseAddr(v.Value)
		return err == nil && w.public(addr)
	case "url":
		u, err := url.Parse(v.Value)
		if err != nil {
			return false
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
			return w.public(addr)
		}
		_, ok := parseDomain(u.Hostname())
		return ok
	case "domain-name":
		_, ok := parseDomain(v.Value)
		return ok
	case "email-addr":
		return v.Role != "destination"
	case "file", "x509-certificate":
		return true
	}
	return false
}

func (w *observationWriter) public(a netip.Addr) bool {
	return public(a) && !slices.ContainsFunc(w.by.Networks, func(p netip.Prefix) bool { return p.Contains(normal(a)) })
}

// named tells whether an address in the title is one that is told anyway.
func (w *observationWriter) named(a netip.Addr) bool {
	return a.IsUnspecified() || slices.ContainsFunc(w.told, func(v Value) bool { return v.Value == normal(a).String() })
}

// observed writes the values and when they were seen; it returns the id of the
// observed data, empty where nothing can be told.
func (w *observationWriter) observed() string {
	var refs, sources, destinations []string
	for _, v := range w.told {
		var id string
		if v.Property == "value" {
			id = w.observable(v.Type, map[string]any{"value": v.Value})
			w.add(id, stixValue{v.Type, specVersion, id, v.Value})
		} else {
			hashes := map[string]string{v.Property: v.Value}
			id = w.observable(v.Type, map[string]any{"hashes": hashes})
			w.add(id, stixHashed{v.Type, specVersion, id, hashes})
		}
		if !slices.Contains(refs, id) {
			refs = append(refs, id)
		}
		if v.Type != "ipv4-addr" && v.Type != "ipv6-addr" {
			continue
		}
		switch v.Role {
		case "source":
			sources = append(sources, id)
		case "destination":
			destinations = append(destinations, id)
		}
	}
	if len(refs) == 0 {
		return ""
	}
	if flow, ok := w.flow(sources, destinations); ok {
		refs = append(refs, flow)
	}
	seen := stamp(w.observation.Time)
	o := stixObserved{common: w.common("observed-data"), First: seen, Last: seen, Number: 1, Refs: refs}
	w.add(o.ID, o)
	return o.ID
}

// flow writes who called whom, where one of each is known at most.
func (w *observationWriter) flow(sources, destinations []string) (string, bool) {
	if len(sources) > 1 || len(destinations) > 1 || len(sources)+len(destinations) == 0 {
		return "", false
	}
	t := stixFlow{Type: "network-traffic", SpecVersion: specVersion, Protocols: []string{"ip"}}
	contributing := map[string]any{"protocols": t.Protocols}
	if len(sources) == 1 {
		t.Source = sources[0]
		contributing["src_ref"] = t.Source
	}
	if len(destinations) == 1 {
		t.Destination = destinations[0]
		contributing["dst_ref"] = t.Destination
	}
	t.ID = w.observable("network-traffic", contributing)
	w.add(t.ID, t)
	return t.ID, true
}

// product writes the software that a scan found something in.
func (w *observationWriter) product() string {
	p := w.observation.Product
	if p == nil || p.Name == "" {
		return ""
	}
	s := stixSoftware{
		Type: "software", SpecVersion: specVersion, Name: p.Name, CPE: p.CPE, Vendor: p.Vendor, Version: p.Version,
	}
	contributing := map[string]any{}
	for name, v := range map[string]string{"name": p.Name, "cpe": p.CPE, "vendor": p.Vendor, "version": p.Version} {
		if v != "" {
			contributing[name] = v
		}
	}
	s.ID = w.observable("software", contributing)
	w.add(s.ID, s)
	return s.ID
}

// known writes objects that are known by a name elsewhere: the same in every
// observation of this sharer.
func (w *observationWriter) known(kind string, names []string) []string {
	var ids []string
	for _, name := range names {
		o := stixNamed{
			common: common{
				Type: kind, SpecVersion: specVersion, ID: w.own(kind, w.author, name), CreatedBy: w.author,
				Created: fixedTime, Modified: fixedTime, References: []reference{{Source: "cve", ID: name}},
			},
			Name: name,
		}
		if kind == "attack-pattern" {
			o.Name, o.References = "ATT&CK "+name, []reference{techniqueReference(name)}
		}
		w.add(o.ID, o)
		ids = append(ids, o.ID)
	}
	return ids
}

func (w *observationWriter) sighting(of, observed string) {
	seen := stamp(w.observation.Time)
	s := stixSighting{
		common: w.common("sighting", of), First: seen, Last: seen, Count: 1, Of: of, Where: []string{w.author},
	}
	if observed != "" {
		s.Observed = []string{observed}
	}
	w.add(s.ID, s)
}
