package cti

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// dataDir is where real input lies that nobody on this project wrote.
const dataDir = "../../../shared/data"

// realData returns a path below dataDir, or skips visibly.
func realData(tb testing.TB, path string) string {
	tb.Helper()
	full := filepath.Join(dataDir, path)
	if _, err := os.Stat(full); err != nil {
		tb.Skipf("skipped: %s is not here (real input is not part of the repository)", full)
	}
	return full
}

// schemas are the official ones: the bundle's, and one for each object type.
type schemas struct {
	bundle *jsonschema.Schema
	object map[string]*jsonschema.Schema
}

// officialSchemas compiles the OASIS schemas, reading every reference from the
// folder and none from the network.
func officialSchemas(tb testing.TB) schemas {
	tb.Helper()
	root := realData(tb, "cti/stix/schemas-2.1/schemas")
	c := jsonschema.NewCompiler()
	ids := map[string]string{} // by file name without its ending
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return err
		}
		id, _ := doc.(map[string]any)["$id"].(string)
		ids[strings.TrimSuffix(filepath.Base(path), ".json")] = id
		return c.AddResource(id, doc)
	})
	if err != nil {
		tb.Fatal(err)
	}
	all := schemas{object: map[string]*jsonschema.Schema{}}
	for name, id := range ids {
		s, err := c.Compile(id)
		if err != nil {
			tb.Fatal(err)
		}
		all.object[name] = s
	}
	all.bundle = all.object["bundle"]
	return all
}

// validate holds each object against the schema of its type, and the bundle
// against its own. That one knows no extension definitions, which are part of
// the standard: as custom objects they match two of its branches where it wants
// exactly one. So they stand aside for the second step.
func (s schemas) validate(tb testing.TB, body []byte) {
	tb.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	bundle, ok := doc.(map[string]any)
	if !ok {
		tb.Fatalf("not an object: %s", body)
	}
	objects, _ := bundle["objects"].([]any)
	var known []any
	for i, o := range objects {
		kind, _ := o.(map[string]any)["type"].(string)
		own, ok := s.object[kind]
		if !ok {
			tb.Errorf("object %d has the type %q, which STIX 2.1 does not define", i, kind)
			continue
		}
		if err := own.Validate(o); err != nil {
			tb.Errorf("object %d is not a %s by the official schema: %v", i, kind, err)
		}
		if kind != "extension-definition" {
			known = append(known, o)
		}
	}
	bundle["objects"] = known
	if err := s.bundle.Validate(doc); err != nil {
		tb.Errorf("not a STIX 2.1 bundle by the official schema: %v\n%s", err, body)
	}
}

// TestRealAlertsBecomeSTIX converts every real alert, holds the bundles against
// the official schemas, and looks for anything that must not have been told.
func TestRealAlertsBecomeSTIX(t *testing.T) {
	t.Parallel()
	schema := officialSchemas(t)
	files, err := filepath.Glob(filepath.Join(realData(t, "cti/suricata"), "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no EVE files below cti/suricata")
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var events []json.RawMessage
		if err := json.Unmarshal(b, &events); err != nil {
			t.Fatal(err)
		}
		named, attacked := 0, 0
		every := 1
		if testing.Short() {
			every = 8 // the schemas are slow to judge, and slower under the race detector
		}
		for i, e := range events {
			a, err := ParseEVE(e)
			if err != nil {
				t.Errorf("%s, alert %d: %v", file, i, err)
				continue
			}
			r, err := FromEVE(a, Sharer{ID: "hospital-north", Name: "Hospital North"}, levelGreen)
			if err != nil {
				t.Errorf("%s, alert %d: %v", file, i, err)
				continue
			}
			if i%every == 0 {
				schema.validate(t, r.Body)
			}
			for _, side := range []endpoint{a.source, a.destination} {
				if !public(side.addr) && bytes.Contains(r.Body, []byte(side.addr.String())) {
					t.Errorf("%s, alert %d tells an internal address: %s", file, i, r.Body)
				}
			}
			named += min(len(r.Hosts), 1)
			attacked += min(len(r.Services), 1)
		}
		t.Logf("%s: %d alerts, %d name a hostile address, %d an attacked service", filepath.Base(filepath.Dir(file)), len(events), named, attacked)
	}
}
