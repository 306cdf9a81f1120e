package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// unitOf is a unit in service that runs a release.
func unitOf(n int, owner, version string) *ledger.Unit {
	return &ledger.Unit{V: 2, ID: hex32(n), DI: "DI-1", Release: version, Lot: "L", Manufacturer: medtech, Owner: owner, State: ledger.StateInService, Certification: ledger.CertificationNone, Revision: 1}
}

func advisoryOf(tracking, digest string, updated time.Time, vulnerabilities ...string) fact.Advisory {
	a := fact.Advisory{ID: "a-" + tracking, Tracking: tracking, Digest: digest, Updated: updated, Published: updated, Score: 81}
	for _, v := range vulnerabilities {
		a.Vulnerabilities = append(a.Vulnerabilities, fact.Vulnerability{ID: v})
	}
	return a
}

// TestAnOlderEditionChangesNothing, and neither does the same one again.
func TestAnOlderEditionChangesNothing(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	for i, c := range []struct {
		digest  string
		updated time.Time
		want    string
	}{
		{"1", start, AdvisoryAdded},
		{"1", start, AdvisoryUnchanged},
		{"0", start.Add(-time.Hour), AdvisoryUnchanged},
		{"2", start.Add(time.Hour), AdvisoryUpdated},
		{"1", start, AdvisoryUnchanged},
	} {
		got, err := s.PutAdvisory(t.Context(), advisoryOf("A", c.digest, c.updated, "CVE-2026-1"), []byte("{}"))
		if err != nil || got != c.want {
			t.Errorf("%d: %s %v, want %s", i, got, err, c.want)
		}
	}
	namespace := advisoryOf("A", "1", start).Namespace
	for _, c := range []struct {
		publisher string
		updated   time.Time
		want      bool
	}{
		{namespace, start.Add(time.Hour), true},
		{namespace, start.Add(2 * time.Hour), false},
		{"https://another.example", start, false},
	} {
		if known, err := s.AdvisoryKnown(t.Context(), "A", []string{"https://no.example", c.publisher}, c.updated); known != c.want || err != nil {
			t.Errorf("%+v: %v %v", c, known, err)
		}
	}
}

