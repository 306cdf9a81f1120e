package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
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
	if !utf8.Valid(b) || !json.Valid(b) { // the decoder's tokens alone are laxer than the grammar
		return nil, errJSON
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, err := value(d, depth)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errJSON
	}
	return v, nil
}

// value reads what may nest depth levels more.
func value(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil || depth < 0 {
		return nil, errJSON
	}
	switch t {
	case json.Delim('{'):
		return members(d, depth)
	case json.Delim('['):
		return elements(d, depth)
	}
	return t, nil // string, json.Number, bool or nil
}

func members(d *json.Decoder, depth int) (any, error) {
	o := object{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errJSON
		}
		if _, twice := o[name]; twice {
			return nil, errJSON
		}
		if o[name], err = value(d, depth-1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return o, err
}

func elements(d *json.Decoder, depth int) (any, error) {
	list := []any{}
	for d.More() {
		v, err := value(d, depth-1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.Token()
	return list, err
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
	// The decoder skips line breaks; encoding again shows them.
	return b, err == nil && base64.RawURLEncoding.EncodeToString(b) == s
}
