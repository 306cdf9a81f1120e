package sanitise

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// place is where a text value stands.
type place struct {
	object   int    // index in the bundle's objects; -1: elsewhere
	property string // of that object
	leaf     string // the nearest name
	name     bool   // it is a name, of what stands behind it
	standard bool   // and STIX gives it
	path     []string
}

func (p *place) where() string { return strings.TrimPrefix(strings.Join(p.path, ""), ".") }

// idForm is a STIX identifier (STIX 2.1, section 2.9), and timeForm begins a time
// (section 2.16).
var (
	idForm   = regexp.MustCompile(`^[a-z0-9-]+--[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[0-9:.]+Z$`)
)

// fixed reports whether a value says nothing of its own: ids and references, kinds of
// objects and times. That it is called one does not make it one.
func (p *place) fixed(text string) bool {
	switch p.leaf {
	case "type", "spec_version", "pattern_type":
		return p.property == p.leaf || len(p.path) == 1
	}
	return p.standard || idForm.MatchString(text) || timeForm.MatchString(text)
}

// rewriter copies valid JSON and asks for each text value what stands there instead.
type rewriter struct {
	in     []byte
	at     int
	out    bytes.Buffer
	place  place
	change func(*place, string) string
}

func rewrite(text []byte, change func(*place, string) string) []byte {
	w := &rewriter{in: text, place: place{object: -1}, change: change}
	w.value()
	w.out.Write(w.in[w.at:])
	return w.out.Bytes()
}

// space copies what stands between values.
func (w *rewriter) space() {
	from := w.at
	for w.at < len(w.in) && strings.IndexByte(" \t\r\n,:", w.in[w.at]) >= 0 {
		w.at++
	}
	w.out.Write(w.in[from:w.at])
}

// token returns a string with its quotes.
func (w *rewriter) token() []byte {
	from := w.at
	for w.at++; w.in[w.at] != '"'; w.at++ {
		if w.in[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
	return w.in[from:w.at]
}

func (w *rewriter) value() {
	w.space()
	if w.at >= len(w.in) {
		return
	}
	switch w.in[w.at] {
	case '{':
		w.members('}', w.member)
	case '[':
		i := 0
		w.members(']', func() {
			outer := w.place
			if len(w.place.path) == 1 && w.place.path[0] == ".objects" {
				w.place.object = i
			}
			w.within("["+strconv.Itoa(i)+"]", w.value)
			w.place = outer
			i++
		})
	case '"':
		w.text()
	default:
		from := w.at
		for w.at < len(w.in) && strings.IndexByte(" \t\r\n,]}", w.in[w.at]) < 0 {
			w.at++
		}
		w.out.Write(w.in[from:w.at])
	}
}

// text copies a string, changed, and returns it as it was.
func (w *rewriter) text() string {
	token := w.token()
	var text string
	if json.Unmarshal(token, &text) != nil { // it is valid
		w.out.Write(token)
		return "?"
	}
	after := w.change(&w.place, text)
	if after == text {
		w.out.Write(token)
		return text
	}
	b, err := json.Marshal(after)
	if err != nil { // a string always encodes
		b = []byte(`""`)
	}
	w.out.Write(b)
	return text
}

// members copies what stands between brackets.
func (w *rewriter) members(end byte, one func()) {
	w.out.WriteByte(w.in[w.at])
	w.at++
	for w.space(); w.at < len(w.in) && w.in[w.at] != end; w.space() {
		one()
	}
	if w.at < len(w.in) {
		w.out.WriteByte(end)
		w.at++
	}
}

func (w *rewriter) member() {
	outer := w.place
	// A name may tell as much as a value, but those of STIX tell nothing.
	w.place.leaf, w.place.name = "", true
	w.place.standard = len(outer.path) <= 2 || outer.leaf == "hashes"
	name := w.text()
	w.place = outer
	w.place.leaf = name
	if w.place.object >= 0 && len(w.place.path) == 2 {
		w.place.property = name
	}
	w.within("."+name, w.value)
	w.place = outer
}

func (w *rewriter) within(step string, do func()) {
	w.place.path = append(w.place.path[:len(w.place.path):len(w.place.path)], step)
	do()
}
