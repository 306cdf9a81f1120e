package vuln

import (
	"strings"

	"github.com/package-url/packageurl-go"
)

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
