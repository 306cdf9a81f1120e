package store

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/correlate"
	"github.com/secant-platform/secant/analytics/fact"
)

// showed has alerts show what an indicator of a report describes.
func showed(t *testing.T, s *Store, report, indicator string, suppressed bool, alerts ...int64) {
	t.Helper()
	err := s.update(t.Context(), func(ctx context.Context, x *txn) error {
		for _, n := range alerts {
			m := fact.IndicatorMatch{Alert: n, Indicator: indicator, Collection: "shared", Report: report, Time: start.Add(time.Duration(n) * time.Second)}
			if suppressed {
				m.Found.Warning = &correlate.Warning{}
			}
			if err := s.putMatches(ctx, x, []fact.IndicatorMatch{m}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestASharerIsToldOncePerPeriodAndAlert: what is being told stays that until it is told,
// an alert counts once whatever else it shows, and a report that is always seen is told of
// less often in time.
func TestASharerIsToldOncePerPeriodAndAlert(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	now := start.Add(time.Hour)
	s.now = func() time.Time { return now }
	report, other := hex32(1), hex32(2)
	for i, id := range []string{"indicator--1", "indicator--2"} {
		if _, err := s.AddSTIX(t.Context(), []fact.STIXObject{{Collection: "shared", ID: id, Type: "indicator", Spec: "2.1", Version: start.Add(time.Duration(i)), Body: []byte("{}")}}); err != nil {
			t.Fatal(err)
		}
	}
	due := func(want ...string) (next time.Time) {
		t.Helper()
		got, next, err := s.TellingDue(t.Context(), time.Hour, 9)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("due are %v, %v; want %v", got, err, want)
		}
		return next
	}
	begin := func(of string, want int) *fact.Telling {
		t.Helper()
		g, err := s.BeginTelling(t.Context(), of)
		if err != nil || g.Count != want {
			t.Errorf("%+v, %v; want %d", g, err, want)
		}
		return &g
	}
	end := func(g *fact.Telling) {
		t.Helper()
		if err := s.EndTelling(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	if next := due(); !next.IsZero() {
		t.Errorf("something is due at %v", next)
	}
	showed(t, s, report, "indicator--1", false, 1, 2)
	showed(t, s, other, "indicator--2", true, 3)
	due(report)
	g := begin(report, 2)
	if !g.First.Equal(start.Add(time.Second)) || !g.Last.Equal(start.Add(2*time.Second)) {
		t.Errorf("%+v", g)
	}
	// It is interrupted, and more comes: one that showed the report before, and one more.
	showed(t, s, report, "indicator--2", false, 2, 4)
	if again := begin(report, 2); *again != *g {
		t.Errorf("%+v is told as %+v", g, again)
	}
	end(g)
	end(g) // said twice
	if next := due(); !next.Equal(now.Add(time.Hour)) {
		t.Errorf("the next at %v", next)
	}
	if n, err := s.NextTelling(t.Context(), report, time.Hour); err != nil || n.Count != 1 || !n.At.Equal(now.Add(time.Hour)) {
		t.Errorf("%+v, %v", n, err)
	}
	now = now.Add(time.Hour)
	due(report)
	end(begin(report, 1))
	due()
	// Who tells by hand has told all.
	showed(t, s, report, "indicator--1", false, 5)
	if err := s.ToldByHand(t.Context(), report); err != nil {
		t.Fatal(err)
	}
	now = now.Add(48 * time.Hour)
	if next := due(); !next.IsZero() {
		t.Errorf("something is due at %v", next)
	}
	begin(report, 0)
	if err := s.update(t.Context(), func(ctx context.Context, x *txn) error {
		_, err := x.exec(ctx, "UPDATE sighting_told SET times = ? WHERE report = ?", oftenTold-1, report)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	showed(t, s, report, "indicator--1", false, 6)
	due(report)
	end(begin(report, 1))
	showed(t, s, report, "indicator--1", false, 9_000)
	now = now.Add((rareTelling - 1) * time.Hour)
	due()
	now = now.Add(time.Hour)
	due(report)
}

// TestAClockThatWasAheadStopsNoTelling once it is right again.
func TestAClockThatWasAheadStopsNoTelling(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	now := start.AddDate(5, 0, 0)
	s.now = func() time.Time { return now }
	report := hex32(1)
	if _, err := s.AddSTIX(t.Context(), []fact.STIXObject{{Collection: "shared", ID: "indicator--1", Type: "indicator", Spec: "2.1", Version: start, Body: []byte("{}")}}); err != nil {
		t.Fatal(err)
	}
	tell := func(want int) {
		t.Helper()
		due, _, err := s.TellingDue(t.Context(), time.Hour, 9)
		if err != nil || len(due) != want {
			t.Errorf("due are %v, %v; want %d", due, err, want)
		}
		for _, one := range due {
			g, err := s.BeginTelling(t.Context(), one)
			if err == nil {
				err = s.EndTelling(t.Context(), &g)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	showed(t, s, report, "indicator--1", false, 1)
	tell(1)
	now = now.Add(-time.Minute) // which is no reason to tell sooner
	showed(t, s, report, "indicator--1", false, 2)
	tell(0)
	now = start.Add(time.Hour)
	tell(1)
	showed(t, s, report, "indicator--1", false, 3)
	tell(0)
}
