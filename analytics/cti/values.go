package cti

import "strings"

// Test is one comparison of a pattern: a property of an object equals a value.
type Test struct {
	Path   string // as in "file:hashes.SHA-256", steps through lists written [*]
	Value  string
	Number bool // the value is written without quotes
	Within bool // the value is a network, and what is compared lies in it
}

// Pattern writes a STIX pattern (STIX 2.1, section 9) that one observation satisfies
// in which all tests of one of the alternatives hold. Whatever a value holds, the
// pattern says that value and nothing else.
func Pattern(alternatives ...[]Test) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, all := range alternatives {
		if i > 0 {
			b.WriteString(" OR ")
		}
		grouped := len(alternatives) > 1 && len(all) > 1
		if grouped {
			b.WriteByte('(')
		}
		for j, t := range all {
			if j > 0 {
				b.WriteString(" AND ")
			}
			t.write(&b)
		}
		if grouped {
			b.WriteByte(')')
		}
	}
	b.WriteByte(']')
	return b.String()
}

func (t Test) write(b *strings.Builder) {
	object, property, _ := strings.Cut(t.Path, ":")
	b.WriteString(object + ":")
	for i, step := range strings.Split(property, ".") {
		if i > 0 {
			b.WriteByte('.')
		}
		name, list := strings.CutSuffix(step, "[*]")
		if strings.ContainsFunc(name, quotedInStep) {
			name = literal(name) // STIX 2.1, section 9.7.1: a name with a hyphen stands in quotes
		}
		b.WriteString(name)
		if list {
			b.WriteString("[*]")
		}
	}
	switch {
	case t.Within:
		b.WriteString(" ISSUBSET ")
	default:
		b.WriteString(" = ")
	}
	if t.Number && number(t.Value) {
		b.WriteString(t.Value)
		return
	}
	b.WriteString(literal(t.Value))
}

// quotedInStep tells what stands in a step of a path only between quotes.
func quotedInStep(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_')
}

func number(s string) bool {
	return s != "" && len(s) <= 18 && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

var escapes = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// literal writes a string constant (STIX 2.1, section 9.1): backslash and quote are
// the only characters with a meaning in it.
func literal(s string) string { return "'" + escapes.Replace(strings.ToValidUTF8(s, "\ufffd")) + "'" }

// Tests reads a pattern into alternatives of which each by itself is all that the
// pattern asks for. It reports false for a pattern that asks for anything else: for
// several observations, for what must not be there, for a time, for a part of a value.
func Tests(pattern string) (alternatives [][]Test, ok bool) {
	all, exact, ok := readPattern(pattern)
	if !ok || !exact {
		return nil, false
	}
	for _, c := range all {
		some := [][]Test{nil}
		for _, t := range c {
			if len(some)*len(t.values) > maxAlternatives {
				return nil, false
			}
			next := make([][]Test, 0, len(some)*len(t.values))
			for _, tests := range some {
				for _, v := range t.values {
					next = append(next, append(append([]Test(nil), tests...), Test{Path: t.path, Value: v, Within: t.within}))
				}
			}
			some = next
		}
		if alternatives = append(alternatives, some...); len(alternatives) > maxAlternatives {
			return nil, false
		}
	}
	return alternatives, len(alternatives) > 0
}
