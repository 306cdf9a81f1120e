package fhir

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxSchema bounds FHIR's JSON schema, in bytes.
const MaxSchema = 8 << 20

// Schema is FHIR's own JSON schema (fhir.schema.json of release 4), read into
// definitions. Its form is a small part of JSON Schema, and what is outside of that
// is refused rather than passed over.
type Schema struct{ types types }

// schemaProperty is how the schema says what an element is.
type schemaProperty struct {
	Description string          `json:"description"`
	Ref         string          `json:"$ref"`
	Items       *schemaProperty `json:"items"`
	Type        string          `json:"type"`
	Pattern     string          `json:"pattern"`
	Const       *string         `json:"const"`
	Enum        []string        `json:"enum"`
}

type schemaDefinition struct {
	Description string                     `json:"description"`
	Type        string                     `json:"type"`
	Pattern     string                     `json:"pattern"`
	Properties  map[string]*schemaProperty `json:"properties"`
	Additional  *bool                      `json:"additionalProperties"`
	Required    []string                   `json:"required"`
	OneOf       []schemaProperty           `json:"oneOf"`
}

const refPrefix = "#/definitions/"

// ReadSchema reads FHIR's JSON schema. Problems: invalid, too_large.
func ReadSchema(text []byte) (*Schema, error) {
	if err := checkSchema(text); err != nil {
		return nil, err
	}
	var doc struct {
		Definitions map[string]json.RawMessage `json:"definitions"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, notSchema(err)
	}
	s := &Schema{types{}}
	patterns := map[string]string{}
	definitions := map[string]*schemaDefinition{}
	for name, raw := range doc.Definitions {
		var d schemaDefinition
		if err := json.Unmarshal(raw, &d); err != nil {
			return nil, notSchema(err)
		}
		definitions[name] = &d
		if _, is := primitives[name]; is && d.Pattern != "" {
			key := d.Type + " " + d.Pattern
			if have := patterns[key]; have == "" || name < have {
				patterns[key] = name // of several with one form, any does
			}
		}
	}
	for name, from := range definitions {
		if _, is := primitives[name]; is || len(from.OneOf) > 0 {
			continue
		}
		d, err := from.read(name, patterns)
		if err != nil {
			return nil, notSchema(err)
		}
		s.types[name] = d
	}
	return s, s.whole()
}

func checkSchema(text []byte) error {
	_, err := parse("the schema", text, Limits{Bytes: MaxSchema, Depth: 16, Values: 1 << 20})
	return err
}

func notSchema(err error) error {
	return ledger.Problemf(ledger.CodeInvalid, "this is not the JSON schema of FHIR R4: %s", strings.TrimPrefix(err.Error(), "json: "))
}

func (from *schemaDefinition) read(name string, patterns map[string]string) (*definition, error) {
	d := &definition{name: name, elements: map[string]*element{}, required: from.Required}
	d.open = from.Additional == nil || *from.Additional
	for n, p := range from.Properties {
		e, err := p.read(n, patterns)
		if err != nil {
			return nil, fmt.Errorf("in %s, %w", name, err)
		}
		if e != nil {
			d.elements[n] = e
		}
	}
	if len(from.Properties) == 0 {
		d.open = true
	}
	d.addChoices()
	return d, nil
}

// read reads a property. It is nil for the name of the resource's type, and for that
// which stands beside a primitive and is judged with it.
func (p *schemaProperty) read(name string, patterns map[string]string) (*element, error) {
	switch {
	case p == nil:
		return nil, errors.New("a property is nothing")
	case p.Const != nil || strings.HasPrefix(name, "_"):
		return nil, nil //nolint:nilnil // no element, and no error
	case p.Items != nil:
		e, err := p.Items.read(name, patterns)
		if e != nil {
			e.list = true
		}
		return e, err
	case p.Ref != "":
		typ, ok := strings.CutPrefix(p.Ref, refPrefix)
		if !ok {
			return nil, errors.New("a reference leads elsewhere")
		}
		if typ == "ResourceList" {
			typ = anyResource
		}
		return &element{typ: typ}, nil
	case p.Enum != nil:
		return &element{typ: "code", codes: p.Enum}, nil
	case p.Pattern != "":
		typ := suffixType(name, patterns[p.Type+" "+p.Pattern])
		if typ == "" {
			return nil, errors.New("a pattern is no primitive's")
		}
		return &element{typ: typ}, nil
	case p.Type == "string":
		return &element{typ: "base64Binary"}, nil // the one primitive without a pattern
	}
	return nil, errors.New("a property has no form that is known")
}

// suffixType finds the primitive that the name of a choice ends in: several have one
// pattern.
func suffixType(name, fallback string) string {
	best := fallback
	longest := 0
	for t := range primitives {
		if end := strings.ToUpper(t[:1]) + t[1:]; strings.HasSuffix(name, end) && len(end) > longest {
			best, longest = t, len(end)
		}
	}
	return best
}

// whole checks that nothing refers to what is not there, and that the types are
// known that are taken.
func (s *Schema) whole() error {
	for _, name := range append([]string{"Bundle", "Extension"}, Types...) {
		if s.types[name] == nil {
			return ledger.Problemf(ledger.CodeInvalid, "this is not the JSON schema of FHIR R4: it does not define %s", name)
		}
	}
	for _, d := range s.types {
		for _, e := range d.elements {
			if _, is := primitives[e.typ]; !is && e.typ != anyResource && s.types[e.typ] == nil {
				return ledger.Problemf(ledger.CodeInvalid, "this is not the JSON schema of FHIR R4: a definition is missing")
			}
		}
	}
	return nil
}
