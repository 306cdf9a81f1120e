package statetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"github.com/secant-platform/secant/chaincode"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Channel is the name of the channel.
const Channel = "secant"

// Start is the time at which a ledger's clock stands until it is advanced.
var Start = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

// Options say what differs from the development consortium.
type Options struct {
	// Chaincode makes the chaincode; the real one when nil.
	Chaincode func(clock func() time.Time) (shim.Chaincode, error)
	// Clock is the clock of peers and clients; when nil it stands at Start until
	// Advance moves it.
	Clock func() time.Time
	// Organisations are the members; Organisations() when empty.
	Organisations []string
	// Plain peers take one write and answer one read at a time, as those do that
	// are older or set so.
	Plain bool
	// Deaf peers answer a read of many keys with no values and no error, as
	// Fabric's do when their database fails.
	Deaf bool
}

// Organisations returns the MSP ids of the development consortium.
func Organisations() []string {
	return []string{"hospital-north", "hospital-south", "hospital-east", "medtech", "authority"}
}

// Ledger is a channel with one chaincode. Its methods may be called from
// several goroutines.
type Ledger struct {
	cc      shim.Chaincode
	base    func() time.Time
	members []string
	plain   bool
	deaf    bool

	mu      sync.RWMutex // guards all below
	offset  time.Duration
	nonce   uint64
	cas     map[string]*authority
	ids     map[string]*Identity
	state   store
	txs     map[string]*committed // by transaction id
	order   []*committed
	blocks  []*ledger.Block
	changed chan struct{} // closed and replaced with each block
}

// New opens a ledger with the real chaincode, and checks it when the test ends.
func New(tb testing.TB) *Ledger {
	tb.Helper()
	return NewWith(tb, Options{})
}

// NewWith is New with options, whose Chaincode must be nil.
func NewWith(tb testing.TB, o Options) *Ledger {
	tb.Helper()
	lent, err := borrow()
	if err != nil {
		tb.Fatal(err)
	}
	o.Chaincode = func(clock func() time.Time) (shim.Chaincode, error) {
		lent.clock = clock
		return lent.Chaincode, nil
	}
	l, err := Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Check(); err != nil {
			tb.Errorf("the ledger does not hold what it must: %v", err)
		}
		lent.giveBack()
	})
	return l
}

// NewSeeded is New and Seed.
func NewSeeded(tb testing.TB) *Ledger {
	tb.Helper()
	l := New(tb)
	if err := l.Seed(); err != nil {
		tb.Fatal(err)
	}
	return l
}

// Open opens a ledger that holds its genesis block only.
func Open(o Options) (*Ledger, error) {
	l := &Ledger{
		base: o.Clock, members: o.Organisations, plain: o.Plain, deaf: o.Deaf,
		cas: map[string]*authority{}, ids: map[string]*Identity{},
		txs: map[string]*committed{}, changed: make(chan struct{}),
	}
	if l.base == nil {
		l.base = func() time.Time { return Start }
	}
	if len(l.members) == 0 {
		l.members = Organisations()
	}
	var err error
	if o.Chaincode != nil {
		l.cc, err = o.Chaincode(l.Now)
	} else {
		l.cc, err = chaincode.NewAt(l.Now)
	}
	if err != nil {
		return nil, fmt.Errorf("making the chaincode: %w", err)
	}
	l.append(&ledger.Block{Number: 0, Txs: []ledger.Tx{{Valid: true}}}) // the genesis block's configuration
	return l, nil
}

// Now returns the time on the clocks of all peers and clients.
func (l *Ledger) Now() time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.base().Add(l.offset)
}

// Advance moves all clocks.
func (l *Ledger) Advance(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offset += d
}

// Height returns the number of blocks.
func (l *Ledger) Height() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return uint64(len(l.blocks))
}

// Block returns the block with that number, waiting until it is there.
// Callers must not change it.
func (l *Ledger) Block(ctx context.Context, number uint64) (*ledger.Block, error) {
	for {
		l.mu.RLock()
		blocks, changed := l.blocks, l.changed
		l.mu.RUnlock()
		if number < uint64(len(blocks)) {
			return blocks[number], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Blocks returns the blocks that exist, from that number on.
func (l *Ledger) Blocks(from uint64) []*ledger.Block {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if from >= uint64(len(l.blocks)) {
		return nil
	}
	return append([]*ledger.Block(nil), l.blocks[from:]...)
}
