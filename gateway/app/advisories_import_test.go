package app

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/gateway/bulk"
)

// imported runs `secant import` against a node and returns what it prints.
func (r *running) imported(args ...string) (string, error) {
	r.t.Helper()
	return r.importedAs("risk-manager", args...)
}

func (r *running) importedAs(role string, args ...string) (string, error) {
	r.t.Helper()
	token, err := Token(r.cfg, role, time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	file := filepath.Join(r.t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		r.t.Fatal(err)
	}
	c := bulk.Command()
	c.SilenceErrors, c.SilenceUsage = true, true
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(append(args, "--node", r.url, "--token", file))
	err = c.ExecuteContext(r.t.Context())
	return out.String(), err
}

// TestImportedAdvisoriesAreRanked: the samples of README.md from files, and what is
// exploited comes first.
func TestImportedAdvisoriesAreRanked(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	maker, north := c.start(t, "medtech"), c.start(t, "hospital-north")
	maker.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/models", map[string]any{
		"di": "04012345670011", "name": "Syringe pump", "modelNumber": "SP-2", "riskClass": "IIb",
	}, nil)
	sbom, err := os.ReadFile("../../network/demo/samples/pump-3.4.1.cdx.json")
	if err != nil {
		t.Fatal(err)
	}
	if status, b := maker.call("registrar", http.MethodPut, "/v1/models/04012345670011/releases/3.4.1", sbom, map[string]string{"Content-Type": "application/vnd.cyclonedx+json"}); status != http.StatusCreated {
		t.Fatalf("%d %s", status, b)
	}
	maker.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/units", map[string]any{
		"serial": "SP2-1", "di": "04012345670011", "lot": "L1", "release": "3.4.1", "owner": "hospital-north",
	}, nil)
	north.await("the unit to be known", func() bool {
		_, b := north.call("auditor", http.MethodGet, "/v1/units?owner=hospital-north", nil, nil)
		return strings.Contains(string(b), "04012345670011")
	})

	folder := t.TempDir()
	for name, text := range map[string]string{
		"shellshock.json": `{"id":"CVE-2014-6271","modified":"2026-11-02T10:00:00Z","summary":"bash runs what stands behind a function","affected":[{"package":{"ecosystem":"","name":"bash","purl":"pkg:generic/bash"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"last_affected":"4.3"}]}]}]}`,
		"broken.json":     `{"document":{"category":"csaf_base"}}`,
		"notes.txt":       "no advisory",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := north.imported("advisories", "../../network/demo/samples/pump.csaf.json", folder)
	if err == nil || !strings.Contains(out, "EX-2026-0001 added, 1 units") || !strings.Contains(out, "CVE-2014-6271 added, 0 units") ||
		!strings.Contains(out, "broken.json: the advisory does not follow the schema of CSAF 2.0") || !strings.Contains(out, "2 added, 0 updated, 0 unchanged, 1 files refused") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := north.imported("advisories", "../../network/demo/samples/pump.csaf.json"); err != nil || !strings.Contains(out, "EX-2026-0001 unchanged, 1 units") {
		t.Errorf("%v\n%s", err, out)
	}
	// The maker's node holds the bill of its own release.
	if out, err := maker.imported("advisories", filepath.Join(folder, "shellshock.json")); err != nil || !strings.Contains(out, "CVE-2014-6271 added, 1 units") {
		t.Errorf("%v\n%s", err, out)
	}

	kev := filepath.Join(folder, "kev.json")
	epss := filepath.Join(folder, "epss.csv")
	for file, text := range map[string]string{
		kev:  `{"catalogVersion":"2026.11.02","dateReleased":"2026-11-02T10:00:00Z","count":1,"vulnerabilities":[{"cveID":"CVE-2014-6271","dateAdded":"2022-01-28","dueDate":"2022-07-28","requiredAction":"Apply updates.","knownRansomwareCampaignUse":"Unknown"}]}`,
		epss: "#model_version:v2025.03.14,score_date:2026-11-02T00:00:00+0000\ncve,epss,percentile\nCVE-2014-6271,0.94,0.999\nCVE-2026-10001,0.01,0.5\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := north.imported("kev", kev); err != nil || out != "1 entries taken in\n" {
		t.Errorf("%v %s", err, out)
	}
	if out, err := north.imported("epss", epss); err != nil || out != "2 entries taken in\n" {
		t.Errorf("%v %s", err, out)
	}
	var list struct {
		Items []struct {
			Tracking        string
			Exploited       bool
			Likelihood      int
			Vulnerabilities []struct {
				Exploited *struct{ Action string }
			}
		}
	}
	north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/advisories", nil, &list)
	if len(list.Items) != 2 || list.Items[0].Tracking != "CVE-2014-6271" || !list.Items[0].Exploited || list.Items[0].Likelihood != 940_000 ||
		list.Items[0].Vulnerabilities[0].Exploited.Action != "Apply updates." || list.Items[1].Exploited {
		t.Errorf("%+v", list)
	}
	north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/advisories?matching=true&sort=score", nil, &list)
	if len(list.Items) != 1 || list.Items[0].Tracking != "EX-2026-0001" {
		t.Errorf("%+v", list)
	}
	// The sample statement of the maker takes the match away.
	vex, err := os.ReadFile("../../network/demo/samples/pump.openvex.json")
	if err != nil {
		t.Fatal(err)
	}
	if status, b := maker.call("analyst", http.MethodPost, "/v1/vex?marking=green", vex, map[string]string{"Content-Type": "application/json"}); status != http.StatusCreated {
		t.Fatalf("%d %s", status, b)
	}
	north.await("the maker's word to take effect", func() bool {
		north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/advisories?matching=true", nil, &list)
		return len(list.Items) == 0
	})
}
