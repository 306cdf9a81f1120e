package store

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestAReportShowsAllWhoSharedIt(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	share := func(n int, sharer, marking string) *ledger.Threat {
		return &ledger.Threat{V: 1, Digest: hex32(n), Sharer: sharer, Marking: marking}
	}
	apply(t, s, 0, tx(t, "a", south, start.Add(time.Hour), share(1, south, ledger.TLPGreen)))
	apply(t, s, 1, tx(t, "b", medtech, start, share(2, medtech, ledger.TLPClear)))
	apply(t, s, 2, tx(t, "c", north, start, share(1, north, ledger.TLPClear)))
	r, err := s.Report(t.Context(), hex32(1))
	if err != nil {
		t.Fatal(err)
	}
	want := []fact.Share{
		{Sharer: south, Marking: ledger.TLPGreen, Time: start.Add(time.Hour)},
		{Sharer: north, Marking: ledger.TLPClear, Time: start, Late: true},
	}
	if d := cmp.Diff(want, r.Sharers); d != "" || r.Record.Sharer != south {
		t.Errorf("the record is %s's; sharers (-want +got):\n%s", r.Record.Sharer, d)
	}
	for _, c := range []struct {
		filter fact.ReportFilter
		want   []string
	}{
		{fact.ReportFilter{}, []string{hex32(2) + medtech, hex32(1) + south}},
		{fact.ReportFilter{Marking: ledger.TLPClear}, []string{hex32(1) + north, hex32(2) + medtech}},
		{fact.ReportFilter{Sharer: north}, []string{hex32(1) + north}},
		{fact.ReportFilter{Sharer: north, Marking: ledger.TLPGreen}, nil},
	} {
		for _, size := range []int{1, 10} {
			var got []string
			for req := (ledger.PageRequest{Size: size}); ; {
				p, err := s.Reports(t.Context(), c.filter, req)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range p.Items {
					got = append(got, r.Record.Digest+r.Record.Sharer)
				}
				if req.Bookmark = p.Next; p.Next == "" {
					break
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%+v by %d (-want +got):\n%s", c.filter, size, d)
			}
		}
	}
}

// received is a store that has the bodies of reports, each shared by one.
func received(t *testing.T, sharers ...string) *Store {
	t.Helper()
	s := openStore(t, Options{Organisation: north})
	apply(t, s, 0, tx(t, "unit", medtech, start, inService(1, "d", medtech)))
	for i, org := range sharers {
		body := fmt.Append(nil, "report ", i)
		digest := ledger.BodyDigest(body)
		apply(t, s, uint64(i+1), tx(t, strconv.Itoa(i), org, start, &ledger.Threat{V: 1, Digest: digest, Sharer: org}))
		if err := s.PutDocument(t.Context(), fact.Document{Kind: fact.DocumentReport, Digest: digest, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func unassessed(t *testing.T, s *Store, limit int) ([]fact.Unassessed, time.Time) {
	t.Helper()
	due, next, err := s.Unassessed(t.Context(), time.Now(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return due, next
}

func TestSharersTakeTurns(t *testing.T) {
	s := received(t, south, south, south, medtech, medtech, north)
	due, _ := unassessed(t, s, 5)
	var got []string
	for _, u := range due {
		got = append(got, string(u.Body))
	}
	want := []string{"report 5", "report 0", "report 3", "report 1", "report 4"}
	if !slices.Equal(got, want) {
		t.Errorf("in the order %q, want %q", got, want)
	}
}

func TestAFailedAssessmentKeepsWhatWasFound(t *testing.T) {
	s := received(t, south)
	due, _ := unassessed(t, s, 9)
	found := fact.Assessment{Title: "t", Severity: 7, Matches: []fact.Match{{Unit: hex32(1), Reasons: []string{"r"}, Confidence: 9}}}
	if err := s.PutAssessment(t.Context(), due[0], found); err != nil {
		t.Fatal(err)
	}
	if err := s.PutInventory(t.Context(), fact.Inventory{Unit: hex32(1)}); err != nil {
		t.Fatal(err)
	}
	due, _ = unassessed(t, s, 9)
	later := fromMillis(millis(time.Now().Add(time.Hour)))
	if err := s.PostponeAssessment(t.Context(), due[0], later); err != nil {
		t.Fatal(err)
	}
	if due, next := unassessed(t, s, 9); len(due) != 0 || !next.Equal(later) {
		t.Errorf("%d are due, the next at %v; want none before %v", len(due), next, later)
	}
	due, _, err := s.Unassessed(t.Context(), later, 9)
	if err != nil || len(due) != 1 || due[0].Attempts != 1 {
		t.Errorf("later: %+v, %v; want the report after one failure", due, err)
	}
	r, err := s.Report(t.Context(), due[0].Record.Digest)
	if err != nil || r.Title != "t" || len(r.Matches) != 1 {
		t.Errorf("report %+v, %v; want what was found before", r, err)
	}
}

func TestTheWeightiestFindingsComeFirst(t *testing.T) {
	s := received(t, south, south, medtech)
	due, _ := unassessed(t, s, 9)
	for i, u := range due {
		a := fact.Assessment{Severity: []int{100, 900, 500}[i], Matches: []fact.Match{{Unit: hex32(1), Confidence: []int{800, 100, 300}[i]}}}
		if err := s.PutAssessment(t.Context(), u, a); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Findings(t.Context(), hex32(1), 2)
	want := []fact.Finding{{Report: due[2].Record.Digest, Severity: 500, Confidence: 300}, {Report: due[1].Record.Digest, Severity: 900, Confidence: 100}}
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1].Severity*got[1].Confidence < 80_000 {
		t.Errorf("findings %+v, %v; want %+v", got, err, want)
	}
}

func TestWhatItsSharersWithdrewConcernsNobody(t *testing.T) {
	s := received(t, south, medtech)
	due, _ := unassessed(t, s, 9)
	for _, u := range due {
		if err := s.PutAssessment(t.Context(), u, fact.Assessment{Severity: 1, Matches: []fact.Match{{Unit: hex32(1), Confidence: 1}}}); err != nil {
			t.Fatal(err)
		}
	}
	gone := due[0].Record
	count := func(want int) {
		t.Helper()
		if got, err := s.Findings(t.Context(), hex32(1), 9); err != nil || len(got) != want {
			t.Errorf("findings %+v, %v; want %d", got, err, want)
		}
	}
	apply(t, s, 3, tx(t, "again", north, start, &ledger.Threat{V: 1, Digest: gone.Digest, Sharer: north}))
	apply(t, s, 4, tx(t, "first", gone.Sharer, start, &ledger.Withdrawal{V: 1, Digest: gone.Digest, Sharer: gone.Sharer, Reason: ledger.WithdrawnError, Time: start}))
	count(2) // another still stands by it
	apply(t, s, 5, tx(t, "second", north, start, &ledger.Withdrawal{V: 1, Digest: gone.Digest, Sharer: north, Reason: ledger.WithdrawnError, Time: start}))
	count(1)
}

// A local event's number must not be given out twice, so the write that adds
// one waits for the disk; one that adds none need not.
func TestAssessmentsThatAddAnEventAreDurable(t *testing.T) {
	s := received(t, south)
	due, _ := unassessed(t, s, 9)
	for _, durable := range []bool{true, false} {
		if err := s.PutAssessment(t.Context(), due[0], fact.Assessment{}); err != nil {
			t.Fatal(err)
		}
		if s.write.lazy == durable {
			t.Errorf("the write waited for the disk: %v, want %v", !s.write.lazy, durable)
		}
	}
	events, err := s.Events(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	received := slices.DeleteFunc(events, func(e fact.Event) bool { return e.Kind != fact.EventReportReceived })
	if len(received) != 1 {
		t.Errorf("%d events that the report was received, want one", len(received))
	}
}
