package store

import (
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestWhatConcernsAModelIsOneRowUntilItsUnitsAreReviewed: however many units it has,
// and each of them becomes due, in batches, once.
func TestWhatConcernsAModelIsOneRowUntilItsUnitsAreReviewed(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	const units = 2*groupBatch + 7
	var all []record
	for i := range units {
		di := "DI-1"
		if i == 0 {
			di = "DI-2"
		}
		all = append(all, &ledger.Unit{V: 2, ID: hex32(i), DI: di, Lot: "L", Release: "1", Owner: north, State: ledger.StateInService, Revision: 1})
	}
	all = append(all, &ledger.Unit{V: 2, ID: hex32(units), DI: "DI-1", Lot: "L", Release: "1", Owner: south, State: ledger.StateInService, Revision: 1})
	apply(t, s, 0, tx(t, "0", medtech, start, all...))
	// All are reviewed.
	drain := func() (seen map[string]int) {
		seen = map[string]int{}
		for range 100 {
			due, next, err := s.ToReview(t.Context(), start, 64)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range due {
				seen[r.Unit]++
				if err := s.Reviewed(t.Context(), r, start.AddDate(0, 0, 1)); err != nil {
					t.Fatal(err)
				}
			}
			if len(due) == 0 && next.After(start) {
				return seen
			}
		}
		t.Fatal("it does not end")
		return nil
	}
	if seen := drain(); len(seen) != units {
		t.Fatalf("at first %d are due", len(seen))
	}
	count := func(query string) (n int) {
		if err := s.reading.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for n := range 3 { // of three controls
		apply(t, s, uint64(n+1), tx(t, hex32(n+1), medtech, start, &ledger.Evidence{
			V: 1, SubjectKind: ledger.SubjectModel, Subject: "DI-1", Catalogue: "c/1", Control: "CE-1", Claim: ledger.ClaimNotMet, Digest: hex32(n), By: medtech, Time: start,
		}))
	}
	if groups, due := count("SELECT count(*) FROM review_group"), count("SELECT count(*) FROM review WHERE next = 0"); groups != 1 || due != 0 {
		t.Errorf("projecting evidence of a model wrote %d groups and made %d units due", groups, due)
	}
	seen := drain()
	if len(seen) != units-1 || seen[hex32(0)] != 0 || seen[hex32(units)] != 0 || seen[hex32(1)] != 1 {
		t.Errorf("of the model's %d units %d are due", units-1, len(seen))
	}
	// What is written while its units become due makes those due again that were.
	again := func(n int) {
		apply(t, s, uint64(n), tx(t, hex32(n), medtech, start, &ledger.Evidence{
			V: 1, SubjectKind: ledger.SubjectModel, Subject: "DI-1", Catalogue: "c/1", Control: "CE-1", Claim: ledger.ClaimMet, Digest: hex32(n), By: medtech, Time: start,
		}))
	}
	again(4)
	due, _, err := s.ToReview(t.Context(), start, 1)
	if err != nil || len(due) != 1 {
		t.Fatal(due, err)
	}
	if err := s.Reviewed(t.Context(), due[0], start.AddDate(0, 0, 1)); err != nil {
		t.Fatal(err)
	}
	again(5)
	if seen := drain(); len(seen) != units-1 || seen[due[0].Unit] != 1 {
		t.Errorf("after another change %d are due", len(seen))
	}
}
