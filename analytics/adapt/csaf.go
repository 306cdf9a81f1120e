package adapt

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/vuln"
)

// Bounds on what of an advisory becomes objects: large vendors publish lists of tens of
// thousands of products. What is beyond them is counted in the text.
const (
	maxCSAFProducts = 2_000
	maxCSAFPairs    = 10_000 // of product and vulnerability
)

var csafFormat = Format{
	Name: "csaf", Tool: "CSAF 2.0 advisory", Kind: KindReport,
	Detect: func(head []byte) bool {
		names := jsonHead(head)
		if !has(names, "document") {
			return false
		}
		for _, name := range []string{"csaf_version", "tracking", "publisher", "aggregate_severity", "acknowledgments"} {
			if has(names, "document."+name) {
				return true
			}
		}
		return strings.HasPrefix(names["document.category"], "csaf_")
	},
	Read: readCSAF,
}

// readCSAF reads an advisory as analytics/vuln reads those that devices are matched with.
func readCSAF(ctx context.Context, r io.Reader, good func(Record) error, _ func([]byte, error)) error {
	b, err := readAll(ctx, r, "the advisory", vuln.MaxAdvisoryBytes)
	if err != nil {
		return err
	}
	a, err := vuln.ParseCSAF(b)
	if err != nil {
		return err
	}
	record, err := fromCSAF(a, b)
	if err != nil {
		return err
	}
	return good(record)
}

// fromCSAF makes a record of an advisory. A vulnerability that no product has is named in
// the text alone: an object would warn of what is harmless.
func fromCSAF(a *vuln.Advisory, original []byte) (Record, error) {
	d := cti.Document{
		Key: "csaf:" + a.ID(), Title: a.Title, Author: a.Publisher, Time: a.Updated, Marking: cti.Level(a.Marking),
		Labels: []string{a.Category, a.Status},
	}
	for _, ref := range a.References {
		if o, ok := URL(ref); ok && !slices.Contains(d.Links, o.Value) {
			d.Links = append(d.Links, o.Value)
		}
	}
	w := csafWriter{advisory: a, document: &d, places: map[int]int{}, left: map[int]bool{}}
	w.text.WriteString(a.Summary)
	for i := range a.Vulnerabilities {
		w.vulnerability(&a.Vulnerabilities[i])
	}
	if len(w.left) > 0 || w.apart > 0 {
		fmt.Fprintf(&w.text, "\nNot taken over from the advisory, products: %d; pairs of product and vulnerability: %d.", len(w.left), w.apart)
	}
	r := Record{Rule: line("csaf:"+a.Tracking, maxRule), Severity: cti.UnknownSeverity, Original: original, Text: strings.TrimSpace(w.text.String())}
	if w.score > 0 {
		r.Severity = w.score * 100
	}
	return finish(r, d, nil)
}

// csafWriter gathers what one advisory says.
type csafWriter struct {
	advisory *vuln.Advisory
	document *cti.Document
	text     strings.Builder
	places   map[int]int  // in the document, by place in the advisory
	left     map[int]bool // products beyond the bound
	pairs    int
	apart    int // pairs beyond the bound, or of products beyond theirs
	score    int // highest of what some product has, tenths
}

func (w *csafWriter) vulnerability(v *vuln.Vulnerability) {
	f := cti.Flaw{ID: v.ID, Aliases: v.Aliases, Text: v.Title, CWE: v.CWE}
	fixed := len(v.Claims) == 0 // of no product it says that it has none
	var names []string
	for _, c := range v.Claims {
		switch c.Status {
		case vuln.StatusAffected:
			names = append(names, w.advisory.Products[c.Product].Full)
			w.has(&f, c.Product)
		case vuln.StatusFixed, vuln.StatusUnderInvestigation: // others, or older ones, have it
			fixed = true
		}
	}
	concerns := len(names) > 0 || fixed
	w.line("\n%s: %s", v.ID, v.Title)
	if v.Score > 0 {
		w.line(" CVSS %d.%d (%s).", v.Score/10, v.Score%10, v.Vector)
	}
	if !concerns {
		w.line(" No product has it, the advisory says.")
		return
	}
	for i, name := range names {
		if i == maxNames {
			w.line("\nand %d more", len(names)-i)
			break
		}
		w.line("\nAffected: %s", name)
	}
	for i := range v.Actions {
		if a := &v.Actions[i]; i < maxNames && a.Detail != "" {
			w.line("\n%s: %s", strings.ReplaceAll(a.Category, "_", " "), a.Detail)
		}
	}
	w.score = max(w.score, v.Score)
	w.document.Flaws = append(w.document.Flaws, f)
	w.document.CVEs = append(w.document.CVEs, cves(append([]string{v.ID}, v.Aliases...)...)...)
}

// line adds to the text as long as there is room.
func (w *csafWriter) line(format string, values ...any) {
	if w.text.Len() < maxText {
		fmt.Fprintf(&w.text, format, values...)
	}
}

// has notes that a product has a vulnerability.
func (w *csafWriter) has(f *cti.Flaw, product int) {
	at, known := w.places[product]
	if !known {
		if len(w.document.Products) == maxCSAFProducts {
			w.left[product] = true
			w.apart++
			return
		}
		at = len(w.document.Products)
		w.places[product] = at
		w.document.Products = append(w.document.Products, softwareOf(&w.advisory.Products[product]))
	}
	if w.pairs == maxCSAFPairs {
		w.apart++
		return
	}
	w.pairs++
	f.In = append(f.In, at)
}

// softwareOf is a product as STIX names software. Only one version can be told, and of a
// range none is: the text has it.
func softwareOf(p *vuln.Product) cti.Software {
	s := cti.Software{Name: p.Name, Vendor: p.Vendor}
	if v := &p.Versions; v.Read && !v.All && len(v.Parts) == 1 && len(v.Parts[0]) == 1 && v.Parts[0][0].Sign == "=" {
		s.Version = v.Parts[0][0].Version
	}
	for _, c := range p.CPEs {
		var r Record
		if r.platform(c); r.Asset.CPE != "" {
			s.CPE = r.Asset.CPE
			break
		}
	}
	return s
}
