package fhir

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// definition is what is known of a type: of a resource, or of what elements are.
type definition struct {
	name     string
	elements map[string]*element
	required []string
	open     bool     // other elements may be there: not all are known
	choices  []choice // of which one may be there
}

// element is what is known of an element of a type.
type element struct {
	typ    string   // a primitive, a type, or anyResource; empty: anything
	list   bool     // of one or more
	codes  []string // nil: any
	target []string // of a reference: types of resources; nil: any
}

// choice is an element whose type is one of several, as value[x] (FHIR R4, section
// 2.1.0.3).
type choice struct {
	name  string
	names []string // sorted
}

// anyResource is the type of what is contained.
const anyResource = "Resource"

// types are definitions by name.
type types map[string]*definition

// addChoices finds the elements of a type that are one: those whose names have the
// same beginning, and end in their types.
func (d *definition) addChoices() {
	groups := map[string][]string{}
	for name, e := range d.elements {
		if e.list || e.typ == "" {
			continue
		}
		end := strings.ToUpper(e.typ[:1]) + e.typ[1:]
		if base, ok := strings.CutSuffix(name, end); ok && base != "" && !strings.HasPrefix(name, "_") {
			groups[base] = append(groups[base], name)
		}
	}
	for _, base := range slices.Sorted(maps.Keys(groups)) {
		if names := groups[base]; len(names) > 1 {
			slices.Sort(names)
			d.choices = append(d.choices, choice{base + "[x]", names})
		}
	}
}

// readTypes reads definitions in the form of this package's own: a line for a type,
// with a name and the words that follow for each element. An element is NAME:TYPE,
// where TYPE may be followed by * (a list), ! (required), both, (a|b) the codes that
// there are, and >A|B the types that a reference may be to. A type that is known in
// part only ends in "...".
func readTypes(text string) (types, error) {
	all := types{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		d := &definition{name: words[0], elements: map[string]*element{}}
		for _, w := range words[1:] {
			if w == "..." {
				d.open = true
				continue
			}
			name, rest, ok := strings.Cut(w, ":")
			if !ok {
				return nil, fmt.Errorf("reading the definition of %s: %q is no element", d.name, w)
			}
			e := &element{}
			rest, codes, is := strings.Cut(rest, "(")
			if is {
				e.codes = strings.Split(strings.TrimSuffix(codes, ")"), "|")
			}
			rest, targets, is := strings.Cut(rest, ">")
			if is {
				e.target = strings.Split(targets, "|")
			}
			e.list = strings.Contains(rest, "*")
			if strings.Contains(rest, "!") {
				d.required = append(d.required, name)
			}
			e.typ = strings.TrimRight(rest, "*!")
			d.elements[name] = e
		}
		d.addChoices()
		all[d.name] = d
	}
	return all, nil
}
