package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
)

// alert is an advisory of our own wording about the monitor of the tests, in
// releases before one.
func alert(id, cve, before string) []byte {
	return []byte(strings.NewReplacer("{id}", id, "{cve}", cve, "{before}", before).Replace(`{"document":{"category":"csaf_security_advisory","csaf_version":"2.0",
"title":"Monitors take settings from anybody","publisher":{"category":"coordinator","name":"Example CERT","namespace":"https://cert.example"},
"notes":[{"category":"summary","text":"Whoever reaches the monitor over the network can change its alarm limits."}],
"tracking":{"id":"{id}","status":"final","version":"1","current_release_date":"2026-11-02T10:00:00Z","initial_release_date":"2026-11-02T10:00:00Z",
"revision_history":[{"number":"1","date":"2026-11-02T10:00:00Z","summary":"First edition"}]}},
"product_tree":{"branches":[{"category":"vendor","name":"medtech","branches":[{"category":"product_name","name":"Bedside monitor","branches":[
{"category":"product_version_range","name":"prior to {before}","product":{"product_id":"P1","name":"medtech Bedside monitor: versions prior to {before}"}}]}]}]},
"vulnerabilities":[{"cve":"{cve}","notes":[{"category":"summary","text":"No password is asked for."}],"product_status":{"known_affected":["P1"]},
"remediations":[{"category":"mitigation","details":"Keep monitors on a network of their own.","product_ids":["P1"]},{"category":"vendor_fix","details":"Update to {before}.","product_ids":["P1"]}],
"scores":[{"products":["P1"],"cvss_v3":{"version":"3.1","vectorString":"CVSS:3.1/AV:A/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:H","baseScore":8.1,"baseSeverity":"HIGH"}}]}]}`))
}

// advised is what the tests read of an advisory.
type advised struct {
	ID        string
	Units     int
	Open      int
	Exploited bool
	Affected  struct {
		Items []affectedUnit
	}
}

type affectedUnit struct {
	Unit, Owner, State, Model, Release, Match, MatchState, Basis string
	Confidence                                                   int
	Reasons                                                      []string
	Vulnerabilities                                              []struct{ ID, Status, Justification, Document string }
	Actions                                                      []struct{ Category, Detail string }
}

// imports hands an advisory in and returns its id.
func (r *running) imports(body []byte) string {
	r.t.Helper()
	var got struct {
		Items []struct{ ID, Outcome string }
	}
	status, b := r.call("risk-manager", http.MethodPost, "/v1/advisories", body, map[string]string{"Content-Type": "application/json"})
	if status != http.StatusOK || json.Unmarshal(b, &got) != nil || len(got.Items) != 1 {
		r.t.Fatalf("importing: %d %s", status, b)
	}
	return got.Items[0].ID
}

func (r *running) advisory(id, query string) advised {
	r.t.Helper()
	var v advised
	r.want(http.StatusOK, "analyst", http.MethodGet, "/v1/advisories/"+id+query, nil, &v)
	return v
}

