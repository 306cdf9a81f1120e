package verify

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep arrays and objects of a token may nest.
const maxDepth = 8

var errJSON = errors.New("it is not a JSON object of one meaning")

// object is a JSON object whose members are found by their exact names, which
// encoding/json's structs would not do.
type object map[string]any

// OneMeaning reports whether b is a JSON object that all readers understand
// alike: UTF-8, no name twice in one object, nothing null, which some take for
// absent, and not nested deeper than anything here needs.
func OneMeaning(b []byte) bool {
	o, err := parseObject(b)
	return err == nil && !holdsNull(o)
}

func holdsNull(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case object:
		for _, member := range v {
			if holdsNull(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, holdsNull)
	}
	return false
}

// parseObject reads one JSON object. Refused are a name twice in one object,
// which two readers would resolve differently, text that is not UTF-8, what
// nests too deep, and anything behind the object. Numbers stay json.Number.
func parseObject(b []byte) (object, error) {
	v, err := parseJSON(b)
	if err != nil {
		return nil, err
	}
	o, ok := v.(object)
	if !ok {
		return nil, errJSON
	}
	return o, nil
}

// ParseObject reads one JSON object from outside as a token's payload is read:
// UTF-8, no name twice in one object, nothing behind it, nothing nested deeper
// than depth (1: an object of plain values). Numbers are json.Number; what is null
// stays null, which [OneMeaning] does not take.
func ParseObject(b []byte, depth int) (map[string]any, error) {
	v, err := parseNested(b, depth)
	if err != nil {
		return nil, invalid("the text is not a JSON object of one meaning")
	}
	o, ok := v.(object)
	if !ok {
		return nil, invalid("the text is not a JSON object of one meaning")
	}
	return plainObject(o), nil
}

// plainObject is a copy of the object with maps instead of objects, as readers
// outside the package expect of JSON.
func plainObject(o object) map[string]any {
	m := make(map[string]any, len(o))
	for name, member := range o {
		m[name] = plain(member)
	}
	return m
}

func plain(v any) any {
	switch v := v.(type) {
	case object:
		return plainObject(v)
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = plain(element)
		}
		return list
	}
	return v
}

// parseJSON reads any value under the same rules.
func parseJSON(b []byte) (any, error) { return parseNested(b, maxDepth) }

func parseNested(b []byte, depth int) (any, error) {
	if !utf8.Valid(b) || !json.Valid(b) {
		return nil, errJSON
	}
	r := reader{rest: b}
	return r.value(depth)
}

// reader reads text that is known to be one JSON value by the grammar, so that it looks
// for nothing but what the grammar allows: a name twice, and depth.
type reader struct{ rest []byte }

// next skips space and returns the first byte of what follows, which is there.
func (r *reader) next() byte {
	for r.rest[0] == ' ' || r.rest[0] == '\n' || r.rest[0] == '\r' || r.rest[0] == '\t' {
		r.rest = r.rest[1:]
	}
	return r.rest[0]
}

// value reads what may nest depth levels more.
func (r *reader) value(depth int) (any, error) {
	if depth < 0 {
		return nil, errJSON
	}
	switch r.next() {
	case '{':
		return r.members(depth)
	case '[':
		return r.elements(depth)
	case '"':
		return r.str()
	case 't':
		r.rest = r.rest[len("true"):]
		return true, nil
	case 'f':
		r.rest = r.rest[len("false"):]
		return false, nil
	case 'n':
		r.rest = r.rest[len("null"):]
		return nil, nil //nolint:nilnil // null is a value
	}
	n := 0
	for n < len(r.rest) && strings.IndexByte("+-.0123456789eE", r.rest[n]) >= 0 {
		n++
	}
	number := json.Number(r.rest[:n])
	r.rest = r.rest[n:]
	return number, nil
}

func (r *reader) members(depth int) (any, error) {
	o := object{}
	for r.rest = r.rest[1:]; r.next() != '}'; {
		if r.rest[0] == ',' {
			r.rest = r.rest[1:]
			r.next()
		}
		name, err := r.str()
		if err != nil {
			return nil, err
		}
		if _, twice := o[name]; twice {
			return nil, errJSON
		}
		r.next()
		r.rest = r.rest[1:] // the colon
		if o[name], err = r.value(depth - 1); err != nil {
			return nil, err
		}
	}
	r.rest = r.rest[1:]
	return o, nil
}

func (r *reader) elements(depth int) (any, error) {
	list := []any{}
	for r.rest = r.rest[1:]; r.next() != ']'; {
		if r.rest[0] == ',' {
			r.rest = r.rest[1:]
		}
		v, err := r.value(depth - 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	r.rest = r.rest[1:]
	return list, nil
}

// str reads a string, of which the standard library resolves the escapes.
func (r *reader) str() (string, error) {
	escaped, end := false, 1
	for ; r.rest[end] != '"'; end++ {
		if r.rest[end] == '\\' {
			escaped = true
			end++
		}
	}
	text := r.rest[1:end]
	quoted := r.rest[:end+1]
	r.rest = r.rest[end+1:]
	if !escaped {
		return string(text), nil
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "", errJSON
	}
	return s, nil
}

// text returns a member that must be a string when it is there; absent is
// empty.
func (o object) text(name string) (string, error) {
	v, there := o[name]
	if !there {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", errJSON
	}
	return s, nil
}

// decodeSegment decodes base64url without padding of which every value has one
// text: no other alphabet, no line breaks, no stray bits.
func decodeSegment(s string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil && !strings.ContainsAny(s, "\r\n") // which the decoder skips
}
