package rest

import (
	"sync"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// listenerShare is the part of all event streams that one caller may hold, as a
// divisor: one token that got loose must not shut out the others.
const listenerShare = 4

// listeners counts open event streams, in all and for each caller.
type listeners struct {
	limit int

	mu   sync.Mutex
	all  int
	each map[auth.Caller]int
}

func newListeners(limit int) *listeners {
	return &listeners{limit: limit, each: map[auth.Caller]int{}}
}

// enter takes a place, which leave gives back. Without one to spare the problem
// is busy.
func (l *listeners) enter(caller *auth.Caller) (leave func(), err error) {
	var who auth.Caller
	if caller != nil {
		who = *caller
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.all >= l.limit:
		return nil, ledger.Problemf(ledger.CodeBusy, "too many event streams are open")
	case l.each[who] >= max(1, l.limit/listenerShare):
		return nil, ledger.Problemf(ledger.CodeBusy, "this caller has too many event streams open")
	}
	l.all++
	l.each[who]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all--
		if l.each[who]--; l.each[who] == 0 {
			delete(l.each, who)
		}
	}, nil
}
