package correlate

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
)

// Bounds on one object; what is beyond them is left out.
const (
	maxValues = 1_000 // that an object names
	maxLabels = 100
	maxLinks  = 100
	maxTitle  = 200 // characters
)

// UnknownConfidence is that of an object that states none.
const UnknownConfidence = -1

// Entry is what one STIX object contributes to correlation.
type Entry struct {
	ID         string        `json:"id"`
	Type       string        `json:"type"` // "indicator", or that of an observable
	Title      string        `json:"title,omitempty"`
	Labels     []string      `json:"labels,omitempty"` // labels and indicator_types: machine tags among them
	From       time.Time     `json:"from,omitzero"`    // valid_from; created where there is none
	Until      time.Time     `json:"until,omitzero"`   // valid_until; zero: it says no end
	Confidence int           `json:"confidence"`       // 0 to 100; UnknownConfidence
	Revoked    bool          `json:"revoked,omitempty"`
	Benign     bool          `json:"benign,omitempty"` // it says what is harmless
	Ways       []Alternative `json:"ways,omitempty"`   // each of them is enough
	Links      []Link        `json:"links,omitempty"`
}

// Alternative is what is seen together where an object is right.
type Alternative struct {
	Values []Value `json:"values"`
	// Partial tells that the object asks for more than values can say: an order, a
	// repetition, a port.
	Partial bool `json:"partial,omitempty"`
}

// Link says that two objects are about the same infrastructure.
type Link struct {
	Source string `json:"source"` // id of an object
	Target string `json:"target"`
	Kind   string `json:"kind"` // "resolves-to", "hosts", ...
}

// linking are the relationships that join pieces of infrastructure (STIX 2.1,
// section 4 and 6).
var linking = []string{"resolves-to", "belongs-to", "hosts", "communicates-with", "beacons-to", "downloads", "drops", "based-on", "consists-of", "uses"}

// fields are what is read of an object. Whatever else it says is for others.
type fields struct {
	Type        string                     `json:"type"`
	ID          string                     `json:"id"`
	Name        string                     `json:"name"`
	Labels      []string                   `json:"labels"`
	Types       []string                   `json:"indicator_types"`
	Created     string                     `json:"created"`
	From        string                     `json:"valid_from"`
	Until       string                     `json:"valid_until"`
	Confidence  json.RawMessage            `json:"confidence"`
	Revoked     bool                       `json:"revoked"`
	PatternType string                     `json:"pattern_type"`
	Pattern     string                     `json:"pattern"`
	Value       string                     `json:"value"`
	Hashes      map[string]json.RawMessage `json:"hashes"`
	Serial      string                     `json:"serial_number"`
	Resolves    []string                   `json:"resolves_to_refs"`
	Kind        string                     `json:"relationship_type"`
	Source      string                     `json:"source_ref"`
	Target      string                     `json:"target_ref"`
}

// Derive reads what an object contributes; false: nothing. The object was judged when
// it came; of one that is odd nothing is taken.
func Derive(body []byte) (Entry, bool) {
	var f fields
	if err := json.Unmarshal(body, &f); err != nil {
		return Entry{}, false
	}
	e := Entry{
		ID: strings.ToLower(f.ID), Type: f.Type, Title: line(f.Name, maxTitle), Revoked: f.Revoked,
		From: when(f.From), Until: when(f.Until), Confidence: confidence(f.Confidence),
		Benign: slices.Contains(f.Types, "benign"),
	}
	if e.From.IsZero() {
		e.From = when(f.Created)
	}
	for _, l := range slices.Concat(f.Labels, f.Types) {
		if l = line(l, maxTitle); l != "" && len(e.Labels) < maxLabels {
			e.Labels = append(e.Labels, l)
		}
	}
	slices.Sort(e.Labels)
	e.Labels = slices.Compact(e.Labels)
	switch f.Type {
	case "indicator":
		e.pattern(&f)
	case "relationship":
		if slices.Contains(linking, f.Kind) {
			e.Links = []Link{{strings.ToLower(f.Source), strings.ToLower(f.Target), f.Kind}}
		}
	default:
		e.observable(&f)
	}
	return e, len(e.Ways)+len(e.Links) > 0
}

