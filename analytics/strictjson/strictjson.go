// Package strictjson judges JSON from outside before anything else reads it:
// bounded in size, depth and number of values, valid UTF-8, and without a name
// twice in one object, which different readers would resolve differently
// (RFC 8259, section 4). It decodes nothing and repeats no submitted value.
package strictjson

import (
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Limits bounds a document. Every limit must be set.
type Limits struct {
	Bytes  int // length of the document
	Depth  int // nested arrays and objects; a bare value has depth 0
	Values int // values and names, counted together
}

// Check returns nil when b is one JSON value within the limits. Otherwise it
// returns a Problem: too_large when a limit is crossed, invalid for the rest.
// The name of the document, as in "the report", stands in the problem's detail.
func Check(name string, b []byte, lim Limits) error {
	if len(b) > lim.Bytes {
		return ledger.Problemf(ledger.CodeTooLarge, "%s has more than %d bytes", name, lim.Bytes)
	}
	if !utf8.Valid(b) {
		return ledger.Problemf(ledger.CodeInvalid, "%s is not valid UTF-8", name)
	}
	if err := measure(name, b, lim); err != nil {
		return err
	}
	var raw json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return ledger.Problemf(ledger.CodeInvalid, "%s is not JSON: the fault is at byte %d", name, syntax.Offset)
		}
		return ledger.Problemf(ledger.CodeInvalid, "%s is not JSON", name)
	}
	if at, found := repeated(b); found {
		return ledger.Problemf(ledger.CodeInvalid, "%s has a name twice in one object, at byte %d", name, at)
	}
	return nil
}

// measure checks depth and count before the grammar is known to hold, so that
// no recursive reader ever meets a document that is too deep. In text that is
// not JSON its counts mean nothing, but they stay bounded.
func measure(name string, b []byte, lim Limits) error {
	depth, values := 0, 1
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = stringEnd(b, i)
		case '[', '{':
			depth++
			values++
		case ']', '}':
			depth--
		case ',', ':':
			values++
		}
		if depth > lim.Depth {
			return ledger.Problemf(ledger.CodeTooLarge, "%s is nested more than %d deep", name, lim.Depth)
		}
		if values > lim.Values {
			return ledger.Problemf(ledger.CodeTooLarge, "%s holds more than %d values", name, lim.Values)
		}
	}
	return nil
}

// stringEnd returns the index of the quote that closes the string that begins
// at start, or the last index when none does.
func stringEnd(b []byte, start int) int {
	for i := start + 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(b) - 1
}

// names are those met so far in one object. Most objects are small, so that a
// list serves; a large one gets a set, which keeps the check linear.
type names struct {
	list []string
	set  map[string]struct{}
}

const smallObject = 16

func (n *names) add(s string) bool {
	if n.set != nil {
		if _, ok := n.set[s]; ok {
			return false
		}
		n.set[s] = struct{}{}
		return true
	}
	for _, have := range n.list {
		if have == s {
			return false
		}
	}
	n.list = append(n.list, s)
	if len(n.list) > smallObject {
		n.set = make(map[string]struct{}, 2*smallObject)
		for _, have := range n.list {
			n.set[have] = struct{}{}
		}
	}
	return true
}

// repeated finds the first name that occurs twice in one object of valid JSON,
// names compared after their escapes are undone.
func repeated(b []byte) (at int, found bool) {
	var open []*names // nil for an array
	wantName := false
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{':
			open = append(open, &names{})
			wantName = true
		case '[':
			open = append(open, nil)
			wantName = false
		case '}', ']':
			open = open[:len(open)-1]
			wantName = false
		case ',':
			wantName = open[len(open)-1] != nil
		case '"':
			end := stringEnd(b, i)
			if wantName {
				if !open[len(open)-1].add(text(b[i : end+1])) {
					return i, true
				}
				wantName = false
			}
			i = end
		}
	}
	return 0, false
}

// text undoes the escapes of a quoted string.
func text(quoted []byte) string {
	for _, c := range quoted {
		if c == '\\' {
			var s string
			if err := json.Unmarshal(quoted, &s); err != nil {
				return string(quoted) // cannot be: the document is valid JSON
			}
			return s
		}
	}
	return string(quoted[1 : len(quoted)-1])
}
