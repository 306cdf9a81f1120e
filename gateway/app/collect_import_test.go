package app

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/secant-platform/secant/gateway/rest"
)

// TestIntelligenceIsImported: of a folder each file in the format that it looks like; what
// is wrong is told with why, and what is here is known the second time.
func TestIntelligenceIsImported(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north := c.start(t, "hospital-north")
	folder := t.TempDir()
	for name, text := range map[string]string{
		"eve.json":   eveLine(1) + "\n" + `{"event_type":"alert","timestamp":7}` + "\n" + eveLine(2) + "\n",
		"empty.json": "[1,2,3]",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"eve: 2 new, 0 known, 1 refused\n  ", "eve: 0 new, 2 known, 1 refused\n  "} {
		out, err := north.importedAs("analyst", "intelligence", folder, "--source", "nids")
		if err == nil || !strings.Contains(err.Error(), "1 files were refused; the others are taken in") {
			t.Errorf("a file that is none: %v", err)
		}
		if !strings.Contains(out, "eve.json: "+want) || !strings.Contains(out, "empty.json: it looks like no format") || !strings.Contains(out, "1 refused, 1 files refused, in ") {
			t.Errorf("want %q; it printed:\n%s", want, out)
		}
	}
	if out, err := north.importedAs("analyst", "intelligence", filepath.Join(folder, "eve.json"), "--source", "nids", "--format", "nothing"); err == nil {
		t.Errorf("a format that there is not: %s", out)
	}
}

// TestAnAdvisoryIsIntelligence: handed in, it is a report whose vulnerabilities the node's
// collection has; and so is one in UTF-16, which comes back byte for byte.
func TestAnAdvisoryIsIntelligence(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north := c.start(t, "hospital-north")
	text := string(alert("EX-2026-9", "CVE-2026-1009", "4.2"))
	wide := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(strings.Replace(text, "CVE-2026-1009", "CVE-2026-1010", 1))) {
		wide = binary.LittleEndian.AppendUint16(wide, unit)
	}
	file := filepath.Join(t.TempDir(), "advisory.json")
	for _, b := range [][]byte{[]byte(text), wide} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := north.importedAs("analyst", "intelligence", file, "--source", "maker"); err != nil || !strings.Contains(out, "csaf: 1 new, 0 known, 0 refused") {
			t.Fatalf("%v: %s", err, out)
		}
		var reports rest.List[rest.ToolAlert]
		north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/alerts?kind=report&source=maker", nil, &reports)
		if len(reports.Items) == 0 || len(reports.Items[0].CVEs) != 1 {
			t.Fatalf("%+v", reports.Items)
		}
		if _, original := north.call("analyst", http.MethodGet, "/v1/alerts/"+reports.Items[0].ID+"/original", nil, nil); !bytes.Equal(original, b) {
			t.Error("it comes back changed")
		}
		status, own := north.call("analyst", http.MethodGet, "/taxii2/intelligence/collections/own/objects/?match[type]=vulnerability", nil, map[string]string{"Accept": "application/taxii+json;version=2.1"})
		if status != http.StatusOK || !strings.Contains(string(own), reports.Items[0].CVEs[0]) {
			t.Fatalf("%d %s", status, own)
		}
	}
}
