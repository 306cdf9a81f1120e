package adapt

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/cti/ctitest"
	"github.com/secant-platform/secant/analytics/vuln"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestAnAdvisory(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/advisory.json")
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := Detect(b[:min(len(b), 4<<10)]); !ok || f.Name != "csaf" {
		t.Errorf("detected as %q", f.Name)
	}
	r := one(t, csafFormat, b)
	if r.Kind != KindReport || r.Severity != 9_800 || r.Rule != "csaf:EX-2026-7" || !slices.Equal(r.CVEs, []string{"CVE-2026-1001", "CVE-2026-1003"}) ||
		!bytes.Equal(r.Original, b) || len(r.Observables) != 0 {
		t.Errorf("%+v", r)
	}
	for _, want := range []string{
		"CVE-2026-1001: The service port takes commands from anyone. CVSS 9.8", "Affected: Example Infusion Pump 300 before 4.2",
		"vendor fix: Install 4.2.", "CVE-2026-1002: A library that is not called. No product has it, the advisory says.",
	} {
		if !strings.Contains(r.Text, want) {
			t.Errorf("%q is not in %q", want, r.Text)
		}
	}
	ctitest.OfficialSchemas(t).Validate(t, r.Bundle)
	report, err := cti.ParseBundle(r.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	soft := []cti.Software{
		{Name: "Infusion Pump 300", Vendor: "Example"},
		{Name: "Infusion Pump 300", Vendor: "Example", Version: "4.1", CPE: "cpe:2.3:o:example:infusion_pump_300:4.1:*:*:*:*:*:*:*"},
	}
	if report.Marking != "green" || !slices.Equal(report.CVEs, r.CVEs) || !slices.Equal(report.Software, soft) {
		t.Errorf("%q %v %+v", report.Marking, report.CVEs, report.Software)
	}
	for _, want := range []string{`"CWE-306"`, `"related-to"`, `"EX-BUG-9"`, `"https://example.com/advisories/7"`} {
		if !bytes.Contains(r.Bundle, []byte(want)) {
			t.Errorf("%s is not in the bundle", want)
		}
	}
	if bytes.Contains(r.Bundle, []byte(`"name":"CVE-2026-1002"`)) {
		t.Error("what no product has became an object")
	}
	newer := one(t, csafFormat, bytes.ReplaceAll(b, []byte("2026-11-02T"), []byte("2026-11-03T")))
	objects, err := cti.ReadEnvelope(newer.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if o.Type == "vulnerability" && !bytes.Contains(r.Bundle, []byte(o.ID)) {
			t.Error("a newer version of the advisory has other objects")
		}
	}
}

// TestRealAdvisories holds the adapter to the reader that devices use: what that reads
// becomes a report, and what it refuses is refused.
func TestRealAdvisories(t *testing.T) {
	t.Parallel()
	schema := ctitest.OfficialSchemas(t)
	for _, c := range []struct {
		folder string
		most   int // whose bundles are held against the schemas
	}{
		{"cti/csaf-icsma", 10},
		{"health/csaf-oasis/csaf_2.0/examples/csaf", 6},
		{"health/csaf-oasis/csaf_2.0/examples/csaf/csaf_vex", 13},
		{"health/csaf-oasis/csaf_2.0/test/validator/data/mandatory", 5},
	} {
		files, err := filepath.Glob(filepath.Join(ctitest.RealData(t, c.folder), "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%v: no files in %s", err, c.folder)
		}
		read, flaws, products := 0, 0, 0
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if f, ok := Detect(b[:min(len(b), 4<<10)]); !ok || f.Name != "csaf" {
				t.Errorf("%s is detected as %q", file, f.Name)
			}
			a, refused := vuln.ParseCSAF(b)
			records, _, err := readBytes(t, csafFormat, b)
			if (err == nil) != (refused == nil) || len(records) == 0 && err == nil {
				t.Errorf("%s: %v, and the reader of devices: %v", file, err, refused)
			}
			if err != nil {
				continue
			}
			read++
			report, err := cti.ParseBundle(records[0].Bundle)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			flaws, products = flaws+len(report.CVEs), products+len(report.Software)
			for _, cve := range records[0].CVEs {
				if !slices.Contains(report.CVEs, cve) || !slices.Contains(a.CVEs(), cve) && !strings.Contains(string(b), cve) {
					t.Errorf("%s: %s", file, cve)
				}
			}
			if read <= c.most {
				schema.Validate(t, records[0].Bundle)
			}
		}
		t.Logf("%s: of %d documents %d read, with %d vulnerabilities and %d products", c.folder, len(files), read, flaws, products)
		if c.folder == "cti/csaf-icsma" && (read != len(files) || flaws < 200 || products < 100) {
			t.Errorf("of %d advisories %d were read, with %d vulnerabilities and %d products", len(files), read, flaws, products)
		}
	}
}

func TestAnAdvisoryBeyondTheBounds(t *testing.T) {
	t.Parallel()
	a := &vuln.Advisory{Tracking: "T", Title: "Many"}
	for i := range maxCSAFProducts + 5 {
		a.Products = append(a.Products, vuln.Product{Name: strings.Repeat("x", i%50+1) + string(rune('a'+i%26)), Full: "x", On: -1})
	}
	for range 10 {
		v := vuln.Vulnerability{ID: "V"}
		for i := range a.Products {
			v.Claims = append(v.Claims, vuln.Claim{Product: i, Status: vuln.StatusAffected})
		}
		a.Vulnerabilities = append(a.Vulnerabilities, v)
	}
	r, err := fromCSAF(a, []byte("{}"))
	if err != nil || !strings.Contains(r.Text, "products: 5; pairs of product and vulnerability: 10050.") {
		t.Errorf("%v: %.200q", err, r.Text[max(0, len(r.Text)-200):])
	}
	if _, _, err := readBytes(t, csafFormat, []byte(`{"document":{"csaf_version":"2.0"}}`)); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Error(err)
	}
}

func FuzzCSAF(f *testing.F) {
	b, err := os.ReadFile("testdata/advisory.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = csafFormat.Read(t.Context(), bytes.NewReader(b), func(r Record) error {
			if _, err := cti.ParseBundle(r.Bundle); err != nil {
				t.Errorf("%v: %s", err, r.Bundle)
			}
			return nil
		}, func([]byte, error) {})
	})
}
