package collect

import (
	"bytes"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// What says no time has that at which it came first, also when it comes again.
func TestWhatSaysNoTimeHasThatOfItsArrival(t *testing.T) {
	t.Parallel()
	w, begin := newWorld(t), time.Now().Add(-time.Second)
	page := []byte("<html><head><title>Campaign</title></head><body>It calls 203.0.113[.]9 and evil[.]example.</body></html>")
	var first []fact.STIXObject
	for turn, want := range []Outcome{{New: 1}, {Known: 1}} {
		got, err := w.collector().Take(t.Context(), "test", named(t, "html"), page)
		if err != nil || got.New != want.New || got.Known != want.Known {
			t.Fatalf("time %d: %+v, %v", turn, got, err)
		}
		objects, _, err := w.store.STIX(t.Context(), fact.STIXFilter{Collection: "own", Versions: fact.STIXVersions{All: true}}, 1_000, true)
		if err != nil || len(objects) == 0 {
			t.Fatalf("%d objects, %v", len(objects), err)
		}
		for i := range objects {
			if bytes.Contains(objects[i].Body, []byte(cti.Undated)) {
				t.Errorf("an object is not dated: %s", objects[i].Body)
			}
		}
		if turn == 0 {
			first = objects
		} else if len(objects) != len(first) {
			t.Errorf("%d objects, and %d after the report came again", len(first), len(objects))
		}
		time.Sleep(2 * time.Millisecond) // so that the time is another one
		w.restart()
	}
	alert := []byte(`CEF:0|V|P|1|100|seen|5|src=203.0.113.9`)
	if _, err := w.collector().Take(t.Context(), "test", named(t, "cef"), append(alert, '\n')); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []adapt.Kind{adapt.KindReport, adapt.KindAlert} {
		got, err := w.store.Alerts(t.Context(), fact.AlertFilter{Kind: kind}, ledger.PageRequest{Size: 10})
		if err != nil || len(got.Items) != 1 {
			t.Fatalf("%s: %d, %v", kind, len(got.Items), err)
		}
		if a := got.Items[0]; a.Time.Before(begin) || !a.Time.Equal(a.Received) {
			t.Errorf("%s: time %s, received %s", kind, a.Time, a.Received)
		}
	}
}
