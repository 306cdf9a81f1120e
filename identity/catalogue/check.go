package catalogue

import (
	"bytes"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// dialect is the one JSON Schema dialect of credential types.
const dialect = "https://json-schema.org/draft/2020-12/schema"

// CheckSchema judges a document that is to be the schema of a credential type,
// which callers have bounded and found to be JSON without names twice: it must be a
// JSON Schema of the dialect 2020-12 that describes an object and refers to nothing
// outside itself. The Problem is invalid and repeats nothing of the document.
func CheckSchema(document []byte) error {
	refuse := func(field, detail string) error {
		return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the schema is not valid", Faults: []ledger.Fault{{Field: field, Detail: detail}}}
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return refuse("body", "must be JSON")
	}
	top, ok := parsed.(map[string]any)
	if !ok || top["$schema"] != dialect || top["type"] != "object" {
		return refuse("body", `must be a JSON Schema with "$schema": "`+dialect+`" and "type": "object"`)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nowhere{}) // the default one reads files
	const place = "urn:secant:schema"
	if c.AddResource(place, parsed) != nil {
		return refuse("body", "must be a JSON Schema")
	}
	if _, err := c.Compile(place); err != nil {
		return refuse("body", "must be a JSON Schema that refers to nothing outside itself")
	}
	return nil
}

// nowhere loads nothing.
type nowhere struct{}

// Load fails.
func (nowhere) Load(string) (any, error) {
	return nil, ledger.Problemf(ledger.CodeDenied, "a schema refers to nothing outside itself")
}
