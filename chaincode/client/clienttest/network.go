package clienttest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// Network is a channel in memory with its orderers. The channel itself is open:
// tests may read its blocks, move its clock or write to it directly.
type Network struct {
	Ledger *statetest.Ledger

	ordering sync.Mutex // held while a block is made

	mu      sync.Mutex // guards all below
	pending []*statetest.Simulation
	known   map[string]*statetest.Simulation // every prepared transaction, by id
	halted  bool
}

// New opens a channel on the machine's clock with the members of the
// development consortium, not seeded (see statetest.Ledger.Seed), and checks it
// when the test ends.
func New(tb testing.TB) *Network {
	tb.Helper()
	return Over(statetest.NewWith(tb, statetest.Options{Clock: time.Now}))
}

// Over puts orderers on a channel that the test has opened.
func Over(l *statetest.Ledger) *Network {
	return &Network{Ledger: l, known: map[string]*statetest.Simulation{}}
}

// Trust returns the trust file under which this network's signed reads verify.
func (n *Network) Trust() *ledger.Trust { return n.Ledger.Trust() }

// Halt takes the orderers' quorum away: what is submitted stays pending.
func (n *Network) Halt() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.halted = true
}

// Resume gives the quorum back and orders what is pending.
func (n *Network) Resume() {
	n.mu.Lock()
	n.halted = false
	n.mu.Unlock()
	n.order()
}

// send gives a transaction to the orderers.
func (n *Network) send(s *statetest.Simulation) {
	n.mu.Lock()
	n.pending = append(n.pending, s)
	n.mu.Unlock()
	n.order()
}

// order makes one block of all that is pending. Whoever comes while a block is
// made is in the next one.
func (n *Network) order() {
	n.ordering.Lock()
	defer n.ordering.Unlock()
	n.mu.Lock()
	var block []*statetest.Simulation
	if !n.halted {
		block, n.pending = n.pending, nil
	}
	n.mu.Unlock()
	if len(block) > 0 {
		n.Ledger.Commit(block...)
	}
}

func (n *Network) remember(s *statetest.Simulation) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[s.Tx] = s
}

func (n *Network) find(tx string) (*statetest.Simulation, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, ok := n.known[tx]
	return s, ok
}

// outcome is what the blocks say of a transaction.
func (n *Network) outcome(tx string) client.Outcome {
	o := n.Ledger.Outcome(tx)
	if !o.Known {
		return client.Outcome{}
	}
	return client.Outcome{Known: true, Valid: o.Code == peer.TxValidationCode_VALID, Code: o.Code.String(), Block: o.Block}
}

// await waits until a block holds the transaction.
func (n *Network) await(ctx context.Context, tx string) (client.Outcome, error) {
	for {
		height := n.Ledger.Height()
		if o := n.outcome(tx); o.Known {
			return o, nil
		}
		if _, err := n.Ledger.Block(ctx, height); err != nil {
			return client.Outcome{}, err
		}
	}
}
