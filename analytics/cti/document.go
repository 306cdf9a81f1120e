package cti

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Document is what a report in another form than STIX says, ready to be written as a
// bundle.
type Document struct {
	// Key tells the document from all others: the ids of what it says derive from it, so
	// that the same document becomes the same bytes.
	Key        string
	Title      string
	Text       string    // shown as the report's description, shortened
	Time       time.Time // when it was made; zero: it does not say (Undated)
	Marking    string    // TLP 2.0 level; empty: none
	Author     string    // the organisation's name; empty: it does not say
	Labels     []string
	Links      []string // addresses of what it is about
	Findings   []Finding
	Techniques []string // ATT&CK ids
	CVEs       []string
	Products   []Software // that it speaks of
	Flaws      []Flaw     // those of CVEs too of which it says more
	Threats    []Threat
}

// Threat is someone or something that a document names as behind it.
type Threat struct {
	Type string // "intrusion-set", "malware", "tool", "course-of-action"
	Name string
}

// Finding is one thing that a document says was seen or is to be looked for.
type Finding struct {
	// ID is the UUID that the document gives it; what is none, or comes twice, is
	// replaced by one that derives from the document and the content.
	ID string
	// Any are the alternatives by which it is recognised (Pattern).
	Any [][]Test
	// Rule is what recognises it in another language, of the type RuleType (STIX 2.1,
	// section 10.17: "yara", "sigma", "suricata", "snort"); Any is empty then.
	Rule, RuleType string
	// Detect tells that it is to be looked for; otherwise it is only what was seen.
	Detect      bool
	Name        string
	Description string
	Labels      []string
	From        time.Time // zero: the document's time
	Until       time.Time // zero: no end
	Seen        []Seen
	Doubted     int // how many said that it is a false positive
}

// Seen is a report that a finding was seen.
type Seen struct {
	Time  time.Time
	Where string // who saw it; empty: the document's author
}

// Undated is the time of what does not say when it was made. No document
// was made then.
const Undated = "1970-01-01T00:00:00.000Z"

const (
	maxDescription = 20_000 // characters of a document's text in its bundle
	maxName        = 200
)

// Level reads a TLP level as version 1 or 2 writes it, with or without "TLP:", and
// returns that of version 2, in lower case; empty for any other text.
func Level(s string) string { return parseLevel(strings.TrimSpace(s)) }

// Stricter returns the stricter of two levels; an empty one is wider than all.
func Stricter(a, b string) string {
	if strictness(b) > strictness(a) {
		return b
	}
	return a
}

// Compose writes a document as a STIX 2.1 bundle, and refuses one that would be larger
// than a bundle may be.
func Compose(d Document) ([]byte, error) {
	w := &composer{document: d, ids: map[string]bool{}}
	w.time = Undated
	if !d.Time.IsZero() {
		w.time = stamp(d.Time)
	}
	if d.Marking != "" {
		if strictness(d.Marking) == 0 {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the marking must be a TLP 2.0 level")
		}
		w.objects = append(w.objects, markingObject(d.Marking))
		w.markings = []string{tlp2[d.Marking]}
	}
	w.identity()
	for _, t := range d.Threats {
		w.threat(t)
	}
	for _, id := range d.Techniques {
		w.technique(id)
	}
	products := make([]string, len(d.Products))
	for i, p := range d.Products {
		products[i] = w.product(p)
	}
	for i := range d.Flaws {
		w.flaw(&d.Flaws[i], products)
	}
	for _, cve := range d.CVEs {
		w.vulnerability(cve)
	}
	for i := range d.Findings {
		w.finding(&d.Findings[i])
	}
	w.report()
	if w.err != nil {
		return nil, w.err
	}
	if len(w.objects) > MaxBundleObjects {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the report says more than %d things: split it", MaxBundleObjects)
	}
	body, err := encode(stixBundle{Type: "bundle", ID: w.id("bundle"), Objects: w.objects})
	if err != nil {
		return nil, err
	}
	if len(body) > MaxBundleBytes {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the report is larger than %d MiB as STIX: split it", MaxBundleBytes>>20)
	}
	return body, nil
}

// composer writes one bundle. The first error sticks.
type composer struct {
	document Document
	time     string
	markings []string
	author   string
	objects  []any
	refs     []string
	ids      map[string]bool
	err      error
}

func (w *composer) id(kind string, parts ...any) string {
	id, err := ownID(kind, append([]any{w.document.Key, w.document.Marking}, parts...)...)
	if err != nil && w.err == nil {
		w.err = err
	}
	return id
}

