package ledger

import "fmt"

// ObjectType is the first part of a record's composite key.
type ObjectType string

// The object types. A key never changes; a new key form is a new type.
const (
	TypeOrganisation ObjectType = "org"    // parts: MSP id
	TypeModel        ObjectType = "mdl"    // parts: UDI-DI
	TypeRelease      ObjectType = "rel"    // parts: UDI-DI, version
	TypeUnit         ObjectType = "dev"    // parts: unit id
	TypeUnitHistory  ObjectType = "dev.ev" // parts: unit id, transaction id
	TypeStream       ObjectType = "str"    // parts: stream id
	TypeStreamOwner  ObjectType = "str.ow" // parts: MSP id; makes an organisation's stream the only one
	TypeAnchor       ObjectType = "anc"    // parts: stream id, sequence (12 digits)
	TypeEquivocation ObjectType = "str.eq" // parts: stream id
	TypeThreat       ObjectType = "thr"    // parts: body digest
	TypeScore        ObjectType = "rsk"    // parts: subject, model, input digest
)

// Key is a record's place on the ledger: an object type, then parts that are
// fixed-width or free of separators, the most selective prefix first.
type Key struct {
	Type  ObjectType
	Parts []string
}

// SequencePart renders a sequence number so that keys sort by it.
func SequencePart(n uint64) string { return fmt.Sprintf("%012d", n) }

// MaxSequence is the largest sequence number that a key can order.
const MaxSequence = 999_999_999_999
