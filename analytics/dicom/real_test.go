package dicom_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/dicom"
)

// realFiles fetches six DICOM files of scanners, which are another reader's test data.
func realFiles(tb testing.TB) map[string][]byte {
	tb.Helper()
	if testing.Short() {
		tb.Skip("fetches a module with DICOM files of scanners")
	}
	cmd := exec.CommandContext(tb.Context(), "go", "mod", "download", "-json", "github.com/suyashkumar/dicom@v1.1.0")
	cmd.Dir = tb.TempDir()
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.Output()
	var module struct{ Dir string }
	if err != nil || json.Unmarshal(out, &module) != nil {
		tb.Skipf("no DICOM files of scanners to read: %v", err)
	}
	files := map[string][]byte{}
	for _, name := range []string{"1", "2", "3", "4", "5", "6"} {
		b, err := os.ReadFile(filepath.Join(module.Dir, "testdata", name+".dcm"))
		if err != nil {
			tb.Fatal(err)
		}
		files[name] = b
	}
	return files
}

// TestFilesOfScannersAreRead: what is found in files of real scanners, among them a
// deflated one, and that each is refused when it is cut anywhere.
func TestFilesOfScannersAreRead(t *testing.T) {
	t.Parallel()
	for name, file := range realFiles(t) {
		got, err := dicom.Read(bytes.NewReader(file), dicom.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.SHA256 != sha256.Sum256(file) || got.Size != int64(len(file)) {
			t.Errorf("%s: %s of %d bytes", name, got.SHA256, got.Size)
		}
		manifest, err := got.Manifest()
		if err != nil || strings.Contains(strings.ToLower(string(manifest)), "patient") {
			t.Errorf("%s: %s %v", name, manifest, err)
		}
		for n := 1; n < len(file)-10; n += max(2, len(file)/50&^1) { // odd: within an element
			if _, err := dicom.Read(bytes.NewReader(file[:n]), dicom.Limits{}); err == nil {
				t.Errorf("%s: taken when it ends after %d of %d bytes", name, n, len(file))
			}
		}
	}
}