// TestMatchesOfReleasesAreMatchesOfTheirUnits: own ones and those of the own make,
// as they are now, and each release makes one event.
func TestMatchesOfReleasesAreMatchesOfTheirUnits(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	apply(t, s, 0, tx(t, "0", medtech, start, unitOf(1, north, "1.0"), unitOf(2, north, "1.1"), unitOf(3, south, "1.0")))
	if _, err := s.PutAdvisory(t.Context(), advisoryOf("A", "1", start, "CVE-2026-1", "CVE-2026-2"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	before, err := s.Landscape(t.Context(), "")
	if err != nil || len(before.Releases) != 2 {
		t.Fatalf("%+v %v", before, err)
	}
	match := func(id, version, state string) fact.ReleaseMatch {
		return fact.ReleaseMatch{ID: id, Advisory: "a-A", DI: "DI-1", Version: version, State: state, Basis: "model", Confidence: 8_000}
	}
	events := func() (units [][]string) {
		t.Helper()
		all, err := s.Events(t.Context(), "", 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			if e.Kind == fact.EventAdvisoryMatched {
				units = append(units, e.Subjects)
			}
		}
		return units
	}
	list := func(f fact.AffectedFilter) (units []string) {
		t.Helper()
		f.Advisory = "a-A"
		p, err := s.AffectedUnits(t.Context(), f, ledger.PageRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range p.Items {
			units = append(units, u.Unit)
		}
		return units
	}
	for i, c := range []struct {
		matches []fact.ReleaseMatch
		units   []string
		events  int
	}{
		{[]fact.ReleaseMatch{match("m0", "1.0", "possible")}, []string{hex32(1)}, 1},
		{[]fact.ReleaseMatch{match("m0", "1.0", "affected")}, []string{hex32(1)}, 1},
		{[]fact.ReleaseMatch{match("m0", "1.0", "affected"), match("m1", "1.1", "affected")}, []string{hex32(2), hex32(1)}, 2},
		{[]fact.ReleaseMatch{match("m0", "1.0", "not_affected"), match("m1", "1.1", "rejected")}, nil, 2},
	} {
		if err := s.PutMatches(t.Context(), "a-A", before.Basis, c.matches); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.units, list(fact.AffectedFilter{})); diff != "" || len(events()) != c.events {
			t.Errorf("%d: %v, %s", i, events(), diff)
		}
	}
	if diff := cmp.Diff([]string{hex32(2)}, list(fact.AffectedFilter{State: "rejected"})); diff != "" {
		t.Error(diff)
	}
	if due, err := s.DueAdvisories(t.Context(), before.Basis, 10); len(due) != 0 || err != nil {
		t.Error(due, err)
	}
	// A unit that runs another release takes its matches with it, without any
	// matching; a release that nobody ran before makes the advisory due.
	apply(t, s, 1, tx(t, "1", north, start, unitOf(1, north, "2.0")))
	if got := list(fact.AffectedFilter{State: "not_affected"}); len(got) != 0 {
		t.Error(got)
	}
	after, err := s.Landscape(t.Context(), before.Basis)
	if err != nil || after.Basis == before.Basis {
		t.Errorf("%+v %v", after, err)
	}
	if due, err := s.DueAdvisories(t.Context(), after.Basis, 10); len(due) != 1 || err != nil {
		t.Error(due, err)
	}
}

// TestAdvisoriesAreOrderedByWhatIsExploited, then by likelihood and score, also
// when that is learnt later.
func TestAdvisoriesAreOrderedByWhatIsExploited(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	for i, v := range []string{"CVE-2026-1", "CVE-2026-2", "CVE-2026-3"} {
		if _, err := s.PutAdvisory(t.Context(), advisoryOf(v, v, start.Add(time.Duration(i)*time.Hour), v), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	order := func(f fact.AdvisoryFilter) (all []string) {
		t.Helper()
		for req := (ledger.PageRequest{Size: 2}); ; {
			p, err := s.Advisories(t.Context(), f, req)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range p.Items {
				all = append(all, a.Tracking)
			}
			if req.Bookmark = p.Next; p.Next == "" {
				return all
			}
		}
	}
	if diff := cmp.Diff([]string{"CVE-2026-3", "CVE-2026-2", "CVE-2026-1"}, order(fact.AdvisoryFilter{})); diff != "" {
		t.Error(diff)
	}
	if err := s.PutLikelihoods(t.Context(), []LikelihoodRow{{"CVE-2026-2", 500_000, 900_000}}, true); err != nil {
		t.Fatal(err)
	}
	if err := s.PutExploited(t.Context(), []ExploitedRow{{"CVE-2026-1", fact.Exploited{Added: start, Due: start}}}); err != nil {
		t.Fatal(err)
	}
	for sort, want := range map[string][]string{
		"":           {"CVE-2026-1", "CVE-2026-2", "CVE-2026-3"},
		"updated":    {"CVE-2026-3", "CVE-2026-2", "CVE-2026-1"},
		"likelihood": {"CVE-2026-2", "CVE-2026-3", "CVE-2026-1"},
	} {
		if diff := cmp.Diff(want, order(fact.AdvisoryFilter{Sort: sort})); diff != "" {
			t.Errorf("%s: %s", sort, diff)
		}
	}
	if got := order(fact.AdvisoryFilter{Exploited: true}); len(got) != 1 {
		t.Error(got)
	}
	if err := s.PutExploited(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := order(fact.AdvisoryFilter{Exploited: true}); len(got) != 0 {
		t.Errorf("the catalogue let it go: %v", got)
	}
}
