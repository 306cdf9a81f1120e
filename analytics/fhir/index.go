package fhir

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Term is what a resource can be found by under a parameter: a token or a reference,
// in each form in which it may be asked for.
type Term struct{ Param, Value string }

// Span is what a resource can be found by in time.
type Span struct {
	Param string
	Range Interval
}

// Interval is a time as exact as it was said: from Low to before High. A zero bound
// is open.
type Interval struct{ Low, High time.Time }

// Way is how a parameter is searched by.
type Way string

// The ways (FHIR R4, section 3.1.1.4).
const (
	ByToken     Way = "token"
	ByReference Way = "reference"
	ByDate      Way = "date"
)

// Param is a search parameter of a type.
type Param struct {
	Name string
	Way  Way
	path string // of the element, by names; alternatives by |
	// to are the types that a reference may be to, and has to be to where only is set.
	to   []string
	only bool
}

// Forms are the forms in which a reference may stand in the index that a search names
// by an id alone.
func (p Param) Forms(id string) []string {
	forms := make([]string, len(p.to))
	for i, typ := range p.to {
		forms[i] = typ + "/" + id
	}
	return forms
}

var (
	patients = []string{"Patient"}
	devices  = []string{"Device"}
	people   = []string{"Practitioner", "PractitionerRole", "Organization", "CareTeam", "Patient", "RelatedPerson", "Device"}
)

// Params are the search parameters of each type, besides _id and _lastUpdated, which
// all have.
var Params = map[string][]Param{
	"Device": {
		{Name: "identifier", Way: ByToken, path: "identifier"},
		{Name: "status", Way: ByToken, path: "status"},
		{Name: "type", Way: ByToken, path: "type"},
		{Name: "patient", Way: ByReference, path: "patient", to: patients},
		{Name: "organization", Way: ByReference, path: "owner", to: []string{"Organization"}},
		{Name: "location", Way: ByReference, path: "location", to: []string{"Location"}},
	},
	"DeviceDefinition": {
		{Name: "identifier", Way: ByToken, path: "identifier"},
		{Name: "type", Way: ByToken, path: "type"},
		{Name: "parent", Way: ByReference, path: "parentDevice", to: []string{"DeviceDefinition"}},
	},
	"DeviceMetric": {
		{Name: "identifier", Way: ByToken, path: "identifier"},
		{Name: "type", Way: ByToken, path: "type"},
		{Name: "category", Way: ByToken, path: "category"},
		{Name: "source", Way: ByReference, path: "source", to: devices},
		{Name: "parent", Way: ByReference, path: "parent", to: devices},
	},
	"Observation": {
		{Name: "identifier", Way: ByToken, path: "identifier"},
		{Name: "status", Way: ByToken, path: "status"},
		{Name: "code", Way: ByToken, path: "code"},
		{Name: "category", Way: ByToken, path: "category"},
		{Name: "component-code", Way: ByToken, path: "component.code"},
		{Name: "value-concept", Way: ByToken, path: "valueCodeableConcept"},
		{Name: "method", Way: ByToken, path: "method"},
		{Name: "subject", Way: ByReference, path: "subject", to: []string{"Patient", "Group", "Device", "Location"}},
		{Name: "patient", Way: ByReference, path: "subject", to: patients, only: true},
		{Name: "device", Way: ByReference, path: "device", to: []string{"Device", "DeviceMetric"}},
		{Name: "encounter", Way: ByReference, path: "encounter", to: []string{"Encounter"}},
		{Name: "performer", Way: ByReference, path: "performer", to: people},
		{Name: "specimen", Way: ByReference, path: "specimen", to: []string{"Specimen"}},
		{Name: "focus", Way: ByReference, path: "focus", to: Types},
		{Name: "based-on", Way: ByReference, path: "basedOn", to: []string{"ServiceRequest", "DeviceRequest", "CarePlan", "MedicationRequest"}},
		{Name: "part-of", Way: ByReference, path: "partOf", to: []string{"Observation", "Procedure", "ImagingStudy"}},
		{Name: "has-member", Way: ByReference, path: "hasMember", to: []string{"Observation"}},
		{Name: "derived-from", Way: ByReference, path: "derivedFrom", to: []string{"Observation", "DocumentReference", "Media", "ImagingStudy"}},
		{Name: "date", Way: ByDate, path: "effectiveDateTime|effectivePeriod|effectiveInstant"},
	},
	"Patient": {
		{Name: "identifier", Way: ByToken, path: "identifier"}, {Name: "link", Way: ByReference, path: "link.other", to: []string{"Patient", "RelatedPerson"}},
	},
	"Provenance": {
		{Name: "target", Way: ByReference, path: "target", to: Types},
		{Name: "patient", Way: ByReference, path: "target", to: patients, only: true},
		{Name: "agent", Way: ByReference, path: "agent.who", to: people},
		{Name: "entity", Way: ByReference, path: "entity.what", to: Types},
		{Name: "location", Way: ByReference, path: "location", to: []string{"Location"}},
		{Name: "recorded", Way: ByDate, path: "recorded"},
		{Name: "when", Way: ByDate, path: "occurredDateTime|occurredPeriod"},
	},
}

// ParamOf finds a parameter of a type.
func ParamOf(typ, name string) (Param, bool) {
	i := slices.IndexFunc(Params[typ], func(p Param) bool { return p.Name == name })
	if i < 0 {
		return Param{}, false
	}
	return Params[typ][i], true
}

// maxTerms bounds what one resource can be found by.
const maxTerms = 512

