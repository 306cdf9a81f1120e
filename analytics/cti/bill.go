package cti

import (
	"fmt"
	"slices"

	"github.com/secant-platform/secant/analytics/cpe"
)

// softwareIndex finds the products that a report names by their normal name and
// by vendor and product of their CPE, so that a bill of thousands is compared
// in one pass.
type softwareIndex map[string][]*Software

func indexSoftware(named []Software) softwareIndex {
	index := softwareIndex{}
	for i := range named {
		s := &named[i]
		if k := key(s.Name); k != "" {
			index[k] = append(index[k], s)
		}
		if c, ok := cpe.Parse(s.CPE); ok {
			index[c.Key()] = append(index[c.Key()], s)
		}
	}
	return index
}

func (x softwareIndex) has(name string) bool { return name != "" && len(x[name]) > 0 }

// keys lists the names by which a component is known: its own, its own after
// its group as Maven and npm write it, and the same of its package URL.
func (c *Component) keys() []string {
	keys := []string{key(c.Name)}
	if c.Group != "" {
		keys = append(keys, key(c.Group+" "+c.Name))
	}
	if p, ok := parsePURL(c.PURL); ok {
		keys = append(keys, key(p.name), key(p.namespace+" "+p.name))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// billGrounds compares a bill of materials with what the report names.
func billGrounds(cves []string, named softwareIndex, components []Component) []ground {
	if len(cves) == 0 && len(named) == 0 {
		return nil
	}
	var grounds []ground
	for i := range components {
		c := &components[i]
		for _, cve := range c.Vulnerabilities {
			if _, found := slices.BinarySearch(cves, cve); found {
				grounds = append(grounds, ground{
					fmt.Sprintf("its bill of materials lists %s against %s", cve, c.label()), confCVE,
				})
			}
		}
		if g := productGround(named, c); g.confidence > 0 {
			grounds = append(grounds, g)
		}
	}
	return grounds
}

// productGround returns the strongest agreement of one component with the named
// products; its confidence is zero when there is none.
func productGround(named softwareIndex, c *Component) ground {
	var best ground
	consider := func(s *Software, sure bool) {
		if g := compare(s, c, sure); g.confidence > best.confidence {
			best = g
		}
	}
	for _, k := range c.keys() {
		if k == "" {
			continue
		}
		for _, s := range named[k] {
			consider(s, false)
		}
	}
	if ours, ok := cpe.Parse(c.CPE); ok {
		for _, s := range named[ours.Key()] {
			consider(s, true)
		}
	}
	return best
}

// compare weighs a named product against a component of the same name. The
// vendor is sure when the CPEs agree.
func compare(s *Software, c *Component, sure bool) ground {
	version := s.Version
	if theirs, ok := cpe.Parse(s.CPE); ok && version == "" {
		version = theirs.Version
	}
	switch {
	case version == "":
		return ground{"contains " + c.label() + ", which the report names without a version", confProduct}
	case c.Version == "":
		return ground{"contains " + c.label() + ", whose version its bill of materials does not say", confProduct}
	case !sameVersion(version, c.Version):
		return ground{} // the report means another version
	case sure || shareVendor(vendorsOf(c), s.Vendor):
		return ground{"contains " + c.label() + ", which the report names", confProductVersion}
	}
	return ground{"contains " + c.label() + ", which the report names; the vendor is not confirmed", confVersion}
}
