package catalogue

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/secant-platform/secant/chaincode/ledger"
)

//go:embed schemas/*.json
var schemas embed.FS

// Extent is how much of a credential there is to judge.
type Extent int

// The extents.
const (
	Whole Extent = iota // all that the issuer said
	Shown               // the open claims, and what the holder shows of the others
	Part                // what the holder shows: formats in which no claim is open
)

// Schema returns the bytes of the type's JSON Schema (2020-12).
func (t *Type) Schema() []byte {
	b, err := schemas.ReadFile("schemas/" + t.Name + "." + t.Version + ".json")
	if err != nil {
		panic(fmt.Sprintf("catalogue: the type %s has no schema", t.Name))
	}
	return b
}

// compiled holds each type's schema, and what it asks of the other extents: the
// same, but for the claims that may be absent.
var compiled = sync.OnceValue(func() map[*Type][]*jsonschema.Schema {
	all := map[*Type][]*jsonschema.Schema{}
	for _, t := range types {
		for _, e := range []Extent{Whole, Shown, Part} {
			all[t] = append(all[t], t.compile(e))
		}
	}
	return all
})

// compile panics on a fault: the schemas are part of the program.
func (t *Type) compile(e Extent) *jsonschema.Schema {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(t.Schema()))
	if err != nil {
		panic(fmt.Sprintf("catalogue: the schema of %s: %v", t.Name, err))
	}
	if top, ok := document.(map[string]any); ok && e != Whole {
		delete(top, "$id")
		required, _ := top["required"].([]any)
		top["required"] = slices.DeleteFunc(slices.Clone(required), func(name any) bool {
			open := slices.ContainsFunc(t.Claims, func(c Claim) bool { return c.Open && c.Name == name })
			return e == Part || !open
		})
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	const place = "urn:secant:credential"
	if err := c.AddResource(place, document); err != nil {
		panic(fmt.Sprintf("catalogue: the schema of %s: %v", t.Name, err))
	}
	return c.MustCompile(place)
}

// Validate judges the whole claims of a credential under the type's schema. The
// Problem is invalid, and lists the faults by their place without any value; a
// type that is not in the catalogue is not_found.
func Validate(name string, claims map[string]any) error {
	t, ok := Find(name)
	if !ok {
		return ledger.Problemf(ledger.CodeNotFound, "the catalogue has no such credential type")
	}
	return t.Validate(Whole, claims)
}

// Validate judges claims as the package's Validate does, as far as they are there.
// Claims are what encoding/json makes of a document; numbers may be json.Number.
func (t *Type) Validate(e Extent, claims map[string]any) error {
	err := compiled()[t][e].Validate(claims)
	if err == nil {
		return nil
	}
	p := &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the claims do not follow the schema of their type"}
	if v, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		p.Faults = faults(v, nil)
	}
	return p
}

// maxFaults bounds how many faults are told.
const maxFaults = 32

// faults collects the leaves of a verdict.
func faults(v *jsonschema.ValidationError, found []ledger.Fault) []ledger.Fault {
	if len(found) >= maxFaults {
		return found
	}
	if len(v.Causes) == 0 {
		return append(found, faultsOf(v)...)
	}
	for _, cause := range v.Causes {
		found = faults(cause, found)
	}
	return found
}

// faultsOf says what a place should have held, and never what it held: names that
// the schema does not know are the sender's, as values are.
func faultsOf(v *jsonschema.ValidationError) []ledger.Fault {
	at := path(v.InstanceLocation)
	switch k := v.ErrorKind.(type) {
	case *kind.Required:
		var list []ledger.Fault
		for _, name := range k.Missing {
			list = append(list, ledger.Fault{Field: path(append(slices.Clone(v.InstanceLocation), name)), Detail: "must be there"})
		}
		return list
	case *kind.AdditionalProperties:
		return []ledger.Fault{{Field: at, Detail: "must have no other claims than its type"}}
	case *kind.Type:
		return []ledger.Fault{{Field: at, Detail: "must be of type " + strings.Join(k.Want, " or ")}}
	case *kind.MaxLength:
		return []ledger.Fault{{Field: at, Detail: fmt.Sprintf("must have at most %d characters", k.Want)}}
	case *kind.MaxItems:
		return []ledger.Fault{{Field: at, Detail: fmt.Sprintf("must have at most %d entries", k.Want)}}
	case *kind.Format:
		return []ledger.Fault{{Field: at, Detail: "must be a " + k.Want}}
	case *kind.Enum, *kind.Const:
		return []ledger.Fault{{Field: at, Detail: "must be one of the values of its type"}}
	}
	return []ledger.Fault{{Field: at, Detail: "must be as its type has it: " + strings.Join(v.ErrorKind.KeywordPath(), " ")}}
}

// path writes a place as faults have it: "achievement.criteria", "conditions[2]".
func path(location []string) string {
	var b strings.Builder
	for _, step := range location {
		if _, err := strconv.Atoi(step); err == nil {
			b.WriteString("[" + step + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(step)
	}
	if b.Len() == 0 {
		return "claims"
	}
	return b.String()
}
