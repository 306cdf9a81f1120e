package store

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/correlate"
	"github.com/secant-platform/secant/analytics/fact"
)

// correlated derives all that is due, a few objects at a time, and returns how many that
// were.
func correlated(t *testing.T, s *Store, limit int) (n int) {
	t.Helper()
	for range 100 {
		due, upTo, more, err := s.CorrelationDue(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		for i := range due {
			due[i].Entry, _ = correlate.Derive(due[i].Body)
		}
		if _, err := s.PutCorrelation(t.Context(), due, upTo, nil); err != nil {
			t.Fatal(err)
		}
		if n += len(due); !more {
			return n
		}
	}
	t.Fatal("there is no end of what is due")
	return n
}

// TestCorrelationLeavesNothingOut: a version that became the last again, far behind what
// was not looked at yet, skips nothing, and one that was replaced once more is not due.
func TestCorrelationLeavesNothingOut(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	const objects = 20
	for n := range objects {
		addSTIX(t, s, indicator(n, "Loader", "seen"))
	}
	last := indicator(objects-1, "Loader", "seen")
	newer := last
	newer.Version = newer.Version.Add(time.Hour)
	restored := func() {
		t.Helper()
		addSTIX(t, s, newer)
		if _, err := s.DeleteSTIX(t.Context(), fact.STIXFilter{Collection: "shared", IDs: []string{newer.ID}, Versions: fact.STIXVersions{Last: true}}); err != nil {
			t.Fatal(err)
		}
	}
	restored()
	if got := correlated(t, s, 3); got < objects {
		t.Errorf("%d of %d objects were derived", got, objects)
	}
	var entries int
	if err := s.reading.QueryRowContext(t.Context(), "SELECT count(*) FROM entry").Scan(&entries); err != nil || entries != objects {
		t.Errorf("%d of %d objects are known (%v)", entries, objects, err)
	}
	restored()
	addSTIX(t, s, newer)
	correlated(t, s, 1)
}

// TestLargeObjectsComeInParts: what waits is read a few megabytes at a time, whatever
// how many objects it is.
func TestLargeObjectsComeInParts(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	words := string(bytes.Repeat([]byte("word "), maxBodies/10))
	const objects = 6
	for n := range objects {
		addSTIX(t, s, indicator(n, "Report", words))
	}
	due, _, more, err := s.CorrelationDue(t.Context(), 500)
	if err != nil || len(due) > 3 || !more {
		t.Errorf("%d objects are due at once, more: %t (%v)", len(due), more, err)
	}
	if got := correlated(t, s, 500); got != objects {
		t.Errorf("%d of %d objects were derived", got, objects)
	}
	if n, err := s.IndexIntelligence(t.Context()); err != nil || n > 3 {
		t.Errorf("%d objects are indexed at once (%v)", n, err)
	}
	indexed(t, s)
	if got := found(t, s, "report"); got != "5 4 3 2 1 0" {
		t.Errorf("found %q", got)
	}
}

// TestWhatAlertsShowedGoesWithThem.
func TestWhatAlertsShowedGoesWithThem(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	alert := fact.Alert{
		Source: "ids", Kind: adapt.KindAlert, Received: start, Time: start, Title: "odd", Original: []byte("x"),
		AlertText: fact.AlertText{Observables: []adapt.Observable{
			{Type: adapt.TypeURL, Property: "value", Value: "http://a.example/x"},
			{Type: adapt.TypeFile, Property: correlate.PropertyTLSH, Value: "T1" + fmt.Sprintf("%070X", 7)},
		}},
	}
	if _, err := s.TakeIn(t.Context(), &fact.Batch{Source: "ids", Alerts: []fact.Alert{alert}}); err != nil {
		t.Fatal(err)
	}
	alerts, err := s.AlertsAfter(t.Context(), 0, 9)
	if err != nil || len(alerts) != 1 {
		t.Fatal(alerts, err)
	}
	match := fact.IndicatorMatch{Alert: alerts[0].Seq, Indicator: "indicator--1", Collection: "shared", Time: start}
	if err := s.PutAlertMatches(t.Context(), alerts[0].Seq, alerts, []fact.IndicatorMatch{match}); err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		t.Helper()
		if err := s.reading.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM alert_host) + (SELECT count(*) FROM alert_fuzzy) + (SELECT count(*) FROM indicator_match)`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 3 {
		t.Fatalf("%d things are kept, want 3", n)
	}
	if _, err := s.PruneAlerts(t.Context(), start.Add(time.Hour), 10); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 0 {
		t.Errorf("%d things are kept of an alert that went", n)
	}
}
