package adapt

import (
	"slices"
	"strings"
)

// refanged is a text in which what was written so that nobody clicks on it is as it was.
type refanged struct {
	text  string
	marks []int // places in text where something was put back, ascending
}

// within tells whether something was put back between two places: whoever defanged it
// meant it as an indicator.
func (r *refanged) within(from, to int) bool {
	i, _ := slices.BinarySearch(r.marks, from)
	return i < len(r.marks) && r.marks[i] < to
}

// bracketed are the usual ways to write a sign so that it does not work.
var bracketed = map[string]string{
	".": ".", "dot": ".", "punkt": ".", "@": "@", "at": "@", ":": ":", "://": "://", "/": "/", "//": "//",
}

const maxBracketed = 8 // bytes between the brackets

// schemes are the spellings of a URL's scheme that no program follows.
var schemes = []struct{ said, meant string }{
	{"hxxps", "https"},
	{"hxxp", "http"},
	{"htxps", "https"},
	{"htxp", "http"},
	{"httxs", "https"},
	{"h**ps", "https"},
	{"h**p", "http"},
	{"fxp", "ftp"},
}

// refang undoes what reports do to addresses, in one pass.
func refang(s string) refanged {
	var (
		out strings.Builder
		r   refanged
	)
	out.Grow(len(s))
	last := byte(' ') // written
	write := func(piece string) {
		out.WriteString(piece)
		if piece != "" {
			last = piece[len(piece)-1]
		}
	}
	put := func(piece string) {
		r.marks = append(r.marks, out.Len())
		write(piece)
	}
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case (c == 'h' || c == 'H' || c == 'f' || c == 'F') && !word(last):
			if meant, n := scheme(s[i:]); n > 0 {
				put(meant)
				i += n
				continue
			}
		case c == '[' || c == '(' || c == '{' || c == ' ':
			if meant, n := bracket(s[i:], last); n > 0 {
				put(meant)
				i += n
				continue
			}
		case c == '.' && i+2 < len(s) && s[i+1] == ']' && word(last) && word(s[i+2]):
			put(".")
			i += 2
			continue
		case c == '\\' && i+2 < len(s) && s[i+1] == '.' && word(last) && word(s[i+2]):
			put(".")
			i += 2
			continue
		case c == ':' && strings.HasPrefix(s[i:], `:\\`) && (last == 'p' || last == 's'):
			put("://")
			i += 3
			continue
		}
		write(s[i : i+1])
		i++
	}
	r.text = out.String()
	return r
}

// word tells what a label of a name begins and ends with; letters of other scripts count.
func word(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80 || c == '_'
}

func scheme(s string) (meant string, length int) {
	for _, k := range schemes {
		if len(s) <= len(k.said) || !strings.EqualFold(s[:len(k.said)], k.said) {
			continue
		}
		if rest := s[len(k.said):]; strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "[:") || strings.HasPrefix(rest, "(:") {
			return k.meant, len(k.said)
		}
	}
	return "", 0
}

// bracket reads a sign in brackets between two words, perhaps with a space on each side.
func bracket(s string, last byte) (meant string, length int) {
	n, spaced := 0, false
	if s[0] == ' ' {
		n, spaced = 1, true
	}
	if n >= len(s) || !(word(last) || last == ':' || last == '/') {
		return "", 0
	}
	var closing byte
	switch s[n] {
	case '[':
		closing = ']'
	case '(':
		closing = ')'
	case '{':
		closing = '}'
	default:
		return "", 0
	}
	rest := s[n+1:]
	if !spaced && len(rest) > 1 && rest[0] == '.' && word(rest[1]) {
		return ".", n + 2 // closed nowhere
	}
	end := strings.IndexByte(rest[:min(len(rest), maxBracketed+1)], closing)
	if end < 1 {
		return "", 0
	}
	meant, known := bracketed[strings.ToLower(strings.TrimSpace(rest[:end]))]
	if !known {
		return "", 0
	}
	n += 1 + end + 1
	if spaced {
		if n >= len(s) || s[n] != ' ' || meant != "." && meant != "@" {
			return "", 0
		}
		n++
	}
	if n >= len(s) || !(word(s[n]) || meant[0] == ':' || meant[0] == '/') {
		return "", 0
	}
	return meant, n
}
