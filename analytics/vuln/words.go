package vuln

import (
	"strconv"
	"strings"
	"unicode"
)

func itoa(i int) string { return strconv.Itoa(i) }

// tokens splits a name at everything that is neither letter nor digit, and
// between letters and digits that follow one another, in lower case: names are
// compared whole by their tokens, never by substrings.
func tokens(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// key is a form in which equal names are equal strings.
func key(s string) string { return strings.Join(tokens(s), " ") }
