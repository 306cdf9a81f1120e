package adapt

import (
	"net/netip"
	"slices"
	"strings"
)

// observeNamed adds what a field that is always of one type says, if it says
// something.
func (r *Record) observeNamed(read func(string) (Observable, bool), s, role string) {
	if s == "" {
		return
	}
	o, ok := read(s)
	r.observe(o, ok, role)
}

func (r *Record) observeAddr(a netip.Addr, role string) {
	if !a.IsValid() {
		return
	}
	kind := TypeIPv6
	if a = a.Unmap().WithZone(""); a.Is4() {
		kind = TypeIPv4
	}
	r.observe(Observable{Type: kind, Property: propertyValue, Value: a.String()}, true, role)
}

// observeHost adds the host of a request and the URL that it makes with the path.
// A host may have a port.
func (r *Record) observeHost(host, path, scheme string) {
	if host == "" {
		return
	}
	name := host
	if i := strings.LastIndexByte(host, ':'); i > 0 && !strings.Contains(host[:i], ":") {
		name = host[:i]
	}
	r.observeNamed(Domain, name, "")
	r.observeNamed(Address, name, "")
	switch {
	case strings.Contains(path, "://"): // a request to a proxy
		r.observeNamed(URL, path, "")
	case strings.HasPrefix(path, "/"):
		r.observeNamed(URL, scheme+"://"+host+path, "")
	}
}

// observeWords adds the addresses, URLs and hashes in a text for people. Names of
// hosts are left out: in such a text they look like names of files.
func (r *Record) observeWords(s string) {
	words := strings.FieldsFunc(s[:min(len(s), 64<<10)], func(c rune) bool {
		return strings.ContainsRune(" \t\r\n\"'`<>(){}|", c)
	})
	for _, w := range words[:min(len(words), 4_000)] {
		if i := strings.Index(w, "://"); i > 0 {
			start := strings.LastIndexAny(w[:i], ",;=[") + 1 // as in "url=http://…"
			if o, ok := URL(strings.TrimRight(w[start:], ".,;:!?")); ok {
				r.observe(o, ok, "")
				continue
			}
		}
		for part := range strings.FieldsFuncSeq(w, func(c rune) bool { return strings.ContainsRune(",;=", c) }) {
			r.observeWord(strings.TrimRight(part, ".:!?"))
		}
	}
}

func (r *Record) observeWord(w string) {
	if len(w) < 3 {
		return
	}
	if o, ok := addressWord(w); ok {
		r.observe(o, ok, "")
		return
	}
	if len(w) >= 32 {
		r.observeNamed(FileHash, w, "")
	}
}

// addressWord reads an address in a text, with or without a port.
func addressWord(w string) (Observable, bool) {
	if !strings.ContainsAny(w, ".:") {
		return Observable{}, false
	}
	if o, ok := Address(w); ok {
		a := netip.MustParseAddr(o.Value)
		return o, !a.IsUnspecified() && strings.ContainsAny(w, "0123456789")
	}
	if p, err := netip.ParseAddrPort(w); err == nil {
		return Address(p.Addr().String())
	}
	return Observable{}, false
}

// shortTitle is a title that may be long where it comes from.
func shortTitle(s string) string { return line(s, maxTitle) }

// order puts a record's lists into the form that Record asks for.
func (r *Record) order(cveTexts, techniqueTexts []string) {
	r.CVEs = sorted(append(r.CVEs, cves(cveTexts...)...))
	r.Techniques = sorted(append(r.Techniques, techniques(techniqueTexts...)...))
}

// step is a value of a scale and what it counts as in basis points.
type step struct{ from, severity int }

// scale returns what the last step counts as that a value reaches. Tools order
// their severities and give them no measure; the steps are ours, in the bands of
// CVSS: low from 1,000, medium from 4,000, high from 7,000, critical from 9,000.
func scale(value int, steps ...step) int {
	i, found := slices.BinarySearchFunc(steps, value, func(s step, v int) int { return s.from - v })
	if !found {
		i--
	}
	if i < 0 {
		return Informational
	}
	return steps[i].severity
}

// Informational is the severity of what a tool merely tells.
const Informational = 0
