// Package export writes indicators for what a hospital already watches and blocks with:
// MISP, CSV, rules of Suricata and Sigma, plain lists, STIX. It is pure, and the same
// indicators are the same bytes. Indicators come from others: whatever a value holds, it
// stays a value, and no rule or line is longer for it. What a form cannot say is left
// out and counted, never widened.
package export

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
)

// Set is what is exported.
type Set struct {
	Indicators []Indicator // sorted by id
	Objects    []cti.Object
}

// Indicator is one as every form needs it.
type Indicator struct {
	ID          string // STIX id
	Name        string
	Description string
	Labels      []string
	From, Until time.Time  // Until may be zero: no end
	Any         []Combined // alternatives; none for a pattern that asks for more than equalities
	Pattern     string     // as it stands
	Language    string     // of the pattern: "stix", "yara", ...
	Level       string     // TLP 2.0, by the markings in the set; empty: none
	updated     time.Time  // modified
	markings    []string   // ids, lower case
}

// Combined are comparisons that must hold together.
type Combined struct {
	Tests []cti.Test
	// Single is the value where there is one comparison, of something that can be looked
	// for by itself; empty otherwise.
	Single adapt.Observable
}

// About is what an export says of itself.
type About struct {
	Title        string
	Organisation string    // who exports, for people
	Time         time.Time // when; indicators that are over by then, or not yet valid, are left out
	// Report is the digest of the report that the export is the whole of: a MISP event
	// then has the same UUID wherever it is made, and is published; empty: of none.
	Report  string
	Marking string // TLP level of the whole, beside those of the indicators; empty: none
}

