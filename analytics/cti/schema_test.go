package cti

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/secant-platform/secant/analytics/cti/ctitest"
)

// realData returns a path of real input, or skips visibly.
func realData(tb testing.TB, path string) string {
	tb.Helper()
	return ctitest.RealData(tb, path)
}

// TestRealAlertsBecomeSTIX converts every real alert, holds the bundles against
// the official schemas, and looks for anything that must not have been told.
func TestRealAlertsBecomeSTIX(t *testing.T) {
	t.Parallel()
	schema := ctitest.OfficialSchemas(t)
	files, err := filepath.Glob(filepath.Join(realData(t, "cti/suricata"), "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no EVE files below cti/suricata")
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var events []json.RawMessage
		if err := json.Unmarshal(b, &events); err != nil {
			t.Fatal(err)
		}
		named, attacked := 0, 0
		every := 1
		if testing.Short() {
			every = 8 // the schemas are slow to judge, and slower under the race detector
		}
		for i, e := range events {
			a, err := ParseEVE(e)
			if err != nil {
				t.Errorf("%s, alert %d: %v", file, i, err)
				continue
			}
			r, err := FromEVE(a, Sharer{ID: "hospital-north", Name: "Hospital North"}, levelGreen)
			if err != nil {
				t.Errorf("%s, alert %d: %v", file, i, err)
				continue
			}
			if i%every == 0 {
				schema.Validate(t, r.Body)
			}
			for _, side := range []endpoint{a.source, a.destination} {
				if !public(side.addr) && bytes.Contains(r.Body, []byte(side.addr.String())) {
					t.Errorf("%s, alert %d tells an internal address: %s", file, i, r.Body)
				}
			}
			named += min(len(r.Hosts), 1)
			attacked += min(len(r.Services), 1)
		}
		t.Logf("%s: %d alerts, %d name a hostile address, %d an attacked service", filepath.Base(filepath.Dir(file)), len(events), named, attacked)
	}
}
