package app

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/identity/peertest"
)

// TestAnotherImplementationIsAClient has fhir-kit-client create, read, change, search,
// page and send bundles.
func TestAnotherImplementationIsAClient(t *testing.T) {
	peer := peertest.Install(t, "fhir", "fhir")
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	token, err := Token(north.cfg, "integrator", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	out := peertest.Run[map[string]any](t, peer, north.url+"/fhir", token, d.id)
	delete(out, "created")
	list := func(values ...any) []any { return values }
	want := map[string]any{
		"version": "4.0.1", "token": north.url + "/oauth/token", "read": 60.0, "updated": "2", "before": "final", "history": list("2", "1"),
		"transaction": list("201 Created", "201 Created", "201 Created", "201 Created"),
		"found":       list("2026-11-30T10:00:04Z", "2026-11-30T10:00:03Z", "2026-11-30T10:00:02Z", "2026-11-30T10:00:01Z", "2026-11-30T10:00:00Z"),
		"members":     3.0, "posted": 2.0, "batch": list("200 OK", "404 Not Found"),
		"refused": list(422.0, "OperationOutcome", "Observation.status", "Observation.code"),
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
}
