package fact

import "time"

// The kinds of event that only this node sees; those of the ledger are
// ledger.EventKind.
const (
	EventReportReceived  = "report.received"  // the body of another member's report was taken and assessed
	EventReportMatched   = "report.matched"   // a report turned out to concern further own units
	EventAdvisoryMatched = "advisory.matched" // an advisory turned out to concern releases that own units run
	EventControlsFailed  = "controls.failed"  // a control that must not fail turned out to, at an own unit
	EventUnitAttested    = "unit.attested"    // what an own unit attests of itself came to something else than before
	EventOperationFailed = "operation.failed" // a command of this node ended without effect
	EventReadingsErased  = "readings.erased"  // readings were destroyed

	EventSourceFailed    = "source.failed"    // a source of intelligence can no longer be read
	EventSourceRecovered = "source.recovered" // and can be again

	EventIntegrityIncident = "integrity.incident" // a part of the node's stored data was not found in order
	EventIntegrityResolved = "integrity.resolved" // and was again
)

// Event is something that happened, on the ledger or at this node.
type Event struct {
	// ID resumes the stream behind this event. It is opaque, and means the same
	// after a restart and after a replay of the ledger.
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Key      []string  `json:"key"`      // object type, then the key's parts
	Subjects []string  `json:"subjects"` // organisations, devices or operations concerned
	Tx       string    `json:"tx,omitempty"`
	Block    uint64    `json:"block"` // of the transaction, or the newest one when a local event happened
	Time     time.Time `json:"time"`  // vouched for by the endorsers, or this node's clock for a local event
	Late     bool      `json:"late"`
}
