package ledger

// EventKind names what happened, in the past tense; kinds are stable and stand
// with their subject. A transaction emits exactly one when it writes.
type EventKind string

// Event is the envelope of every chaincode event. It holds identifiers and
// digests only: every member of the channel sees it.
type Event struct {
	V        int       `json:"v"`
	Kind     EventKind `json:"kind"`
	Key      []string  `json:"key"` // object type, then the key's parts
	Tx       string    `json:"tx"`
	Subjects []string  `json:"subjects"` // organisations or devices concerned, sorted
}
