package fact

import "time"

// SealedReport is a report under a marking that seals it, as its sharer and those it
// named keep it: encrypted under a key of the vault of its own.
type SealedReport struct {
	Digest  string // commitment on the ledger
	Sharer  string // MSP id
	Slot    uint64 // of the key in the vault
	Wrapped []byte // data key; nil once the report was erased
	Sealed  []byte // nil once the report was erased
	Stored  time.Time
	Erased  time.Time // zero: it is here
}

// The kinds of Delivery.
const (
	DeliveryReport     = "report"     // a sealed report, to who is named
	DeliveryFeedback   = "feedback"   // what somebody said of one, to all others who hold it
	DeliveryWithdrawal = "withdrawal" // that one was withdrawn, until it was erased there
	DeliveryRelay      = "relay"      // a report that the member is to share in its own name, for one that is not to be named

	DeliveryRelayWithdrawal = "relay-withdrawal" // that it is to withdraw that report
)

// Delivery is what one member is to take.
type Delivery struct {
	Seq      int64
	Kind     string
	Digest   string // commitment of the report
	Member   string // MSP id
	ID       string // of a feedback; else empty
	Key      string // id of the key to which Copy is sealed
	Copy     []byte // sealed to the member; nil: not made yet, or taken
	Attempts int
	Next     time.Time
	Made     time.Time
	Taken    time.Time // zero: not yet
	Receipt  []byte    // what the member signed for it; of feedback nil
}

// Announced is a report that its sharer said is to be had.
type Announced struct {
	Digest   string
	Sharer   string
	Attempts int
	Told     time.Time
}

// The kinds of SealedFeedback.
const (
	FeedbackSighting = "sighting"
	FeedbackOpinion  = "opinion"
)

// SealedFeedback is what a member said of a sealed report to those who hold it. It
// stands on no ledger.
type SealedFeedback struct {
	Digest   string
	By       string // MSP id
	ID       string // random, 32 hexadecimal digits; of an opinion FeedbackOpinion
	Kind     string
	Count    int // of a sighting, 1 to ledger.MaxSightings
	First    time.Time
	Last     time.Time
	Opinion  string // one of ledger.Opinions
	Weight   int    // of an opinion, 1 to ledger.MaxWeight
	Revision int    // of an opinion, from 1; of one that is to be kept 0: the next
	Time     time.Time
}

// ExchangeKey is one of the own keys to which others seal.
type ExchangeKey struct {
	ID     string
	Sealed []byte // the seed, under a key that derives from the vault's
	Made   time.Time
}

// Sealing is a report that is to go sealed to some members.
type Sealing struct {
	Body     []byte
	Original []byte // as it came, when sanitising changed it; stays here
	Marking  string
	To       []string // MSP ids
	Name     []byte   // the same name and the rest the same: the same report; nil: one of its own
}

// What a receipt is for.
const (
	ReceiptTaken     = "taken"     // the report is here, and is what the ledger is committed to
	ReceiptErased    = "erased"    // the report was withdrawn, and what it said is here no more
	ReceiptRelayed   = "relayed"   // the report stands on the ledger in the name of who signs
	ReceiptWithdrawn = "withdrawn" // who signs withdrew the report that it relayed
)

// SealedReceipt is what a member signs for a sealed report.
type SealedReceipt struct {
	V         int       `json:"v"`
	Network   string    `json:"network"`
	Digest    string    `json:"digest"`    // commitment of the report
	Sender    string    `json:"sender"`    // MSP id of the sharer
	Recipient string    `json:"recipient"` // MSP id of who signs
	What      string    `json:"what"`      // one of those above
	Time      time.Time `json:"time"`      // as Recipient says
}

// Delivered is what became of a sealed report at one whom it names.
type Delivered struct {
	Delivery
	Says *SealedReceipt // nil: the member signed nothing yet
}

// Relay is who shares reports for members that are not to be named.
type Relay struct {
	ID   string // MSP id
	Name string // for people
}

// Relaying is a report that is to be shared by a relay.
type Relaying struct {
	Body     []byte
	Original []byte // as it came, when it was changed; stays here
	Marking  string // clear or green
	Relay    string // MSP id
}

// OpenedName is who is behind a relayed report, as more than half of the members opened it.
type OpenedName struct {
	Sharer string `json:"sharer" doc:"MSP id of who had the report shared."`
	Relay  string `json:"relay" doc:"MSP id of the authority that shared it."`
	// Proven is false when the sharer has replaced its key since, or signed nothing: then the
	// name is what the relay sealed, and its word.
	Proven bool `json:"proven" doc:"The sharer signed for the report, under the key that it has on the ledger now. If not, it has replaced its key since, or the name is the relay's word alone."`
}
