package wfdb

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var near = cmpopts.EquateApprox(1e-9, 0)

// real returns the records of PhysioNet that other parts of the data come with.
func real(tb testing.TB) fs.FS {
	tb.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data", "health", "ecg-wfdb", "sample-data")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		tb.Skip("no records of real patients: ../shared/data/health/ecg-wfdb is not there")
	}
	return os.DirFS(dir)
}

// TestRealRecords: every record that is whole is read, and its checksums and first
// values are those of its header.
func TestRealRecords(t *testing.T) {
	t.Parallel()
	fsys := real(t)
	want := map[string]*Record{
		"100": {
			Rate: 360, Frames: 650000,
			Signals: []Signal{
				{Label: "MLII", Unit: "mV", Rate: 360, Samples: 650000, Min: -2.715, Max: 1.435, Calibrated: true, Checked: true},
				{Label: "V5", Unit: "mV", Rate: 360, Samples: 650000, Min: -3.665, Max: 2.23, Calibrated: true, Checked: true},
			},
			Annotations: []Annotations{{Annotator: "atr", Count: 2274, Codes: map[string]int{"N": 2239, "A": 33, "V": 1, "+": 1}}},
		},
	}
	headers, err := fs.Glob(fsys, "*.hea")
	if err != nil || len(headers) != 5 {
		t.Fatal(headers, err)
	}
	for _, file := range headers {
		name := strings.TrimSuffix(file, ".hea")
		r, err := Read(fsys, name)
		if name == "3000003_0003" { // its samples are not there
			if ledger.CodeOf(err) != ledger.CodeInvalid || !strings.Contains(err.Error(), "not there") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, s := range r.Signals {
			t.Log(name, s.Label, s.Unit, s.Rate, s.Samples, s.Missing, s.Min, s.Max)
			if !s.Checked || s.Samples == 0 {
				t.Errorf("%s: a signal is not checked: %+v", name, s)
			}
		}
		if w := want[name]; w != nil {
			if diff := cmp.Diff(w, r, near); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
	_ = time.Second
	_ = math.Pi
	_ = bytes.MinRead
	_ = zip.Store
	_ = fstest.MapFS{}
}
