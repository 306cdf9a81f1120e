package cti

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/secant-platform/secant/analytics/cpe"
)

// tokens splits a name at everything that is neither letter nor digit, in lower
// case: names are compared whole by their tokens, never by substrings, so that
// "ssh" is not found in "openssh".
func tokens(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// key is a form in which equal names are equal strings.
func key(s string) string { return strings.Join(tokens(s), " ") }

// sameVersion compares versions as text, without a leading "v".
func sameVersion(a, b string) bool {
	trim := func(s string) string {
		s = strings.ToLower(strings.TrimSpace(s))
		if len(s) > 1 && s[0] == 'v' && s[1] >= '0' && s[1] <= '9' {
			s = s[1:]
		}
		return s
	}
	return trim(a) == trim(b)
}

// purl is the part of a package URL that products are compared by
// (package-url specification: scheme:type/namespace/name@version?qualifiers#subpath).
type purl struct{ kind, namespace, name, version string }

func parsePURL(s string) (purl, bool) {
	rest, ok := strings.CutPrefix(s, "pkg:")
	if !ok {
		return purl{}, false
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, _, _ = strings.Cut(rest, "?")
	rest, version, _ := cutLast(rest, "@")
	segments := strings.FieldsFunc(rest, func(r rune) bool { return r == '/' })
	if len(segments) < 2 {
		return purl{}, false
	}
	last := len(segments) - 1
	return purl{
		kind:      strings.ToLower(segments[0]),
		namespace: unescape(strings.Join(segments[1:last], "/")),
		name:      unescape(segments[last]),
		version:   unescape(version),
	}, true
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i <= 0 || strings.Contains(s[i:], "/") { // "@scope/name" is no version
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// vendorsOf collects the tokens by which a component's vendor is known.
func vendorsOf(c *Component) []string {
	var all []string
	for _, v := range c.Vendors {
		all = append(all, tokens(v)...)
	}
	all = append(all, tokens(c.Group)...)
	if p, ok := parsePURL(c.PURL); ok {
		all = append(all, tokens(p.namespace)...)
	}
	if n, ok := cpe.Parse(c.CPE); ok {
		all = append(all, tokens(n.Vendor)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// legalForms say nothing about who a vendor is.
var legalForms = []string{"inc", "ltd", "llc", "gmbh", "ag", "co", "corp", "corporation", "foundation", "project", "the", "software", "org", "com", "net"}

// shareVendor tells whether two vendors have a telling token in common.
func shareVendor(known []string, named string) bool {
	for _, t := range tokens(named) {
		if !slices.Contains(legalForms, t) && slices.Contains(known, t) {
			return true
		}
	}
	return false
}

// unescape undoes percent-encoding; text that is not properly encoded stays.
func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
