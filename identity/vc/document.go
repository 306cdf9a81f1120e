package vc

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Bounds on what comes from outside.
const (
	MaxDocument = 64 << 10 // bytes of a credential or presentation
	maxDepth    = 16
	maxContexts = 8 // that one document names
	maxListed   = 64
)

func invalid(format string, args ...any) error {
	return ledger.Problemf(ledger.CodeInvalid, format, args...)
}

// document is a JSON object from outside: its numbers are json.Number.
type document map[string]any

// parseDocument reads a credential or presentation with a linked-data proof.
func parseDocument(b []byte) (document, error) {
	if len(b) > MaxDocument {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a credential or presentation has at most %d bytes", MaxDocument)
	}
	o, err := verify.ParseObject(b, maxDepth)
	if err != nil {
		return nil, err
	}
	if err := plain(o); err != nil {
		return nil, err
	}
	return o, nil
}

// plain refuses what two readers of one JSON document could understand
// differently, or a canonical form would not keep: null, numbers that a double
// does not hold, and keywords of JSON-LD but for contexts and a text's language.
func plain(v any) error {
	switch v := v.(type) {
	case nil:
		return invalid("the document holds null, which has no meaning in it")
	case json.Number:
		if !exact(v.String()) {
			return invalid("the document holds a number that is not kept exactly; such numbers are given as text")
		}
	case []any:
		for _, element := range v {
			if err := plain(element); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, member := range v {
			if strings.HasPrefix(name, "@") && !slices.Contains([]string{"@context", "@value", "@language"}, name) {
				return invalid("the document uses a keyword of JSON-LD")
			}
			if err := plain(member); err != nil {
				return err
			}
		}
	}
	return nil
}

// exact reports whether a number is an integer below 2^53, or has at most 15
// digits and no exponent: then all of them are in the canonical form.
func exact(number string) bool {
	const limit = 1 << 53
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		return n > -limit && n < limit && number != "-0"
	}
	digits := strings.TrimPrefix(number, "-")
	return strings.Count(digits, ".") == 1 && len(digits) <= 16 && !strings.ContainsAny(digits, "eE")
}

// native is a copy with numbers as json-gold and aries take them.
func native(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil { // plain has let through only what a double holds
			return v.String()
		}
		return f
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = native(element)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			out[name] = native(member)
		}
		return out
	}
	return v
}

// without is a shallow copy that lacks a member.
func (d document) without(name string) document {
	out := maps.Clone(d)
	delete(out, name)
	return out
}

// text returns a member that must be a text when it is there.
func (d document) text(name string) (string, error) {
	v, there := d[name]
	if !there {
		return "", nil
	}
	s, ok := v.(string)
	if !ok || s == "" {
		return "", invalid("%q must be a text", name)
	}
	return s, nil
}

// object returns a member that must be an object.
func (d document) object(name string) (document, error) {
	o, ok := d[name].(map[string]any)
	if !ok {
		return nil, invalid("%q must be one object", name)
	}
	return o, nil
}

// texts returns a member that is a text or a list of different texts.
func (d document) texts(name string) ([]string, error) {
	list, ok := d[name].([]any)
	if !ok {
		list = []any{d[name]}
	}
	var out []string
	for _, v := range list {
		s, ok := v.(string)
		if !ok || s == "" || slices.Contains(out, s) || len(list) > maxListed {
			return nil, invalid("%q must be a text or a list of different texts", name)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, invalid("%q must not be empty", name)
	}
	return out, nil
}

// objects returns a member that is an object or a list of them, when it is there.
func (d document) objects(name string) ([]map[string]any, error) {
	v, there := d[name]
	if !there {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) == 0 || len(list) > maxListed {
		return nil, invalid("%q must be an object or a list of some", name)
	}
	var out []map[string]any
	for _, v := range list {
		o, ok := v.(map[string]any)
		if !ok {
			return nil, invalid("%q must be an object or a list of some", name)
		}
		out = append(out, o)
	}
	return out, nil
}

// contexts returns what the document's "@context" names: addresses, the data model's
// first, and nothing else. A context in the document itself could say that
// "nurse" means what another one calls "visitor". Only proofs, and the credentials
// in a presentation, have contexts of their own, and are checked by themselves.
func (d document) contexts(first string) ([]string, error) {
	list, err := d.texts("@context")
	if err != nil || list[0] != first || len(list) > maxContexts {
		return nil, invalid("\"@context\" must list addresses, at most %d, with the data model's in front", maxContexts)
	}
	for name, member := range d {
		if !slices.Contains([]string{"@context", "proof", "verifiableCredential"}, name) && holdsContext(member) {
			return nil, invalid("a context stands inside the document")
		}
	}
	return list, nil
}

func holdsContext(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if _, there := v["@context"]; there {
			return true
		}
		for _, member := range v {
			if holdsContext(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, holdsContext)
	}
	return false
}
