package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/cti/ctitest"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/rest"
)

// referenceData writes vocabularies of the forms of ATT&CK, CAPEC and CWE, in words of our
// own, and has a node take them in, with a catalogue, a score and an advisory of one
// vulnerability.
func referenceData(t *testing.T, r *running) {
	t.Helper()
	dir := t.TempDir()
	object := func(kind, source, id, name, more string) string {
		return fmt.Sprintf(`{"type":%q,"id":"%s--%s","name":%q,"external_references":[{"source_name":%q,"external_id":%q}]%s}`, kind, kind, id, name, source, id, more)
	}
	bundle := func(objects ...string) string {
		return `{"type":"bundle","id":"bundle--1","objects":[` + strings.Join(objects, ",") + `]}`
	}
	phase := `,"kill_chain_phases":[{"kill_chain_name":"mitre-attack","phase_name":"entering"}]`
	for name, text := range map[string]string{
		"attack.json": bundle(object("x-mitre-tactic", "mitre-attack", "TA9001", "Entering", `,"x_mitre_shortname":"entering"`),
			object("attack-pattern", "mitre-attack", "T9001", "Badge Cloning", phase),
			object("attack-pattern", "mitre-attack", "T9000", "Badge Theft", `,"revoked":true`),
			`{"type":"relationship","id":"relationship--1","relationship_type":"revoked-by","source_ref":"attack-pattern--T9000","target_ref":"attack-pattern--T9001"}`),
		"capec.json": bundle(object("attack-pattern", "capec", "CAPEC-901", "Asking for the badge", "")),
		"cwe.csv":    "CWE-ID,Name,Status,Description\n901,Nobody is asked,Draft,\n",
		"own.csv":    "id,name\nT9001,Not of ATT&CK\n",
	} {
		file := filepath.Join(dir, name)
		write(t, file, text)
		if out, err := r.importedAs("operator", "vocabulary", file, "--as", "a-"+strings.TrimSuffix(name, filepath.Ext(name))); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	kev := filepath.Join(dir, "kev.json")
	write(t, kev, `{"catalogVersion":"2026.11.01","dateReleased":"2026-11-01T00:00:00Z","count":1,"vulnerabilities":[{"cveID":"CVE-2026-9001","dateAdded":"2026-10-30","dueDate":"2026-11-20","requiredAction":"Update.","knownRansomwareCampaignUse":"Known"}]}`)
	epss := filepath.Join(dir, "epss.csv")
	write(t, epss, "cve,epss,percentile\nCVE-2026-9001,0.75,0.99\n")
	advisory := filepath.Join(dir, "advisory.json")
	write(t, advisory, strings.Replace(string(alert("EX-2026-9001", "CVE-2026-9001", "4.2")), `"cve":"CVE-2026-9001",`, `"cve":"CVE-2026-9001","cwe":{"id":"CWE-901","name":"Nobody is asked"},`, 1))
	for _, args := range [][]string{{"kev", kev}, {"epss", epss}, {"advisories", advisory}} {
		if out, err := r.importedAs("risk-manager", args...); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
}

// TestWhatIsNamedIsKnown: ids come with what the node's own reference data say of them,
// wherever they are looked up.
func TestWhatIsNamedIsKnown(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north := c.start(t, "hospital-north")
	known := func(id string) (k rest.KnownContext) {
		north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/known/"+id, nil, &k)
		return k
	}
	if k := known("T9001"); len(k.Techniques) != 1 || k.Techniques[0].ID != "T9001" || k.Techniques[0].Name != "" {
		t.Errorf("before anything was imported: %+v", k)
	}
	referenceData(t, north)
	technique := func(k rest.KnownContext) bool {
		return len(k.Techniques) == 1 && k.Techniques[0].Name == "Badge Cloning" && k.Techniques[0].Vocabulary == "a-attack" && len(k.Techniques[0].Version) == 64 &&
			len(k.Techniques[0].Parents) == 1 && k.Techniques[0].Parents[0] == fact.KnownName{ID: "TA9001", Name: "Entering"}
	}
	vulnerability := func(k rest.KnownContext) bool {
		if len(k.Vulnerabilities) != 1 || len(k.Weaknesses) != 1 {
			return false
		}
		v := k.Vulnerabilities[0]
		return v.ID == "CVE-2026-9001" && v.Exploited && v.Ransomware && v.Due.Day() == 20 && v.Likelihood == 750_000 && v.Percentile == 990_000 && v.Advisories == 1 && v.Score == 81 &&
			k.Weaknesses[0].Name == "Nobody is asked"
	}
	if k := known("T9001"); !technique(k) {
		t.Errorf("%+v", k)
	}
	if k := known("T9000"); len(k.Techniques) != 1 || !k.Techniques[0].Deprecated || k.Techniques[0].Successor == nil || k.Techniques[0].Successor.ID != "T9001" {
		t.Errorf("%+v", k)
	}
	if k := known("CAPEC-901"); len(k.Patterns) != 1 || k.Patterns[0].Name != "Asking for the badge" {
		t.Errorf("%+v", k)
	}
	if k := known("CVE-2026-9001"); !vulnerability(k) {
		t.Errorf("%+v", k)
	}
	if k := known("CVE-2026-9002"); len(k.Vulnerabilities) != 1 || k.Vulnerabilities[0].Exploited || k.Vulnerabilities[0].Likelihood != 0 || k.Vulnerabilities[0].Weaknesses == nil {
		t.Errorf("%+v", k)
	}
	if status, _ := north.call("analyst", http.MethodGet, "/v1/known/T90", nil, nil); status != http.StatusUnprocessableEntity {
		t.Errorf("what is no id: %d", status)
	}

	// An indicator that names all of it, and an alert that shows it.
	body := `{"type":"bundle","id":"bundle--a1b2c3d4-0000-4000-8000-000000000001","objects":[{"type":"indicator","spec_version":"2.1","id":"indicator--a1b2c3d4-0000-4000-8000-000000000001",
		"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"Glimmerfox by T9001 and CAPEC-901","description":"CVE-2026-9001",
		"pattern":"[ipv4-addr:value = '198.51.100.7']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"}]}`
	for source, text := range map[string]string{"feed": body, "nids": strings.Replace(eveLine(1), `"severity":1`, `"severity":1,"metadata":{"mitre_technique_id":["T9001"],"cve":["CVE_2026_9001"]}`, 1) + "\n"} {
		if status, answer := north.call("integrator", http.MethodPost, "/v1/intelligence/"+source, []byte(text), nil); status != http.StatusOK || !strings.Contains(string(answer), `"new":1`) {
			t.Fatalf("%d %s", status, answer)
		}
	}
	var matches rest.List[rest.IndicatorMatch]
	north.await("the match", func() bool {
		north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/matches", nil, &matches)
		return len(matches.Items) == 1
	})
	if k := matches.Items[0].Known; !technique(k) || !vulnerability(k) || len(k.Patterns) != 1 {
		t.Errorf("%+v", k)
	}
	var observable rest.KnownObservable
	north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/observables/ipv4-addr?value=198.51.100.7", nil, &observable)
	if k := observable.Known; !technique(k) || !vulnerability(k) || len(k.Patterns) != 1 {
		t.Errorf("%+v", k)
	}
	var found rest.List[rest.Found]
	north.await("the words", func() bool {
		north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/intelligence?q=glimmerfox", nil, &found)
		return len(found.Items) == 1
	})
	if k := found.Items[0].Known; !technique(k) || !vulnerability(k) || len(k.Patterns) != 1 {
		t.Errorf("%+v", k)
	}
	var alert rest.AlertWithOriginal
	north.want(http.StatusOK, "analyst", http.MethodGet, fmt.Sprint("/v1/alerts/", matches.Items[0].Alert), nil, &alert)
	if k := alert.Known; !technique(k) || !vulnerability(k) {
		text, _ := json.Marshal(alert)
		t.Errorf("%s", text)
	}
}

// TestRealTermsAreKnown: ATT&CK and CAPEC as they are published.
func TestRealTermsAreKnown(t *testing.T) {
	if testing.Short() {
		t.Skip("reads all of ATT&CK")
	}
	t.Parallel()
	w := newWatch(t)
	l := newLabeller(w.store)
	e := newEnricher(w.store, l)
	for name, path := range map[string]string{"attack": "cti/attack/enterprise-attack-18.1.stix20.json.gz", "capec": "cti/capec/stix-capec-2.1.json.gz"} {
		body, err := os.ReadFile(ctitest.RealData(t, path))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Import(t.Context(), name, body); err != nil {
			t.Fatal(err)
		}
	}
	names := cti.NamesIn(10, "T1059.001 and CAPEC-66")
	start := time.Now()
	k, err := e.Known(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	first := time.Since(start)
	if p := k[0].Techniques[0]; p.Name != "PowerShell" || !slices.Contains(p.Parents, fact.KnownName{ID: "TA0002", Name: "Execution"}) || !slices.Contains(p.Parents, fact.KnownName{ID: "T1059", Name: "Command and Scripting Interpreter"}) {
		t.Errorf("%+v", p)
	}
	if p := k[0].Patterns[0]; p.Name != "SQL Injection" || p.Vocabulary != "capec" {
		t.Errorf("%+v", p)
	}
	start = time.Now()
	const times = 100
	for range times {
		if _, err := e.Known(t.Context(), names); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d terms: the first answer took %v, others %v", len(e.terms), first, time.Since(start)/times)
}
