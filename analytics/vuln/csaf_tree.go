package vuln

import (
	"slices"
	"strings"
)

// references are what a document's product ids and group ids stand for.
type references struct {
	products []Product
	at       map[string]int      // place by product id; the first definition
	groups   map[string][]string // product ids by group id
	helpers  []*csafHelper       // beside products
	twice    []string            // places of definitions of an id that has one
	versions []versionName       // of the branches
	depends  map[string][]string // product ids that a relationship's product is made of
}

// versionName is a branch that names a version or a range.
type versionName struct {
	place    string
	category string
	name     string
}

// newReferences walks the product tree; nil when it is too large.
func newReferences(doc *csafDocument) *references {
	r := &references{at: map[string]int{}, groups: map[string][]string{}, depends: map[string][]string{}}
	for i := range doc.ProductTree.Branches {
		r.branch(&doc.ProductTree.Branches[i], place("product_tree.branches", i), Product{On: -1})
	}
	for i := range doc.ProductTree.Full {
		r.add(&doc.ProductTree.Full[i], place("product_tree.full_product_names", i), Product{On: -1})
	}
	for i := range doc.ProductTree.Relationships {
		rel := &doc.ProductTree.Relationships[i]
		p := Product{On: -1}
		if of, known := r.at[rel.Reference]; known {
			p = r.products[of]
			p.PURLs, p.CPEs = slices.Clone(p.PURLs), slices.Clone(p.CPEs)
		}
		if on, known := r.at[rel.RelatesTo]; known {
			p.On = on
		}
		r.depends[rel.Product.ID] = append(r.depends[rel.Product.ID], rel.Reference, rel.RelatesTo)
		r.add(&rel.Product, place("product_tree.relationships", i), p)
	}
	for _, g := range doc.ProductTree.Groups {
		if _, known := r.groups[g.ID]; !known {
			r.groups[g.ID] = g.Products
		}
	}
	if len(r.products) > maxProducts || len(doc.Vulnerabilities) > maxVulnerabilities {
		return nil
	}
	return r
}

func place(list string, i int) string { return list + "." + itoa(i) }

// branch walks a branch, whose depth was bounded before it was decoded. What is
// below a vendor is the vendor's, and so on.
func (r *references) branch(b *csafBranch, at string, p Product) {
	switch b.Category {
	case "vendor":
		p.Vendor = b.Name
	case "product_name":
		p.Name = b.Name
	case "product_family":
		if p.Name == "" {
			p.Name = b.Name
		}
	case "product_version":
		p.Versions = versionsOf(b.Name, false)
		r.versions = append(r.versions, versionName{at, b.Category, b.Name})
	case "product_version_range":
		p.Versions = versionsOf(b.Name, true)
		r.versions = append(r.versions, versionName{at, b.Category, b.Name})
	}
	if b.Product != nil {
		r.add(b.Product, at+".product", p)
	}
	for i := range b.Branches {
		r.branch(&b.Branches[i], place(at+".branches", i), p)
	}
}

// add defines a product, with what the branches above it say.
func (r *references) add(c *csafProduct, at string, p Product) {
	if _, known := r.at[c.ID]; known {
		r.twice = append(r.twice, at)
		return
	}
	p.ID, p.Full = c.ID, clean(c.Name)
	p.Vendor, p.Name = clean(p.Vendor), clean(p.Name)
	if p.Name == "" {
		p.Name = p.Full
	}
	if p.Versions.Text == "" {
		// Without a branch for the version, what the full name says after the
		// product's own name, if anything.
		p.Versions = versionsIn(p.Full, p.Name)
	}
	if h := c.Helper; h != nil {
		if h.PURL != "" {
			p.PURLs = []string{h.PURL}
		}
		if h.CPE != "" {
			p.CPEs = []string{h.CPE}
		}
		p.Models = append(slices.Clone(h.Models), h.SKUs...)
		for _, g := range h.Generic {
			p.Models = append(p.Models, g.URI)
		}
	}
	r.at[c.ID] = len(r.products)
	r.products = append(r.products, p)
	r.helpers = append(r.helpers, c.Helper)
}

// expand gives the product ids of a list of products and groups, each once.
func (r *references) expand(products, groups []string) []string {
	all := slices.Clone(products)
	for _, g := range groups {
		all = append(all, r.groups[g]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// vulnerability turns what the document says into claims and actions.
func (r *references) vulnerability(c *csafVulnerability) Vulnerability {
	v := Vulnerability{ID: c.CVE, Title: clean(c.Title)}
	if c.CWE != nil {
		v.CWE = c.CWE.ID
	}
	for _, id := range c.IDs {
		if v.ID == "" {
			v.ID = clean(id.Text)
		} else if len(v.Aliases) < maxFaults {
			v.Aliases = append(v.Aliases, clean(id.Text))
		}
	}
	if v.ID == "" {
		v.ID = "unnamed"
	}
	if v.Title == "" {
		for _, n := range c.Notes {
			if n.Category == "summary" || n.Category == "description" {
				v.Title = firstSentence(clean(n.Text))
				break
			}
		}
	}
	justified, why := r.justifications(c)
	for _, s := range c.Status.states() {
		for _, id := range slices.Compact(slices.Sorted(slices.Values(s.products))) {
			at, known := r.at[id]
			if !known {
				continue
			}
			claim := Claim{Product: at, Status: s.status}
			if s.status == StatusNotAffected {
				claim.Justification, claim.Detail = justified[id], why[id]
			}
			v.Claims = append(v.Claims, claim)
		}
	}
	for i := range c.Remediations {
		rem := &c.Remediations[i]
		a := Action{Category: rem.Category, Detail: clean(rem.Details), URL: rem.URL}
		for _, id := range r.expand(rem.Products, rem.Groups) {
			if at, known := r.at[id]; known {
				a.Products = append(a.Products, at)
			}
		}
		v.Actions = append(v.Actions, a)
	}
	for i := range c.Scores {
		if score, vector := scoreOf(&c.Scores[i]); score > v.Score {
			v.Score, v.Vector = score, vector
		}
	}
	return v
}

// justifications are why products are not affected: machine-readable and in
// words (CSAF 2.0, section 4.5).
func (r *references) justifications(c *csafVulnerability) (labels, words map[string]string) {
	labels, words = map[string]string{}, map[string]string{}
	for _, f := range c.Flags {
		for _, id := range r.expand(f.Products, f.Groups) {
			labels[id] = f.Label
		}
	}
	for _, t := range c.Threats {
		if t.Category != "impact" {
			continue
		}
		for _, id := range r.expand(t.Products, t.Groups) {
			words[id] = clean(t.Details)
		}
	}
	return labels, words
}

func firstSentence(s string) string {
	if line, _, more := strings.Cut(s, "\n"); more {
		s = line
	}
	const long = 200
	if r := []rune(s); len(r) > long {
		s = strings.TrimSpace(string(r[:long])) + "…"
	}
	return s
}

// scoreOf reads a base score in tenths and its vector; CVSS 3 goes before 2.
func scoreOf(s *csafScore) (score int, vector string) {
	for _, m := range []map[string]any{s.V3, s.V2} {
		if base, ok := m["baseScore"].(float64); ok {
			vector, _ = m["vectorString"].(string)
			return tenths(base), vector
		}
	}
	return 0, ""
}

func tenths(base float64) int { return int(base*10 + 0.5) }
