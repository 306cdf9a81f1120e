package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
)

// TestErasedReadingsAreGoneAndOthersProven: the operator erases one request. It cannot be
// read, proven or handed in again; the proofs of its neighbours hold, new ones are made,
// and the books are in order. What is older than it is to be kept is erased as well.
func TestErasedReadingsAreGoneAndOthersProven(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	var ids []string
	var second func() int
	for _, record := range []string{`{"n":1}`, `{"n":2}`, `{"n":3}`} {
		header, body := d.sign(t, record)
		send := func() (int, string) {
			status, b := north.call("", http.MethodPost, "/v1/readings", body, header)
			var r struct{ ID string }
			_ = json.Unmarshal(b, &r)
			return status, r.ID
		}
		status, id := send()
		if status != http.StatusAccepted {
			t.Fatal(status)
		}
		if ids = append(ids, id); len(ids) == 2 {
			second = func() int { status, _ := send(); return status }
		}
	}
	given := north.bundleOf(ids[1], 0) // before
	list := func() (p fact.ReadingPage) {
		north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/units/"+d.id+"/readings", nil, &p)
		return p
	}
	north.await("the readings are listed", func() bool { return len(list().Items) == 3 })

	path := "/v1/readings/" + ids[1]
	for _, role := range []string{"auditor", "integrator", "registrar", "nurse"} {
		if status, _ := north.call(role, http.MethodDelete, path, nil, nil); status != http.StatusForbidden {
			t.Errorf("%s may erase: %d", role, status)
		}
	}
	for range 2 { // again is no fault
		if status, b := north.call("operator", http.MethodDelete, path, nil, nil); status != http.StatusNoContent {
			t.Fatalf("%d %s", status, b)
		}
	}
	if status, _ := north.call("operator", http.MethodDelete, "/v1/readings/"+strings.Repeat("0", 32), nil, nil); status != http.StatusNotFound {
		t.Errorf("what never was: %d", status)
	}
	for _, p := range []string{path, path + "/records/0", path + "/records/0/proof"} {
		if status, _ := north.call("auditor", http.MethodGet, p, nil, nil); status != http.StatusGone {
			t.Errorf("%s: %d", p, status)
		}
	}
	if status := second(); status != http.StatusGone {
		t.Errorf("handed in again: %d", status)
	}
	if got := list().Items; len(got) != 2 || got[0].ID != ids[2] || got[1].ID != ids[0] {
		t.Errorf("%+v", got)
	}
	for _, id := range []string{ids[0], ids[2]} {
		if _, err := c.verifier(t).VerifyJSON(north.bundleOf(id, 0)); err != nil {
			t.Errorf("a neighbour's proof: %v", err)
		}
	}
	if _, err := c.verifier(t).VerifyJSON(given); err != nil {
		t.Errorf("a proof that was given before: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- retain(ctx, north.node.readings, time.Millisecond, slog.New(slog.DiscardHandler)) }()
	north.await("what is too old is erased", func() bool { return len(list().Items) == 0 })
	told := func() (keys [][]string) {
		all, err := north.node.store.Events(t.Context(), "", 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			if e.Kind == fact.EventReadingsErased {
				keys = append(keys, e.Key)
			}
		}
		return keys
	}
	// Twice by hand, and once whatever retention erased.
	north.await("that is told", func() bool { return len(told()) > 2 })
	if got := told(); len(got) != 3 || got[2][0] != byRetention {
		t.Errorf("%v", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	report, err := checkNode(t.Context(), &north.cfg, c.network.Client("hospital-north"))
	if err != nil || report.Requests != 3 || report.Erased != 3 {
		t.Errorf("%+v %v", report, err)
	}
}
