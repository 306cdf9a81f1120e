package sbom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// judge walks a document beside its shape and stops at the first fault, of which
// it says the place by names that the grammar has, never by what was submitted.
type judge struct {
	grammar  grammar
	minor    int // of the format's version
	licenses map[string]struct{}
}

// fault is what is wrong, and where.
type fault struct{ at, detail string }

func (f *fault) under(place string) *fault {
	if f.at == "" || strings.HasPrefix(f.at, "[") {
		return &fault{place + f.at, f.detail}
	}
	return &fault{place + "." + f.at, f.detail}
}

// object looks up a value's members; nil when it is none.
func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func (j *judge) fits(s *shape, v any) *fault {
	switch s.kind {
	case kindRef:
		d := j.grammar.find(s.name, j.minor)
		if d == nil {
			return &fault{"", "is not part of this version"}
		}
		return j.fits(d, v)
	case kindList:
		return j.list(s, v)
	case kindObject:
		return j.object(s, v)
	case kindOne, kindSome:
		return j.choice(s, v)
	case kindInt, kindNumber:
		return number(s, v)
	case kindBool:
		if _, ok := v.(bool); !ok {
			return &fault{"", "must be true or false"}
		}
	case kindAny:
	default:
		text, ok := v.(string)
		if !ok {
			return &fault{"", "must be text"}
		}
		return j.text(s, text)
	}
	return nil
}

func (j *judge) text(s *shape, text string) *fault {
	switch s.kind {
	case kindWords:
		for _, w := range s.words {
			if w.text == text && w.span.holds(j.minor) {
				return nil
			}
		}
		return &fault{"", "must be one of the words that this version of the format has for it"}
	case kindLicense:
		if _, ok := j.licenses[text]; !ok {
			return &fault{"", "must be a short identifier of the SPDX License List; any other license has a name instead"}
		}
	case kindURI:
		if u, err := url.Parse(text); err != nil || u.Scheme == "" && strings.Contains(text, `\`) {
			return &fault{"", "must be a URI or a reference to one"}
		}
	case kindAbsolute:
		if u, err := url.Parse(text); err != nil || !u.IsAbs() {
			return &fault{"", "must be a URI"}
		}
	case kindTime:
		if _, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text)); err != nil && !leapSecond(text) {
			return &fault{"", "must be a date and time with zone (RFC 3339)"}
		}
	case kindDate:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return &fault{"", "must be a date, as 2026-11-30"}
		}
	default:
		n := utf8.RuneCountInString(text)
		if s.min != "" && n < integer(s.min) || s.max != "" && n > integer(s.max) {
			return &fault{"", "is too short or too long"}
		}
		if s.pattern != nil && !s.pattern.MatchString(text) {
			return &fault{"", "is not written as the format wants it"}
		}
	}
	return nil
}

// leapSecond says whether a time is one at second 60.
func leapSecond(text string) bool {
	at := strings.Replace(text, ":60", ":59", 1)
	_, err := time.Parse(time.RFC3339Nano, at)
	return at != text && err == nil
}

func integer(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("grammar: " + err.Error())
	}
	return n
}

func number(s *shape, v any) *fault {
	text, ok := v.(json.Number)
	if !ok {
		return &fault{"", "must be a number"}
	}
	n, err := text.Float64()
	if err != nil {
		return &fault{"", "must be a number that can be read"}
	}
	if s.kind == kindInt && n != float64(int64(n)) {
		return &fault{"", "must be a whole number"}
	}
	if s.min != "" && n < float64(integer(s.min)) || s.max != "" && n > float64(integer(s.max)) {
		return &fault{"", "is too small or too large"}
	}
	return nil
}

func (j *judge) list(s *shape, v any) *fault {
	list, ok := v.([]any)
	if !ok {
		return &fault{"", "must be a list"}
	}
	if s.full && len(list) == 0 {
		return &fault{"", "must not be empty"}
	}
	if s.single && len(list) != 1 {
		return &fault{"", "must have exactly one entry"}
	}
	for i, item := range list {
		if f := j.fits(s.item, item); f != nil {
			return f.under(fmt.Sprintf("[%d]", i))
		}
	}
	if s.unique && len(list) > 1 {
		return distinct(list)
	}
	return nil
}

// distinct compares entries by their encoding, in which members are in order.
func distinct(list []any) *fault {
	seen := make(map[string]struct{}, len(list))
	for i, item := range list {
		b, err := json.Marshal(item)
		if err != nil {
			return &fault{fmt.Sprintf("[%d]", i), "cannot be read"}
		}
		if _, twice := seen[string(b)]; twice {
			return &fault{fmt.Sprintf("[%d]", i), "must not be the same as an entry before it"}
		}
		seen[string(b)] = struct{}{}
	}
	return nil
}

func (j *judge) object(s *shape, v any) *fault {
	o, ok := v.(map[string]any)
	if !ok {
		return &fault{"", "must be an object"}
	}
	known := 0
	for i := range s.members {
		m := &s.members[i]
		if !m.span.holds(j.minor) {
			continue
		}
		value, there := o[m.name]
		if !there {
			if m.required {
				return &fault{m.name, "must be there"}
			}
			continue
		}
		known++
		if f := j.fits(m.shape, value); f != nil {
			return f.under(m.name)
		}
	}
	if !s.open && known < len(o) {
		return &fault{"", "has a member that this version of the format does not have"}
	}
	for i := range s.groups {
		if f := s.groups[i].hold(o); f != nil {
			return f
		}
	}
	return nil
}

func (g *groups) hold(o map[string]any) *fault {
	if g.never {
		_, version := o["version"]
		_, span := o["versionRange"]
		outside, said := o["isExternal"]
		// As the schema of 1.7 reads: a component without isExternal is not external.
		if span && (version || !said || outside == false) {
			return &fault{"versionRange", "is for external components, instead of version"}
		}
		return nil
	}
	whole := 0
	for _, set := range g.sets {
		all := true
		for _, name := range set {
			if _, ok := o[name]; !ok {
				all = false
			}
		}
		if all {
			whole++
		}
	}
	if whole == 0 || g.exactly && whole > 1 {
		return &fault{"", "must have one of the members that exclude each other"}
	}
	return nil
}

func (j *judge) choice(s *shape, v any) *fault {
	fitting := 0
	var last *fault
	for _, c := range s.choices {
		if f := j.fits(c, v); f != nil {
			// The alternative that was left last is the one that was meant.
			if last == nil || len(f.at) > len(last.at) {
				last = f
			}
			continue
		}
		if fitting++; s.kind == kindSome {
			return nil
		}
	}
	switch {
	case fitting == 1:
		return nil
	case fitting > 1:
		return &fault{"", "can be read in more than one way"}
	}
	return last
}

// decode reads a document that was measured before.
func decode(b []byte) (map[string]any, bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, false
	}
	o := object(v)
	return o, o != nil
}
