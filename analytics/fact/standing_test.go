package fact

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
)

const sharer = "hospital-north"

func said(by, opinion string, weight int) Opinion {
	return Opinion{By: by, Opinion: opinion, Weight: weight}
}

func TestAStanding(t *testing.T) {
	t.Parallel()
	many := func(n int, r SharedReport) []SharedReport { return slices.Repeat([]SharedReport{r}, n) }
	for name, c := range map[string]struct {
		reports   []SharedReport
		value     int
		good, bad int
	}{
		"nothing shared":                  {nil, 5000, 0, 0},
		"nothing said":                    {many(50, SharedReport{}), 5000, 0, 0},
		"sighted by another":              {[]SharedReport{{Witnesses: []string{"a"}}}, 6667, 100, 0},
		"sighted by itself":               {[]SharedReport{{Witnesses: []string{sharer}}}, 5000, 0, 0},
		"sighted and agreed with by one":  {[]SharedReport{{Witnesses: []string{"a"}, Opinions: []Opinion{said("a", ledger.StronglyAgree, 100)}}}, 6667, 100, 0},
		"sighted and doubted by one":      {[]SharedReport{{Witnesses: []string{"a"}, Opinions: []Opinion{said("a", ledger.StronglyDisagree, 100)}}}, 5000, 100, 100},
		"agreed with, half":               {[]SharedReport{{Opinions: []Opinion{said("a", ledger.Agree, 100)}}}, 6000, 50, 0},
		"agreed with strongly, half sure": {[]SharedReport{{Opinions: []Opinion{said("a", ledger.StronglyAgree, 50)}}}, 6000, 50, 0},
		"disagreed with strongly":         {[]SharedReport{{Opinions: []Opinion{said("a", ledger.StronglyDisagree, 100)}}}, 3333, 0, 100},
		"neither":                         {[]SharedReport{{Opinions: []Opinion{said("a", ledger.Neutral, 100)}}}, 5000, 0, 0},
		"withdrawn as wrong":              {[]SharedReport{{Withdrawn: ledger.WithdrawnFalsePositive, Witnesses: []string{"a", "b"}}}, 3333, 0, 100},
		"withdrawn as wrong, doubted by one": {[]SharedReport{{Withdrawn: ledger.WithdrawnError, Witnesses: []string{"b"}, Opinions: []Opinion{
			said("a", ledger.Disagree, 100), said(sharer, ledger.StronglyDisagree, 100),
		}}}, 3333, 0, 100},
		"withdrawn as wrong, damned by four": {[]SharedReport{{Withdrawn: ledger.WithdrawnError, Opinions: []Opinion{
			said("a", ledger.StronglyDisagree, 100), said("b", ledger.StronglyDisagree, 100), said("c", ledger.StronglyDisagree, 100), said("d", ledger.StronglyDisagree, 100),
		}}}, 1667, 0, 400},
		"withdrawn as wrong, damned by one friend": {many(50, SharedReport{
			Withdrawn: ledger.WithdrawnError, Opinions: []Opinion{said("a", ledger.StronglyDisagree, 100)},
		}), 192, 0, 5000},
		"withdrawn as outdated": {[]SharedReport{{Withdrawn: ledger.WithdrawnOutdated, Witnesses: []string{"a"}}}, 6667, 100, 0},
		"superseded":            {[]SharedReport{{Withdrawn: ledger.WithdrawnSuperseded, Witnesses: []string{"a"}}}, 6667, 100, 0},
		"sealed":                {[]SharedReport{{Sealed: true, Withdrawn: ledger.WithdrawnError, Witnesses: []string{"a"}}}, 5000, 0, 0},
		"one who praises all":   {many(1000, SharedReport{Witnesses: []string{"a"}}), 9167, 1000, 0},
		"two who praise all":    {many(1000, SharedReport{Witnesses: []string{"a", "b"}}), 9545, 2000, 0},
		"one who damns all":     {many(1000, SharedReport{Opinions: []Opinion{said("a", ledger.StronglyDisagree, 100)}}), 833, 0, 1000},
	} {
		got := StandingOf(sharer, c.reports)
		if got.Value != c.value || got.For != c.good || got.Against != c.bad || got.Reports != len(c.reports) {
			t.Errorf("%s: %+v, want %d of %d and %d", name, got, c.value, c.good, c.bad)
		}
	}
}

// TestAStandingIsBoundedAndFair: whatever is said, in whatever order, it lies in
// its bounds; one more sighting never lowers it, one more member that disagrees
// never raises it, and neither does withdrawing a report as wrong.
func TestAStandingIsBoundedAndFair(t *testing.T) {
	t.Parallel()
	org := rapid.SampledFrom([]string{"a", "b", "c", sharer})
	report := rapid.Custom(func(t *rapid.T) SharedReport {
		r := SharedReport{
			Sealed:    rapid.IntRange(0, 5).Draw(t, "sealed") == 0,
			Withdrawn: rapid.SampledFrom([]string{"", "", "", ledger.WithdrawnError, ledger.WithdrawnOutdated, ledger.WithdrawnSuperseded}).Draw(t, "withdrawn"),
			Witnesses: rapid.SliceOfNDistinct(org, 0, 3, rapid.ID[string]).Draw(t, "witnesses"),
		}
		for _, by := range rapid.SliceOfNDistinct(org, 0, 3, rapid.ID[string]).Draw(t, "judges") {
			r.Opinions = append(r.Opinions, said(by, rapid.SampledFrom(ledger.Opinions).Draw(t, "opinion"), rapid.IntRange(1, ledger.MaxWeight).Draw(t, "weight")))
		}
		return r
	})
	rapid.Check(t, func(t *rapid.T) {
		reports := rapid.SliceOfN(report, 0, 30).Draw(t, "reports")
		before := StandingOf(sharer, reports)
		if before.Value < 0 || before.Value > ledger.MaxScore {
			t.Fatalf("it is %d", before.Value)
		}
		backwards := slices.Clone(reports)
		slices.Reverse(backwards)
		if got := StandingOf(sharer, backwards); got != before {
			t.Fatalf("in another order it is %+v, not %+v", got, before)
		}
		// By a member that has said nothing yet: what one says may be scaled.
		if got := StandingOf(sharer, append(slices.Clone(reports), SharedReport{Witnesses: []string{"new"}})); got.Value < before.Value {
			t.Fatalf("a sighting lowers it from %d to %d", before.Value, got.Value)
		}
		if got := StandingOf(sharer, append(slices.Clone(reports), SharedReport{Opinions: []Opinion{said("new", ledger.Disagree, 50)}})); got.Value > before.Value {
			t.Fatalf("a doubt raises it from %d to %d", before.Value, got.Value)
		}
		for i := range reports {
			admitted := slices.Clone(reports)
			admitted[i].Withdrawn = ledger.WithdrawnFalsePositive
			if got := StandingOf(sharer, admitted); got.Value > before.Value+1 { // evidence is scaled in whole numbers
				t.Fatalf("withdrawing report %d raises it from %d to %d", i, before.Value, got.Value)
			}
		}
	})
}
