package adapt

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var updateScans = flag.Bool("update-scans", false, "write what the scanners' files are read as")

// scanned is what came of a file.
type scanned struct {
	good []Record
	bad  [][]byte
	why  []error
	err  error
}

func scanBy(tb testing.TB, name string, r io.Reader) scanned {
	tb.Helper()
	f, ok := Lookup(name)
	if !ok {
		tb.Fatalf("no format %q", name)
	}
	var s scanned
	s.err = f.Read(context.Background(), r, func(rec Record) error {
		s.good = append(s.good, rec)
		return nil
	}, func(b []byte, why error) {
		s.bad, s.why = append(s.bad, b), append(s.why, why)
	})
	return s
}

// inOrder fails unless every record is as Record promises, and a part of the file.
func (s *scanned) inOrder(t *testing.T, file []byte) {
	t.Helper()
	for _, r := range s.good {
		switch {
		case r.Kind != KindScan:
			t.Errorf("a finding is a %q", r.Kind)
		case r.Severity < 0 || r.Severity > 10_000:
			t.Errorf("a severity of %d", r.Severity)
		case r.Rule == "" || len([]rune(r.Rule)) > maxRule:
			t.Errorf("a rule %q", r.Rule)
		case len([]rune(r.Title)) > maxTitle || strings.ContainsFunc(r.Title, func(c rune) bool { return !unicode.IsPrint(c) }):
			t.Errorf("a title %q", r.Title)
		case len(r.Original) == 0 || !bytes.Contains(file, r.Original):
			t.Errorf("the original of %q is no part of the file", r.Title)
		case !slices.IsSorted(r.CVEs) || r.Time.Location() != time.UTC:
			t.Errorf("%q: CVEs %v at %v", r.Title, r.CVEs, r.Time)
		}
	}
	for _, b := range s.bad {
		if !bytes.Contains(file, b) {
			t.Errorf("what was refused is no part of the file: %.100q", b)
		}
	}
	for _, err := range append(s.why, s.err) {
		if _, ok := errors.AsType[*ledger.Problem](err); err != nil && !ok {
			t.Errorf("an error that is no problem: %v", err)
		}
	}
}

// told writes records as lines, one each.
func (s *scanned) told() string {
	var b strings.Builder
	for _, r := range s.good {
		at := "-"
		if !r.Time.IsZero() {
			at = r.Time.Format(time.RFC3339Nano)
		}
		var seen []string
		for _, o := range r.Observables {
			seen = append(seen, o.Type+"="+o.Value)
		}
		fmt.Fprintf(&b, "%s | %s | %d | %s | %s | %v | %+v | %v | %d bytes\n", r.Rule, r.Title, r.Severity, at, strings.Join(r.CVEs, " "), r.Techniques, r.Asset, seen, len(r.Original))
	}
	for i := range s.why {
		fmt.Fprintf(&b, "refused: %v (%d bytes)\n", s.why[i], len(s.bad[i]))
	}
	if s.err != nil {
		fmt.Fprintf(&b, "error: %v\n", s.err)
	}
	return b.String()
}

// ownScans are the files of testdata and their formats.
var ownScans = map[string]string{
	"nmap.xml": "nmap", "nessus.xml": "nessus", "nessus.csv": "nessus", "gvm.xml": "openvas", "openvas.csv": "openvas",
	"qualys.csv": "qualys", "qualys-scan.xml": "qualys", "qualys-detections.xml": "qualys", "trivy.json": "trivy", "grype.json": "grype",
	"tool-last.sarif": "sarif", "osv.json": "osv", "cyclonedx.json": "cyclonedx", "cyclonedx.xml": "cyclonedx", "openvex.json": "openvex",
}

