package ledger

// EventKind names what happened, in the past tense; kinds are stable.
type EventKind string

// The events. A transaction emits exactly one when it writes.
const (
	EventOrganisationRegistered EventKind = "organisation.registered"
	EventModelRegistered        EventKind = "model.registered"
	EventReleasePublished       EventKind = "release.published"
	EventUnitRegistered         EventKind = "unit.registered"
	EventUnitPutIntoService     EventKind = "unit.put_into_service"
	EventStreamOpened           EventKind = "stream.opened"
	EventAnchorCommitted        EventKind = "anchor.committed"
	EventEquivocationReported   EventKind = "equivocation.reported"
	EventThreatShared           EventKind = "threat.shared"
	EventScorePublished         EventKind = "score.published"
)

// Event is the envelope of every chaincode event. It holds identifiers and
// digests only: every member of the channel sees it.
type Event struct {
	V        int       `json:"v"`
	Kind     EventKind `json:"kind"`
	Key      []string  `json:"key"` // object type, then the key's parts
	Tx       string    `json:"tx"`
	Subjects []string  `json:"subjects"` // organisations or devices concerned, sorted
}
