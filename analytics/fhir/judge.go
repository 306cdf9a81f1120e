package fhir

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Judge judges resources: by the rules of this package, and by FHIR's JSON schema
// where there is one.
type Judge struct {
	schema *Schema // nil: none
	limits Limits
	names  map[string]bool // of all elements that are known
}

// NewJudge makes a judge. Without a schema it knows of the elements only those that
// nodes act on, and lets others pass.
func NewJudge(schema *Schema, limits Limits) *Judge {
	j := &Judge{schema: schema, limits: limits, names: map[string]bool{}}
	for _, t := range j.sets() {
		for _, d := range t {
			for name := range d.elements {
				j.names[name], j.names["_"+name] = true, true
			}
		}
	}
	return j
}

// HasSchema reports whether every element is judged.
func (j *Judge) HasSchema() bool { return j.schema != nil }

// maxFaults is how many faults of a resource are listed.
const maxFaults = 32

// finder collects what is wrong with a resource, by the places of it (FHIRPath).
type finder struct {
	text   []byte
	types  types
	names  map[string]bool
	faults []ledger.Fault
	more   bool
}

func (f *finder) fault(place, detail string) {
	if len(f.faults) == maxFaults {
		f.more = true
		return
	}
	f.faults = append(f.faults, ledger.Fault{Field: place, Detail: detail})
}

// Read judges a resource of one of Types and returns it. The problem lists every
// fault with its place, and repeats nothing of the resource: invalid; too_large when
// a limit is crossed.
func (j *Judge) Read(text []byte) (*Resource, error) {
	root, err := parse("the resource", text, j.limits)
	if err != nil {
		return nil, err
	}
	r := &Resource{Text: text, root: root, Type: root.get("resourceType").str(text), ID: root.get("id").str(text)}
	if root.kind != kindObject || r.Type == "" {
		return nil, faulty(ledger.Fault{Field: "", Detail: "must be a resource: a JSON object with a resourceType"})
	}
	if !slices.Contains(Types, r.Type) {
		return nil, faulty(ledger.Fault{Field: "resourceType", Detail: "must be one of " + strings.Join(Types, ", ")})
	}
	f := &finder{text: text, names: j.names}
	for _, t := range j.sets() {
		f.types = t
		f.resource(r.Type, root, false)
		if len(f.faults) > 0 {
			break // the second set would say the same again
		}
	}
	if len(f.faults) == 0 {
		f.rules(r)
	}
	if len(f.faults) > 0 {
		return nil, faulty(f.faults...)
	}
	return r, nil
}

func (j *Judge) sets() []types {
	if j.schema == nil {
		return []types{known}
	}
	return []types{known, j.schema.types}
}

func faulty(faults ...ledger.Fault) error {
	return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the resource is not valid", Faults: faults}
}

// resource judges a resource, or one that is contained in another.
func (f *finder) resource(place string, n *node, contained bool) {
	typ := n.get("resourceType").str(f.text)
	d := f.types[typ]
	if d == nil || n.kind != kindObject {
		d = f.types[anyResource] // of the own rules only
		if d == nil || typ == "" {
			f.fault(place, "must be a resource of a type that FHIR R4 has")
			return
		}
	}
	f.object(place, d, n, !contained)
	if id := n.get("id"); id != nil && !ValidID(id.str(f.text)) {
		f.fault(place+".id", "must be 1 to 64 letters, digits, - and .")
	}
}

// object judges the members of an object by its type.
func (f *finder) object(place string, d *definition, n *node, top bool) {
	if n.kind != kindObject {
		f.fault(place, "must be an object")
		return
	}
	if len(n.kids) == 0 {
		f.fault(place, "must not be empty")
		return
	}
	for _, k := range n.kids {
		if k.name == "resourceType" && (top || d.name == anyResource || f.isResource(d)) {
			continue
		}
		f.member(place, d, n, k)
	}
	for _, name := range d.required {
		if name != "resourceType" && n.get(name) == nil && n.get("_"+name) == nil {
			f.fault(place+"."+name, "must be there")
		}
	}
	for _, c := range d.choices {
		found := 0
		for _, name := range c.names {
			if n.get(name) != nil || n.get("_"+name) != nil {
				found++
			}
		}
		if found > 1 {
			f.fault(place+"."+c.name, "must be there in one type only")
		}
	}
}

