package store

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func shared(n int, sharer, marking string) *ledger.Threat {
	r := &ledger.Threat{V: 2, Digest: hex32(n), Sharer: sharer, Marking: marking}
	if !ledger.Sealed(marking) {
		r.MediaType, r.Size = ledger.MediaTypeSTIX, 1
	}
	return r
}

// sighted and judged are of the report hex32(1), sighted of south's.
func sighted(by, tx string, count int) *ledger.Sighting {
	return &ledger.Sighting{V: 1, Digest: hex32(1), Sharer: south, By: by, Tx: tx, Count: count, First: start, Last: start, Time: start}
}

func judged(sharer, by, opinion string, weight, revision int) *ledger.Opinion {
	return &ledger.Opinion{V: 1, Digest: hex32(1), Sharer: sharer, By: by, Opinion: opinion, Weight: weight, Revision: revision, Time: start}
}

func withdrawn(n int, sharer, reason, by string) *ledger.Withdrawal {
	return &ledger.Withdrawal{V: 1, Digest: hex32(n), Sharer: sharer, Reason: reason, SupersededBy: by, Time: start}
}

func TestAReportShowsWhatWasSaidOfIt(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	apply(t, s, 0, tx(t, "a", south, start, shared(1, south, ledger.TLPGreen), shared(1, medtech, ledger.TLPClear)))
	apply(t, s, 1,
		tx(t, "b", north, start, sighted(north, "b", 3)),
		tx(t, "c", north, start, sighted(north, "c", 4)),
		tx(t, "d", south, start, sighted(south, "d", 5)),
		tx(t, "e", north, start, judged(south, north, ledger.Agree, 10, 1)),
		tx(t, "f", medtech, start, judged(south, medtech, ledger.StronglyDisagree, 10, 1)))
	apply(t, s, 2,
		tx(t, "g", north, start, judged(south, north, ledger.StronglyAgree, 90, 2)),
		tx(t, "h", medtech, start, withdrawn(1, medtech, ledger.WithdrawnSuperseded, hex32(2))))
	r, err := s.Report(t.Context(), hex32(1))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]fact.Feedback{}
	for _, share := range r.Sharers {
		got[share.Sharer] = share.Feedback
	}
	want := map[string]fact.Feedback{
		south:   {SightedBy: 1, Sightings: 12, StronglyAgree: 1, StronglyDisagree: 1},
		medtech: {Withdrawn: ledger.WithdrawnSuperseded, SupersededBy: hex32(2)},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("feedback (-want +got):\n%s", d)
	}
}

func TestAStandingFollowsFromTheLedger(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	if _, err := s.Standing(t.Context(), south); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("the standing of nobody: %v", err)
	}
	apply(t, s, 0, tx(t, "o", south, start, &ledger.Organisation{V: 1, ID: south}, &ledger.Organisation{V: 1, ID: north}))
	apply(t, s, 1, tx(t, "a", south, start,
		shared(1, south, ledger.TLPGreen), shared(2, south, ledger.TLPRed), shared(3, south, ledger.TLPClear), shared(4, south, ledger.TLPClear),
		shared(1, medtech, ledger.TLPGreen)))
	apply(t, s, 2,
		tx(t, "b", north, start, sighted(north, "b", 3)),
		tx(t, "c", medtech, start, judged(south, medtech, ledger.Disagree, 50, 1)),
		tx(t, "d", medtech, start, judged(medtech, north, ledger.StronglyDisagree, 100, 1)), // another's report
		tx(t, "e", south, start, withdrawn(3, south, ledger.WithdrawnError, "")),
		tx(t, "f", south, start, withdrawn(4, south, ledger.WithdrawnSuperseded, hex32(1))))
	got, err := s.Standing(t.Context(), south)
	if err != nil {
		t.Fatal(err)
	}
	want := fact.Standing{
		Organisation: south, For: 100, Against: 125, Reports: 4, Sealed: 1, Withdrawn: 1, Superseded: 1, Sighted: 1, Judged: 1,
		Value: 4706, // (1 + 1) / (2 + 1 + 1.25)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("standing (-want +got):\n%s", d)
	}
}

// TestASealedReportIsNotFetched: nobody serves its body.
func TestASealedReportIsNotFetched(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	for i, marking := range ledger.Markings {
		apply(t, s, uint64(i), tx(t, strconv.Itoa(i), south, start, shared(i, south, marking)))
	}
	var wanted int
	if err := s.reading.QueryRowContext(t.Context(), `SELECT count(*) FROM "fetch"`).Scan(&wanted); err != nil || wanted != 2 {
		t.Errorf("%d bodies are to be fetched, want those of clear and green (%v)", wanted, err)
	}
}

func TestRecomputationsOfAScoreAreListed(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	again := func(by string, value int) *ledger.Recomputation {
		return &ledger.Recomputation{V: 1, Subject: hex32(1), Model: "m/1", InputDigest: hex32(2), By: by, Value: value, Agrees: value == 5}
	}
	apply(t, s, 0, tx(t, "a", south, start, again(south, 5), again(medtech, 6)))
	got := walk(t, 1, func(r ledger.PageRequest) (fact.Page[ledger.Recomputation], error) {
		return s.Recomputations(t.Context(), hex32(1), "m/1", hex32(2), r)
	})
	if d := cmp.Diff([]ledger.Recomputation{*again(south, 5), *again(medtech, 6)}, got); d != "" {
		t.Error(d)
	}
}
