package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/cid"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxClockSkew is how far a claimed time may be from the endorser's clock.
const MaxClockSkew = 2 * time.Minute

// Context is one transaction, as contracts see it. The framework makes a zero
// one for each call; the hooks of Contract fill it before and close it after.
type Context struct {
	stub      shim.ChaincodeStubInterface
	caller    Caller
	time      time.Time
	writes    bool            // the transaction is one that writes
	permitted bool            // a Permit method has agreed
	read      map[string]bool // keys read in this transaction: whether they were present
	written   map[string]struct{}
	event     *ledger.Event
}

// SetStub is called by the framework.
func (c *Context) SetStub(stub shim.ChaincodeStubInterface) { c.stub = stub }

// SetClientIdentity is called by the framework. What it passes is ignored: for
// an unusable creator that is a nil pointer that panics when used.
func (c *Context) SetClientIdentity(cid.ClientIdentity) {}

// Caller returns who submitted the transaction.
func (c *Context) Caller() Caller { return c.caller }

// Time returns the client's claimed time, the same on all endorsers, which each
// of them found close enough to its own clock. UTC, in whole milliseconds.
func (c *Context) Time() time.Time { return c.time }

// TxID returns the transaction's id.
func (c *Context) TxID() string { return c.stub.GetTxID() }

// Channel returns the name of the channel, which signatures on requests are bound
// to.
func (c *Context) Channel() string { return c.stub.GetChannelID() }

// Emit says what the transaction did: once, in every transaction that writes.
// Subjects are the organisations and devices concerned.
func (c *Context) Emit(kind ledger.EventKind, key ledger.Key, subjects ...string) error {
	if !c.writes || c.event != nil {
		return errors.New("emitting an event: one for each writing transaction")
	}
	sorted := append([]string{}, subjects...)
	slices.Sort(sorted)
	c.event = &ledger.Event{
		V: 1, Kind: kind, Key: append([]string{string(key.Type)}, key.Parts...),
		Tx: c.TxID(), Subjects: slices.Compact(sorted),
	}
	return nil
}

// begin runs before each transaction, and before its request is decoded.
func (c *Context) begin(clock func() time.Time) error {
	name, args := c.stub.GetFunctionAndParameters()
	// The framework also finds "contract:function" and, without a contract, the
	// first contract's functions, but then skips the schema of the request.
	if !slices.Contains(ledger.Names, name) {
		return ledger.Problemf(ledger.CodeNotFound, "there is no transaction of that name")
	}
	var err error
	if c.caller, err = callerOf(c.stub); err != nil {
		return err
	}
	switch {
	case len(args) != 1:
		return ledger.Problemf(ledger.CodeInvalid, "a transaction takes exactly one request")
	case len(args[0]) > ledger.MaxRequestOf(name):
		return ledger.Problemf(ledger.CodeTooLarge, "a request has at most %d bytes", ledger.MaxRequestOf(name))
	}
	c.writes = !slices.Contains(ledger.Evaluations, name)
	c.read, c.written = map[string]bool{}, map[string]struct{}{}
	if err := c.setTime(clock); err != nil {
		return err
	}
	if c.writes {
		c.startBatch()
	}
	return nil
}

// setTime takes the claimed time and refuses one that this endorser does not
// share. Reads are refused too: a signed read vouches for its time.
func (c *Context) setTime(clock func() time.Time) error {
	ts, err := c.stub.GetTxTimestamp()
	if err != nil || ts.CheckValid() != nil {
		return ledger.Problemf(ledger.CodeInvalid, "the proposal carries no usable time")
	}
	claimed := ts.AsTime()
	if skew := claimed.Sub(clock()).Abs(); skew > MaxClockSkew {
		return ledger.Problemf(ledger.CodeDenied, "the claimed time is more than %s from this peer's clock", MaxClockSkew)
	}
	c.time = claimed.UTC().Truncate(time.Millisecond)
	return nil
}

// end runs after each transaction that returned no error.
func (c *Context) end() error {
	switch {
	case !c.permitted:
		return errors.New("ending the transaction: it asked for no permission")
	case !c.writes:
		return nil
	case c.event == nil || len(c.written) == 0:
		return errors.New("ending the transaction: it wrote nothing or did not say what")
	}
	if err := c.finishBatch(); err != nil {
		return err
	}
	payload, err := json.Marshal(c.event)
	if err != nil {
		return fmt.Errorf("encoding the event: %w", err)
	}
	if err := c.stub.SetEvent(string(c.event.Kind), payload); err != nil {
		return fmt.Errorf("emitting the event: %w", err)
	}
	return nil
}
