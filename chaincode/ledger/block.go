package ledger

import "time"

// Block is what one block changed, as a member's own peer delivered it.
type Block struct {
	Number   uint64
	Hash     []byte // of the block's header, which names all that stands in the block
	Previous []byte // Hash of the block before it; empty for block 0
	Txs      []Tx   // all transactions of the channel, in order, the invalid ones too
}

// Tx is one transaction of a block. Of an invalid one only Valid is certain: any
// member can put an envelope into a block that claims any id, name and creator.
// When several transactions of a chain bear one id, the first decides what
// became of it.
type Tx struct {
	ID      string
	Name    string    // "contract:Function"; empty for transactions that are not of this chaincode
	Creator string    // MSP id of the organisation whose node submitted it
	Time    time.Time // claimed by its client, vouched for by the endorsers; zero when nobody vouches: it is invalid, or has no Writes
	Valid   bool
	Event   *Event  // nil when it emitted none, or is invalid
	Writes  []Write // of this chaincode's keys; nil when invalid
}

// Write is one key that a transaction wrote.
type Write struct {
	Key    Key
	Value  []byte // the stored record
	Delete bool
}

// LateAfter is how much newer than a transaction's claimed time the vouched
// times of earlier blocks may be before the transaction counts as held back.
const LateAfter = 5 * time.Minute
