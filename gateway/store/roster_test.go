package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestTheRosterIsTheNewestOne(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	if _, err := s.Roster(t.Context()); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("before anyone registered: %v", err)
	}
	first := &ledger.Roster{V: 1, Organisations: []string{north, south}, Revision: 1}
	second := &ledger.Roster{V: 1, Organisations: []string{north}, Removed: []string{south}, Revision: 2}
	for i, r := range []*ledger.Roster{first, second} {
		apply(t, s, uint64(i), tx(t, "r", north, start, r))
		got, err := s.Roster(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(*r, got.Record); d != "" || got.Origin.Block != uint64(i) {
			t.Errorf("in block %d (-want +got):\n%s", got.Origin.Block, d)
		}
	}
}
