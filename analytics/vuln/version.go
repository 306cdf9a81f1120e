package vuln

import (
	"cmp"
	"strings"
	"unicode"
)

// Scheme says how the versions of a product are ordered (the versioning schemes
// of VERS).
type Scheme string

// The schemes that are told apart. Any other is compared as SchemeGeneric, whose
// rules hold for semantic versions as well.
const (
	SchemeGeneric Scheme = ""
	SchemeDebian  Scheme = "deb" // Debian policy, section 5.6.12
	SchemeRPM     Scheme = "rpm" // rpmvercmp
)

// compareVersions orders two versions. It is not ok when they are of different
// kinds, so that no order would mean anything, as of "A.01" and "3.0".
func compareVersions(scheme Scheme, a, b string) (order int, ok bool) {
	switch scheme {
	case SchemeDebian:
		return compareDebian(a, b), true
	case SchemeRPM:
		return compareRPM(a, b), true
	}
	return compareGeneric(a, b)
}

// part is a run of digits or of letters in a version.
type part struct {
	text   string // of a number without leading zeros
	number bool
}

// versionLead are words before a version that say nothing.
var versionLead = map[string]bool{"v": true, "ver": true, "version": true, "release": true, "rel": true, "rev": true, "revision": true, "firmware": true, "software": true, "r": true}

// stages orders the words in a version that say how far it has come: below zero
// before the release, above it afterwards.
var stages = map[string]int{
	"dev": -6, "snapshot": -5, "alpha": -4, "beta": -3, "pre": -2, "preview": -2, "m": -2, "milestone": -2, "rc": -1, "cr": -1,
	"final": 0, "ga": 0,
}

// versionParts splits a version at its separators and between digits and letters.
// Build metadata of semantic versions has no rank (Semantic Versioning 2.0.0,
// clause 10).
func versionParts(s string) []part {
	s, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(s)), "+")
	var parts []part
	for i := 0; i < len(s); {
		c := rune(s[i])
		j := i + 1
		switch {
		case c >= '0' && c <= '9':
			for j < len(s) && s[j] >= '0' && s[j] <= '9' {
				j++
			}
			n := strings.TrimLeft(s[i:j], "0")
			if n == "" {
				n = "0"
			}
			parts = append(parts, part{n, true})
		case unicode.IsLetter(c):
			for j < len(s) && s[j] >= 'a' && s[j] <= 'z' {
				j++
			}
			parts = append(parts, part{s[i:j], false})
		}
		i = j
	}
	for len(parts) > 1 && !parts[0].number && versionLead[parts[0].text] && parts[1].number {
		parts = parts[1:]
	}
	for len(parts) > 1 && !parts[0].number && versionLead[parts[0].text] {
		parts = parts[1:]
	}
	return parts
}

// compareGeneric orders versions as makers write them: dotted numbers, letters
// behind them that come after (1.0.2k after 1.0.2), words that come before (2.0-rc1
// before 2.0), and missing numbers that are zero (3.1 is 3.1.0).
func compareGeneric(a, b string) (order int, ok bool) {
	pa, pb := versionParts(a), versionParts(b)
	if len(pa) == 0 || len(pb) == 0 {
		return 0, false
	}
	for i := range max(len(pa), len(pb)) {
		switch {
		case i >= len(pa):
			if c := rest(pb[i:]); c != 0 {
				return -c, true
			}
			return 0, true
		case i >= len(pb):
			return rest(pa[i:]), true
		}
		x, y := pa[i], pb[i]
		if x == y {
			continue
		}
		switch {
		case x.number && y.number:
			return cmp.Or(cmp.Compare(len(x.text), len(y.text)), cmp.Compare(x.text, y.text)), true
		case x.number != y.number:
			if i == 0 {
				return 0, false
			}
			return word(x.number, pa[i:], pb[i:]), true
		}
		sx, kx := stages[x.text]
		sy, ky := stages[y.text]
		if kx || ky {
			if c := cmp.Compare(sx, sy); c != 0 {
				return c, true
			}
			continue
		}
		if i == 0 && len(x.text) > 1 && len(y.text) > 1 {
			return 0, false // names before the number that differ: different lines
		}
		return cmp.Compare(x.text, y.text), true
	}
	return 0, true
}

