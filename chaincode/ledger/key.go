package ledger

import (
	"fmt"
	"strings"
)

// ObjectType is the first part of a record's composite key. The types stand with
// their subject. A key never changes; a new key form is a new type.
type ObjectType string

// Key is a record's place on the ledger: an object type, then parts that are
// fixed-width or free of separators, the most selective prefix first.
type Key struct {
	Type  ObjectType
	Parts []string
}

// ParseKey takes apart the string under which Fabric stores a record: U+0000,
// the object type, U+0000, then each part followed by U+0000. It reports false
// for a string of another form.
func ParseKey(s string) (Key, bool) {
	fields := strings.Split(s, "\x00")
	last := len(fields) - 1
	if last < 3 || fields[0] != "" || fields[1] == "" || fields[last] != "" {
		return Key{}, false
	}
	return Key{Type: ObjectType(fields[1]), Parts: fields[2:last]}, true
}

// SequencePart renders a sequence number so that keys sort by it.
func SequencePart(n uint64) string { return fmt.Sprintf("%012d", n) }

// RevisionPart renders a revision so that keys sort by it.
func RevisionPart(n int) string { return fmt.Sprintf("%06d", n) }

// MaxRevision is the largest revision that a key can order.
const MaxRevision = 999_999

// MaxSequence is the largest sequence number that a key can order.
const MaxSequence = 999_999_999_999
