package oid4vp

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// Path points at claims of a credential (section 7). Its steps are strings, which
// name a member of an object; ints from 0, which count an array's elements; and
// nil, which stands for every element of an array. In an mdoc it is the name space
// and the data element.
type Path []any

// Value is what a claim may be asked to be: a string, an int64 or a bool.
type Value any

var (
	errPath  = errors.New("a path is strings, whole numbers from 0 and nulls")
	errValue = errors.New("a value is a string, a whole number or true or false")
)

// UnmarshalJSON reads a path and refuses steps of other types.
func (p *Path) UnmarshalJSON(b []byte) error {
	steps, err := scalars(b)
	if err != nil {
		return errPath
	}
	*p = Path{}
	for _, step := range steps {
		switch step := step.(type) {
		case nil, string:
			*p = append(*p, step)
		case json.Number:
			n, err := strconv.ParseUint(step.String(), 10, 31)
			if err != nil {
				return errPath
			}
			*p = append(*p, int(n))
		default:
			return errPath
		}
	}
	return nil
}

// values is a list of Value as it is read.
type values []Value

// UnmarshalJSON reads a list and refuses values of other types.
func (v *values) UnmarshalJSON(b []byte) error {
	list, err := scalars(b)
	if err != nil {
		return errValue
	}
	*v = values{}
	for _, one := range list {
		switch one := one.(type) {
		case string, bool:
			*v = append(*v, one)
		case json.Number:
			n, err := strconv.ParseInt(one.String(), 10, 64)
			if err != nil {
				return errValue
			}
			*v = append(*v, n)
		default:
			return errValue
		}
	}
	return nil
}

func scalars(b []byte) ([]any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var list []any
	err := d.Decode(&list)
	return list, err
}

// check reports whether the path can point at anything.
func (p Path) check(f Format) bool {
	if len(p) == 0 || len(p) > maxSteps {
		return false
	}
	for _, step := range p {
		switch step := step.(type) {
		case nil:
		case string:
			if len(step) > maxText {
				return false
			}
		case int:
			if step < 0 {
				return false
			}
		default:
			return false
		}
	}
	if f == FormatMDoc { // section 7.2: a name space and a data element
		_, space := p[0].(string)
		_, element := p[len(p)-1].(string)
		return len(p) == 2 && space && element
	}
	return true
}

// Find returns what the path points at in a credential's claims, for whoever is to
// see it before it is shown.
func (p Path) Find(claims map[string]any) ([]any, error) {
	claims, err := plain(claims)
	if err != nil {
		return nil, err
	}
	return p.find(claims), nil
}

// find returns what the path points at in claims, which is nothing when a step
// meets another kind of value than it is for (section 7.1.1). Claims are plain.
func (p Path) find(claims map[string]any) []any {
	found := []any{claims}
	for _, step := range p {
		var next []any
		for _, v := range found {
			more, fits := follow(v, step)
			if !fits {
				return nil
			}
			next = append(next, more...)
		}
		found = next
	}
	return found
}

// follow takes one step from one value. It reports false when the step does not
// suit the value, which ends the search, and none when there is nothing.
func follow(v, step any) ([]any, bool) {
	if name, ok := step.(string); ok {
		object, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		member, there := object[name]
		if !there {
			return nil, true
		}
		return []any{member}, true
	}
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	if i, one := step.(int); one {
		if i >= len(list) {
			return nil, true
		}
		return list[i : i+1], true
	}
	return list, true
}

// is reports whether a claim is exactly a value, in type too (section 6.4.1).
func is(claim any, v Value) bool {
	switch v := v.(type) {
	case string:
		s, ok := claim.(string)
		return ok && s == v
	case bool:
		b, ok := claim.(bool)
		return ok && b == v
	case int:
		return is(claim, int64(v))
	case int64:
		n, ok := claim.(json.Number)
		return ok && n.String() == strconv.FormatInt(v, 10)
	}
	return false
}
