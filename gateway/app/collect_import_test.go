package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
