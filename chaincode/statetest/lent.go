package statetest

import (
	"sync"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"github.com/secant-platform/secant/chaincode"
)

// lent is the real chaincode, lent to one test at a time. Making it compiles the
// schemas of all transactions, which takes longer than most tests; it keeps
// nothing from one transaction to the next but its clock, which is its ledger's.
type lent struct {
	shim.Chaincode
	clock func() time.Time
}

var idle struct {
	mu   sync.Mutex
	list []*lent // lent to nobody
}

// borrow returns a chaincode that no other test has.
func borrow() (*lent, error) {
	idle.mu.Lock()
	defer idle.mu.Unlock()
	if last := len(idle.list) - 1; last >= 0 {
		l := idle.list[last]
		idle.list = idle.list[:last]
		return l, nil
	}
	l := &lent{}
	cc, err := chaincode.NewAt(func() time.Time { return l.clock() })
	l.Chaincode = cc
	return l, err
}

func (l *lent) giveBack() {
	idle.mu.Lock()
	defer idle.mu.Unlock()
	idle.list = append(idle.list, l)
}
