package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// TestWhoeverIsToldIsWhoeverWouldFind: a resource is queued for a subscription exactly
// when a search for the subscription's criteria finds it.
func TestWhoeverIsToldIsWhoeverWouldFind(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), storetest.Place(t), Options{Organisation: "hospital-north"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	round := 0
	day := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	span := rapid.Custom(func(t *rapid.T) fhir.Interval {
		low := day.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "low")) * time.Hour)
		i := fhir.Interval{Low: low, High: low.Add(time.Duration(rapid.IntRange(1, 4).Draw(t, "hours")) * time.Hour)}
		switch rapid.IntRange(0, 9).Draw(t, "open") {
		case 0:
			i.Low = time.Time{}
		case 1:
			i.High = time.Time{}
		}
		return i
	})
	rapid.Check(t, func(rt *rapid.T) {
		round++
		write := fhir.Write{Version: fhir.Version{Type: "Observation", ID: fmt.Sprintf("o%d", round), Request: fmt.Sprintf("r%d", round)}}
		for i, param := range []string{"code", "patient", "status"} {
			if v := rapid.IntRange(0, 3).Draw(rt, param); v > 0 {
				write.Keys = append(write.Keys, fhir.Key{Param: param, Value: []byte{byte(i), byte(v)}})
			}
		}
		if rapid.Bool().Draw(rt, "dated") {
			write.Spans = []fhir.Span{{Param: "date", Range: span.Draw(rt, "date")}}
		}
		q := fhir.Query{Type: rapid.SampledFrom([]string{"Observation", "Observation", "Patient"}).Draw(rt, "type")}
		for i, param := range []string{"code", "patient", "status"} {
			if n := rapid.IntRange(0, 2).Draw(rt, "asked of "+param); n > 0 {
				some := fhir.Any{Param: param}
				for range n {
					some.Values = append(some.Values, []byte{byte(i), byte(rapid.IntRange(1, 3).Draw(rt, "value"))})
				}
				q.Keys = append(q.Keys, some)
			}
		}
		if rapid.IntRange(0, 3).Draw(rt, "by id") == 0 {
			q.IDs = [][]string{{rapid.SampledFrom([]string{write.ID, "other"}).Draw(rt, "id")}}
		}
		for _, param := range rapid.SampledFrom([][]string{nil, {"date"}, {""}, {"date", ""}}).Draw(rt, "times") {
			w := fhir.When{Param: param}
			for range rapid.IntRange(1, 2).Draw(rt, "bounds") {
				b := fhir.Bound{Compare: rapid.SampledFrom([]string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"}).Draw(rt, "compare"), Range: span.Filter(func(i fhir.Interval) bool { return !i.Low.IsZero() && !i.High.IsZero() }).Draw(rt, "range")}
				if param == "" {
					b.Range = fhir.Interval{Low: time.Now().Add(-time.Minute), High: time.Now().Add(time.Minute)}
				}
				w.Bounds = append(w.Bounds, b)
			}
			q.Times = append(q.Times, w)
		}
		criteria, err := json.Marshal(q)
		if err != nil {
			rt.Fatal(err)
		}
		hook := fact.Webhook{ID: fmt.Sprintf("w%d", round), Face: fact.WebhookFHIR, State: fact.WebhookActive, Sealed: []byte{}, Created: day, Version: 1, Resource: q.Type, Criteria: criteria}
		if err := s.AddWebhook(t.Context(), &hook); err != nil {
			rt.Fatal(err)
		}
		if _, err := s.PutResources(t.Context(), []fhir.Write{write}); err != nil {
			rt.Fatal(err)
		}
		found, _, err := s.Resources(t.Context(), q, ledger.PageRequest{Size: 200})
		if err != nil {
			rt.Fatal(err)
		}
		finds := slices.ContainsFunc(found, func(v fhir.Version) bool { return v.ID == write.ID })
		m, err := s.NextMessage(t.Context(), hook.ID)
		if err != nil {
			rt.Fatal(err)
		}
		if (m != nil) != finds {
			rt.Fatalf("told %t, found %t: %+v of %+v", m != nil, finds, q, write)
		}
		if err := s.DeleteWebhook(t.Context(), hook.ID); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestResourcesThatAreNotKeptAreNotTold: what a transaction's condition refuses is told
// to nobody, and what was there already is no news.
func TestResourcesThatAreNotKeptAreNotTold(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), storetest.Place(t), Options{Organisation: "hospital-north"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hook := fact.Webhook{ID: "w", Face: fact.WebhookFHIR, State: fact.WebhookRequested, Sealed: []byte{}, Created: time.Now(), Version: 1, Resource: "Patient", Criteria: []byte(`{"Type":"Patient"}`)}
	if err := s.AddWebhook(t.Context(), &hook); err != nil {
		t.Fatal(err)
	}
	one := func(id string, match int64) fhir.Write {
		return fhir.Write{Version: fhir.Version{Type: "Patient", ID: id, Request: "r-" + id}, Match: match}
	}
	if _, err := s.PutResources(t.Context(), []fhir.Write{one("1", 0), one("2", 7)}); err == nil {
		t.Fatal("a condition does not count")
	}
	for range 2 { // the second is the same request once more
		if _, err := s.PutResources(t.Context(), []fhir.Write{one("3", 0)}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"w"}, s.TakeQueued()); diff != "" {
		t.Error(diff)
	}
	w, err := s.Webhook(t.Context(), "w")
	if err != nil || w.Waiting != 1 {
		t.Errorf("%d wait: %v", w.Waiting, err)
	}
	m, err := s.NextMessage(t.Context(), "w")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"type":"Patient","id":"3","version":1}`, string(m.Doc)); diff != "" {
		t.Error(diff)
	}
	// What another has looked through already is not queued again.
	after, there, err := s.WebhookPosition(t.Context())
	if !there || err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.QueueMessages(t.Context(), after, "1.2.3", []fact.Queued{{Webhook: "w", Kind: "x", Doc: []byte("{}")}}); err != nil {
			t.Fatal(err)
		}
	}
	if w, err := s.Webhook(t.Context(), "w"); err != nil || w.Waiting != 2 {
		t.Errorf("%d wait: %v", w.Waiting, err)
	}
}
