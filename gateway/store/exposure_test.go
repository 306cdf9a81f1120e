package store

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// exposed keeps an advisory on one vulnerability that a release has, as its match says.
func exposed(t *testing.T, s *Store, tracking string, published time.Time, state, vulnerability, status string) {
	t.Helper()
	a := advisoryOf(tracking, tracking, published, vulnerability)
	if _, err := s.PutAdvisory(t.Context(), a, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	m := fact.ReleaseMatch{ID: "m-" + tracking, Advisory: a.ID, DI: "DI-1", Version: "1.0", State: state, Basis: "purl", Confidence: 9_500}
	m.Vulnerabilities = []fact.Concern{{ID: vulnerability, Score: 81, Status: status}}
	if err := s.PutMatches(t.Context(), a.ID, "b", []fact.ReleaseMatch{m}); err != nil {
		t.Fatal(err)
	}
}

// TestTheGravestWordOnAVulnerabilityCounts: an earlier advisory that is closed does not
// close a later one on the same vulnerability in another component.
func TestTheGravestWordOnAVulnerabilityCounts(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	exposed(t, s, "A", start.Add(time.Hour), "not_affected", "CVE-2026-1", "not_affected")
	exposed(t, s, "B", start.Add(2*time.Hour), "affected", "CVE-2026-1", "affected")
	exposed(t, s, "C", start.Add(3*time.Hour), "not_affected", "CVE-2026-1", "fixed")
	got, err := s.Exposures(t.Context(), "DI-1", "1.0")
	if err != nil {
		t.Fatal(err)
	}
	want := []fact.Exposure{{ID: "CVE-2026-1", Score: 81, Status: "affected", Published: start.Add(time.Hour)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestManyOldAdvisoriesHideNothingThatIsExploited.
func TestManyOldAdvisoriesHideNothingThatIsExploited(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	for i := range maxExposures {
		exposed(t, s, strconv.Itoa(i), start.Add(-time.Hour), "affected", fmt.Sprintf("CVE-2025-%04d", i), "affected")
	}
	exposed(t, s, "new", start, "affected", "CVE-2026-1", "affected")
	if err := s.PutExploited(t.Context(), []ExploitedRow{{"CVE-2026-1", fact.Exploited{Added: start, Due: start}}}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Exposures(t.Context(), "DI-1", "1.0")
	if err != nil || len(got) != maxExposures {
		t.Fatal(len(got), err)
	}
	if last := got[len(got)-1]; last.ID != "CVE-2026-1" || !last.Exploited {
		t.Errorf("%+v", last)
	}
}

// TestOnlyMakersOfWhatRunsMakeWork: statements that others share change nothing, and are
// not read; a maker's have all advisories matched again.
func TestOnlyMakersOfWhatRunsMakeWork(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	apply(t, s, 0, tx(t, "0", medtech, start, &ledger.Model{V: 1, DI: "DI-1", Manufacturer: medtech}, unitOf(1, north, "1.0")))
	before, err := s.Landscape(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		sharer string
		counts int
	}{{south, 0}, {medtech, 1}} {
		digest := hex32(10 + i)
		apply(t, s, uint64(i+1), tx(t, digest, c.sharer, start, &ledger.Threat{V: 1, Digest: digest, Sharer: c.sharer}))
		if err := s.PutVEX(t.Context(), digest, []byte("[]")); err != nil {
			t.Fatal(err)
		}
		after, err := s.Landscape(t.Context(), "")
		if err != nil || len(after.VEX) != c.counts || (after.Basis != before.Basis) != (c.counts > 0) {
			t.Errorf("%s: %+v %v", c.sharer, after, err)
		}
	}
}

// TestAnImportReadsNoOtherAdvisories: ranking one, and finding what is due, cost the same
// however many there are.
func TestAnImportReadsNoOtherAdvisories(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	for query, args := range map[string][]any{rankOne: {"a"}, dueAdvisories: {"b", 8}} {
		for _, step := range plan(t, s, query, args) {
			if strings.HasPrefix(step, "SCAN advisory") || strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s: %s", query, step)
			}
		}
	}
	for i, basis := range []string{"c", "", "b", "a"} {
		if _, err := s.PutAdvisory(t.Context(), advisoryOf(strconv.Itoa(i), strconv.Itoa(i), start, "CVE-2026-1"), []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if err := s.PutMatches(t.Context(), fmt.Sprintf("a-%d", i), basis, nil); err != nil {
			t.Fatal(err)
		}
	}
	due, err := s.DueAdvisories(t.Context(), "b", 3)
	if err != nil || len(due) != 3 || due[0].ID != "a-1" {
		t.Errorf("%+v %v", due, err)
	}
}

// TestTheSameCatalogueReviewsNothing: a new edition of it with the same vulnerabilities
// does not have every device judged again.
func TestTheSameCatalogueReviewsNothing(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	apply(t, s, 0, tx(t, "0", medtech, start, unitOf(1, north, "1.0")))
	for i, c := range []struct {
		ids []string
		due int
	}{{nil, 1}, {[]string{"CVE-2026-1", "CVE-2026-2"}, 1}, {[]string{"CVE-2026-2", "CVE-2026-1"}, 0}, {[]string{"CVE-2026-2"}, 1}, {nil, 1}} {
		var list []ExploitedRow
		for _, id := range c.ids {
			list = append(list, ExploitedRow{id, fact.Exploited{Added: start, Due: start.Add(time.Duration(i) * time.Hour)}})
		}
		if err := s.PutExploited(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		due, _, err := s.ToReview(t.Context(), start, 10)
		if err != nil || len(due) != c.due {
			t.Errorf("%d: %+v %v", i, due, err)
		}
		for _, r := range due {
			if err := s.Reviewed(t.Context(), r, start.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
	}
}
