// Package ctitest holds what is written as STIX against the schemas of OASIS, for the
// tests of whatever writes it. The schemas are real input that is not part of the
// repository; without them a test is skipped, visibly.
package ctitest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// dataDir is where real input lies that nobody on this project wrote, from the folder of
// a package that lies two below the root.
const dataDir = "../../../shared/data"

// RealData returns a path below the folder of real input, or skips visibly.
func RealData(tb testing.TB, path string) string {
	tb.Helper()
	full := filepath.Join(dataDir, path)
	if _, err := os.Stat(full); err != nil {
		tb.Skipf("skipped: %s is not here (real input is not part of the repository)", full)
	}
	return full
}

// Schemas are the official ones: the bundle's, and one for each object type.
type Schemas struct {
	bundle *jsonschema.Schema
	object map[string]*jsonschema.Schema
}

// OfficialSchemas compiles the OASIS schemas, reading every reference from the folder and
// none from the network.
func OfficialSchemas(tb testing.TB) Schemas {
	tb.Helper()
	root := RealData(tb, "cti/stix/schemas-2.1/schemas")
	c := jsonschema.NewCompiler()
	ids := map[string]string{} // by file name without its ending
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path) //nolint:gosec // below the folder of real input
		if err != nil {
			return err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return err
		}
		schema, _ := doc.(map[string]any)
		id, _ := schema["$id"].(string)
		ids[strings.TrimSuffix(filepath.Base(path), ".json")] = id
		return c.AddResource(id, doc)
	})
	if err != nil {
		tb.Fatal(err)
	}
	all := Schemas{object: map[string]*jsonschema.Schema{}}
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

// Validate holds each object against the schema of its type, and the bundle against its
// own. That one knows no extension definitions, which are part of the standard: as custom
// objects they match two of its branches where it wants exactly one. So they stand aside
// for the second step.
func (s Schemas) Validate(tb testing.TB, body []byte) {
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
		object, _ := o.(map[string]any)
		kind, _ := object["type"].(string)
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
		tb.Errorf("not a STIX 2.1 bundle by the official schema: %v", err)
	}
}
