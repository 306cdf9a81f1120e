package state

import (
	"fmt"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Peers that can take many writes, or answer many reads, in one message say so
// when a chaincode registers with them, and the shim does it one by one with
// those that cannot: what is read and written is the same, the messages are
// fewer. That, and no more, is what the transactions of this package use it for.

// startBatch holds writes back until finishBatch. Every transaction that writes
// does so: its reads never see its own writes in any case.
func (c *Context) startBatch() { c.stub.StartWriteBatch() }

// finishBatch sends what was written. It stands before the end of a transaction
// rather than after it, where the shim would do it: a write that the peer
// refuses has to fail the transaction with an error that says which.
func (c *Context) finishBatch() error {
	if err := c.stub.FinishWriteBatch(); err != nil {
		return fmt.Errorf("writing the records: %w", err)
	}
	return nil
}

// FindMany returns the records under these keys in the same order, nil for each
// that does not exist. All keys enter the read set, present or not; Create does
// not ask again for those that are absent.
func (t Table[T, P]) FindMany(ctx *Context, keys ...ledger.Key) ([]P, error) {
	composed := make([]string, len(keys))
	for i, key := range keys {
		var err error
		if composed[i], err = t.compose(key); err != nil {
			return nil, err
		}
	}
	values, err := ctx.stub.GetMultipleStates(composed...)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", t.noun, err)
	}
	// A peer of Fabric v3.1.1 whose database fails answers with no values and no
	// error, and enters nothing into the read set. Taken for "none exists" it
	// would let a record be created over one that is there.
	if len(values) != len(keys) {
		return nil, fmt.Errorf("reading %s: the peer answered %d of %d keys", t.noun, len(values), len(keys))
	}
	found := make([]P, len(keys))
	for i, b := range values {
		ctx.read[composed[i]] = len(b) > 0
		if len(b) == 0 {
			continue
		}
		if found[i], err = t.decode(b); err != nil {
			return nil, err
		}
	}
	return found, nil
}
