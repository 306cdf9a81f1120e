package catalogue

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

const begin = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"`

func TestTheCatalogueItselfIsFitToPublish(t *testing.T) {
	t.Parallel()
	for _, kind := range Types() {
		if err := CheckSchema(kind.Schema()); err != nil {
			t.Errorf("%s: %v", kind.Name, err)
		}
	}
	for _, inside := range []string{
		begin + `}`,
		begin + `,"$id":"urn:x","$defs":{"a":{"type":"string"}},"properties":{"a":{"$ref":"#/$defs/a"}}}`,
	} {
		if err := CheckSchema([]byte(inside)); err != nil {
			t.Errorf("%s: %v", inside, err)
		}
	}
}

func TestSchemasThatMeanNothingOrLeadElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "marked.json")
	if err := os.WriteFile(file, []byte(`{"type":"string"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, document := range map[string]string{
		"nothing":             ``,
		"no JSON":             `{marked`,
		"a boolean":           `true`,
		"a list":              `[]`,
		"no dialect":          `{"type":"object"}`,
		"another dialect":     `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}`,
		"a dialect elsewhere": `{"$schema":"https://marked.example/dialect","type":"object"}`,
		"no object":           `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"string"}`,
		"a wrong keyword":     begin + `,"properties":{"a":{"type":"marked"}}}`,
		"a wrong pattern":     begin + `,"properties":{"a":{"pattern":"(marked"}}}`,
		"a file":              begin + `,"properties":{"a":{"$ref":"file://` + file + `"}}}`,
		"a host":              begin + `,"properties":{"a":{"$ref":"https://marked.example/s"}}}`,
		"a host by its id":    begin + `,"$id":"https://marked.example/x","properties":{"a":{"$ref":"other"}}}`,
		"a dynamic host":      begin + `,"properties":{"a":{"$dynamicRef":"https://marked.example/s#a"}}}`,
		"a missing part":      begin + `,"properties":{"a":{"$ref":"#/$defs/marked"}}}`,
		"an inner dialect":    begin + `,"$defs":{"a":{"$id":"urn:y","$schema":"https://marked.example/dialect"}}}`,
	} {
		err := CheckSchema([]byte(document))
		if ledger.CodeOf(err) != ledger.CodeInvalid || strings.Contains(err.Error(), "marked") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCheckSchema(f *testing.F) {
	f.Add([]byte(begin + `,"properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"type":["string","null"]}}}`))
	f.Add([]byte(begin + `,"patternProperties":{"^a$":false},"unevaluatedProperties":false}`))
	f.Add([]byte(begin + `,"$anchor":"a","allOf":[{"$dynamicRef":"#a"}],"if":{},"then":{}}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		if err := CheckSchema(document); err != nil && ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%v", err)
		}
	})
}
