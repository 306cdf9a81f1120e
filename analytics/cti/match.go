package cti

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// How much each kind of agreement says, in basis points. They are an order of
// our own choosing, from "names this very machine" down to "listens where the
// attack went", and no measured probabilities.
const (
	confAddress        = 9_000
	confCVE            = 8_500
	confProductVersion = 8_000 // product and version, vendor agrees or a CPE says it
	confVersion        = 6_000 // name and version; vendor not said or another
	confProduct        = 3_500 // name only: the report says no version
	confModel          = 5_000
	confService        = 4_000

	maxConfidence = 9_500 // agreement is never proof
	maxReasons    = 20    // for one unit; a longer list helps nobody
)

// ground is one reason to think that a report concerns a device.
type ground struct {
	text       string
	confidence int
}

// bill identifies a slice of components: units of one release share theirs, and
// it is judged once.
type bill struct {
	first *Component
	size  int
}

// Matcher judges which devices one report concerns.
type Matcher struct {
	report   *Report
	named    softwareIndex
	attacked map[Service][]int // places in report.Services
}

// NewMatcher prepares a report for matching; it must not change afterwards.
func NewMatcher(r *Report) *Matcher {
	m := &Matcher{report: r, named: indexSoftware(r.Software), attacked: map[Service][]int{}}
	for i, s := range r.Services {
		m.attacked[s] = append(m.attacked[s], i)
	}
	return m
}

// Match returns the devices that the report concerns, in the order given. The
// confidence joins the grounds as if they were independent, so that two weak
// ones say more than one.
func (m *Matcher) Match(devices []Device) []Hit {
	var hits []Hit
	judged := map[bill][]ground{}
	for i := range devices {
		d := &devices[i]
		grounds := addressGrounds(m.report, d)
		if len(d.Components) > 0 {
			b := bill{&d.Components[0], len(d.Components)}
			found, known := judged[b]
			if !known {
				found = billGrounds(m.report.CVEs, m.named, d.Components)
				judged[b] = found
			}
			grounds = append(grounds, found...)
		}
		grounds = append(grounds, modelGrounds(m.named, d)...)
		grounds = append(grounds, m.serviceGrounds(d)...)
		if len(grounds) > 0 {
			hits = append(hits, join(d.Unit, grounds))
		}
	}
	return hits
}

// Match is the Match of the report's Matcher.
func Match(r *Report, devices []Device) []Hit { return NewMatcher(r).Match(devices) }

func join(unit string, grounds []ground) Hit {
	slices.SortStableFunc(grounds, func(a, b ground) int { return b.confidence - a.confidence })
	h := Hit{Unit: unit}
	rest := 10_000
	for i, g := range grounds {
		rest = rest * (10_000 - g.confidence) / 10_000
		if i < maxReasons {
			h.Reasons = append(h.Reasons, g.text)
		}
	}
	if n := len(grounds) - maxReasons; n > 0 {
		h.Reasons = append(h.Reasons, fmt.Sprintf("and %d more of the same kind", n))
	}
	h.Confidence = min(10_000-rest, maxConfidence)
	return h
}

func addressGrounds(r *Report, d *Device) []ground {
	if d.Address == "" {
		return nil
	}
	addr, err := netip.ParseAddr(d.Address)
	name := strings.TrimSuffix(strings.ToLower(d.Address), ".")
	for _, h := range r.Hosts {
		hit := err != nil && h.Domain != "" && h.Domain == name ||
			err == nil && h.Network.IsValid() && h.Network.Contains(addr.Unmap())
		if !hit {
			continue
		}
		text := "the report calls this unit's own address hostile"
		if h.Until != "" {
			text += " (until " + h.Until + ")"
		}
		return []ground{{text, confAddress}}
	}
	return nil
}

// serviceGrounds are the report's attacked services that the device exposes, in
// the report's order, each once.
func (m *Matcher) serviceGrounds(d *Device) []ground {
	var exposed []int
	for _, s := range d.Services {
		exposed = append(exposed, m.attacked[Service{Port: s.Port}]...)
		// Inventories write "tcp", "https" or "tcp/dicom".
		if ours := transport(strings.Split(s.Protocol, "/")); ours != "" {
			exposed = append(exposed, m.attacked[Service{Protocol: ours, Port: s.Port}]...)
		}
	}
	slices.Sort(exposed)
	var grounds []ground
	for _, i := range slices.Compact(exposed) {
		grounds = append(grounds, ground{"exposes the attacked service " + m.report.Services[i].String(), confService})
	}
	return grounds
}

func modelGrounds(named softwareIndex, d *Device) []ground {
	if named.has(key(d.Name)) || named.has(key(d.Model)) {
		return []ground{{"the report names its model", confModel}}
	}
	return nil
}
