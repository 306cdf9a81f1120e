package fhir

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var limits = Limits{Bytes: 1 << 20, Depth: 32, Values: 20_000}

// others is where the data of others is, if it is.
var others = filepath.Join("..", "..", "..", "shared", "data", "health")

// shared is the folder of data that others wrote, or a skip.
func shared(tb testing.TB, parts ...string) string {
	tb.Helper()
	path := filepath.Join(append([]string{others}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("no data of others: %v", err)
	}
	return path
}

// faultsOf lists the faults of a problem.
func faultsOf(err error) []ledger.Fault {
	if p, ok := errors.AsType[*ledger.Problem](err); ok {
		return p.Faults
	}
	return nil
}

// readSchema reads FHIR's schema once for all tests.
var readSchema = sync.OnceValues(func() (*Schema, error) {
	text, err := os.ReadFile(filepath.Join(others, "fhir-r4.schema.json"))
	if err != nil {
		return nil, err
	}
	return ReadSchema(text)
})

func judges(tb testing.TB) map[string]*Judge {
	tb.Helper()
	shared(tb, "fhir-r4.schema.json")
	s, err := readSchema()
	if err != nil {
		tb.Fatal(err)
	}
	return map[string]*Judge{"own rules": NewJudge(nil, limits), "schema": NewJudge(s, limits)}
}

func TestOfficialExamplesAreValid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(shared(t, "fhir-r4-examples"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, j := range judges(t) {
		taken := 0
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			typ, _, _ := strings.Cut(filepath.Base(file), "-")
			r, err := j.Read(text)
			if _, ok := Params[typ]; !ok {
				if ledger.CodeOf(err) != ledger.CodeInvalid {
					t.Errorf("%s: %s is taken: %v", name, filepath.Base(file), err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %s: %+v", name, filepath.Base(file), faultsOf(err))
				continue
			}
			taken++
			serves(t, r)
		}
		t.Logf("%s: %d examples", name, taken)
	}
}

// serves checks that a resource is served as it was received but for id and meta.
func serves(t *testing.T, r *Resource) {
	t.Helper()
	served, err := r.Served(Meta{"x-1", 3, time.UnixMilli(0)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var before, after map[string]any
	if err := json.Unmarshal(r.Text, &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(served, &after); err != nil {
		t.Fatalf("%v in %s", err, served)
	}
	meta, _ := before["meta"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
	}
	meta["versionId"], meta["lastUpdated"] = "3", "1970-01-01T00:00:00.000Z"
	before["id"], before["meta"] = "x-1", meta
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

func TestSyntheaBundles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(shared(t, "synthea-r4"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, j := range judges(t) {
		count := map[string]int{}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b, err := ReadBundle(text, 1000, Limits{Bytes: 1 << 20, Depth: 32, Values: 100_000})
			if err != nil {
				t.Fatal(err)
			}
			for i, e := range b.Entries {
				r, err := j.Read(e.Resource)
				if _, taken := Params[e.URL]; !taken {
					if err == nil {
						t.Errorf("%s: %s is taken", name, e.URL)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s: %s %d: %+v", name, filepath.Base(file), i, faultsOf(err))
					continue
				}
				count[r.Type]++
				serves(t, r)
			}
		}
		if count["Observation"] != 295 || count["Patient"] != 6 {
			t.Errorf("%s: %v", name, count)
		}
	}
}

// TestPrimitives judges the values of a validator's own tests: *.valid.ndjson and
// *.invalid.ndjson. A line that is null means there that the value is absent.
func TestPrimitives(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(shared(t, "fhir-r4-validation"), "*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	schema := judges(t)["schema"].schema.types
	names := map[string]string{"base64_binary": "base64Binary", "date_time": "dateTime", "positive_int": "positiveInt", "unsigned_int": "unsignedInt"}
	judged := 0
	for _, file := range files {
		parts := strings.Split(filepath.Base(file), ".")
		typ, valid := parts[0], parts[1] == "valid"
		if n, ok := names[typ]; ok {
			typ = n
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			line := bytes.TrimSpace(lines.Bytes())
			if len(line) == 0 || string(line) == "null" && valid {
				continue
			}
			judged++
			n, err := parse("a value", line, limits)
			ok := err == nil
			if ok && typ == "reference" {
				f := &finder{text: line, types: schema}
				f.object("r", f.types["Reference"], n, false)
				ok = len(f.faults) == 0
			} else if ok {
				ok = primitives[typ].check(line, n)
			}
			if ok != valid {
				t.Errorf("%s %s: %t", filepath.Base(file), line, ok)
			}
		}
	}
	if judged < 100 {
		t.Errorf("%d values", judged)
	}
}

// TestPersonalDevicesAreTaken: the examples of HL7's guide for personal health devices,
// which are what a phone sends of them.
func TestPersonalDevicesAreTaken(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(shared(t, "ig-phd", "input", "examples"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	j := judges(t)["schema"]
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var head struct{ ResourceType string }
		if err := json.Unmarshal(text, &head); err != nil {
			t.Fatal(err)
		}
		if head.ResourceType == "Bundle" {
			b, err := ReadBundle(text, 100, Limits{Bytes: 1 << 20, Depth: 40, Values: 100_000})
			if err != nil {
				t.Errorf("%s: %+v", filepath.Base(file), err)
				continue
			}
			for i, e := range b.Entries {
				if _, err := j.Read(e.Resource); err != nil {
					t.Errorf("%s %d: %+v", filepath.Base(file), i, faultsOf(err))
				}
			}
			continue
		}
		if _, err := j.Read(text); err != nil {
			t.Errorf("%s: %+v", filepath.Base(file), faultsOf(err))
		}
	}
}