// word orders two versions that go on with a number and with a word: 1.0-rc1 is
// before 1.0.0, 1.0a and 1.0-sp1 come after it and before 1.0.1.
func word(first bool, a, b []part) int {
	number, text, order := a, b, 1
	if !first {
		number, text, order = b, a, -1
	}
	if s, known := stages[text[0].text]; known && s <= 0 {
		return order
	}
	if rest(number) == 0 {
		return -order
	}
	return order
}

// rest ranks what one version has more than the other, which is equal so far.
func rest(more []part) int {
	for _, p := range more {
		if p.number {
			if p.text != "0" {
				return 1
			}
			continue
		}
		if s, known := stages[p.text]; known {
			if s != 0 {
				return cmp.Compare(s, 0)
			}
			continue
		}
		return 1
	}
	return 0
}

// compareDebian orders package versions [epoch:]upstream[-revision].
func compareDebian(a, b string) int {
	ea, ra := epoch(a)
	eb, rb := epoch(b)
	if c := compareDigits(ea, eb); c != 0 {
		return c
	}
	ua, va := cutRevision(ra)
	ub, vb := cutRevision(rb)
	return cmp.Or(debianPart(ua, ub), debianPart(va, vb))
}

func epoch(s string) (number, more string) {
	if e, m, ok := strings.Cut(s, ":"); ok && strings.Trim(e, "0123456789") == "" {
		return e, m
	}
	return "0", s
}

func cutRevision(s string) (upstream, revision string) {
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func alpha(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// debianPart compares by turns what is not digits, in which a tilde comes before
// the end and letters before everything else, and digits.
func debianPart(a, b string) int {
	rank := func(s string) int {
		switch {
		case s == "" || digit(s[0]):
			return 0
		case s[0] == '~':
			return -1
		case alpha(s[0]):
			return int(s[0])
		}
		return int(s[0]) + 256
	}
	for a != "" || b != "" {
		for a != "" && !digit(a[0]) || b != "" && !digit(b[0]) {
			if c := cmp.Compare(rank(a), rank(b)); c != 0 {
				return c
			}
			a, b = a[min(1, len(a)):], b[min(1, len(b)):]
		}
		var x, y string
		x, a = leading(a, digit)
		y, b = leading(b, digit)
		if c := compareDigits(x, y); c != 0 {
			return c
		}
	}
	return 0
}

func leading(s string, is func(byte) bool) (head, tail string) {
	i := 0
	for i < len(s) && is(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

// compareRPM orders [epoch:]version[-release].
func compareRPM(a, b string) int {
	ea, ra := epoch(a)
	eb, rb := epoch(b)
	if c := compareDigits(ea, eb); c != 0 {
		return c
	}
	va, la := cutRevision(ra)
	vb, lb := cutRevision(rb)
	if c := rpmPart(va, vb); c != 0 || la == "" || lb == "" {
		return c
	}
	return rpmPart(la, lb)
}

// rpmPart compares segments of digits and of letters; a tilde comes before the
// end, a caret after it and before all else.
func rpmPart(a, b string) int {
	separator := func(c byte) bool { return !digit(c) && !alpha(c) && c != '~' && c != '^' }
	for {
		_, a = leading(a, separator)
		_, b = leading(b, separator)
		for _, sign := range []struct {
			c     byte
			order int
		}{{'~', -1}, {'^', 1}} {
			x, y := a != "" && a[0] == sign.c, b != "" && b[0] == sign.c
			switch {
			case x && y:
				a, b = a[1:], b[1:]
			case x:
				if sign.c == '^' && b != "" {
					return -1
				}
				return sign.order
			case y:
				if sign.c == '^' && a != "" {
					return 1
				}
				return -sign.order
			}
		}
		if a == "" || b == "" {
			return cmp.Compare(len(a), len(b))
		}
		is := alpha
		if digit(a[0]) {
			is = digit
		}
		var x, y string
		x, a = leading(a, is)
		y, b = leading(b, is)
		switch {
		case x == "" && y == "": // both began with a sign that was just taken
			continue
		case y == "": // numbers are newer than letters
			if digit(x[0]) {
				return 1
			}
			return -1
		}
		c := cmp.Compare(x, y)
		if digit(x[0]) {
			c = compareDigits(x, y)
		}
		if c != 0 {
			return c
		}
	}
}
