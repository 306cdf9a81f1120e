package fact

import (
	"time"

	"github.com/secant-platform/secant/analytics/sequence"
)

// The kinds of event about the numbers that a sender gives to its requests. The key is
// "sequence", unit, signer (empty: nobody signed), epoch, then numbers or receipts.
const (
	EventSequenceGap       = "sequence.gap"       // numbers did not come: first, last, how many
	EventSequenceClosed    = "sequence.closed"    // all of a gap came late: its first number
	EventSequenceBack      = "sequence.back"      // a number of a count before those that are remembered: the number, receipt
	EventSequenceRestarted = "sequence.restarted" // a count began anew: its first number that came
	EventSequenceConflict  = "sequence.conflict"  // two readings under one number, an incident: the number, both receipts
)

// Numbered is what a sender says of its own count and clock.
type Numbered struct {
	Epoch   uint64     `json:"epoch,omitempty"`
	Number  uint64     `json:"number,omitempty"` // 0: its requests are not counted
	Made    *time.Time `json:"made,omitempty"`   // by the sender's clock
	Claimed bool       `json:"claimed,omitempty"`
}

// Clock says that a sender's clock is further from the node's than the node's bound, or
// that what it sent waited for as long.
type Clock struct {
	DeviationSeconds int64 `json:"deviationSeconds"` // positive: the sender's is behind
}

// Conflict is two requests of other readings under one number.
type Conflict struct {
	Epoch    uint64    `json:"epoch"`
	Number   uint64    `json:"number"`
	First    string    `json:"first"`  // receipt
	Second   string    `json:"second"` // receipt
	Received time.Time `json:"received"`
}

// MaxConflicts is how many conflicts of a sender are remembered, the newest ones.
const MaxConflicts = 16

// Sequenced is what the numbers came to that a signer gave to a unit's requests.
type Sequenced struct {
	Unit   string `json:"unit"`
	Signer string `json:"signer,omitempty"` // the unit itself, or the edge box that counts for it; absent: nobody signed, it is a claim
	sequence.Count
	Missing uint64     `json:"missing"` // numbers that did not come, in all counts that are remembered
	Newest  []Conflict `json:"newest"`  // conflicts

	// Said is when each kind of event was told last, so that a sender that is out of
	// order drives no other events out.
	Said map[string]time.Time `json:"said,omitempty"`
}

// SequencePage is a page of what numbers came to.
type SequencePage struct {
	Items []Sequenced `json:"items"`
	Next  string      `json:"next"` // bookmark of the next page; empty at the end
}

// Notice is an event that a node is to tell.
type Notice struct {
	Kind          string
	Key, Subjects []string
}
