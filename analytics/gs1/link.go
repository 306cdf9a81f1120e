package gs1

import (
	"net/url"
	"slices"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// ParseLink reads an uncompressed GS1 Digital Link URI (GS1 Digital Link: URI
// Syntax 1.4): a primary key in the path, behind any other segments, with its
// qualifiers in their order, and data attributes in the query. Parameters that are
// no identifiers, as linkType, are left aside. Problems: invalid, too_large.
func ParseLink(link string) (Elements, error) {
	if len(link) > MaxLink {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the link has more than %d characters", MaxLink)
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return nil, unreadable("it is not an http or https URI with a host")
	}
	segments := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	path, err := keyed(segments)
	if err != nil {
		return nil, err
	}
	all := path
	for _, pair := range strings.FieldsFunc(u.RawQuery, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		if form, known := identifiers[name]; !known {
			if digits(name) {
				return nil, unreadable("a number in the query is no application identifier")
			}
			continue
		} else if !form.attribute {
			return nil, unreadable("an identifier in the query belongs in the path")
		}
		value, err := url.PathUnescape(value)
		if err != nil {
			return nil, unreadable("the query is not escaped as it must be")
		}
		if all, err = all.add(name, value); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// keyed finds the primary key, from the end: what stands before it is the
// resolver's own path.
func keyed(segments []string) (Elements, error) {
	for start := len(segments) - 2; start >= 0; start -= 2 {
		form, known := identifiers[segments[start]]
		if !known {
			break
		}
		if !form.key {
			continue
		}
		var all Elements
		for i := start; i < len(segments); i += 2 {
			value, err := url.PathUnescape(segments[i+1])
			if err != nil {
				return nil, unreadable("the path is not escaped as it must be")
			}
			if segments[i] == GTIN {
				// Older links have GTINs as short as they are (URI Syntax, 4.8).
				if padded, ok := PadGTIN(value); ok {
					value = padded
				}
			}
			if all, err = all.add(segments[i], value); err != nil {
				return nil, err
			}
		}
		if !form.qualified(all[1:]) {
			return nil, unreadable("the key is not qualified by these, or not in this order")
		}
		return all, nil
	}
	return nil, unreadable("its path has no primary key")
}

// qualified says whether qualifiers are the key's, in order, each at most once.
func (f *identifier) qualified(qualifiers Elements) bool {
	if len(qualifiers) == 0 {
		return true
	}
	for _, set := range f.qualifiers {
		at, ok := -1, true
		for _, q := range qualifiers {
			next := slices.Index(set, q.AI)
			if next <= at {
				ok = false
				break
			}
			at = next
		}
		if ok {
			return true
		}
	}
	return false
}

// Link makes a Digital Link URI: the first element is its key, those that qualify
// it follow in their order, and the rest is its query. The base is an origin, as
// https://id.example.org, and may have a path. Problems: invalid when the elements
// do not make one.
func Link(base string, elements Elements) (string, error) {
	if len(elements) == 0 || !identifiers[elements[0].AI].key {
		return "", unreadable("the first element is no primary key")
	}
	form := identifiers[elements[0].AI]
	inPath := Elements{elements[0]}
	for _, set := range form.qualifiers {
		some := Elements{elements[0]}
		for _, ai := range set {
			if v := elements.Get(ai); v != "" {
				some = append(some, Element{ai, v})
			}
		}
		if len(some) > len(inPath) {
			inPath = some
		}
	}
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(base, "/"))
	for _, e := range inPath {
		b.WriteString("/" + e.AI + "/" + escape(e.Value))
	}
	sign := "?"
	for _, e := range elements {
		if slices.Contains(inPath, e) {
			continue
		}
		b.WriteString(sign + e.AI + "=" + escape(e.Value))
		sign = "&"
	}
	got, err := ParseLink(b.String())
	if err != nil {
		return "", err
	}
	if len(got) != len(elements) {
		return "", unreadable("an element stands twice")
	}
	return b.String(), nil
}

// escape writes all but unreserved characters as percent and two digits.
func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
