package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
)

// TestAnAlertGoesByWayOfTheAuthority shares a real alert without the north's being named,
// and has three of the five members open whose it is.
func TestAnAlertGoesByWayOfTheAuthority(t *testing.T) {
	n := live(t)
	north, south := n.node(t, "hospital-north", "analyst"), n.node(t, "hospital-south", "analyst")
	begun := time.Now()
	status, b := north.do(http.MethodPost, "/v1/threats?marking=green&pseudonymous=true", cti.MediaTypeEVE, alertOf(t))
	var shared struct{ Digest, Relay string }
	if err := json.Unmarshal(b, &shared); status != http.StatusAccepted || err != nil || shared.Relay != "authority" {
		t.Fatalf("sharing the alert: %d %s", status, b)
	}
	await(t, "the report in the south", func() bool { return south.report(shared.Digest).Held })
	got := south.report(shared.Digest)
	t.Logf("in the south, by way of the authority, after %v: %s", time.Since(begun).Round(time.Millisecond), got.Title)
	if len(got.Sharers) != 1 || got.Sharers[0].Sharer != "authority" {
		t.Errorf("shared by %+v", got.Sharers)
	}

	path := "/v1/threats/" + shared.Digest + "/opening"
	south.call(http.MethodPost, path, map[string]any{"reason": "harm"}, nil)
	for i, org := range []string{"hospital-south", "hospital-east", "medtech"} {
		if status, b, err := south.try(http.MethodGet, path+"/name", "", nil); err != nil || status != http.StatusConflict {
			t.Fatalf("with %d shares the name is told: %d %s %v", i, status, b, err)
		}
		speaker := n.node(t, org, "operator")
		await(t, "the request at "+org, func() bool {
			var o struct{ Requests []any }
			status, b, err := speaker.try(http.MethodGet, path, "", nil)
			return err == nil && status == http.StatusOK && json.Unmarshal(b, &o) == nil && len(o.Requests) == 1
		})
		speaker.call(http.MethodPost, path+"/shares", map[string]any{}, nil)
	}
	var name fact.OpenedName
	await(t, "the name", func() bool {
		status, b, err := south.try(http.MethodGet, path+"/name", "", nil)
		return err == nil && status == http.StatusOK && json.Unmarshal(b, &name) == nil
	})
	if name != (fact.OpenedName{Sharer: "hospital-north", Relay: "authority", Proven: true}) {
		t.Errorf("it opens as %+v", name)
	}
}