func when(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

func confidence(raw json.RawMessage) int {
	n, err := strconv.Atoi(string(bytes.TrimSpace(raw)))
	if err != nil || n < 0 || n > 100 {
		return UnknownConfidence
	}
	return n
}

// line makes one line that can be shown.
func line(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.Join(strings.Fields(s[:min(len(s), 8*limit)]), " ") {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			continue
		}
		if n++; n > limit {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// observable reads the values of a cyber-observable object.
func (e *Entry) observable(f *fields) {
	add := func(kind, property, text string) {
		if v, ok := Read(kind, property, text); ok {
			e.Ways = append(e.Ways, Alternative{Values: []Value{v}})
		}
	}
	switch f.Type {
	case adapt.TypeIPv4, adapt.TypeIPv6, adapt.TypeDomain, adapt.TypeURL, adapt.TypeEmail, adapt.TypeMAC:
		add(f.Type, propertyValue, f.Value)
	case adapt.TypeFile, "artifact", adapt.TypeCertificate:
		kind := adapt.TypeFile
		if f.Type == adapt.TypeCertificate {
			kind = f.Type
			add(kind, propertySerial, f.Serial)
		}
		for name, raw := range f.Hashes {
			var text string
			if json.Unmarshal(raw, &text) == nil && len(e.Ways) < maxValues {
				add(kind, name, text)
			}
		}
		slices.SortFunc(e.Ways, func(a, b Alternative) int { return compare(a.Values[0], b.Values[0]) })
	}
	for _, r := range f.Resolves[:min(len(f.Resolves), maxLinks)] {
		e.Links = append(e.Links, Link{e.ID, strings.ToLower(r), "resolves-to"})
	}
}

func compare(a, b Value) int {
	return strings.Compare(a.Type+"\x00"+a.Property+"\x00"+a.Text+"\x00"+a.Op, b.Type+"\x00"+b.Property+"\x00"+b.Text+"\x00"+b.Op)
}

// paths are the properties in patterns that name a value, with the type that it has.
// Where a reference may lead to addresses and domains, its form tells.
var paths = map[string][]string{
	"ipv4-addr:value": {adapt.TypeIPv4}, "ipv6-addr:value": {adapt.TypeIPv6}, "domain-name:value": {adapt.TypeDomain},
	"url:value": {adapt.TypeURL}, "email-addr:value": {adapt.TypeEmail}, "mac-addr:value": {adapt.TypeMAC},
	"network-traffic:src_ref.value": {adapt.TypeIPv4, adapt.TypeDomain, adapt.TypeMAC},
	"network-traffic:dst_ref.value": {adapt.TypeIPv4, adapt.TypeDomain, adapt.TypeMAC},
	"email-message:from_ref.value":  {adapt.TypeEmail}, "email-message:sender_ref.value": {adapt.TypeEmail},
	"domain-name:resolves_to_refs[*].value": {adapt.TypeIPv4, adapt.TypeDomain},
}

// pattern reads the values of an indicator in STIX's own language. One in another
// language is kept in the body and is for those that speak it.
func (e *Entry) pattern(f *fields) {
	if f.PatternType != "stix" && f.PatternType != "" { // STIX 2.0 has no other
		return
	}
	alternatives, joined, ok := cti.Conditions(f.Pattern)
	if !ok {
		return
	}
	named := 0
	for _, tests := range alternatives {
		for _, way := range spread(tests) {
			way.Partial = way.Partial || joined
			if named += len(way.Values); named > maxValues {
				return
			}
			if len(way.Values) > 0 {
				e.Ways = append(e.Ways, way)
			}
		}
	}
}

// spread makes the alternatives of tests that hold together: a test with several values
// is one alternative for each. Of a second such test only that there is one is kept.
func spread(tests []cti.Condition) []Alternative {
	base := Alternative{}
	var several []Value
	for _, t := range tests {
		values, partial := valuesOf(t)
		switch {
		case len(values) == 1:
			base.Values = append(base.Values, values[0])
		case len(values) > 1 && several == nil:
			several = values
		case len(values) > 1:
			partial = true
		}
		base.Partial = base.Partial || partial
	}
	if several == nil {
		return []Alternative{normal(base)}
	}
	all := make([]Alternative, len(several))
	for i, v := range several {
		all[i] = normal(Alternative{Values: append(slices.Clone(base.Values), v), Partial: base.Partial})
	}
	return all
}

func normal(a Alternative) Alternative {
	slices.SortFunc(a.Values, compare)
	a.Values = slices.Compact(a.Values)
	return a
}

// valuesOf reads the values of one test; partial tells that it asks for what no value
// says.
func valuesOf(t cti.Condition) (values []Value, partial bool) {
	kinds, known := paths[t.Path]
	property := propertyValue
	if !known {
		kind, rest, _ := strings.Cut(t.Path, ":")
		name, hash := strings.CutPrefix(rest, "hashes.")
		switch {
		case kind == "artifact" && hash, kind == adapt.TypeFile && hash:
			kinds, property = []string{adapt.TypeFile}, name
		case kind == adapt.TypeCertificate && hash:
			kinds, property = []string{kind}, name
		case kind == adapt.TypeCertificate && rest == propertySerial:
			kinds, property = []string{kind}, rest
		default:
			return nil, true
		}
	}
	for _, text := range t.Values {
		read := false
		for _, kind := range kinds {
			v, ok := Read(kind, property, text)
			if !ok {
				continue
			}
			read = true
			if v, ok = v.compared(t.Op); ok {
				values = append(values, v)
			}
			break
		}
		partial = partial || !read
	}
	return values, partial || t.Op == ""
}

// compared gives a value the operator of a test. An address is a network of one; a
// network that must be equal is seen by no tool and is taken as what lies within it,
// which is how such patterns are meant.
func (v Value) compared(op string) (Value, bool) {
	switch op {
	case OpHolds:
		if _, ok := v.prefix(); !ok {
			return v, false
		}
		v.Op = OpHolds
		return v, true
	case OpWithin:
		_, ok := v.prefix()
		return v, ok
	}
	return v, op != ""
}
