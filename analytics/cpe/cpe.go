// Package cpe reads Common Platform Enumeration names as far as products are
// compared by them: the 2.3 formatted string (NISTIR 7695, section 6.2) and the 2.2
// URI (section 6.1).
package cpe

import "strings"

// Name is what products are compared by, in lower case and without quoting; what a
// name leaves open ("*") or has nothing for ("-") is empty.
type Name struct {
	Part, Vendor, Product, Version, Update string // Part is a, o or h
}

// Key is the same for all versions of a product. No name of a product is one, since it
// holds a colon.
func (n Name) Key() string { return "cpe:" + n.Vendor + ":" + n.Product }

// Full is the version with its update, as in "1.0.2 k".
func (n Name) Full() string {
	if n.Update == "" {
		return n.Version
	}
	return n.Version + " " + n.Update
}

// Parse reads a name. It reports false for what is none, and for one without a vendor
// or a product: it would be every vendor's.
func Parse(s string) (Name, bool) {
	var parts []string
	lower := strings.ToLower(s)
	switch {
	case strings.HasPrefix(lower, "cpe:2.3:"):
		parts = split(lower[len("cpe:2.3:"):])
	case strings.HasPrefix(lower, "cpe:/"):
		parts = strings.Split(lower[len("cpe:/"):], ":")
	default:
		return Name{}, false
	}
	for len(parts) < 5 {
		parts = append(parts, "")
	}
	for i := range parts {
		if parts[i] == "*" || parts[i] == "-" {
			parts[i] = ""
		}
	}
	n := Name{parts[0], parts[1], parts[2], parts[3], parts[4]}
	return n, n.Product != "" && n.Vendor != ""
}

// split splits at colons that no backslash quotes, and undoes the quoting.
func split(s string) []string {
	var parts []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == ':':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(s[i])
		}
	}
	return append(parts, b.String())
}