// TestFromAdvisoryToUnits: an advisory by names alone is offered, a person's word is
// remembered for the next one, and the maker's word takes a match away at a
// hospital's node, while nobody else's does.
func TestFromAdvisoryToUnits(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	maker, north := c.start(t, "medtech"), c.start(t, "hospital-north")
	model(maker)
	d := commission(t, maker, north, "SN-1")

	id := north.imports(alert("EX-2026-1", "CVE-2026-10001", "2.0"))
	seen := north.advisory(id, "")
	if seen.Units != 1 || seen.Open != 1 || len(seen.Affected.Items) != 1 {
		t.Fatalf("%+v", seen)
	}
	u := seen.Affected.Items[0]
	if u.Unit != d.id || u.Owner != "hospital-north" || u.State != "in_service" || u.Release != "1.0.0" || u.MatchState != "possible" ||
		u.Basis != "model" || len(u.Reasons) != 1 || len(u.Actions) != 2 || u.Actions[0].Category != "vendor_fix" {
		t.Errorf("%+v", u)
	}
	events, err := north.node.store.Events(t.Context(), "", 1000)
	if err != nil || !slices.ContainsFunc(events, func(e fact.Event) bool {
		return e.Kind == fact.EventAdvisoryMatched && slices.Equal(e.Key, []string{"advisory", id}) && slices.Equal(e.Subjects, []string{d.id})
	}) {
		t.Errorf("no event tells of it: %v", err)
	}

	// A person says that it is this model; the next advisory needs nobody.
	north.want(http.StatusOK, "risk-manager", http.MethodPost, "/v1/matches/"+u.Match+"/confirmation", map[string]string{"verdict": "confirmed", "note": "type plate"}, nil)
	if u := north.advisory(id, "").Affected.Items[0]; u.MatchState != "affected" || u.Confidence != 9900 {
		t.Errorf("after the confirmation: %+v", u)
	}
	next := north.imports(alert("EX-2026-2", "CVE-2026-10002", "3.1"))
	if got := north.advisory(next, ""); len(got.Affected.Items) != 1 || got.Affected.Items[0].MatchState != "affected" || got.Open != 0 {
		t.Errorf("the next advisory: %+v", got)
	}
	if got := north.advisory(north.imports(alert("EX-2026-3", "CVE-2026-10003", "1.0")), ""); got.Units != 0 {
		t.Errorf("an advisory on older releases: %+v", got)
	}
	// A new edition of the first one keeps what was said.
	again := strings.Replace(string(alert("EX-2026-1", "CVE-2026-10001", "2.1")), `"current_release_date":"2026-11-02`, `"current_release_date":"2026-11-03`, 1)
	if got := north.advisory(north.imports([]byte(again)), ""); got.ID != id || got.Affected.Items[0].MatchState != "affected" {
		t.Errorf("a new edition: %+v", got)
	}

	// Another member's word changes nothing, the maker's does.
	vex := []byte(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://medtech.example/vex/1","author":"Medtech","timestamp":"2026-11-04T10:00:00Z","version":1,
		"statements":[{"vulnerability":{"name":"CVE-2026-10001"},"products":[{"@id":"pkg:generic/DI-1@1.0.0"}],"status":"not_affected","justification":"vulnerable_code_not_present"}]}`)
	share := func(r *running) string {
		status, b := r.call("analyst", http.MethodPost, "/v1/vex?marking=green", vex, map[string]string{"Content-Type": "application/json"})
		var made struct{ Digest string }
		if status != http.StatusCreated || json.Unmarshal(b, &made) != nil {
			t.Fatalf("sharing: %d %s", status, b)
		}
		return made.Digest
	}
	others := share(north)
	north.await("north's own document to be read", func() bool {
		_, b := north.call("analyst", http.MethodGet, "/v1/threats/"+others, nil, nil)
		return strings.Contains(string(b), `"title":"VEX: OpenVEX"`)
	})
	if got := north.advisory(id, ""); len(got.Affected.Items) != 1 {
		t.Errorf("a hospital's word took effect: %+v", got)
	}
	digest := share(maker)
	north.await("the maker's word to take effect", func() bool { return north.advisory(id, "").Units == 0 })
	gone := north.advisory(id, "?state=not_affected")
	if len(gone.Affected.Items) != 1 {
		t.Fatalf("%+v", gone)
	}
	if v := gone.Affected.Items[0].Vulnerabilities[0]; v.Status != "not_affected" || v.Justification != "vulnerable_code_not_present" || v.Document != digest {
		t.Errorf("%+v", v)
	}
	if got := north.advisory(next, ""); got.Units != 1 {
		t.Errorf("it took another advisory away: %+v", got)
	}
	// The unit tells both.
	var of struct {
		Items []struct{ Tracking, MatchState string }
	}
	north.want(http.StatusOK, "nurse", http.MethodGet, "/v1/units/"+d.id+"/vulnerabilities", nil, &of)
	if fmt.Sprint(of.Items) != "[{EX-2026-2 affected} {EX-2026-1 not_affected}]" {
		t.Errorf("of the unit: %v", of.Items)
	}
	// A VEX document is no warning: it matches no device.
	if _, b := north.call("analyst", http.MethodGet, "/v1/threats/"+digest, nil, nil); !strings.Contains(string(b), `"matches":[]`) {
		t.Errorf("%s", b)
	}
}
