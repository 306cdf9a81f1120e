// Package strict checks JSON text from outside before anything decodes it. It
// refuses what encoding/json would quietly repair or choose between: names that
// occur twice, text that is not UTF-8, values nested too deep, and anything
// after the value. It decodes nothing itself.
package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// DefaultDepth bounds how deep objects and arrays may nest.
const DefaultDepth = 32

// maxFaults bounds how many faults one text is told, so that a hostile text
// does not make a larger answer than itself.
const maxFaults = 20

// Fault is one thing that is wrong, and where. The place is made of positions
// only: names come from the sender and are never repeated.
type Fault struct {
	Offset int64  // bytes from the start, of the end of the offending token
	Detail string // what is expected
	Deep   bool   // the text crosses the bound on nesting
}

// level is one open object or array.
type level struct {
	names map[string]struct{} // nil for an array
	value bool                // in an object: a value comes next
}

// Check returns every fault of a JSON text, in order; none when it is one
// well-formed value. Reading stops at the first fault of form or depth, since
// nothing behind it can be told apart.
func Check(text []byte, depth int) []Fault {
	if depth <= 0 {
		depth = DefaultDepth
	}
	if !utf8.Valid(text) {
		return []Fault{{Offset: 0, Detail: "must be UTF-8"}}
	}
	var (
		faults []Fault
		open   []level
		d      = json.NewDecoder(bytes.NewReader(text))
	)
	d.UseNumber()
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) && len(open) == 0 {
			return append(faults, Fault{Offset: d.InputOffset(), Detail: "must hold one JSON value"})
		}
		if err != nil {
			return append(faults, Fault{Offset: d.InputOffset(), Detail: "must be well-formed JSON"})
		}
		top := len(open) - 1
		switch t := t.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				if len(open) == depth {
					return append(faults, Fault{
						Offset: d.InputOffset(), Deep: true,
						Detail: "must nest at most " + strconv.Itoa(depth) + " deep",
					})
				}
				if top >= 0 {
					open[top].value = false
				}
				l := level{}
				if t == '{' {
					l.names = map[string]struct{}{}
				}
				open = append(open, l)
				continue
			}
			open = open[:top]
		case string:
			if top >= 0 && open[top].names != nil && !open[top].value {
				if _, twice := open[top].names[t]; twice {
					if faults = append(faults, Fault{Offset: d.InputOffset(), Detail: "must not name a property twice"}); len(faults) == maxFaults {
						return faults
					}
				}
				open[top].names[t] = struct{}{}
				open[top].value = true
				continue
			}
			if top >= 0 {
				open[top].value = false
			}
		default:
			if top >= 0 {
				open[top].value = false
			}
		}
		if len(open) == 0 {
			if rest := bytes.TrimLeft(text[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
				faults = append(faults, Fault{Offset: d.InputOffset(), Detail: "must hold nothing after the JSON value"})
			}
			return faults
		}
	}
}

// Decode checks a text of our own configuration and decodes it into v. Unlike
// answers to callers, its errors name an unknown property.
func Decode(text []byte, v any) error {
	if faults := Check(text, 0); len(faults) > 0 {
		var b strings.Builder
		for i, f := range faults {
			if i > 0 {
				b.WriteString("; ")
			}
			fmt.Fprintf(&b, "line %d: %s", 1+bytes.Count(text[:f.Offset], []byte("\n")), f.Detail)
		}
		return errors.New(b.String())
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	return nil
}
