package did

import (
	"net/url"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxURL bounds a DID URL, in bytes.
const MaxURL = 2 << 10

// URL is a DID URL taken apart (DID Core 1.0, section 3.2), without a path.
type URL struct {
	DID      string
	Method   string
	ID       string // method-specific
	Fragment string // without "#"; empty when absent

	Options // what its query asks for
}

// Options ask for another version than the current one. At most one is set.
type Options struct {
	VersionID   string    // for did:secant a revision: 1, 2, ...
	VersionTime time.Time // what was in force then
}

// OfHolder reports whether a DID is one that a holder may have: one that is a key, or
// stands on the ledger. For any other, whoever shows or proves something could have a
// node fetch from where they please.
func OfHolder(did string) bool {
	for _, method := range []string{MethodJWK, MethodKey, MethodSecant} {
		if strings.HasPrefix(did, "did:"+method+":") {
			return true
		}
	}
	return false
}

// ParseURL takes a DID or DID URL apart. Paths, and queries other than for a
// version (DID Core 1.0, section 3.2.1), are invalid: nothing here serves them.
func ParseURL(s string) (URL, error) {
	if len(s) > MaxURL {
		return URL{}, ledger.Problemf(ledger.CodeTooLarge, "a DID URL has at most %d bytes", MaxURL)
	}
	rest, fragment, hasFragment := strings.Cut(s, "#")
	did, query, hasQuery := strings.Cut(rest, "?")
	u := URL{DID: did, Fragment: fragment}
	name, ok := strings.CutPrefix(did, "did:")
	var specific bool
	u.Method, u.ID, specific = strings.Cut(name, ":")
	if !ok || !specific || !isMethod(u.Method) || !isSpecific(u.ID) || hasFragment && !isFragment(fragment) {
		return URL{}, errURL
	}
	if hasQuery {
		if err := u.options(query); err != nil {
			return URL{}, err
		}
	}
	return u, nil
}

var errURL = ledger.Problemf(ledger.CodeInvalid, "it is not a DID, nor a DID URL that asks for a version or a fragment at most")

func (u *URL) options(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil || len(values) != 1 {
		return errURL
	}
	for name, list := range values {
		if len(list) != 1 || list[0] == "" {
			return errURL
		}
		switch name {
		case "versionId":
			u.VersionID = list[0]
		case "versionTime":
			if u.VersionTime, err = time.Parse(time.RFC3339, list[0]); err != nil || u.VersionTime.IsZero() {
				return errURL
			}
		default:
			return errURL
		}
	}
	return nil
}

func isMethod(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9') })
}

// isSpecific wants DID Core's method-specific-id: parts of idchar between colons,
// of which the last is not empty.
func isSpecific(s string) bool {
	if s == "" || s[len(s)-1] == ':' {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".-_:", c) >= 0:
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			i += 2
		default:
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

// isFragment wants characters of RFC 3986's fragment, without percent signs: a
// fragment names a key, and a name has one spelling.
func isFragment(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~!$&'()*+,;=:@/?", r))
	})
}
