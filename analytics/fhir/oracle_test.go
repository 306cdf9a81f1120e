package fhir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestTheSchemaIsReadRight has another implementation of JSON Schema judge what the
// judge takes of examples that were altered in one place each: nothing passes here
// that the schema refuses.
func TestTheSchemaIsReadRight(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("judges some thousand resources twice")
	}
	text, err := os.ReadFile(shared(t, "fhir-r4.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("http://hl7.org/fhir/json-schema/4.0", doc); err != nil {
		t.Fatal(err)
	}
	j := judges(t)["schema"]
	taken, refused := 0, 0
	for _, typ := range Types {
		oracle, err := compiler.Compile("http://hl7.org/fhir/json-schema/4.0#/definitions/" + typ)
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(shared(t, "fhir-r4-examples"), typ+"-*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files[:min(len(files), 6)] {
			example, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, altered := range alterations(t, example) {
				value, err := jsonschema.UnmarshalJSON(bytes.NewReader(altered))
				if err != nil {
					t.Fatal(err)
				}
				_, mine := j.Read(altered)
				if theirs := oracle.Validate(value); theirs != nil {
					refused++
					if mine == nil {
						t.Errorf("%s: taken here: %v\n%s", filepath.Base(file), theirs, altered)
					}
				}
				if mine == nil {
					taken++
				}
			}
		}
	}
	t.Logf("%d taken by both, %d refused by both", taken, refused)
	if taken < 50 || refused < 500 {
		t.Errorf("%d taken, %d refused", taken, refused)
	}
}

// alterations are copies of a resource that differ in one place each.
func alterations(t *testing.T, text []byte) [][]byte {
	t.Helper()
	root, err := parse("an example", text, limits)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	replace := func(start, end int, with string) {
		all = append(all, slices.Concat(text[:start], []byte(with), text[end:]))
	}
	var visit func(n *node)
	visit = func(n *node) {
		for i, k := range n.kids {
			if len(all) > 600 {
				return
			}
			for _, with := range []string{`7`, `"x y "`, `true`, `{"x":1}`, `[]`, `[7]`} {
				replace(k.start, k.end, with)
			}
			if n.kind == kindObject {
				replace(k.nameStart, k.nameStart+len(k.name)+2, fmt.Sprintf("%q", k.name+"x"))
				if i > 0 { // without it
					from := n.kids[i-1].end
					replace(from+strings.IndexByte(string(text[from:]), ','), k.end, "")
				}
			}
			visit(k)
		}
	}
	visit(root)
	return slices.DeleteFunc(all, func(b []byte) bool { return !json.Valid(b) })
}
