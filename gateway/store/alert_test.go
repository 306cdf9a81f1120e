package store_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

var alertDay = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

func toolAlert(n int, received time.Time, kind adapt.Kind) fact.Alert {
	original := fmt.Appendf(nil, "alert %d", n)
	return fact.Alert{
		Source: "ids", Digest: sha256.Sum256(original), Format: "eve", Kind: kind, Received: received, Time: alertDay.Add(time.Duration(n) * time.Minute),
		Severity: 1_000 * (n % 10), Title: fmt.Sprintf("seen %d", n), Rule: fmt.Sprintf("rule:%d", n%2),
		AlertText: fact.AlertText{Observables: []adapt.Observable{{Type: "ipv4-addr", Property: "value", Value: fmt.Sprintf("192.0.2.%d", n%5)}}},
		Original:  original,
	}
}

func openAlerts(t *testing.T, n int, received time.Time) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), storetest.Place(t), store.Options{Organisation: "north"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b := fact.Batch{Source: "ids", Checkpoint: []byte("{}")}
	for i := range n {
		kind := adapt.KindAlert
		if i == 0 {
			kind = adapt.KindReport
		}
		b.Alerts = append(b.Alerts, toolAlert(i, received, kind))
	}
	for again := range 2 {
		out, err := s.TakeIn(t.Context(), &b)
		if err != nil {
			t.Fatal(err)
		}
		if want := (fact.BatchOutcome{New: n * (1 - again), Known: n * again}); out != want {
			t.Fatalf("time %d: %+v, want %+v", again, out, want)
		}
	}
	return s
}

func TestAlertsAreFound(t *testing.T) {
	t.Parallel()
	s := openAlerts(t, 20, time.Now())
	count := func(f fact.AlertFilter) int {
		t.Helper()
		n, page := 0, ledger.PageRequest{Size: 3}
		for last := time.Now().Add(time.Hour); ; {
			got, err := s.Alerts(t.Context(), f, page)
			if err != nil {
				t.Fatal(err)
			}
			for i := range got.Items {
				if got.Items[i].Time.After(last) {
					t.Errorf("%s is behind %s", got.Items[i].Time, last)
				}
				last = got.Items[i].Time
			}
			if n += len(got.Items); got.Next == "" {
				return n
			}
			page.Bookmark = got.Next
		}
	}
	for name, c := range map[string]struct {
		f    fact.AlertFilter
		want int
	}{
		"all":      {fact.AlertFilter{}, 19},
		"reports":  {fact.AlertFilter{Kind: adapt.KindReport}, 1},
		"time":     {fact.AlertFilter{From: alertDay.Add(5 * time.Minute), To: alertDay.Add(8 * time.Minute)}, 3},
		"severity": {fact.AlertFilter{Severity: 8_000}, 4},
		"rule":     {fact.AlertFilter{Rule: "rule:1"}, 10},
		"source":   {fact.AlertFilter{Source: "other"}, 0},
		"value":    {fact.AlertFilter{Value: "192.0.2.3"}, 4},
		"mapped":   {fact.AlertFilter{Value: "::ffff:192.0.2.3", Severity: 8_000}, 2},
	} {
		if got := count(c.f); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	after, err := s.AlertsAfter(t.Context(), 18, 100)
	if err != nil || len(after) != 2 || after[1].Seq != 20 {
		t.Fatalf("behind 18: %v %v", after, err)
	}
	one, err := s.Alert(t.Context(), 20)
	if err != nil || string(one.Original) != "alert 19" || one.Digest != sha256.Sum256(one.Original) {
		t.Errorf("got %+v %v", one, err)
	}
	if _, err := s.Alert(t.Context(), 21); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("got %v", err)
	}
}

func TestOldAlertsGo(t *testing.T) {
	t.Parallel()
	s := openAlerts(t, 20, time.Now().Add(-2*time.Hour))
	left := func() (alerts, reports int) {
		t.Helper()
		a, err := s.Alerts(t.Context(), fact.AlertFilter{}, ledger.PageRequest{Size: 100})
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Alerts(t.Context(), fact.AlertFilter{Kind: adapt.KindReport}, ledger.PageRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return len(a.Items), len(r.Items)
	}
	prune := func(before time.Time, most int64) {
		t.Helper()
		if more, err := s.PruneAlerts(t.Context(), before, most); err != nil || more {
			t.Fatal(more, err)
		}
	}
	prune(time.Now().Add(-3*time.Hour), 100)
	if a, r := left(); a != 19 || r != 1 {
		t.Errorf("what is young went: %d, %d", a, r)
	}
	prune(time.Now().Add(-3*time.Hour), 10)
	if a, r := left(); a != 10 || r != 0 {
		t.Errorf("beyond the number stay: %d, %d", a, r)
	}
	prune(time.Now().Add(-time.Hour), 100)
	if a, _ := left(); a != 0 {
		t.Errorf("beyond the age stay: %d", a)
	}
	if got, err := s.Alerts(t.Context(), fact.AlertFilter{Value: "192.0.2.3"}, ledger.PageRequest{}); err != nil || len(got.Items) != 0 {
		t.Errorf("by value: %v %v", got, err)
	}
	if seq, err := s.LastAlert(t.Context()); err != nil || seq < 20 {
		t.Errorf("a number comes again: %d %v", seq, err)
	}
}

func TestASourceThatFailsIsSaidOnce(t *testing.T) {
	t.Parallel()
	s := openAlerts(t, 1, time.Now())
	for range 3 {
		if err := s.SourceFailed(t.Context(), "ids", "it is not there"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Sources(t.Context())
	if err != nil || len(got) != 1 || got[0].Failing.IsZero() || got[0].Failure != "it is not there" || got[0].New != 1 || got[0].Known != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	for range 3 {
		if err := s.SourceRead(t.Context(), "ids"); err != nil {
			t.Fatal(err)
		}
	}
	events, err := s.Events(t.Context(), "", 10)
	if err != nil || len(events) != 2 || events[0].Kind != fact.EventSourceFailed || events[1].Kind != fact.EventSourceRecovered || events[0].Key[1] != "ids" {
		t.Fatalf("%+v %v", events, err)
	}
	if got, err = s.Sources(t.Context()); err != nil || !got[0].Failing.IsZero() || got[0].Success.IsZero() || got[0].Failure != "" {
		t.Fatalf("%+v %v", got, err)
	}
}