func ownScan(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/scans", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestScansAreReadAsWritten(t *testing.T) {
	for name, format := range ownScans {
		t.Run(name, func(t *testing.T) {
			b := ownScan(t, name)
			s := scanBy(t, format, bytes.NewReader(b))
			s.inOrder(t, b)
			golden := filepath.Join("testdata/scans", name+".golden")
			if *updateScans {
				if err := os.WriteFile(golden, []byte(s.told()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), s.told()); diff != "" {
				t.Errorf("read otherwise (-want +got):\n%s", diff)
			}
			slow := scanBy(t, format, iotest.OneByteReader(bytes.NewReader(b)))
			if diff := cmp.Diff(s.told(), slow.told()); diff != "" {
				t.Errorf("read otherwise byte by byte:\n%s", diff)
			}
			marked := scanBy(t, format, strings.NewReader("\ufeff"+string(b)))
			if len(marked.good) != len(s.good) || (marked.err == nil) != (s.err == nil) {
				t.Errorf("with a byte order mark %d findings, %v", len(marked.good), marked.err)
			}
		})
	}
}

// foreignScans are the files of others, with the number of findings in each as it was
// counted by another program.
var foreignScans = []struct {
	file, format string
	findings     int
}{
	{"cyclonedx/cyclonedx_bom.xml", "cyclonedx", 0}, // a bill that lists no vulnerability
	{"cyclonedx/grype_dd_1_14_1.xml", "cyclonedx", 312},
	{"cyclonedx/issue_8022.json", "cyclonedx", 0}, // its one vulnerability is analysed as not_affected
	{"cyclonedx/issue_9277.json", "cyclonedx", 14},
	{"cyclonedx/jake.xml", "cyclonedx", 0},
	{"cyclonedx/log4j.xml", "cyclonedx", 8},
	{"cyclonedx/retirejs.latest.xml", "cyclonedx", 0},
	{"cyclonedx/spec1.xml", "cyclonedx", 1},
	{"cyclonedx/spec1_lowfirst.xml", "cyclonedx", 1},
	{"cyclonedx/valid-vulnerability-1.4.json", "cyclonedx", 0}, // not_affected
	{"cyclonedx/valid-vulnerability-1.4.xml", "cyclonedx", 0},  // not_affected
	{"nmap/nmap_multiple_port.xml", "nmap", 13},
	{"openvas/many_vuln.csv", "openvas", 4},
	{"openvas/no_vuln.csv", "openvas", 0},
	{"openvas/one_vuln.csv", "openvas", 1},
	{"openvas/report_detail_v2.csv", "openvas", 1},
	{"openvas/report_using_CVE.csv", "openvas", 43},
	{"openvas/report_using_openVAS.csv", "openvas", 13},
	{"openvex/openvex_one_vuln.json", "openvex", 0}, // not_affected
	{"osv_scanner/many_findings.json", "osv", 66},
	{"osv_scanner/multi_cwe_fabricated.json", "osv", 1},
	{"qualys/Qualys_Sample_Report.xml", "qualys", 301},
	{"qualys/empty.csv", "qualys", 0},
	{"qualys/empty.xml", "qualys", 0},
	{"qualys/monthly_pci_issue6932.csv", "qualys", 1},
	{"qualys_vmdr/many_vulns_cve.csv", "qualys", 5},
	{"qualys_vmdr/many_vulns_qid.csv", "qualys", 5},
	{"qualys_vmdr/no_vuln_qid.csv", "qualys", 0},
	{"qualys_vmdr/one_vuln_cve.csv", "qualys", 1},
	{"qualys_vmdr/one_vuln_no_metadata_cve.csv", "qualys", 1},
	{"qualys_vmdr/one_vuln_qid.csv", "qualys", 1},
	{"sarif/DefectDojo_django-DefectDojo__2020-12-11_13 42 10__export.sarif", "sarif", 510},
	{"sarif/SuppressionTestCurrent.sarif", "sarif", 1}, // of four, three are suppressed
	{"sarif/appendix_k.sarif", "sarif", 0},             // suppressed
	{"sarif/appendix_k1.sarif", "sarif", 0},
	{"sarif/appendix_k3.sarif", "sarif", 1},
	{"sarif/appendix_k4.sarif", "sarif", 0}, // suppressed
	{"sarif/bash-report-subset-same-hash-code-same-unique-id.sarif", "sarif", 4},
	{"sarif/blackduck_nested_fingerprints.sarif", "sarif", 5},
	{"sarif/codeQL-output.sarif", "sarif", 72},
	{"sarif/cxf-3.4.6.sarif", "sarif", 22},
	{"sarif/dependency_check.sarif", "sarif", 13},
	{"sarif/flawfinder.sarif", "sarif", 53}, // of 54, one passed
	{"sarif/mobsfscan.json", "sarif", 9},
	{"sarif/njsscan.sarif", "sarif", 2},
	{"sarif/no_runs.sarif", "sarif", 0},
	{"sarif/spotbugs.sarif", "sarif", 56},
	{"spdx/spdx_3_unsupported.json", "", 0}, // bills of materials are read elsewhere
	{"spdx/spdx_one_vuln.spdx", "", 0},
	{"tenable/issue_9612.csv", "nessus", 3},
	{"tenable/nessus/nessus-template.csv", "nessus", 5},
	{"tenable/nessus/nessus_many_vuln.xml", "nessus", 7},
	{"tenable/nessus/nessus_many_vuln2-all.csv", "nessus", 30},
	{"tenable/nessus/nessus_many_vuln2-default.csv", "nessus", 30},
	{"tenable/nessus/nessus_v_unknown.xml", "nessus", 296},
	{"tenable/nessus/nessus_with_cvssv3.nessus", "nessus", 49},
	{"tenable/nessus_was/nessus_was_one_vuln.csv", "nessus", 1},
	{"tenable/nessus_was/nessus_was_one_vuln.xml", "nessus", 1},
	{"tenable/tenable_many_vuln.csv", "nessus", 20}, // and two rows of nothing but commas
}

func TestScansOfOthers(t *testing.T) {
	const dir = "../../../shared/data/cti/scanners"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no files of others: ../shared/data/cti/scanners is not there")
	}
	known := map[string]bool{}
	for _, c := range foreignScans {
		known[c.file] = true
		t.Run(c.file, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, c.file))
			if err != nil {
				t.Fatal(err)
			}
			f, ok := Detect(b[:min(len(b), 4<<10)])
			if f.Name != c.format || ok != (c.format != "") {
				t.Fatalf("looks like %q", f.Name)
			}
			if !ok {
				return
			}
			s := scanBy(t, c.format, bytes.NewReader(b))
			if s.err != nil || len(s.good) != c.findings || len(s.bad) > 0 {
				t.Errorf("%d findings, want %d; refused %v; %v", len(s.good), c.findings, s.why, s.err)
			}
			s.inOrder(t, b)
		})
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); err == nil && !d.IsDir() && !known[rel] {
			t.Errorf("%s is in no table", rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestScansAreTold(t *testing.T) {
	for name, want := range ownScans {
		b := ownScan(t, name)
		if f, _ := Detect(b[:min(len(b), 4<<10)]); f.Name != want {
			t.Errorf("%s looks like %q", name, f.Name)
		}
		for _, f := range scanFormats {
			if is := f.Detect(b[:min(len(b), 4<<10)]); is != (f.Name == want) {
				t.Errorf("%s: %s says %v", name, f.Name, is)
			}
		}
	}
	for _, other := range []string{
		"", "{}", "[]", "<a/>", "a,b\n1,2\n", `{"type":"bundle","id":"bundle--1","objects":[]}`, `{"event_type":"alert"}`,
		"<report><title>x</title></report>", `{"results":[]}`, `{"document":{"category":"csaf_vex"}}`, "\x00\x01", strings.Repeat("[", 5_000), strings.Repeat("<a>", 2_000),
		`{"id":"x","type":"indicator","modified":"2026-01-01T00:00:00Z","summary":"x"}`,
	} {
		for _, f := range scanFormats {
			if f.Detect([]byte(other)) {
				t.Errorf("%.40q looks like %s", other, f.Name)
			}
		}
	}
}

// A file that was cut off gives what it says before the cut and an error that says so,
// unless what is there is whole.
func TestScansCutOff(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for name, format := range ownScans {
		b := ownScan(t, name)
		whole := scanBy(t, format, bytes.NewReader(b))
		table := strings.HasSuffix(name, ".csv") // of which each row is whole by itself
		for range 60 {
			n := random.IntN(len(bytes.TrimSpace(b)))
			s := scanBy(t, format, bytes.NewReader(b[:n]))
			s.inOrder(t, b)
			if s.err == nil && !table {
				t.Errorf("%s cut off at byte %d is read", name, n)
			}
			if len(s.good) > len(whole.good) {
				t.Errorf("%s cut off at byte %d has more findings", name, n)
			}
			for i := range s.good {
				if !table && !bytes.Equal(s.good[i].Original, whole.good[i].Original) {
					t.Errorf("%s cut off at byte %d: finding %d is another", name, n, i)
				}
			}
		}
	}
	b := ownScan(t, "trivy.json")
	if s := scanBy(t, "trivy", bytes.NewReader(b[:bytes.Index(b, []byte("CVE-2011-3374"))])); len(s.good) != 1 {
		t.Errorf("a report cut off after its first finding has %d", len(s.good))
	}
}

func TestScansRefused(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	for name, c := range map[string]struct {
		format, text string
		code         ledger.Code
		says         string
	}{
		"nothing":                {"nmap", "", ledger.CodeInvalid, "empty"},
		"no JSON":                {"trivy", "", ledger.CodeInvalid, "empty"},
		"no table":               {"openvas", "", ledger.CodeInvalid, "empty"},
		"another's XML":          {"nessus", "<nmaprun/>", ledger.CodeInvalid, ".nessus"},
		"another's XML too":      {"nmap", "<a/>", ledger.CodeInvalid, "-oX"},
		"another's table":        {"nessus", "a,b\n1,2\n", ledger.CodeInvalid, "columns"},
		"billion laughs":         {"qualys", `<!DOCTYPE SCAN [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><SCAN><IP value="&b;"/></SCAN>`, ledger.CodeInvalid, "entities"},
		"billion laughs, a bill": {"cyclonedx", `<!DOCTYPE bom [<!ENTITY a "ha">]><bom xmlns="http://cyclonedx.org/schema/bom/1.4"><v>&a;</v></bom>`, ledger.CodeInvalid, "document type"},
		"a file of ours":         {"openvas", `<!DOCTYPE report [<!ENTITY x SYSTEM "file:///etc/passwd">]><report>&x;</report>`, ledger.CodeInvalid, "entities"},
		"deep JSON":              {"sarif", `{"version":"2.1.0","x":` + deep + `}`, ledger.CodeTooLarge, "deep"},
		"deep lists":             {"trivy", strings.Repeat("[", 1_000_000), ledger.CodeInvalid, "object"},
		"deep lists within":      {"trivy", `{"x":` + strings.Repeat("[", 1_000_000), ledger.CodeTooLarge, "deep"},
		"SARIF of another year":  {"sarif", `{"version":"1.0.0","runs":[]}`, ledger.CodeInvalid, "2.1.0"},
		"SARIF without a tool":   {"sarif", `{"version":"2.1.0","runs":[{"results":[{"ruleId":"A","message":{"text":"a"}}]}]}`, ledger.CodeInvalid, "without a tool"},
		"SARIF without runs":     {"sarif", `{"version":"2.1.0"}`, ledger.CodeInvalid, "lacks"},
		"an old Trivy":           {"trivy", `[{"Target":"x"}]`, ledger.CodeInvalid, "object"},
		"another Trivy":          {"trivy", `{"SchemaVersion":3,"Results":[]}`, ledger.CodeInvalid, "SchemaVersion 2"},
		"no Grype":               {"grype", `{"source":{}}`, ledger.CodeInvalid, "matches"},
		"no OSV":                 {"osv", `{"x":1}`, ledger.CodeInvalid, "neither"},
		"a name twice":           {"grype", `{"matches":[],"matches":[]}`, ledger.CodeInvalid, "twice"},
		"two documents":          {"grype", `{"matches":[]}{}`, ledger.CodeInvalid, "goes on"},
		"UTF-16":                 {"trivy", "{\x00}\x00", ledger.CodeInvalid, "JSON"},
		"a huge finding":         {"grype", `{"matches":[{"x":"` + strings.Repeat("x", maxScanFinding+1<<20) + `"}]}`, ledger.CodeTooLarge, "entry"},
		"a row without end":      {"openvas", "IP,NVT Name,NVT OID\n1,\"" + strings.Repeat("x", maxScanFinding+1<<20), ledger.CodeTooLarge, "entry"},
		"a bill of another kind": {"cyclonedx", `{"bomFormat":"CycloneDX","specVersion":"9.9"}`, ledger.CodeInvalid, "CycloneDX"},
		"VEX that says no why":   {"openvex", `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"a","author":"b","timestamp":"2026-01-01T00:00:00Z","statements":[{"vulnerability":{"name":"CVE-2024-1000"},"products":[{"@id":"pkg:a/b"}],"status":"not_affected"}]}`, ledger.CodeInvalid, "OpenVEX"},
	} {
		s := scanBy(t, c.format, strings.NewReader(c.text))
		p, ok := errors.AsType[*ledger.Problem](s.err)
		if !ok || p.Code != c.code || !strings.Contains(p.Detail, c.says) || len(s.good) > 1 {
			t.Errorf("%s: %d findings, %v", name, len(s.good), s.err)
		}
	}
}

// A caller that has enough ends the reading, and so does one that goes away.
func TestScansEnd(t *testing.T) {
	enough := errors.New("enough")
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for name, format := range ownScans {
		f, _ := Lookup(format)
		b := ownScan(t, name)
		err := f.Read(context.Background(), bytes.NewReader(b), func(Record) error { return enough }, func([]byte, error) {})
		if !errors.Is(err, enough) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, format := range []string{"nessus", "sarif"} {
		f, _ := Lookup(format)
		err := f.Read(gone, manyFindings(format, 50_000), func(Record) error { return nil }, func([]byte, error) {})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", format, err)
		}
	}
}
