package ingest

import (
	"bytes"
	"hash/maphash"
	"slices"
)

// flaw says what is wrong with a record.
type flaw int

const (
	sound flaw = iota
	flawEmpty
	flawSize
	flawSyntax
	flawObject
	flawDepth
	flawName
	flawText
	flawSurrogate
	flawHeader
	flawSegment
	flawControl
	flawResource
	flawLineEnd
	flawFile
	flawFileSize
	flawForm
)

// jsonScanner judges JSON texts (RFC 8259) more strictly than encoding/json:
// valid UTF-8, no unpaired surrogates, bounded depth, and no name twice in one
// object, which different readers would resolve differently. It builds nothing
// and does not allocate once it has warmed up. It serves one goroutine.
type jsonScanner struct {
	maxDepth int
	seed     maphash.Seed // secret, so that nobody can send names that collide
	names    []name       // of the objects that are open, the innermost last
	one, two []byte       // names with their escapes undone
	resource bool         // the outermost object has a resourceType that is a string and not empty
}

// name is a name of an open object, as it stands in the text.
type name struct {
	hash       uint64
	start, end int
	escaped    bool
}

func newJSONScanner(maxDepth int) *jsonScanner {
	return &jsonScanner{maxDepth: maxDepth, seed: maphash.MakeSeed()}
}

// check judges whether text is one JSON value, and an object if it has to be.
// It returns the first flaw and the offset of the byte at which it shows.
func (s *jsonScanner) check(text []byte, object bool) (flaw, int) {
	s.names, s.resource = s.names[:0], false
	i := space(text, 0)
	if object && i < len(text) && text[i] != '{' {
		return flawObject, i
	}
	i, f := s.value(text, i, 0)
	if f != sound {
		return f, i
	}
	if i = space(text, i); i < len(text) {
		return flawSyntax, i
	}
	return sound, 0
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// value scans the value that begins at i and returns where it ends, or where
// its flaw is. So do the functions below.
func (s *jsonScanner) value(b []byte, i, depth int) (int, flaw) {
	if i >= len(b) {
		return i, flawSyntax
	}
	switch c := b[i]; {
	case c == '"':
		end, _, f := scanString(b, i+1)
		return end, f
	case c == '-' || c >= '0' && c <= '9':
		return scanNumber(b, i)
	case c == '{':
		return s.object(b, i+1, depth+1)
	case c == '[':
		return s.array(b, i+1, depth+1)
	case c == 't':
		return scanWord(b, i, "true")
	case c == 'f':
		return scanWord(b, i, "false")
	case c == 'n':
		return scanWord(b, i, "null")
	}
	return i, flawSyntax
}

func (s *jsonScanner) array(b []byte, i, depth int) (int, flaw) {
	if depth > s.maxDepth {
		return i - 1, flawDepth
	}
	if i = space(b, i); i < len(b) && b[i] == ']' {
		return i + 1, sound
	}
	for {
		var f flaw
		if i, f = s.value(b, space(b, i), depth); f != sound {
			return i, f
		}
		i = space(b, i)
		switch {
		case i < len(b) && b[i] == ',':
			i++
		case i < len(b) && b[i] == ']':
			return i + 1, sound
		default:
			return i, flawSyntax
		}
	}
}

// manyNames is from how many names on an object's names are compared by sorting
// them at its end, rather than each with all before it.
const manyNames = 32

func (s *jsonScanner) object(b []byte, i, depth int) (int, flaw) {
	if depth > s.maxDepth {
		return i - 1, flawDepth
	}
	if i = space(b, i); i < len(b) && b[i] == '}' {
		return i + 1, sound
	}
	base, seen := len(s.names), uint64(0)
	for {
		if i = space(b, i); i >= len(b) || b[i] != '"' {
			return i, flawSyntax
		}
		start := i + 1
		end, escaped, f := scanString(b, start)
		if f != sound {
			return end, f
		}
		n := name{start: start, end: end - 1, escaped: escaped}
		n.hash = maphash.Bytes(s.seed, s.text(b, n, &s.one))
		// A bit in 64 for each name met tells most new names apart at once.
		bit := uint64(1) << (n.hash & 63)
		if seen&bit != 0 && len(s.names)-base <= manyNames && s.repeats(b, base, n) {
			return start - 1, flawName
		}
		seen |= bit
		s.names = append(s.names, n)

		if i = space(b, end); i >= len(b) || b[i] != ':' {
			return i, flawSyntax
		}
		begin := space(b, i+1)
		if i, f = s.value(b, begin, depth); f != sound {
			return i, f
		}
		if depth == 1 && b[begin] == '"' && i > begin+2 && string(s.text(b, n, &s.one)) == "resourceType" {
			s.resource = true
		}
		i = space(b, i)
		switch {
		case i < len(b) && b[i] == ',':
			i++
		case i < len(b) && b[i] == '}':
			if at, twice := s.repeated(b, base); twice {
				return at, flawName
			}
			s.names = s.names[:base]
			return i + 1, sound
		default:
			return i, flawSyntax
		}
	}
}

// repeats reports whether n equals a name from base on.
func (s *jsonScanner) repeats(b []byte, base int, n name) bool {
	for _, have := range s.names[base:] {
		if have.hash == n.hash && s.same(b, have, n) {
			return true
		}
	}
	return false
}

// repeated finds a repetition among many names, all of one object.
func (s *jsonScanner) repeated(b []byte, base int) (at int, twice bool) {
	names := s.names[base:]
	if len(names) <= manyNames {
		return 0, false // compared as they came
	}
	slices.SortFunc(names, func(x, y name) int {
		switch {
		case x.hash < y.hash:
			return -1
		case x.hash > y.hash:
			return 1
		}
		return x.start - y.start
	})
	for i := 1; i < len(names); i++ {
		for j := i - 1; j >= 0 && names[j].hash == names[i].hash; j-- {
			if s.same(b, names[j], names[i]) {
				return names[i].start - 1, true
			}
		}
	}
	return 0, false
}

func (s *jsonScanner) same(b []byte, x, y name) bool {
	return bytes.Equal(s.text(b, x, &s.one), s.text(b, y, &s.two))
}

// text returns a name with its escapes undone, in buf if there are any.
func (s *jsonScanner) text(b []byte, n name, buf *[]byte) []byte {
	if !n.escaped {
		return b[n.start:n.end]
	}
	*buf = unescape((*buf)[:0], b[n.start:n.end])
	return *buf
}

func scanWord(b []byte, i int, word string) (int, flaw) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, flawSyntax
	}
	return i + len(word), sound
}

func scanNumber(b []byte, i int) (int, flaw) {
	if b[i] == '-' {
		i++
	}
	start := i
	if i = digits(b, i); i == start || b[start] == '0' && i > start+1 {
		return i, flawSyntax
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = digits(b, start); i == start {
			return i, flawSyntax
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		if i = digits(b, i); i == start {
			return i, flawSyntax
		}
	}
	return i, sound
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}