// add appends an object that is not there yet, and lets the report refer to it.
func (w *composer) add(id string, o any) {
	if w.ids[id] {
		return
	}
	w.ids[id] = true
	w.objects = append(w.objects, o)
	w.refs = append(w.refs, id)
}

func (w *composer) common(kind, id string) common {
	return common{
		Type: kind, SpecVersion: specVersion, ID: id, CreatedBy: w.author,
		Created: w.time, Modified: w.time, Markings: w.markings,
	}
}

// identity writes the author. One that is not named is still one, because a report must
// refer to something.
func (w *composer) identity() {
	name, class := oneLine(w.document.Author, maxName), "organization"
	if name == "" {
		name, class = "Unknown author", "unknown"
	}
	w.author = w.organization(name, class)
	w.refs = append(w.refs, w.author)
}

// organization writes an identity once; the same name is the same object everywhere.
func (w *composer) organization(name, class string) string {
	id, err := ownID("identity", "author", name)
	if err != nil && w.err == nil {
		w.err = err
	}
	if w.ids[id] {
		return id
	}
	w.ids[id] = true
	w.objects = append(w.objects, stixIdentity{
		common: common{Type: "identity", SpecVersion: specVersion, ID: id, Created: fixedTime, Modified: fixedTime},
		Name:   name, Class: class,
	})
	return id
}

type stixThreat struct { // intrusion-set, malware, tool, course-of-action
	common
	Name   string `json:"name"`
	Family *bool  `json:"is_family,omitempty"`
}

func (w *composer) threat(t Threat) {
	name := oneLine(t.Name, maxName)
	if name == "" {
		return
	}
	o := stixThreat{common: w.common(t.Type, w.id(t.Type, name)), Name: name}
	if t.Type == "malware" {
		family := true
		o.Family = &family
	}
	w.add(o.ID, o)
}

func (w *composer) technique(id string) {
	o := stixNamed{common: w.common("attack-pattern", w.id("attack-pattern", id)), Name: "ATT&CK " + id}
	o.References = []reference{{
		Source: "mitre-attack", ID: id, URL: "https://attack.mitre.org/techniques/" + strings.ReplaceAll(id, ".", "/"),
	}}
	w.add(o.ID, o)
}

func (w *composer) vulnerability(cve string) {
	o := stixNamed{common: w.common("vulnerability", w.id("vulnerability", cve)), Name: cve}
	o.References = []reference{{Source: "cve", ID: cve}}
	w.add(o.ID, o)
}

// documentIndicator is an indicator of a document; unlike an alert's it may have no end
// and no description.
type documentIndicator struct {
	common
	Labels      []string `json:"labels,omitempty"`
	Name        string   `json:"name,omitempty"`
	Description string   `json:"description,omitempty"`
	Types       []string `json:"indicator_types"`
	Pattern     string   `json:"pattern"`
	PatternType string   `json:"pattern_type"`
	ValidFrom   string   `json:"valid_from"`
	ValidUntil  string   `json:"valid_until,omitempty"`
}

func (w *composer) finding(f *Finding) {
	if !f.Detect {
		for _, all := range f.Any {
			w.observables(all)
		}
		return
	}
	pattern, language := f.Rule, f.RuleType
	if len(f.Any) > 0 {
		pattern, language = Pattern(f.Any...), "stix"
	}
	if pattern == "" {
		return
	}
	id := "indicator--" + strings.ToLower(f.ID)
	if !identifier.MatchString(id) || w.ids[id] {
		id = w.id("indicator", language, pattern)
	}
	o := documentIndicator{
		common: w.common("indicator", id), Labels: labels(f.Labels),
		Name: oneLine(f.Name, maxName), Description: shorten(f.Description, maxDescription),
		Types: []string{"malicious-activity"}, Pattern: pattern, PatternType: language, ValidFrom: w.time,
	}
	from := f.From
	if !from.IsZero() {
		o.Created, o.Modified, o.ValidFrom = stamp(from), stamp(from), stamp(from)
	} else {
		from = w.document.Time
	}
	if f.Until.After(from) {
		o.ValidUntil = stamp(f.Until)
	}
	w.add(o.ID, o)
	for _, s := range f.Seen {
		w.sighting(o.ID, s)
	}
	if f.Doubted > 0 {
		w.opinion(o.ID, f.Doubted)
	}
}

