package fact

import (
	"encoding/json"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// State says how far a command has come. States only move forward, but for a
// command whose transaction turned out not to be in: it is stored again.
type State string

// The states of a command, each durable before the next step is taken.
const (
	StateStored   State = "stored"   // in the outbox; nothing was sent for ordering since
	StateEndorsed State = "endorsed" // endorsed, its transaction id known; it may or may not have been sent
	StateDone     State = "done"     // committed, and projected in the same local transaction
	StateFailed   State = "failed"   // refused for good; Problem says why
)

// Finished reports whether nothing will change any more.
func (s State) Finished() bool { return s == StateDone || s == StateFailed }

// Operation is a command on its way to the ledger.
type Operation struct {
	Seq      int64           `json:"-"`  // order of arrival
	ID       string          `json:"id"` // 16 random bytes, hex
	Key      string          `json:"-"`  // the caller's own key; empty when it gave none
	Role     ledger.Role     `json:"role"`
	Name     string          `json:"name"` // transaction, as "device:RegisterUnit"
	Request  json.RawMessage `json:"-"`
	State    State           `json:"state"`
	Tx       string          `json:"tx,omitempty"` // the newest transaction, or the one that did it
	Block    uint64          `json:"block"`        // of Tx, when done
	Attempts int             `json:"attempts"`     // transactions endorsed
	Stored   time.Time       `json:"stored"`
	Updated  time.Time       `json:"updated"`
	Result   json.RawMessage `json:"result,omitempty"` // what the transaction returned, when done
	Problem  *ledger.Problem `json:"-"`                // why it failed

	// For lists of unfinished operations only:
	Txs      []string `json:"-"` // every transaction endorsed for it
	Envelope []byte   `json:"-"` // the endorsed transaction Tx, while it may have to be sent again
}

// Pending is the error of waiting too long for a command: it is durable and
// goes on, and its operation tells the outcome.
type Pending struct { //nolint:errname // it names a state, not a fault
	Operation string // Operation.ID
}

func (p *Pending) Error() string {
	return "the command is stored and under way as operation " + p.Operation
}

// Endorsed is a transaction that is about to be sent for an operation.
type Endorsed struct {
	Tx       string
	Result   []byte // what it returns, JSON; it stands once the transaction is committed
	Envelope []byte // what is sent, to be sent again after a crash
}

// Decision is what a block decided about a transaction of an own operation.
type Decision struct {
	Seq    int64 // Operation.Seq
	Tx     string
	Valid  bool   // the operation is done; otherwise the transaction had no effect
	Result []byte // what the transaction returned, when valid
}
