package vuln

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// dataDir is where the data sets of others are kept, beside the repository.
const dataDir = "../../../shared/data"

func shared(t *testing.T, pattern string) []string {
	t.Helper()
	if files, err := filepath.Glob(filepath.Join(dataDir, pattern)); err == nil && len(files) > 0 {
		slices.Sort(files)
		return files
	}
	t.Skipf("skipped: no %s in %s", pattern, dataDir)
	return nil
}

func read(tb testing.TB, file string) []byte {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestOASISValidatorCases holds CheckCSAF against the mandatory tests of OASIS:
// each document fails its own test, or none, as its origin says.
func TestOASISValidatorCases(t *testing.T) {
	t.Parallel()
	index := shared(t, "health/csaf-oasis/csaf_2.0/test/validator/data/testcases.json")[0]
	var cases struct {
		Tests []struct {
			ID, Group       string
			Failures, Valid []struct{ Name string }
		}
	}
	if err := json.Unmarshal(read(t, index), &cases); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, c := range cases.Tests {
		if c.Group != "mandatory" {
			continue
		}
		for _, f := range c.Failures {
			seen++
			found, err := CheckCSAF(read(t, filepath.Join(filepath.Dir(index), f.Name)))
			if err == nil && !slices.ContainsFunc(found, func(f Finding) bool { return f.Test == c.ID }) {
				t.Errorf("%s passes test %s: %v", f.Name, c.ID, found)
			}
		}
		for _, f := range c.Valid {
			seen++
			found, err := CheckCSAF(read(t, filepath.Join(filepath.Dir(index), f.Name)))
			if err != nil || len(found) > 0 {
				t.Errorf("%s, which is valid: %v %v", f.Name, found, err)
			}
		}
	}
	if seen < 100 {
		t.Errorf("%d documents", seen)
	}
}

// TestAdvisoriesOfCISA: each is read, and every version that it names is
// understood, or said not to be.
func TestAdvisoriesOfCISA(t *testing.T) {
	t.Parallel()
	products, unread := 0, 0
	for _, file := range shared(t, "cti/csaf-icsma/*.json") {
		a, err := ParseCSAF(read(t, file))
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		if a.Tracking == "" || a.Title == "" || a.Updated.IsZero() || len(a.Products) == 0 || len(a.Vulnerabilities) == 0 {
			t.Errorf("%s: %+v", filepath.Base(file), a)
		}
		for _, p := range a.Products {
			products++
			if !p.Versions.All && !p.Versions.Read {
				unread++
				t.Logf("%s: not read: %q of %q", filepath.Base(file), p.Versions.Text, p.Full)
			}
		}
	}
	t.Logf("%d products, %d with versions that need a person", products, unread)
	if unread*5 > products {
		t.Errorf("of %d products the versions of %d are not understood", products, unread)
	}
}

// TestExamplesOfOASIS: the standard's own examples are read.
func TestExamplesOfOASIS(t *testing.T) {
	t.Parallel()
	files := shared(t, "health/csaf-oasis/csaf_2.0/examples/csaf/*.json")
	files = append(files, shared(t, "health/csaf-oasis/csaf_2.0/examples/csaf/csaf_vex/*.json")...)
	for _, file := range files {
		a, err := ParseCSAF(read(t, file))
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		if strings.Contains(file, "csaf_vex") && a.Category != "csaf_vex" {
			t.Errorf("%s: category %s", filepath.Base(file), a.Category)
		}
		t.Logf("%s: %d products, %d vulnerabilities, findings %v", filepath.Base(file), len(a.Products), len(a.Vulnerabilities), a.Findings)
	}
}