// Index lists what a resource can be found by. The links are those of Served. It is
// for the caller to keep what it says of people from those who may not know it.
func (r *Resource) Index(links []Link) (terms []Term, spans []Span) {
	to := map[string]string{}
	for _, l := range links {
		to[l.From] = l.To
	}
	for _, p := range Params[r.Type] {
		for path := range strings.SplitSeq(p.path, "|") {
			for _, n := range at(r.root, strings.Split(path, ".")) {
				switch p.Way {
				case ByToken:
					for _, v := range r.tokens(n) {
						terms = append(terms, Term{p.Name, v})
					}
				case ByReference:
					for _, v := range r.targets(n, &p, to) {
						terms = append(terms, Term{p.Name, v})
					}
				case ByDate:
					if i, ok := r.interval(n); ok {
						spans = append(spans, Span{p.Name, i})
					}
				}
			}
		}
	}
	slices.SortFunc(terms, func(a, b Term) int { return cmp.Or(cmp.Compare(a.Param, b.Param), cmp.Compare(a.Value, b.Value)) })
	terms = slices.Compact(terms)
	return fair(terms), spans
}

// fair keeps as many of sorted terms as there may be: the first of each parameter, then
// the second of each, so that many codes of components leave room for the patient.
func fair(terms []Term) []Term {
	if len(terms) <= maxTerms {
		return terms
	}
	var params [][]Term
	for i := range terms {
		if i == 0 || terms[i].Param != terms[i-1].Param {
			params = append(params, nil)
		}
		last := &params[len(params)-1]
		*last = append(*last, terms[i])
	}
	kept := make([]Term, 0, maxTerms)
	for i := 0; ; i++ {
		for _, p := range params {
			if len(kept) == maxTerms {
				return kept
			}
			if i < len(p) {
				kept = append(kept, p[i])
			}
		}
	}
}

// at finds the elements at a path.
func at(n *node, path []string) []*node {
	if len(path) == 0 {
		return []*node{n}
	}
	var all []*node
	for _, k := range n.get(path[0]).list() {
		all = append(all, at(k, path[1:])...)
	}
	return all
}

// tokens are the forms in which a code, an identifier or a concept may be asked for:
// SYSTEM|CODE, CODE, |CODE without a system, and SYSTEM|.
func (r *Resource) tokens(n *node) []string {
	if n.kind != kindObject {
		if v := n.str(r.Text); v != "" {
			return []string{v}
		}
		return nil
	}
	var all []string
	for _, c := range n.get("coding").list() {
		all = append(all, tokenForms(c.get("system").str(r.Text), c.get("code").str(r.Text))...)
	}
	if v := n.get("value"); v != nil {
		all = append(all, tokenForms(n.get("system").str(r.Text), v.str(r.Text))...)
	}
	return all
}

func tokenForms(system, code string) []string {
	switch {
	case code == "":
		return nil
	case system == "":
		return []string{code, "|" + code}
	}
	return []string{code, system + "|" + code, system + "|"}
}

// targets are the forms in which a reference may be asked for: as it is, and TYPE/ID.
func (r *Resource) targets(n *node, p *Param, to map[string]string) []string {
	reference := n.get("reference").str(r.Text)
	if became, ok := to[reference]; ok {
		reference = became
	}
	if reference == "" || strings.HasPrefix(reference, "#") {
		return nil
	}
	typ, id, ok := splitReference(reference)
	if !ok {
		if p.only {
			return nil
		}
		return []string{reference}
	}
	if p.only && !slices.Contains(p.to, typ) {
		return nil
	}
	reference, _, _ = strings.Cut(reference, "/_history/")
	all := []string{typ + "/" + id}
	if reference != typ+"/"+id {
		all = append(all, reference)
	}
	return all
}

func (r *Resource) interval(n *node) (Interval, bool) {
	if n.kind == kindString {
		i := Range(n.str(r.Text))
		return i, !i.Low.IsZero()
	}
	start, end := n.get("start").str(r.Text), n.get("end").str(r.Text)
	return Interval{Range(start).Low, Range(end).High}, start != "" || end != ""
}

// Range reads a date or a time as exact as it is said; zero when it is neither. A
// date without a zone is of UTC.
func Range(s string) Interval {
	switch {
	case len(s) == 4 && isDate(s):
		t, _ := time.Parse("2006", s)
		return Interval{t, t.AddDate(1, 0, 0)}
	case len(s) == 7 && isDate(s):
		t, _ := time.Parse("2006-01", s)
		return Interval{t, t.AddDate(0, 1, 0)}
	case len(s) == 10 && isDate(s):
		t, _ := time.Parse(time.DateOnly, s)
		return Interval{t, t.AddDate(0, 0, 1)}
	case len(s) == len("2006-01-02T15:04") || len(s) == len("2006-01-02T15:04Z"):
		if t, err := time.Parse("2006-01-02T15:04Z", strings.TrimSuffix(s, "Z")+"Z"); err == nil { // searches may say so
			return Interval{t.UTC(), t.UTC().Add(time.Minute)}
		}
	case len(s) == len("2006-01-02T15:04:05"):
		if t, err := time.Parse("2006-01-02T15:04:05", s); err == nil { // searches may leave the zone out
			return Interval{t.UTC(), t.UTC().Add(time.Second)}
		}
	}
	if !isInstant(s) {
		return Interval{}
	}
	// A leap second is the second after it: the standard library knows none.
	leap := s[17:19] == "60"
	if leap {
		s = s[:17] + "59" + s[19:]
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return Interval{}
	}
	t = t.UTC()
	if leap {
		t = t.Add(time.Second)
	}
	if s[19] == '.' {
		t = t.Truncate(time.Millisecond)
		return Interval{t, t.Add(time.Millisecond)}
	}
	return Interval{t, t.Add(time.Second)}
}
