package ingest

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
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
	s.names = s.names[:0]
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
		if i, f = s.value(b, space(b, i+1), depth); f != sound {
			return i, f
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

const (
	each = 0x0101010101010101 // a byte repeated is its product with this
	high = 0x80 * each
)

// special returns a word whose lowest set bit is in the lowest byte of x that is
// not plain: a quote, a backslash, a control character, or not ASCII.
func special(x uint64) uint64 {
	quote, slash := x^('"'*each), x^('\\'*each)
	return ((quote-each)&^quote | (slash-each)&^slash | (x - ' '*each) | x) & high
}

// scanString scans the string whose first character is at i, and returns the
// offset behind its closing quote.
func scanString(b []byte, i int) (end int, escaped bool, f flaw) {
	for {
		for i+8 <= len(b) {
			m := special(binary.LittleEndian.Uint64(b[i:]))
			if m != 0 {
				i += bits.TrailingZeros64(m) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			return i, escaped, flawSyntax
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, escaped, sound
		case c == '\\':
			escaped = true
			n, f := scanEscape(b[i:])
			if f != sound {
				return i, escaped, f
			}
			i += n
		case c < ' ':
			return i, escaped, flawSyntax
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return i, escaped, flawText
			}
			i += n
		}
	}
}

// scanEscape returns the length of the escape that b begins with, a pair of
// surrogates counting as one.
func scanEscape(b []byte) (int, flaw) {
	if len(b) < 2 {
		return 0, flawSyntax
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, sound
	case 'u':
		r, ok := hex4(b[2:])
		switch {
		case !ok:
			return 0, flawSyntax
		case !utf16.IsSurrogate(r):
			return 6, sound
		}
		if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
			low, ok := hex4(b[8:])
			if ok && utf16.DecodeRune(r, low) != utf8.RuneError {
				return 12, sound
			}
		}
		return 0, flawSurrogate
	}
	return 0, flawSyntax
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape appends a string that scanString found sound, its escapes undone.
func unescape(dst, b []byte) []byte {
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			dst = append(dst, b[i])
			i++
			continue
		}
		switch c := b[i+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(b[i+2:])
			if utf16.IsSurrogate(r) {
				low, _ := hex4(b[i+8:])
				r = utf16.DecodeRune(r, low)
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
			i += 4
		default: // quote, backslash, slash
			dst = append(dst, c)
		}
		i += 2
	}
	return dst
}