func (f *finder) isResource(d *definition) bool {
	return d.elements["meta"] != nil && d.elements["implicitRules"] != nil
}

// member judges one member of an object.
func (f *finder) member(place string, d *definition, n, k *node) {
	name, beside := strings.CutPrefix(k.name, "_")
	e := d.elements[name]
	if e == nil {
		if d.open {
			f.unknown(place, k)
			return
		}
		f.fault(place, "must have no elements that the type does not have")
		return
	}
	at := place + "." + name
	p, is := primitives[e.typ]
	switch {
	case beside && !is:
		f.fault(at, "must have nothing beside it: it is of no primitive type")
	case beside:
		f.beside(at, e, n.get(name), k)
	case e.list:
		f.elements(at, e, k, n.get("_"+name), p, is)
	case k.kind == kindArray:
		f.fault(at, "must be one, and no list")
	default:
		f.value(at, e, k, p, is)
	}
}

// unknown judges what the own rules do not know: that nothing is empty.
func (f *finder) unknown(place string, k *node) {
	if (k.kind == kindObject || k.kind == kindArray) && len(k.kids) == 0 || k.kind == kindString && k.end-k.start == 2 {
		f.fault(place, "must have nothing in it that is empty")
	}
}

func (f *finder) elements(at string, e *element, k, beside *node, p primitive, is bool) {
	if k.kind != kindArray {
		f.fault(at, "must be a list")
		return
	}
	if len(k.kids) == 0 {
		f.fault(at, "must not be empty")
	}
	for i, v := range k.kids {
		place := at + "[" + strconv.Itoa(i) + "]"
		if v.kind == kindNull && is && beside != nil && beside.kind == kindArray && i < len(beside.kids) && beside.kids[i].kind == kindObject {
			continue // its extensions stand beside it
		}
		f.value(place, e, v, p, is)
	}
}

func (f *finder) value(at string, e *element, v *node, p primitive, is bool) {
	switch {
	case v.kind == kindNull:
		f.fault(at, "must not be null")
	case v.kind == kindString && v.end-v.start == 2:
		f.fault(at, "must not be empty")
	case is && !p.check(f.text, v):
		f.fault(at, "must be of the type "+e.typ)
	case is && e.codes != nil && !slices.Contains(e.codes, v.str(f.text)):
		f.fault(at, "must be one of "+strings.Join(e.codes, ", "))
	case is:
	case e.typ == anyResource:
		f.resource(at, v, true)
	default:
		if d := f.types[e.typ]; d != nil {
			f.object(at, d, v, false)
		} else if v.kind != kindObject {
			f.fault(at, "must be an object")
		}
		if e.target != nil {
			f.target(at, e.target, v)
		}
	}
}

// beside judges what stands beside a primitive: id and extensions of it.
func (f *finder) beside(at string, e *element, value, k *node) {
	if !e.list {
		f.extensions(at, k)
		return
	}
	if k.kind != kindArray || len(k.kids) == 0 || value != nil && len(value.kids) != len(k.kids) {
		f.fault(at, "must have beside it a list as long as it is itself")
		return
	}
	for i, v := range k.kids {
		if v.kind != kindNull {
			f.extensions(fmt.Sprintf("%s[%d]", at, i), v)
		}
	}
}

func (f *finder) extensions(at string, k *node) {
	if k.kind != kindObject || len(k.kids) == 0 {
		f.fault(at, "must have beside it an object that is not empty")
		return
	}
	for _, m := range k.kids {
		switch {
		case m.name == "id" && m.kind == kindString:
		case m.name == "extension" && m.kind == kindArray:
			f.elements(at+".extension", &element{typ: "Extension", list: true}, m, nil, primitive{}, false)
		default:
			f.fault(at, "must have beside it nothing but id and extension")
		}
	}
}

// target judges what a reference says that it is to.
func (f *finder) target(at string, targets []string, v *node) {
	if typ := referenceType(v.get("reference").str(f.text)); typ != "" && !slices.Contains(targets, typ) {
		f.fault(at, "must be a reference to one of "+strings.Join(targets, ", "))
	}
	if typ := v.get("type").str(f.text); typ != "" && !strings.Contains(typ, "/") && !slices.Contains(targets, typ) {
		f.fault(at+".type", "must be one of "+strings.Join(targets, ", "))
	}
}
