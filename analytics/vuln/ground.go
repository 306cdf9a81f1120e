package vuln

import (
	"slices"
	"strings"
	"unicode"

	"github.com/secant-platform/secant/analytics/cpe"
)

// What a match rests on.
const (
	BasisPURL  = "purl"  // a component with the advisory's package URL
	BasisCPE   = "cpe"   // a component, or the model, with the advisory's CPE
	BasisName  = "name"  // a component of the advisory's name
	BasisModel = "model" // the model itself, by names and numbers
)

// How much each kind of agreement says, in basis points: an order of our own
// choosing, and no measured probabilities.
const (
	confPURL        = 9_500
	confCPE         = 9_000
	confModelNumber = 8_500 // vendor and model number
	confModelName   = 8_500 // vendor and the whole name
	confPartVendor  = 7_000 // a component by vendor and name
	confNoVendor    = 6_000 // the model's whole name; the advisory names no vendor
	confSomeName    = 5_500 // vendor, and one name holds the other; more for more in common
	confPartName    = 4_500 // a component by its name alone
	confOther       = 3_500 // the model's whole name under another vendor's
	confLeast       = 3_000 // what says less is not told
	confConfirmed   = 9_900
	maxConfidence   = 9_900
)

// ground is one agreement of an advisory's product with a release.
type ground struct {
	product    int // place in Advisory.Products
	basis      string
	text       string
	confidence int
	answer     Answer
	subject    string   // under which a decision about it is remembered beyond this advisory; empty: under none
	parts      []string // package URL of the component, when it has one
}

// weigh lowers a ground by what is known of the version; false when the version is
// outside the range.
func (g *ground) weigh(r *Range, version string) bool {
	g.answer = r.Contains(version)
	shown := r.Text
	if shown == "" {
		shown = "not stated"
	}
	switch {
	case g.answer == No:
		return false
	case g.answer == Unclear:
		g.confidence = g.confidence * 6 / 10
		g.text += "; whether its version is among those of the advisory (" + shown + ") could not be told"
		// What names the product well enough to act on is worth a look.
		if g.confidence < confLeast && g.confidence >= confLeast*6/10+1 {
			g.confidence = confLeast
		}
	case r.All:
		g.text += "; the advisory concerns all versions"
	default:
		g.text += "; its version is among those of the advisory (" + shown + ")"
	}
	return g.confidence >= confLeast
}

// ofComponent compares a product with a component.
func ofComponent(p *Product, at int, c *component) (ground, bool) {
	g := ground{product: at}
	if c.isPURL {
		g.parts = []string{c.PURL}
	}
	version, ranges := c.version(), p.Versions
	for _, s := range p.PURLs {
		named, ok := parsePURL(s)
		if !ok || !c.isPURL || named.key() != c.purl.key() || !c.purl.allows(named) {
			continue
		}
		g.basis, g.confidence = BasisPURL, confPURL
		g.text = "contains " + c.label() + ", whose package URL is the advisory's"
		if ranges.Scheme == SchemeGeneric {
			ranges.Scheme = named.scheme()
		}
		if named.version != "" { // the package in one version, whatever the branches say
			ranges = Range{Text: named.version, Scheme: named.scheme(), Read: true, Parts: []Constraints{{{"=", named.version}}}}
		}
		return g, g.weigh(&ranges, version)
	}
	for _, s := range p.CPEs {
		named, ok := cpe.Parse(s)
		if !ok || !c.isCPE || named.Key() != c.cpe.Key() {
			continue
		}
		g.basis, g.confidence = BasisCPE, confCPE
		g.text = "contains " + c.label() + ", whose CPE is the advisory's"
		if named.Version != "" && len(ranges.Parts) == 0 && !ranges.All {
			ranges = Range{Text: named.Full(), Read: true, Parts: []Constraints{{{"=", named.Full()}}}}
		}
		return g, g.weigh(&ranges, version)
	}
	if len(p.PURLs) > 0 && c.isPURL {
		return g, false // both say what they are, and it is not the same
	}
	name := key(p.Name)
	if !slices.Contains(c.keys(), name) {
		return g, false
	}
	g.basis, g.subject = BasisName, productSubject(p)
	switch {
	case shareVendor(c.vendors, p.Vendor), p.Vendor != "" && len(c.vendors) == 0 && key(p.Vendor) == name:
		g.confidence = confPartVendor
		g.text = "contains " + c.label() + ", which the advisory names with its vendor"
	case p.Vendor == "" || len(c.vendors) == 0:
		g.confidence = confPartName
		g.text = "contains " + c.label() + ", which the advisory names; the vendor is not confirmed"
	default:
		return g, false // another vendor's product of the same name
	}
	return g, g.weigh(&ranges, version)
}

// productSubject names a product of a vendor, so that what a person said of it
// holds for the next advisory too.
func productSubject(p *Product) string { return "product:" + key(p.Vendor) + "|" + key(p.Name) }