// Gather reads the indicators among STIX objects. Revoked ones, those that are called
// benign and those that are no longer or not yet valid are left out.
func Gather(objects []cti.Object, at time.Time) Set {
	s := Set{}
	levels := levelsOf(objects)
	newest := map[string]int{}
	for i := range objects {
		if objects[i].Fault != nil || objects[i].ID == "" {
			continue
		}
		if j, ok := newest[objects[i].ID]; !ok || objects[j].Version.Before(objects[i].Version) {
			newest[objects[i].ID] = i
		}
	}
	for i := range objects {
		o := &objects[i]
		if j, ok := newest[o.ID]; !ok || j != i {
			continue
		}
		s.Objects = append(s.Objects, *o)
		if o.Type == "indicator" {
			if indicator, ok := read(o, levels, at); ok {
				s.Indicators = append(s.Indicators, indicator)
			}
		}
	}
	slices.SortFunc(s.Indicators, func(a, b Indicator) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(s.Objects, func(a, b cti.Object) int { return cmp.Compare(a.ID, b.ID) })
	return s
}

// stixIndicator is what of an indicator is read.
type stixIndicator struct {
	Name, Description, Pattern string
	Revoked                    bool
	Labels                     []string
	PatternType                string    `json:"pattern_type"`
	Types                      []string  `json:"indicator_types"`
	From                       time.Time `json:"valid_from"`
	Until                      time.Time `json:"valid_until"`
	Markings                   []string  `json:"object_marking_refs"`
}

func read(o *cti.Object, levels map[string]string, at time.Time) (Indicator, bool) {
	var in stixIndicator
	if json.Unmarshal(o.Body, &in) != nil || in.Revoked || slices.Contains(in.Types, "benign") {
		return Indicator{}, false
	}
	if !at.IsZero() && (in.From.After(at) || !in.Until.IsZero() && !in.Until.After(at)) {
		return Indicator{}, false
	}
	i := Indicator{
		ID: o.ID, Name: in.Name, Description: in.Description, Labels: in.Labels, From: in.From.UTC(), Until: in.Until,
		Pattern: in.Pattern, Language: in.PatternType, updated: o.Version,
	}
	for _, m := range in.Markings {
		m = strings.ToLower(m)
		i.Level = cti.Stricter(i.Level, levels[m])
		i.markings = append(i.markings, m)
	}
	if in.PatternType != "stix" {
		return i, true
	}
	alternatives, ok := cti.Tests(in.Pattern)
	if !ok {
		return i, true
	}
	for _, tests := range alternatives {
		c := Combined{Tests: tests}
		if len(tests) == 1 {
			c.Single, _ = adapt.ObservableOf(tests[0])
		}
		i.Any = append(i.Any, c)
	}
	return i, true
}

// levelsOf are the TLP levels of the markings that are known or among the objects.
func levelsOf(objects []cti.Object) map[string]string {
	levels := cti.Levels()
	for _, o := range objects {
		if o.Type == "marking-definition" {
			if level := cti.MarkingLevel(o.Body); level != "" {
				levels[o.ID] = level
			}
		}
	}
	return levels
}

// singles calls do for each value that by itself is what an indicator looks for.
func (s Set) singles(do func(Indicator, adapt.Observable)) {
	for _, i := range s.Indicators {
		for _, c := range i.Any {
			if c.Single.Value != "" {
				do(i, c.Single)
			}
		}
	}
}

// Level is the strictest marking of all that is exported: who may have the export.
func (s Set) Level() string {
	level := ""
	for _, i := range s.Indicators {
		level = cti.Stricter(level, i.Level)
	}
	return level
}

// uuid is the second half of a STIX id.
func uuid(id string) string {
	_, u, _ := strings.Cut(id, "--")
	return u
}

// Only leaves the indicators of which keep wants an alternative, each with those
// alternatives, and of the objects theirs and their markings. An indicator without
// alternatives is asked for once, with none.
func (s Set) Only(keep func(Indicator, Combined) bool) Set {
	var left Set
	needed := map[string]bool{}
	for _, i := range s.Indicators {
		wanted := len(i.Any) == 0 && keep(i, Combined{})
		i.Any = slices.DeleteFunc(slices.Clone(i.Any), func(c Combined) bool { return !keep(i, c) })
		if !wanted && len(i.Any) == 0 {
			continue
		}
		left.Indicators = append(left.Indicators, i)
		needed[i.ID] = true
		for _, m := range i.markings {
			needed[m] = true
		}
	}
	for _, o := range s.Objects {
		if needed[o.ID] {
			left.Objects = append(left.Objects, o)
		}
	}
	return left
}

// Format is one form in which indicators leave.
type Format struct {
	Name      string // as the interface calls it: "suricata"
	Tool      string // for people
	MediaType string
	Ending    string // of a file's name
	Write     func(Set, About) (Output, error)
}

// Output is an export.
type Output struct {
	Body []byte
	Left int // indicators of which nothing could be said in this form
}

var formats = []Format{
	{"misp", "MISP event", "application/json", "json", writeMISP},
	{"csv", "Comma-separated values", "text/csv; charset=utf-8", "csv", writeCSV},
	{"suricata", "Suricata rules", "text/plain; charset=utf-8", "rules", writeSuricata},
	{"sigma", "Sigma rules", "application/yaml", "yml", writeSigma},
	{"ip", "List of addresses and networks", "text/plain; charset=utf-8", "txt", writeList(addresses)},
	{"domain", "List of domain names", "text/plain; charset=utf-8", "txt", writeList(ofType(adapt.TypeDomain))},
	{"url", "List of URLs", "text/plain; charset=utf-8", "txt", writeList(ofType(adapt.TypeURL))},
	{"hash", "List of hashes of files", "text/plain; charset=utf-8", "txt", writeList(hashes)},
	{"stix", "STIX 2.1 bundle", "application/stix+json;version=2.1", "json", writeSTIX},
}

// Formats returns all forms.
func Formats() []Format { return slices.Clone(formats) }

// Lookup returns the form of a name.
func Lookup(name string) (Format, bool) {
	i := slices.IndexFunc(formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return formats[i], true
}
