// Package gs1 reads what stands on a device's label: element strings of GS1 bar
// codes, as scanners give them, GS1 Digital Link URIs, and HIBC. It checks each
// value against its application identifier, and makes such URIs.
package gs1

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
)

// The application identifiers that name a device.
const (
	GTIN   = "01"
	Lot    = "10"
	Expiry = "17"
	Serial = "21"
)

//go:embed identifiers.txt
var identifierText string

// identifier is what is known of one application identifier.
type identifier struct {
	parts      []part
	fixed      bool // its length is known to scanners, so that no separator follows
	attribute  bool // may stand in the query of a Digital Link
	key        bool // begins the path of a Digital Link
	qualifiers [][]string
}

// part is a stretch of an identifier's data.
type part struct {
	set      byte // n, x, y or z
	length   int
	variable bool // up to length, and at least one
	optional bool
	check    byte // c: ends in a check digit; d: a date; 0: neither
}

var identifiers = readIdentifiers(identifierText)

// readIdentifiers reads the table, which is part of this program.
func readIdentifiers(text string) map[string]identifier {
	table := map[string]identifier{}
	var form identifier
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if head, rest, ok := strings.Cut(line, ": "); ok {
			form, line = readForm(head), rest
		}
		for _, ai := range strings.Fields(line) {
			first, last, several := strings.Cut(ai, "-")
			if !several {
				table[first] = form
				continue
			}
			from, _ := strconv.Atoi(first)
			to, _ := strconv.Atoi(last)
			for n := from; n <= to; n++ {
				table[strconv.Itoa(n)] = form
			}
		}
	}
	return table
}

func readForm(head string) identifier {
	words := strings.Fields(head)
	f := identifier{
		fixed: slices.Contains(words, "fixed"), attribute: slices.Contains(words, "attribute"),
	}
	for _, w := range words[1:] {
		if rest, ok := strings.CutPrefix(w, "key"); ok {
			f.key = true
			for set := range strings.SplitSeq(strings.TrimPrefix(rest, "="), "|") {
				if set != "" {
					f.qualifiers = append(f.qualifiers, strings.Split(set, ","))
				}
			}
		}
	}
	for word := range strings.SplitSeq(words[0], "+") {
		p := part{set: word[0]}
		word, p.optional = strings.CutSuffix(word[1:], "?")
		word, p.variable = strings.CutPrefix(word, "-")
		if end := word[len(word)-1]; end == 'c' || end == 'd' {
			p.check, word = end, word[:len(word)-1]
		}
		p.length, _ = strconv.Atoi(word)
		f.parts = append(f.parts, p)
	}
	return f
}

// longest is how much of text an identifier's data can be at most.
func (f *identifier) longest() int {
	n := 0
	for _, p := range f.parts {
		n += p.length
	}
	return n
}

// fits says whether a value is data of the identifier.
func (f *identifier) fits(value string) bool {
	rest := value
	for _, p := range f.parts {
		if rest == "" && p.optional {
			return true
		}
		n := p.length
		if p.variable {
			n = min(n, len(rest))
		}
		if n == 0 || len(rest) < n || !p.fits(rest[:n]) {
			return false
		}
		rest = rest[n:]
	}
	return rest == ""
}

func (p *part) fits(s string) bool {
	for i := range len(s) {
		if !inSet(p.set, s[i]) {
			return false
		}
	}
	switch p.check {
	case 'c':
		return s[len(s)-1] == CheckDigit(s[:len(s)-1])
	case 'd':
		return date(s)
	}
	return true
}

// The marks of character set 82 (GS1 General Specifications, figure 7.11-1), of set
// 39 (7.11-2) and of base64url, beside letters and digits.
const (
	marks82 = `!"%&'()*+,-./:;<=>?_`
	marks39 = "#-/"
	marks64 = "-_="
)

func inSet(set, c byte) bool {
	digit, upper, lower := c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z'
	switch set {
	case 'n':
		return digit
	case 'y':
		return digit || upper || strings.IndexByte(marks39, c) >= 0
	case 'z':
		return digit || upper || lower || strings.IndexByte(marks64, c) >= 0
	}
	return digit || upper || lower || strings.IndexByte(marks82, c) >= 0
}

// CheckDigit is the check digit behind digits (GS1 General Specifications, 7.9):
// weights of 3 and 1, from the right.
func CheckDigit(digits string) byte {
	sum, weight := 0, 3
	for i := len(digits) - 1; i >= 0; i-- {
		sum += int(digits[i]-'0') * weight
		weight = 4 - weight
	}
	return byte('0' + (10-sum%10)%10)
}

// date says whether digits are YYMMDD; a day of 00 is the month's last.
func date(s string) bool {
	month, _ := strconv.Atoi(s[2:4])
	day, _ := strconv.Atoi(s[4:6])
	if month < 1 || month > 12 {
		return false
	}
	days := [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	if year, _ := strconv.Atoi(s[:2]); month == 2 && year%4 != 0 {
		return day <= 28
	}
	return day <= days[month-1]
}

// PadGTIN writes a GTIN of 8, 12, 13 or 14 digits with 14, as the identifier 01
// has it. False when it is none, or its check digit is wrong.
func PadGTIN(s string) (string, bool) {
	switch len(s) {
	case 8, 12, 13, 14:
	default:
		return "", false
	}
	s = strings.Repeat("0", 14-len(s)) + s
	form := identifiers[GTIN]
	return s, form.fits(s)
}
