package statetest

import (
	"maps"
	"slices"
	"testing"
)

// Clone returns a ledger that begins as this one stands and goes its own way, for
// tests that try many things on one state; it is checked when the test ends. Its
// clocks are this ledger's: advance those.
func (l *Ledger) Clone(tb testing.TB) *Ledger {
	tb.Helper()
	l.mu.RLock()
	defer l.mu.RUnlock()
	c := &Ledger{
		cc: l.cc, base: l.Now, members: l.members, plain: l.plain, deaf: l.deaf,
		nonce: l.nonce, cas: maps.Clone(l.cas), ids: maps.Clone(l.ids),
		state: store{keys: slices.Clone(l.state.keys), values: make(map[string][]entry, len(l.state.values))},
		txs:   maps.Clone(l.txs), order: slices.Clone(l.order), blocks: slices.Clone(l.blocks), changed: make(chan struct{}),
	}
	for k, values := range l.state.values {
		c.state.values[k] = slices.Clip(values) // what the clone appends is the clone's
	}
	tb.Cleanup(func() {
		if err := c.Check(); err != nil {
			tb.Errorf("the clone does not hold what it must: %v", err)
		}
	})
	return c
}
