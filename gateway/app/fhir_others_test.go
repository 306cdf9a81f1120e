package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/gateway/bulk"
)

// fromOthers is a folder of data that others wrote.
func fromOthers(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "health", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no data of others: %v", err)
	}
	return path
}

// fhirBundle is a bundle, whose entries some are taken from.
type fhirBundle struct {
	ResourceType string           `json:"resourceType"`
	Type         string           `json:"type"`
	Entry        []map[string]any `json:"entry"`
}

// TestWhatOthersWroteIsTaken: the examples of the standard and Synthea's patients, of
// the types that are taken, come in and out unchanged, with FHIR's schema and without.
func TestWhatOthersWroteIsTaken(t *testing.T) {
	examples, synthea, schema := fromOthers(t, "fhir-r4-examples"), fromOthers(t, "synthea-r4"), fromOthers(t, "fhir-r4.schema.json")
	c := newConsortium(t)
	north := c.start(t, "hospital-north")
	takeExamples(t, north, examples)

	text, err := os.ReadFile(schema)
	if err != nil {
		t.Fatal(err)
	}
	if res, _, b := north.fhir("registrar", http.MethodPut, "/fhir/$schema", text, nil); res.StatusCode != http.StatusForbidden {
		t.Errorf("a schema of a registrar's: %d %s", res.StatusCode, b)
	}
	if res, _, b := north.fhir("operator", http.MethodPut, "/fhir/$schema", []byte(`{"definitions":{}}`), nil); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("no schema: %d %s", res.StatusCode, b)
	}
	token, err := Token(north.cfg, "operator", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	imports := bulk.Command()
	imports.SetArgs([]string{"fhir-schema", schema, "--node", north.url, "--token", file})
	imports.SetOut(&out)
	imports.SetContext(t.Context())
	if err := imports.Execute(); err != nil || !strings.Contains(out.String(), "SHA-256") {
		t.Fatalf("importing the schema: %v %s", err, &out)
	}
	for _, name := range []string{"gauge", "valueQuantities"} {
		res, _, b := north.fhir("integrator", http.MethodPost, "/fhir/Observation", []byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"`+name+`":1}`), nil)
		if res.StatusCode != http.StatusUnprocessableEntity || strings.Contains(string(b), name) {
			t.Errorf("an element that there is not: %d %s", res.StatusCode, b)
		}
	}
	takeExamples(t, north, examples)
	takeSynthea(t, north, synthea)
	if _, v, _ := north.fhir("", http.MethodGet, "/fhir/metadata", nil, nil); !strings.Contains(fmt.Sprint(v), "SHA-256") {
		t.Error("it is not said that the schema is there")
	}
}

func takeExamples(t *testing.T, north *running, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for _, file := range files {
		typ, _, _ := strings.Cut(filepath.Base(file), "-")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		res, v, b := north.fhir("integrator", http.MethodPost, "/fhir/"+typ, text, nil)
		if !slices.Contains(fhir.Types, typ) {
			want := http.StatusNotFound
			if typ == "Subscription" { // the standard's example has a status that only servers say
				want = http.StatusUnprocessableEntity
			}
			if res.StatusCode != want {
				t.Errorf("%s: %d %s", filepath.Base(file), res.StatusCode, b)
			}
			continue
		}
		if res.StatusCode != http.StatusCreated {
			t.Errorf("%s: %d %s", filepath.Base(file), res.StatusCode, b)
			continue
		}
		taken++
		if _, _, b := north.fhir("auditor", http.MethodGet, fmt.Sprintf("/fhir/%s/%s/$received", typ, v["id"]), nil, nil); !bytes.Equal(b, text) {
			t.Errorf("%s: it came as %d bytes and is kept as %d", filepath.Base(file), len(text), len(b))
		}
	}
	t.Logf("%d examples", taken)
}

func takeSynthea(t *testing.T, north *running, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		count := func() float64 {
			_, v, _ := north.fhir("auditor", http.MethodGet, "/fhir/Observation?_summary=count", nil, nil)
			return v["total"].(float64)
		}
		before := count()
		// As a whole it is refused: it has resources of types that are not taken.
		if res, v, b := north.fhir("integrator", http.MethodPost, "/fhir", text, nil); res.StatusCode != http.StatusNotFound || v["resourceType"] != "OperationOutcome" {
			t.Errorf("%s: %d %.200s", file, res.StatusCode, b)
		}
		if after := count(); after != before {
			t.Errorf("%s: %v observations of a transaction that was refused", file, after-before)
		}
		var bundle fhirBundle
		if err := json.Unmarshal(text, &bundle); err != nil {
			t.Fatal(err)
		}
		all := len(bundle.Entry)
		bundle.Entry = slices.DeleteFunc(bundle.Entry, func(e map[string]any) bool {
			return !slices.Contains(fhir.Types, e["resource"].(map[string]any)["resourceType"].(string))
		})
		part, err := json.Marshal(bundle)
		if err != nil {
			t.Fatal(err)
		}
		res, v, b := north.fhir("integrator", http.MethodPost, "/fhir", part, nil)
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %.500s", file, res.StatusCode, b)
		}
		patient := ""
		for _, e := range v["entry"].([]any) {
			at := e.(map[string]any)["response"].(map[string]any)["location"].(string)
			if id, ok := strings.CutPrefix(at, "Patient/"); ok {
				patient, _, _ = strings.Cut(id, "/")
			}
		}
		_, found, b := north.fhir("nurse", http.MethodGet, "/fhir/Observation?patient="+patient+"&_summary=count", nil, nil)
		if want := float64(len(bundle.Entry) - 1); patient == "" || found["total"] != want || count() != before+want {
			t.Errorf("%s: %s, not %v", file, b, want)
		}
		// As a batch, each entry is on its own.
		batch := bytes.Replace(text, []byte(`"transaction"`), []byte(`"batch"`), 1)
		res, v, b = north.fhir("integrator", http.MethodPost, "/fhir", batch, nil)
		created := strings.Count(string(b), `"status":"201 Created"`)
		if res.StatusCode != http.StatusOK || len(v["entry"].([]any)) != all || created != len(bundle.Entry) || strings.Count(string(b), `"status":"404 Not Found"`) != all-created {
			t.Errorf("%s: %d, %d created", file, res.StatusCode, created)
		}
	}
}
