package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/correlate"
	"github.com/secant-platform/secant/analytics/export"
)

// TestIndicatorsLeaveForWhatWatches: what is handed in leaves in each form; lists and rules
// leave out what is believed no longer, has ended, was revoked or is on a warninglist; and
// who has the list is told so until something comes.
func TestIndicatorsLeaveForWhatWatches(t *testing.T) {
	t.Parallel()
	north := newConsortium(t).start(t, "hospital-north")
	handIn := func(objects ...string) {
		body := []byte(`{"objects":[` + strings.Join(objects, ",") + `]}`)
		status, b := north.call("analyst", http.MethodPost, "/taxii2/intelligence/collections/own/objects/", body,
			map[string]string{"Accept": taxiiJSON, "Content-Type": taxiiJSON})
		if status != http.StatusAccepted || strings.Contains(string(b), `"failure_count":1`) {
			t.Fatalf("%d %s", status, b)
		}
	}
	of := func(n int, name, more string) string {
		now := time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)
		if strings.HasPrefix(name, "old") {
			now = "2020-01-01T00:00:00Z"
		}
		return fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":"indicator--a1b2c3d4-0000-4000-8000-%012d","created":%q,"modified":%q,"name":%q,
			"pattern_type":"stix","pattern":"[domain-name:value = '%s.example.org']","valid_from":%q%s}`, n, now, now, name, name, now, more)
	}
	north.want(http.StatusOK, "analyst", http.MethodPut, "/v1/warninglists", map[string]any{
		"name": "Ours", "version": 1, "description": "Own names", "type": "hostname", "list": []string{"portal.example.org"}, "matching_attributes": []string{"domain", "hostname"},
	}, &struct{ Name string }{})
	handIn(of(1, "beacon", ""), of(2, "portal", ""), of(3, "old", ""), of(4, "revoked", `,"revoked":true`), of(5, "ended", `,"valid_until":"`+time.Now().UTC().Format(time.RFC3339)+`"`),
		of(6, "named", `,"object_marking_refs":["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]`))
	var tag string
	north.await("the warninglist to be known", func() bool {
		res := north.answer("analyst", http.MethodGet, "/v1/blocklists/domain", nil, nil)
		defer res.Body.Close()
		b := make([]byte, 1_000)
		n, _ := res.Body.Read(b)
		tag = res.Header.Get("ETag")
		return res.StatusCode == http.StatusOK && string(b[:n]) == "beacon.example.org\nnamed.example.org\n" && res.Header.Get("Secant-Cut") == "false"
	})
	if status, b := north.call("analyst", http.MethodGet, "/v1/blocklists/domain", nil, map[string]string{"If-None-Match": tag}); status != http.StatusNotModified && time.Now().Minute()%10 > 0 {
		t.Errorf("asked again: %d %s", status, b)
	}
	for form, want := range map[string]string{
		"misp": `"portal.example.org"`, "csv": ",old.example.org,", "suricata": `content:"beacon.example.org"`, "sigma": "beacon.example.org", "stix": `"name":"old"`,
	} {
		res := north.answer("analyst", http.MethodGet, "/v1/intelligence/export?collection=own&form="+form, nil, nil)
		_ = res.Body.Close()
		status, b := north.call("analyst", http.MethodGet, "/v1/intelligence/export?collection=own&form="+form, nil, nil)
		if status != http.StatusOK || !strings.Contains(string(b), want) || strings.Contains(string(b), "revoked.example.org") || strings.Contains(string(b), "ended.example.org") {
			t.Errorf("%s: %d %s", form, status, b)
		}
		if rules := form == "suricata" || form == "sigma"; rules && (strings.Contains(string(b), "portal.example.org") || strings.Contains(string(b), "old.example.org")) {
			t.Errorf("%s holds what nobody believes: %s", form, b)
		}
		if got := res.Header.Get("Secant-Marking"); got != "green" {
			t.Errorf("%s is for %q", form, got)
		}
	}
	handIn(of(7, "another", ""))
	if status, b := north.call("analyst", http.MethodGet, "/v1/blocklists/domain", nil, map[string]string{"If-None-Match": tag}); status != http.StatusOK || !strings.HasPrefix(string(b), "another.example.org\n") {
		t.Errorf("asked when something came: %d %s", status, b)
	}
	if status, _ := north.call("analyst", http.MethodGet, "/v1/intelligence/export?form=stix&collection=shared", nil, nil); status != http.StatusNotFound {
		t.Errorf("of nothing: %d", status)
	}
	for _, path := range []string{"/v1/intelligence/export", "/v1/intelligence/export?form=ip", "/v1/intelligence/export?form=csv&collection=all"} {
		if status, b := north.call("analyst", http.MethodGet, path, nil, nil); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", path, status, b)
		}
	}
	for path, role := range map[string]string{"/v1/blocklists/mail": "analyst", "/v1/blocklists/ip": "integrator"} {
		if status, b := north.call(role, http.MethodGet, path, nil, nil); status == http.StatusOK {
			t.Errorf("%s by %s: %d %s", path, role, status, b)
		}
	}
}

// TestAnExportIsBounded: of more than it holds the newest are taken.
func TestAnExportIsBounded(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	var some []string
	for n := range exportPage + 50 {
		some = append(some, beacon(n, 0, fmt.Sprintf("[domain-name:value = 'n%d.example.org']", n)))
	}
	w.add(some...)
	e := newExporter(w.store, func() correlate.Rules { return correlate.Rules{} })
	if mark, err := e.Mark(t.Context(), []string{"own", "shared"}); err != nil || !strings.HasPrefix(mark, "own 1050 ") || !strings.HasSuffix(mark, "shared 0 0") {
		t.Errorf("%q, %v", mark, err)
	}
	for most, cut := range map[int]bool{exportPage + 20: true, maxExported: false} {
		e.most = most
		err := e.Indicators(t.Context(), []string{"own"}, false, func(s export.Set, more bool) error {
			want := min(most, len(some))
			if n := len(s.Indicators); n != want || more != cut || !strings.HasSuffix(s.Indicators[0].ID, fmt.Sprintf("%012d", len(some)-want)) {
				t.Errorf("of %d at most: %d, cut %t, from %s", most, n, more, s.Indicators[0].ID)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
