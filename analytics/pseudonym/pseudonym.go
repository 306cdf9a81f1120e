// Package pseudonym names whom readings are about: by a pseudonym that their sender
// chose, or by the identifier under which a hospital knows a patient. A node keeps
// neither, but blinds them under a key of its own, so that all that it has of one
// person can be found, and erased, by who knows the name.
//
// It decides how names are written, so that every protocol arrives at the same one.
package pseudonym

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxID bounds an ID, in bytes.
const MaxID = 200

// Form says what a pseudonym has to be.
const Form = "must be a pseudonym of 1 to 200 printable ASCII characters without spaces, of which one is a digit"

// ID names a subject: 1 to MaxID printable ASCII characters without spaces. Nothing
// that stores, logs or answers may repeat it. The zero ID is nobody's.
type ID string

// String keeps an id out of texts.
func (ID) String() string { return "subject(redacted)" }

// LogValue keeps an id out of logs.
func (ID) LogValue() slog.Value { return slog.StringValue("subject(redacted)") }

// Parse reads a pseudonym that a sender chose. It must hold a digit: names of people
// have none. It fails with a Problem that does not repeat it.
func Parse(text string) (ID, error) {
	if !ID(text).Sound() || !strings.ContainsAny(text, "0123456789") {
		return "", ledger.Problemf(ledger.CodeInvalid, "the subject %s", Form)
	}
	return ID(text), nil
}

// Sound reports whether an id has the form that all have.
func (id ID) Sound() bool {
	return id != "" && len(id) <= MaxID && !strings.ContainsFunc(string(id), outside)
}

func outside(r rune) bool { return r <= ' ' || r > '~' }

// OfIdentifier names who has an identifier: system is the authority that gave it, as a
// URI where it has one (FHIR Identifier.system), value what it gave. Both are taken as
// they are, upper case and lower, but for a URN's scheme and a UUID, in which case means
// nothing (RFC 8141, section 3.1; RFC 9562, section 4). It gives "system|value", in which what an ID cannot
// hold is escaped as in URIs; one that is too long becomes its digest. Without a value
// there is no subject.
func OfIdentifier(system, value string) ID {
	value = strings.TrimSpace(value)
	if value == "" {
		return ""
	}
	id := escape(urn(strings.TrimSpace(system))) + "|" + escape(value)
	if len(id) > MaxID {
		sum := sha256.Sum256([]byte(id))
		id = "sha256:" + hex.EncodeToString(sum[:])
	}
	return ID(id)
}

// urn writes the URNs of OIDs and UUIDs in one way.
func urn(system string) string {
	const prefix = len("urn:uuid:")
	if len(system) < prefix {
		return system
	}
	switch scheme := strings.ToLower(system[:prefix]); {
	case scheme == "urn:uuid:":
		return strings.ToLower(system)
	case strings.HasPrefix(scheme, "urn:oid:"):
		return "urn:oid:" + system[len("urn:oid:"):]
	}
	return system
}

// OfAddress names who is found at an address, as FHIR refers to a Patient: TYPE/ID at
// the node itself, or a whole URL.
func OfAddress(address string) ID {
	id := ID(escape(address))
	if len(id) > MaxID {
		sum := sha256.Sum256([]byte(id))
		id = ID("sha256:" + hex.EncodeToString(sum[:]))
	}
	return id
}

// escape writes what an ID cannot hold, and what parts or escapes it, as %XX.
func escape(s string) string {
	const digits = "0123456789ABCDEF"
	if !strings.ContainsFunc(s, func(r rune) bool { return outside(r) || r == '|' || r == '%' }) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '|' || c == '%' {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// The kinds of universal identifiers of an HL7 assigning authority (table 0301) that
// are URIs.
const (
	kindISO  = "ISO"
	kindUUID = "UUID"
	kindURI  = "URI"
)

// System gives the URI of an HL7 v2 assigning authority (HD: namespace, universal id,
// its kind), as FHIR writes it, so that both name one person alike; without a universal
// id it is the namespace.
func System(namespace, universal, kind string) string {
	universal = strings.TrimSpace(universal)
	if universal == "" {
		return strings.TrimSpace(namespace)
	}
	switch strings.ToUpper(strings.TrimSpace(kind)) {
	case kindISO:
		return "urn:oid:" + universal
	case kindUUID, "GUID":
		return "urn:uuid:" + universal
	case kindURI:
		return universal
	}
	return universal
}
