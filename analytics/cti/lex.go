package cti

import "strings"

type tokenKind int

const (
	tokenWord    tokenKind = iota // keyword or sign
	tokenPath                     // object path, its list steps written [*]
	tokenLiteral                  // text between quotes, escapes undone
	tokenNumber
	tokenCoded // timestamp, binary or hexadecimal: the text stands for another value
)

type patternToken struct {
	kind tokenKind
	text string
}

const signs = "[](),"

// lexPattern splits a pattern into tokens; false when it holds what no pattern can.
func lexPattern(s string) ([]patternToken, bool) {
	var tokens []patternToken
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '\'':
			t, n, ok := quoted(s[i:])
			if !ok {
				return nil, false
			}
			tokens = append(tokens, patternToken{tokenLiteral, t})
			i += n
		case (c == 't' || c == 'b' || c == 'h') && i+1 < len(s) && s[i+1] == '\'': // timestamp, binary, hex
			t, n, ok := quoted(s[i+1:])
			if !ok {
				return nil, false
			}
			tokens = append(tokens, patternToken{tokenCoded, t})
			i += 1 + n
		case strings.IndexByte(signs, c) >= 0:
			tokens = append(tokens, patternToken{tokenWord, string(c)})
			i++
		case strings.IndexByte("=!<>", c) >= 0:
			n := 1
			if i+1 < len(s) && strings.IndexByte("=>", s[i+1]) >= 0 {
				n = 2
			}
			tokens = append(tokens, patternToken{tokenWord, s[i : i+n]})
			i += n
		case c >= '0' && c <= '9' || c == '-' || c == '+':
			n := 1
			for i+n < len(s) && (s[i+n] >= '0' && s[i+n] <= '9' || s[i+n] == '.') {
				n++
			}
			tokens = append(tokens, patternToken{tokenNumber, s[i : i+n]})
			i += n
		case letter(c):
			t, n, ok := wordOrPath(s[i:])
			if !ok {
				return nil, false
			}
			tokens = append(tokens, t)
			i += n
		default:
			return nil, false
		}
	}
	return tokens, true
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func wordByte(c byte) bool { return letter(c) || c >= '0' && c <= '9' || c == '-' }

// quoted reads a string literal and returns its text and length with quotes.
func quoted(s string) (text string, n int, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '\'':
			return b.String(), i + 1, true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0, false
}

// wordOrPath reads a keyword, or an object path when a colon follows the first
// word: type ":" step { "." step | "[" index "]" }, steps plain or quoted.
func wordOrPath(s string) (patternToken, int, bool) {
	n := 0
	for n < len(s) && wordByte(s[n]) {
		n++
	}
	if n == len(s) || s[n] != ':' {
		return patternToken{tokenWord, s[:n]}, n, true
	}
	var path strings.Builder
	path.WriteString(s[:n+1])
	n++
	for n < len(s) {
		switch c := s[n]; {
		case wordByte(c) || c == '.':
			path.WriteByte(c)
			n++
		case c == '\'':
			t, length, ok := quoted(s[n:])
			if !ok {
				return patternToken{}, 0, false
			}
			path.WriteString(t)
			n += length
		case c == '[':
			end := strings.IndexByte(s[n:], ']')
			if end < 0 {
				return patternToken{}, 0, false
			}
			path.WriteString("[*]")
			n += end + 1
		default:
			return patternToken{tokenPath, path.String()}, n, true
		}
	}
	return patternToken{tokenPath, path.String()}, n, true
}
