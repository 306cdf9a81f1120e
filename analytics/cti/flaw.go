package cti

import (
	"cmp"
	"strings"
)

// Flaw is a vulnerability of which a document says more than its CVE id.
type Flaw struct {
	ID      string   // CVE id, or the author's own where there is none
	Aliases []string // the author's other ids of it
	Text    string   // what it is, shortened
	CWE     string   // "CWE-79"; empty: not said
	In      []int    // places in Document.Products of those that have it
}

// flaw writes a vulnerability, and which products have it. The standard has no word for
// that (STIX 2.1, appendix B): they are related.
func (w *composer) flaw(f *Flaw, products []string) {
	name := oneLine(f.ID, maxName)
	if name == "" {
		return
	}
	o := stixFlaw{stixNamed: stixNamed{common: w.common("vulnerability", w.id("vulnerability", name)), Name: name}}
	o.Description = shorten(f.Text, maxDescription)
	author := cmp.Or(oneLine(w.document.Author, maxName), "author")
	for _, id := range append([]string{name}, f.Aliases...) {
		id = oneLine(id, maxName)
		if id == "" || len(o.References) == maxFaults {
			continue
		}
		ref := reference{Source: author, ID: id}
		if m := cveID.FindStringSubmatch(id); m != nil && m[0] == id {
			ref = reference{Source: "cve", ID: "CVE-" + m[1] + "-" + m[2]}
		}
		o.References = append(o.References, ref)
	}
	if number, ok := strings.CutPrefix(f.CWE, "CWE-"); ok {
		o.References = append(o.References, reference{Source: "cwe", ID: f.CWE, URL: "https://cwe.mitre.org/data/definitions/" + number + ".html"})
	}
	w.add(o.ID, o)
	for _, at := range f.In {
		if at < 0 || at >= len(products) || products[at] == "" {
			continue
		}
		link := stixRelationship{
			common: w.common("relationship", w.id("relationship", products[at], o.ID)), Kind: "related-to", Source: products[at], Target: o.ID,
		}
		w.add(link.ID, link)
	}
}

type stixFlaw struct {
	stixNamed
	Description string `json:"description,omitempty"`
}

// product writes software that a document speaks of, and returns its id; empty for one
// without a name.
func (w *composer) product(s Software) string {
	name := oneLine(s.Name, maxName)
	if name == "" {
		return ""
	}
	o := object{"type": "software", "spec_version": specVersion, "name": name}
	identity := map[string]any{"name": name}
	for property, value := range map[string]string{"cpe": s.CPE, "vendor": oneLine(s.Vendor, maxName), "version": oneLine(s.Version, maxName)} {
		if value != "" {
			o[property], identity[property] = value, value
		}
	}
	id, err := observableID("software", identity)
	if err != nil && w.err == nil {
		w.err = err
	}
	o["id"] = id
	if len(w.markings) > 0 {
		o["object_marking_refs"] = w.markings
	}
	w.add(id, o)
	return id
}
