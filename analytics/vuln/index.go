package vuln

import (
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/cpe"
	"github.com/secant-platform/secant/analytics/cti"
)

// Release is what units run: a model in one version, with its bill of materials.
type Release struct {
	DI      string // of the model
	Version string
	Model   string // name of the model
	Number  string // its model number
	Maker   string // name of its manufacturer, for people
	MakerID string // MSP id of its manufacturer
	Bill    string // digest of the bill of materials that is held; empty: none
}

// Index finds the bills of materials that hold a component. Equal components of
// many bills are kept once. It may be read by many goroutines while none adds.
type Index struct {
	parts []component
	known map[string]int32   // place in parts, by all that tells components apart
	named map[string][]int32 // places by key
	bills map[string]bool
}

// component is a component, with the bills that hold it.
type component struct {
	cti.Component
	purl    purl
	isPURL  bool
	cpe     cpe.Name
	isCPE   bool
	vendors []string // tokens
	bills   []string // digests, in the order of adding
}

// NewIndex makes an empty index.
func NewIndex() *Index {
	return &Index{known: map[string]int32{}, named: map[string][]int32{}, bills: map[string]bool{}}
}

// Has reports whether a bill was added.
func (x *Index) Has(digest string) bool { return x.bills[digest] }

// Add adds a bill of materials. A bill that was added is not added again.
func (x *Index) Add(digest string, components []cti.Component) {
	if x.bills[digest] {
		return
	}
	x.bills[digest] = true
	for i := range components {
		c := &components[i]
		name := strings.Join([]string{c.Name, c.Group, c.Version, c.PURL, c.CPE, strings.Join(c.Vendors, "\x01")}, "\x00")
		at, ok := x.known[name]
		if !ok {
			at = int32(len(x.parts)) //nolint:gosec // bills are bounded, and memory ends before this does
			x.known[name] = at
			x.parts = append(x.parts, newPart(c))
			for _, k := range x.parts[at].keys() {
				x.named[k] = append(x.named[k], at)
			}
		}
		p := &x.parts[at]
		if n := len(p.bills); n == 0 || p.bills[n-1] != digest {
			p.bills = append(p.bills, digest)
		}
	}
}

func newPart(c *cti.Component) component {
	p := component{Component: *c}
	p.Vulnerabilities = nil
	p.purl, p.isPURL = parsePURL(c.PURL)
	p.cpe, p.isCPE = cpe.Parse(c.CPE)
	for _, v := range c.Vendors {
		p.vendors = append(p.vendors, tokens(v)...)
	}
	p.vendors = append(p.vendors, tokens(c.Group)...)
	p.vendors = append(p.vendors, tokens(p.purl.namespace)...)
	p.vendors = append(p.vendors, tokens(p.cpe.Vendor)...)
	slices.Sort(p.vendors)
	p.vendors = slices.Compact(p.vendors)
	return p
}

// keys are the names by which the component is found.
func (p *component) keys() []string {
	keys := []string{key(p.Name)}
	if p.isPURL {
		keys = append(keys, p.purl.key(), key(p.purl.name))
	}
	if p.isCPE {
		keys = append(keys, p.cpe.Key(), key(p.cpe.Product))
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	return slices.DeleteFunc(keys, func(k string) bool { return k == "" })
}

// version is the component's own, or that of its package URL or CPE.
func (p *component) version() string {
	switch {
	case p.Version != "":
		return p.Version
	case p.purl.version != "":
		return p.purl.version
	}
	return p.cpe.Full()
}

// label names the component for people, as in "openssl 1.0.1".
func (p *component) label() string {
	return strings.TrimSpace(clean(p.Name + " " + p.version()))
}
