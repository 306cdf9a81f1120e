package hl7

import (
	"bytes"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// charsets are the single-byte sets of table 0211 beyond ASCII.
var charsets = map[string]*charmap.Charmap{
	"8859/1": charmap.ISO8859_1, "8859/2": charmap.ISO8859_2, "8859/3": charmap.ISO8859_3, "8859/4": charmap.ISO8859_4,
	"8859/5": charmap.ISO8859_5, "8859/6": charmap.ISO8859_6, "8859/7": charmap.ISO8859_7, "8859/8": charmap.ISO8859_8,
	"8859/9": charmap.ISO8859_9, "8859/15": charmap.ISO8859_15,
}

// text gives what stands in a message as UTF-8, without the spaces around it: its
// character set and its escapes are resolved (HL7 v2.6, section 2.7). What the set
// does not have becomes U+FFFD, and an escape that is not known, of formatting or of
// a sender's own, is left out. A sender that names no set may write UTF-8, and what
// is none is read as ISO 8859-1, in which every byte is a character.
func (m *Message) text(b []byte) string {
	b = m.unescape(b)
	set, known := charsets[strings.ToUpper(m.charset)]
	if known || m.charset == "" && !utf8.Valid(b) {
		if set == nil {
			set = charmap.ISO8859_1
		}
		if d, err := set.NewDecoder().Bytes(b); err == nil {
			b = d
		}
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(b), "\uFFFD"))
}

// unescape resolves the escapes that stand for characters.
func (m *Message) unescape(b []byte) []byte {
	mark := m.marks.escape
	first := bytes.IndexByte(b, mark)
	if first < 0 {
		return b
	}
	out := append([]byte(nil), b[:first]...)
	for rest := b[first:]; len(rest) > 0; {
		if rest[0] != mark {
			out, rest = append(out, rest[0]), rest[1:]
			continue
		}
		end := bytes.IndexByte(rest[1:], mark)
		if end < 0 { // not an escape
			return append(out, rest...)
		}
		out = append(out, m.meaning(string(rest[1:1+end]))...)
		rest = rest[end+2:]
	}
	return out
}

// meaning is what stands between two escape characters, as characters.
func (m *Message) meaning(escape string) []byte {
	switch escape {
	case "F":
		return []byte{m.marks.field}
	case "S":
		return []byte{m.marks.component}
	case "T":
		return []byte{m.marks.subcomponent}
	case "R":
		return []byte{m.marks.repetition}
	case "E":
		return []byte{m.marks.escape}
	case ".br", ".sp":
		return []byte{'\n'}
	}
	if digits, ok := strings.CutPrefix(escape, "X"); ok {
		if b, err := hex.DecodeString(digits); err == nil {
			return b
		}
	}
	return nil
}
