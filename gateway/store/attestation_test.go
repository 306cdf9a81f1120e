package store

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestWhatCountsOfAUnitsAttestations: the last, but nothing that showed nothing takes
// back what spoke against the unit; each challenge once; and a change is told.
func TestWhatCountsOfAUnitsAttestations(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	apply(t, s, 0, tx(t, "0", medtech, start, &ledger.Unit{V: 2, ID: hex32(1), DI: "D", Lot: "L", Release: "1", Owner: north, State: ledger.StateInService, Revision: 1}))
	n := 0
	put := func(release, status string) *fact.Attestation {
		n++
		a := &fact.Attestation{
			Unit: hex32(1), Nonce: hex32(n), Release: release, Status: status, Reasons: []string{"why"}, Version: release, Digest: hex32(n), Receipt: "r",
			Time: start.Add(time.Duration(n) * 2 * time.Hour), Expires: start.Add(99 * time.Hour),
		}
		if err := s.PutAttestation(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	stands := func(release string, want *fact.Attestation) {
		t.Helper()
		got, found, err := s.Attestation(t.Context(), hex32(1), release)
		if err != nil || found != (want != nil) {
			t.Fatalf("%v %v", found, err)
		}
		if want != nil && cmp.Diff(*want, got) != "" {
			t.Error(cmp.Diff(*want, got))
		}
	}
	against := func(want int) {
		t.Helper()
		if got, err := s.Contraindicated(t.Context(), "", 10); err != nil || len(got) != want {
			t.Errorf("against %d units: %v", len(got), err)
		}
		if got, err := s.Contraindicated(t.Context(), hex32(1), 10); err != nil || len(got) != 0 {
			t.Errorf("behind the last of them: %d %v", len(got), err)
		}
	}
	stands("1", nil)
	stands("1", put("1", "affirming"))
	stands("1", put("1", "unknown"))
	against(0)
	bad := put("1", "contraindicated")
	stands("1", bad)
	against(1)
	put("1", "unknown")
	stands("1", bad)
	stands("2", nil)
	stands("2", put("2", "affirming")) // another release is another matter
	stands("1", bad)
	for range keptAttestations + 5 {
		put("1", "unknown")
	}
	stands("1", bad)
	against(1)
	var kept int
	if err := s.reading.QueryRowContext(t.Context(), "SELECT count(*) FROM attestation").Scan(&kept); err != nil || kept > keptAttestations+2 {
		t.Errorf("%d are kept: %v", kept, err)
	}
	stands("1", put("1", "affirming"))
	against(0)

	last := &fact.Attestation{Unit: hex32(1), Nonce: hex32(n), Release: "1", Status: "contraindicated", Time: start, Expires: start}
	if err := s.PutAttestation(t.Context(), last); ledger.CodeOf(err) != ledger.CodeConflict {
		t.Errorf("a challenge serves twice: %v", err)
	}
	if err := s.Answered(t.Context(), hex32(1), hex32(n)); ledger.CodeOf(err) != ledger.CodeConflict {
		t.Error(err)
	}
	if err := s.Answered(t.Context(), hex32(2), hex32(n)); err != nil {
		t.Errorf("another unit's challenge: %v", err)
	}
	events, err := s.Events(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range events {
		if e.Kind == fact.EventUnitAttested {
			told = append(told, e.Subjects[1])
		}
	}
	if want := []string{"affirming", "unknown", "contraindicated", "affirming", "affirming"}; !slices.Equal(told, want) {
		t.Errorf("told is %v", told)
	}
	if due, _, err := s.ToReview(t.Context(), start, 10); err != nil || len(due) != 1 {
		t.Errorf("%v %v", due, err)
	}
}
