package app

import (
	"net/http"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestAnExploitedVulnerabilityHoldsADevice: an advisory that a person confirmed about a
// device's release is no reason to hold it, until the vulnerability stands in the
// catalogue of exploited ones: then its owner's node holds it at once, and stops
// nothing. The maker's word takes the finding away, and not the hold.
func TestAnExploitedVulnerabilityHoldsADevice(t *testing.T) {
	if testing.Short() {
		t.Skip("five nodes")
	}
	w := openWard(t)
	d := w.sound(t)
	of := "/v1/units/" + d.id
	w.north.want(http.StatusCreated, "registrar", http.MethodPost, of+"/service", map[string]any{"ward": "ICU 2", "address": "10.20.0.7", "services": []any{}}, nil)
	w.adopt(t)
	state := func() string {
		u, err := w.north.node.store.Unit(t.Context(), d.id)
		if err != nil {
			t.Fatal(err)
		}
		return u.Record.OwnState()
	}
	finding := func() string {
		var j judged
		w.north.want(http.StatusOK, "auditor", http.MethodGet, of+"/assessment", nil, &j)
		return j.result("SB-2")
	}
	if got := finding(); got != "unknown" {
		t.Errorf("compared with nothing: %s", got)
	}
	kev := func(cve string) {
		w.north.want(http.StatusOK, "risk-manager", http.MethodPut, "/v1/exploitation/kev", map[string]any{
			"catalogVersion": "2026.11.02", "dateReleased": "2026-11-02T10:00:00Z", "count": 1, "vulnerabilities": []any{map[string]any{
				"cveID": cve, "dateAdded": "2026-11-02", "dueDate": "2026-11-23", "requiredAction": "Apply updates.", "knownRansomwareCampaignUse": "Unknown",
			}},
		}, nil)
	}
	kev("CVE-2014-6271")
	id := w.north.imports(alert("EX-2026-7", "CVE-2026-10007", "2.5"))
	seen := w.north.advisory(id, "")
	if len(seen.Affected.Items) != 1 || seen.Affected.Items[0].MatchState != "possible" {
		t.Fatalf("%+v", seen)
	}
	w.north.want(http.StatusOK, "risk-manager", http.MethodPost, "/v1/matches/"+seen.Affected.Items[0].Match+"/confirmation",
		map[string]string{"verdict": "confirmed", "note": "type plate"}, nil)
	w.north.await("the comparison to find nothing that is exploited", func() bool { return finding() == "pass" })
	if got := state(); got != ledger.StateInService {
		t.Errorf("before it is exploited: %s", got)
	}

	kev("CVE-2026-10007")
	w.north.await("the device to be held", func() bool { return state() == ledger.StateHeld })
	if got := finding(); got != "fail" {
		t.Errorf("exploited: %s", got)
	}
	header, body := d.sign(t, `{"n":1}`)
	if status, b := w.north.call("", http.MethodPost, "/v1/readings", body, header); status != http.StatusAccepted {
		t.Errorf("a held device is stopped: %d %s", status, b)
	}

	vex := []byte(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://medtech.example/vex/7","author":"Medtech","timestamp":"2026-11-04T10:00:00Z","version":1,
		"statements":[{"vulnerability":{"name":"CVE-2026-10007"},"products":[{"@id":"pkg:generic/` + soundDI + `@2.0.0"}],"status":"not_affected","justification":"vulnerable_code_not_present"}]}`)
	if status, b := w.maker.call("analyst", http.MethodPost, "/v1/vex?marking=green", vex, map[string]string{"Content-Type": "application/json"}); status != http.StatusCreated {
		t.Fatalf("the maker's word: %d %s", status, b)
	}
	w.north.await("the maker's word to count", func() bool { return finding() == "pass" })
	if got := state(); got != ledger.StateHeld {
		t.Errorf("a hold ended by itself: %s", got)
	}
}
