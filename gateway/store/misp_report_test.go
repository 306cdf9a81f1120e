package store

import (
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestAReportsEventGoesWithIt: also when it was withdrawn while its event was made; what
// was handed in stays.
func TestAReportsEventGoesWithIt(t *testing.T) {
	t.Parallel()
	s := received(t, south, medtech)
	due, _ := unassessed(t, s, 9)
	shared := due[0].Record
	event := &fact.MISPEvent{UUID: "a1b2c3d4-0000-4000-8000-000000000001", Info: "shared", Timestamp: 1, Body: []byte("{}"), Report: shared.Digest, Attributes: []fact.MISPAttribute{
		{UUID: "a1b2c3d4-0000-4000-8000-000000000002", Type: "ip-dst", Values: []string{"198.51.100.9"}, Doc: []byte("{}")},
	}}
	put := func(e *fact.MISPEvent) {
		t.Helper()
		if _, err := s.PutMISP(t.Context(), e, 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, n int, found int) {
		t.Helper()
		_, total, err := s.MISPEvents(t.Context(), &fact.MISPFilter{Limit: 9, Page: 1})
		if err != nil || total != n {
			t.Errorf("%s: %d events, %v; want %d", what, total, err, n)
		}
		list, err := s.MISPAttributes(t.Context(), &fact.MISPFilter{Values: []string{"198.51.100.9"}, Limit: 9, Page: 1})
		if err != nil || len(list) != found {
			t.Errorf("%s: %d attributes, %v; want %d", what, len(list), err, found)
		}
	}
	put(event)
	put(&fact.MISPEvent{UUID: "a1b2c3d4-0000-4000-8000-000000000003", Info: "handed in", Timestamp: 1, Body: []byte("{}")})
	want("shared", 2, 1)
	if _, err := s.PutMISP(t.Context(), event, 0, nil); ledger.CodeOf(err) != ledger.CodeConflict {
		t.Errorf("judged again: %v", err)
	}
	apply(t, s, 3, tx(t, "withdrawn", shared.Sharer, start, &ledger.Withdrawal{V: 1, Digest: shared.Digest, Sharer: shared.Sharer, Reason: ledger.WithdrawnError, Time: start}))
	want("withdrawn", 1, 0)
	put(event)
	want("made after it was withdrawn", 1, 0)
}