func (w *composer) sighting(of string, s Seen) {
	where := w.author
	if name := oneLine(s.Where, maxName); name != "" {
		where = w.organization(name, "organization")
	}
	at := stamp(s.Time)
	o := stixSighting{
		common: w.common("sighting", w.id("sighting", of, where, at)),
		First:  at, Last: at, Count: 1, Of: of, Where: []string{where},
	}
	o.Created, o.Modified = at, at
	w.add(o.ID, o)
}

type stixOpinion struct {
	common
	Explanation string   `json:"explanation"`
	Opinion     string   `json:"opinion"`
	Refs        []string `json:"object_refs"`
}

func (w *composer) opinion(of string, doubts int) {
	o := stixOpinion{
		common:      w.common("opinion", w.id("opinion", of)),
		Explanation: fmt.Sprintf("Called a false positive, times said: %d", doubts),
		Opinion:     "disagree", Refs: []string{of},
	}
	w.add(o.ID, o)
}

// observables writes the objects that tests describe, one for each type.
func (w *composer) observables(all []Test) {
	byType := map[string][]Test{}
	for _, t := range all {
		kind, _, _ := strings.Cut(t.Path, ":")
		byType[kind] = append(byType[kind], t)
	}
	for _, kind := range slices.Sorted(maps.Keys(byType)) {
		tests := byType[kind]
		o := object{"type": kind, "spec_version": specVersion}
		if len(w.markings) > 0 {
			o["object_marking_refs"] = w.markings
		}
		identity := map[string]any{}
		hashes := map[string]any{}
		for _, t := range tests {
			_, property, _ := strings.Cut(t.Path, ":")
			algorithm, hash := strings.CutPrefix(property, "hashes.")
			switch {
			case t.Within || strings.ContainsAny(property, ".[") && !hash:
				continue // nothing that an object by itself has
			case hash:
				hashes[algorithm] = t.Value
			default:
				o[property], identity[property] = t.Value, t.Value
			}
		}
		if len(hashes) > 0 {
			o["hashes"] = hashes
			identity["hashes"] = firstHash(hashes)
		}
		if len(identity) == 0 || !observableTypes[kind] {
			continue
		}
		id, err := observableID(kind, identity)
		if err != nil && w.err == nil {
			w.err = err
		}
		o["id"] = id
		w.add(id, o)
	}
}

// observableTypes are those whose objects need no more than what a test says.
var observableTypes = map[string]bool{
	"ipv4-addr": true, "ipv6-addr": true, "domain-name": true, "url": true, "email-addr": true, "file": true,
	"mac-addr": true, "mutex": true, "windows-registry-key": true, "x509-certificate": true, "directory": true,
}

// firstHash is the one hash that identifies a file (STIX 2.1, section 6.7: the first of
// MD5, SHA-1, SHA-256 and SHA-512 that it has, or else any).
func firstHash(hashes map[string]any) map[string]any {
	for _, name := range []string{"MD5", "SHA-1", "SHA-256", "SHA-512", "SHA3-256", "SHA3-512", "SSDEEP", "TLSH"} {
		if v, ok := hashes[name]; ok {
			return map[string]any{name: v}
		}
	}
	return hashes
}

type documentReport struct {
	common
	Labels      []string `json:"labels,omitempty"`
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Types       []string `json:"report_types"`
	Published   string   `json:"published"`
	Refs        []string `json:"object_refs"`
}

func (w *composer) report() {
	d := w.document
	types := []string{"threat-report"}
	if len(d.Flaws) > 0 {
		types = []string{"vulnerability"}
	}
	if slices.ContainsFunc(d.Findings, func(f Finding) bool { return f.Detect }) {
		types = append(types, "indicator")
	}
	o := documentReport{
		common: w.common("report", w.id("report")), Labels: labels(d.Labels),
		Name: cmp.Or(oneLine(d.Title, maxName), "Report without a title"), Description: shorten(d.Text, maxDescription),
		Types: types, Published: w.time, Refs: w.refs,
	}
	for _, l := range d.Links {
		o.References = append(o.References, reference{Source: "source", URL: l})
	}
	w.objects = append(w.objects, o)
}

// labels keeps each once, in one printable line.
func labels(all []string) []string {
	var out []string
	for _, l := range all {
		if l = oneLine(l, maxName); l != "" && !slices.Contains(out, l) && len(out) < 100 {
			out = append(out, l)
		}
	}
	return out
}

// shorten keeps the beginning of a text.
func shorten(s string, limit int) string {
	s = strings.ToValidUTF8(strings.TrimSpace(s), "\ufffd")
	n := 0
	for i := range s {
		if n == limit {
			return s[:i] + "…"
		}
		n++
	}
	return s
}
