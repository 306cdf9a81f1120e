package vuln

import (
	"strings"
	"time"

	"github.com/package-url/packageurl-go"
)

// cpe is the part of a CPE name that products are compared by (NISTIR 7695).
type cpe struct{ part, vendor, product, version, update string }

// key cannot be a name's key, because names hold no colon.
func (c cpe) key() string { return "cpe:" + c.vendor + ":" + c.product }

// full is the version with its update, as in 1.0.2 and k.
func (c cpe) full() string {
	if c.update == "" {
		return c.version
	}
	return c.version + " " + c.update
}

// parseCPE reads a CPE 2.3 formatted string or a CPE 2.2 URI. The wildcards "*"
// and "-" become empty.
func parseCPE(s string) (cpe, bool) {
	var parts []string
	lower := strings.ToLower(s)
	switch {
	case strings.HasPrefix(lower, "cpe:2.3:"):
		parts = splitEscaped(lower[len("cpe:2.3:"):])
	case strings.HasPrefix(lower, "cpe:/"):
		parts = strings.Split(lower[len("cpe:/"):], ":")
	default:
		return cpe{}, false
	}
	for len(parts) < 5 {
		parts = append(parts, "")
	}
	for i := range parts {
		if parts[i] == "*" || parts[i] == "-" {
			parts[i] = ""
		}
	}
	c := cpe{parts[0], parts[1], parts[2], parts[3], parts[4]}
	return c, c.product != "" && c.vendor != "" // a product of any vendor would be every vendor's
}

// splitEscaped splits at colons that no backslash quotes, and undoes the quoting.
func splitEscaped(s string) []string {
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

// purl is a package URL as packages are compared by it.
type purl struct {
	kind, namespace, name, version string
	qualifiers                     map[string]string
}

func parsePURL(s string) (purl, bool) {
	p, err := packageurl.FromString(s)
	if err != nil {
		return purl{}, false
	}
	return purl{strings.ToLower(p.Type), p.Namespace, p.Name, p.Version, p.Qualifiers.Map()}, true
}

// key is the same for all versions of a package.
func (p purl) key() string {
	return "pkg:" + p.kind + "/" + strings.ToLower(p.namespace) + "/" + strings.ToLower(p.name)
}

// scheme is the order of the versions of a package of its type.
func (p purl) scheme() Scheme { return schemeOf(p.kind) }

// allows reports whether a package with the qualifiers of p may be the package
// that is named: what the name asks for must not be contradicted. Two qualifiers
// tell other packages apart; the rest say where to get it.
func (p purl) allows(named purl) bool {
	for _, q := range []string{"arch", "distro"} {
		ours, theirs := p.qualifiers[q], named.qualifiers[q]
		if ours != "" && theirs != "" && ours != theirs && theirs != "noarch" && theirs != "src" && theirs != "source" {
			return false
		}
	}
	return true
}

// nvdTime reads a time of NVD, which has no zone and means UTC.
func nvdTime(s string) time.Time {
	if t := instant(s); !t.IsZero() {
		return t
	}
	return instant(s + "Z")
}
