package cti

import (
	"strings"
)

// Bounds on a pattern; one beyond them yields no facts, and the bundle stands.
const (
	maxPatternBytes = 64 << 10
	maxPatternDepth = 32
	maxAlternatives = 256
)

// comparison is one test of a pattern: a property equals one of the values, or
// lies in one, or holds one. Of other operators and of negations only the path is
// kept: what they exclude is no fact.
type comparison struct {
	path   string // as in "network-traffic:dst_ref.value"
	values []string
	within bool // ISSUBSET: the values are networks
	holds  bool // ISSUPERSET: the property is a network that holds the value
}

// conjunction is what must hold together for one observation.
type conjunction []comparison

// parsePattern reads a STIX pattern (STIX 2.1, section 9) into alternatives, of
// which each alone satisfies one of the pattern's observations. It reports false
// for text that is not a pattern or lies beyond the bounds.
func parsePattern(s string) ([]conjunction, bool) {
	all, _, ok := readPattern(s)
	return all, ok
}

// readPattern is parsePattern for those who must know whether an alternative by itself
// satisfies the whole pattern.
func readPattern(s string) (all []conjunction, exact, ok bool) {
	if len(s) > maxPatternBytes {
		return nil, false, false
	}
	tokens, ok := lexPattern(s)
	if !ok {
		return nil, false, false
	}
	p := patternParser{tokens: tokens}
	all, ok = p.whole()
	return all, ok && !p.loose, ok
}

// whole reads all that there is.
func (p *patternParser) whole() ([]conjunction, bool) {
	all, ok := p.observations(0)
	if !ok || p.next < len(p.tokens) {
		return nil, false
	}
	return all, true
}

type patternParser struct {
	tokens []patternToken
	next   int
	// loose tells that the pattern asks for more than the alternatives say: something
	// was left out of them, or they stand for observations that must come together.
	loose  bool
	joined bool // one observation alone does not satisfy the pattern
}

// peek returns the next token's text in upper case when it is a word or a sign,
// and empty at the end or before a literal.
func (p *patternParser) peek() string {
	if p.next >= len(p.tokens) || p.tokens[p.next].kind != tokenWord {
		return ""
	}
	return strings.ToUpper(p.tokens[p.next].text)
}

func (p *patternParser) take(word string) bool {
	if p.peek() != word {
		return false
	}
	p.next++
	return true
}

// literal takes a constant.
func (p *patternParser) literal() (string, bool) {
	if p.next >= len(p.tokens) {
		return "", false
	}
	t := p.tokens[p.next]
	p.loose = p.loose || t.kind == tokenCoded
	if t.kind == tokenWord || t.kind == tokenPath {
		switch p.peek() {
		case "TRUE", "FALSE":
		default:
			return "", false
		}
	}
	p.next++
	return t.text, true
}

// observations reads observation expressions. How they are joined (AND, OR,
// FOLLOWEDBY) makes no difference to the facts: each names something hostile.
func (p *patternParser) observations(depth int) ([]conjunction, bool) {
	if depth > maxPatternDepth {
		return nil, false
	}
	var all []conjunction
	for {
		var (
			some []conjunction
			ok   bool
		)
		switch {
		case p.take("["):
			some, ok = p.either(depth + 1)
			ok = ok && p.take("]")
		case p.take("("):
			some, ok = p.observations(depth + 1)
			ok = ok && p.take(")")
		}
		if !ok || !p.qualifiers() || len(all)+len(some) > maxAlternatives {
			return nil, false
		}
		all = append(all, some...)
		if p.take("OR") {
			continue
		}
		if !p.take("AND") && !p.take("FOLLOWEDBY") {
			return all, true
		}
		p.loose, p.joined = true, true
	}
}

// qualifiers skips WITHIN n SECONDS, REPEATS n TIMES, START t STOP t.
func (p *patternParser) qualifiers() bool {
	for {
		switch {
		case p.take("WITHIN"):
			if _, ok := p.literal(); !ok || !p.take("SECONDS") {
				return false
			}
		case p.take("REPEATS"):
			p.joined = true
			if _, ok := p.literal(); !ok || !p.take("TIMES") {
				return false
			}
		case p.take("START"):
			if _, ok := p.literal(); !ok || !p.take("STOP") {
				return false
			}
			if _, ok := p.literal(); !ok {
				return false
			}
		default:
			return true
		}
		p.loose = true
	}
}

// either reads comparisons joined by OR: their alternatives add up.
func (p *patternParser) either(depth int) ([]conjunction, bool) {
	var all []conjunction
	for {
		some, ok := p.both(depth)
		if !ok || len(all)+len(some) > maxAlternatives {
			return nil, false
		}
		all = append(all, some...)
		if !p.take("OR") {
			return all, true
		}
	}
}

// both reads comparisons joined by AND: each alternative of one side goes with
// each of the other.
func (p *patternParser) both(depth int) ([]conjunction, bool) {
	all := []conjunction{nil}
	for {
		some, ok := p.test(depth)
		if !ok || len(all)*len(some) > maxAlternatives {
			return nil, false
		}
		joined := make([]conjunction, 0, len(all)*len(some))
		for _, a := range all {
			for _, b := range some {
				joined = append(joined, append(append(conjunction(nil), a...), b...))
			}
		}
		all = joined
		if !p.take("AND") {
			return all, true
		}
	}
}

// test reads one comparison or a group in parentheses.
func (p *patternParser) test(depth int) ([]conjunction, bool) {
	if depth > maxPatternDepth {
		return nil, false
	}
	if p.take("(") {
		some, ok := p.either(depth + 1)
		return some, ok && p.take(")")
	}
	negated := p.take("NOT")
	if p.take("EXISTS") {
		path, ok := p.path()
		p.loose = true
		return []conjunction{{{path: path}}}, ok
	}
	path, ok := p.path()
	if !ok {
		return nil, false
	}
	negated = p.take("NOT") != negated
	c, ok := p.operator(path)
	if !ok {
		return nil, false
	}
	if negated || c.values == nil || c.holds {
		p.loose = true
	}
	if negated {
		c.values = nil
	}
	return []conjunction{{c}}, true
}

// operator reads what follows a path. Values stay empty for an operator that
// yields no fact.
func (p *patternParser) operator(path string) (comparison, bool) {
	c := comparison{path: path}
	op := p.peek()
	p.next++
	switch op {
	case "=", "==":
		v, ok := p.literal()
		c.values = []string{v}
		return c, ok
	case "ISSUBSET":
		v, ok := p.literal()
		c.values, c.within = []string{v}, true
		return c, ok
	case "ISSUPERSET":
		v, ok := p.literal()
		c.values, c.holds = []string{v}, true
		return c, ok
	case "IN":
		if !p.take("(") {
			return c, false
		}
		for {
			v, ok := p.literal()
			if !ok {
				return c, false
			}
			c.values = append(c.values, v)
			if !p.take(",") {
				return c, p.take(")")
			}
		}
	case "!=", "<>", "<", ">", "<=", ">=", "LIKE", "MATCHES":
		_, ok := p.literal()
		return c, ok
	}
	return c, false
}

func (p *patternParser) path() (string, bool) {
	if p.next >= len(p.tokens) || p.tokens[p.next].kind != tokenPath {
		return "", false
	}
	p.next++
	return p.tokens[p.next-1].text, true
}
