package ingest

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

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