// ofModel compares a product with a model, without its version.
func ofModel(p *Product, at int, r *Release) (ground, bool) {
	g := ground{product: at, basis: BasisModel, subject: productSubject(p)}
	maker := append(someTokens(r.Maker), someTokens(r.MakerID)...)
	same := shareVendor(maker, p.Vendor)
	vendors := append(someTokens(p.Vendor), maker...)
	theirs, ours := telling(p.Name, vendors), telling(r.Model, vendors)
	named := slices.ContainsFunc(p.Models, func(m string) bool {
		return key(m) != "" && (key(m) == key(r.Number) || m == r.DI || modelPattern(m, r.Number))
	})
	numbered := distinctive(r.Number) && holds(someTokens(p.Name+" "+p.Full), someTokens(r.Number))
	whole := len(theirs) > 0 && slices.Equal(sorted(theirs), sorted(ours)) || key(p.Name) == key(r.Number) && key(p.Name) != ""
	common := inCommon(theirs, ours)
	switch {
	case named && (same || p.Vendor == ""):
		g.confidence, g.text = confModelNumber, "the advisory names its model number"
	case same && whole:
		g.confidence, g.text = confModelName, "the advisory names its manufacturer and its model"
	case same && numbered:
		g.confidence, g.text = confModelNumber, "the advisory names its manufacturer and its model number"
	case same && common > 0 && (common == len(theirs) || common == len(ours)) && substantial(theirs, ours):
		union := len(theirs) + len(ours) - common
		g.confidence = confSomeName + 2_000*common/union
		g.text = "the advisory names its manufacturer and a part of its model's name"
	case same && 2*common > len(theirs)+len(ours)-common && common > 1:
		g.confidence, g.text = confPartName, "the advisory names its manufacturer and words of its model's name"
	case p.Vendor == "" && whole:
		g.confidence, g.text = confNoVendor, "the advisory names its model, and no manufacturer"
	case p.Vendor == "" && numbered:
		g.confidence, g.text = confSomeName, "the advisory names its model number, and no manufacturer"
	case whole && len(theirs) > 1:
		g.confidence, g.text = confOther, "the advisory names its model under another manufacturer"
	default:
		return g, false
	}
	return g, true
}

// modelPattern reads a model number with wildcards of CSAF 2.0 (section
// 3.1.3.3.5): ? is one character, * any number.
func modelPattern(pattern, number string) bool {
	if !strings.ContainsAny(pattern, "*?") || len(pattern) > 64 || strings.Trim(pattern, "*?") == "" || number == "" {
		return false
	}
	p, n := strings.ToLower(pattern), strings.ToLower(number)
	// One pass with a place to go back to, so that it stays linear in practice.
	i, j, star, mark := 0, 0, -1, 0
	for j < len(n) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == n[j]):
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(p[i:], "*") == ""
}

// noise are words that say nothing about which product of a maker is meant.
var noise = map[string]bool{
	"the": true, "and": true, "of": true, "for": true, "with": true, "system": true, "systems": true, "series": true, "family": true,
	"device": true, "devices": true, "product": true, "products": true, "model": true, "models": true, "software": true, "firmware": true,
	"version": true, "versions": true, "all": true, "medical": true, "application": true, "app": true,
}

// telling are the words of a name that tell products apart.
func telling(name string, vendors []string) []string {
	var all []string
	for _, t := range someTokens(name) {
		if !noise[t] && !slices.Contains(vendors, t) && !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	return all
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

func inCommon(a, b []string) int {
	n := 0
	for _, t := range a {
		if slices.Contains(b, t) {
			n++
		}
	}
	return n
}

// kinds are words for kinds of device, which every maker uses.
var kinds = map[string]bool{
	"monitor": true, "monitors": true, "pump": true, "pumps": true, "infusion": true, "patient": true, "bedside": true, "ventilator": true,
	"programmer": true, "controller": true, "gateway": true, "server": true, "viewer": true, "station": true, "workstation": true, "central": true,
	"syringe": true, "ultrasound": true, "imaging": true, "scanner": true, "analyzer": true, "remote": true, "wireless": true, "insulin": true,
	"cardiology": true, "module": true, "unit": true, "platform": true, "control": true, "management": true, "link": true,
}

// substantial reports whether two names have more in common than a kind of device.
func substantial(a, b []string) bool {
	return slices.ContainsFunc(a, func(t string) bool { return !kinds[t] && len(t) > 1 && slices.Contains(b, t) })
}

// distinctive reports whether a model number can be told from any other text: it
// has a digit and at least three letters and digits.
func distinctive(number string) bool {
	n, digits := 0, 0
	for _, r := range number {
		if unicode.IsDigit(r) {
			digits++
		}
		if unicode.IsDigit(r) || unicode.IsLetter(r) {
			n++
		}
	}
	return n >= 3 && digits > 0
}

// holds reports whether the words of part stand in all, one after the other.
func holds(all, part []string) bool {
	if len(part) == 0 {
		return false
	}
	for i := 0; i+len(part) <= len(all); i++ {
		if slices.Equal(all[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

// legalForms say nothing about who a vendor is.
var legalForms = map[string]bool{
	"inc": true, "incorporated": true, "ltd": true, "limited": true, "llc": true, "gmbh": true, "ag": true, "kg": true, "co": true, "corp": true, "corporation": true,
	"company": true, "companies": true, "plc": true, "sa": true, "bv": true, "the": true, "and": true, "of": true, "group": true, "holding": true,
	"holdings": true, "international": true, "healthcare": true, "health": true, "care": true, "medical": true, "technology": true, "technologies": true,
	"systems": true, "software": true, "foundation": true, "project": true, "org": true, "com": true, "net": true, "products": true, "laboratories": true,
	"diagnostics": true, "pharmaceuticals": true, "general": true, "electric": true, "developments": true, "devices": true, "solutions": true, "services": true, "global": true,
}

// shareVendor tells whether two vendors have a telling word in common.
func shareVendor(known []string, named string) bool {
	all := someTokens(named)
	for _, t := range all {
		if !legalForms[t] && slices.Contains(known, t) {
			return true
		}
	}
	// A vendor of nothing but such words is compared as a whole.
	return len(all) > 0 && !slices.ContainsFunc(all, func(t string) bool { return !legalForms[t] }) && holds(known, all)
}
