package sbom

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A shape is what a value must look like. The notation in which shapes are
// written is explained in cyclonedx.txt.
type shape struct {
	kind    kind
	name    string         // of the shape that a kindRef stands for
	words   []ranged       // kindWords
	pattern *regexp.Regexp // kindText; nil: any
	min     string         // lower bound of a length or a number; empty: none
	max     string
	item    *shape // kindList
	unique  bool
	full    bool // a list that must not be empty
	single  bool // a list of exactly one
	members []member
	open    bool     // members that are not named may be there, too
	groups  []groups // kindObject
	choices []*shape // kindOne, kindSome
}

type kind int

const (
	kindAny kind = iota
	kindRef
	kindText
	kindURI
	kindTime
	kindDate
	kindAbsolute
	kindLicense
	kindInt
	kindNumber
	kindBool
	kindWords
	kindList
	kindObject
	kindOne
	kindSome
)

// A span is the minor versions of a format in which something holds.
type span struct{ from, to int }

const lastMinor = 99

func (s span) holds(minor int) bool { return minor >= s.from && minor <= s.to }

type ranged struct {
	text string
	span span
}

type member struct {
	name     string
	required bool
	span     span
	shape    *shape
}

// groups are sets of members of which exactly one, or at least one, is whole.
type groups struct {
	exactly bool
	sets    [][]string
	never   bool // version and versionRange (CycloneDX 1.7, component)
}

type definition struct {
	span  span
	shape *shape
}

// A grammar is the named shapes of a format; "bom" is a document's.
type grammar map[string][]definition

func (g grammar) find(name string, minor int) *shape {
	for _, d := range g[name] {
		if d.span.holds(minor) {
			return d.shape
		}
	}
	return nil
}

// mustParse reads a grammar, which is part of this program; one with a fault
// panics at start.
func mustParse(text string) grammar {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	p := &parser{rest: strings.Join(strings.Fields(strings.Join(lines, " ")), " ")}
	g := grammar{}
	for p.space(); p.rest != ""; p.space() {
		name := p.word("= @")
		s := p.span()
		p.space()
		p.expect("=")
		g[name] = append(g[name], definition{s, p.shape()})
	}
	return g
}

type parser struct{ rest string }

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, " ") }

func (p *parser) skip(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest = rest
	return ok
}

func (p *parser) expect(s string) {
	if !p.skip(s) {
		panic(fmt.Sprintf("grammar: %s is wanted before %.40q", s, p.rest))
	}
}

// word reads up to one of the characters, or a quoted text.
func (p *parser) word(ends string) string {
	if strings.HasPrefix(p.rest, `"`) {
		quoted, err := strconv.QuotedPrefix(p.rest)
		if err != nil {
			panic(fmt.Sprintf("grammar: %v", err))
		}
		p.rest = p.rest[len(quoted):]
		return strings.Trim(quoted, `"`)
	}
	i := strings.IndexAny(p.rest, ends)
	if i < 0 {
		i = len(p.rest)
	}
	word := p.rest[:i]
	p.rest = p.rest[i:]
	if word == "" {
		panic(fmt.Sprintf("grammar: a word is wanted before %.40q", p.rest))
	}
	return word
}

// span reads @5 or @4-5; without one it is all versions.
func (p *parser) span() span {
	if !p.skip("@") {
		return span{0, lastMinor}
	}
	s := span{int(p.rest[0] - '0'), lastMinor}
	p.rest = p.rest[1:]
	if p.skip("-") {
		s.to = int(p.rest[0] - '0')
		p.rest = p.rest[1:]
	}
	return s
}

var primitives = map[string]kind{
	"any": kindAny, "text": kindText, "word": kindText, "uri": kindURI, "time": kindTime, "date": kindDate, "absolute-uri": kindAbsolute,
	"spdx-license": kindLicense, "int": kindInt, "number": kindNumber, "bool": kindBool,
}

func (p *parser) shape() *shape {
	p.space()
	switch {
	case p.skip("<"):
		return p.words()
	case p.skip("["):
		s := &shape{kind: kindList, item: p.shape()}
		p.space()
		p.expect("]")
		s.unique, s.full, s.single = p.skip("!"), p.skip("+"), p.skip("1")
		return s
	case p.skip("{"):
		return p.object()
	case p.skip("one("):
		return p.choices(kindOne)
	case p.skip("some("):
		return p.choices(kindSome)
	}
	name := p.word(" /(),]}")
	k, primitive := primitives[name]
	if !primitive {
		return &shape{kind: kindRef, name: name}
	}
	s := &shape{kind: k}
	if name == "word" {
		s.min = "1"
	}
	if p.skip("/") {
		end := strings.Index(p.rest, "/")
		s.pattern = regexp.MustCompile(p.rest[:end])
		p.rest = p.rest[end+1:]
	}
	if p.skip("(") {
		bounds := p.word(")")
		p.expect(")")
		s.min, s.max, _ = strings.Cut(bounds, "..")
	}
	return s
}

func (p *parser) words() *shape {
	s := &shape{kind: kindWords}
	for p.space(); !p.skip(">"); p.space() {
		s.words = append(s.words, ranged{p.word(" @>"), p.span()})
	}
	return s
}

func (p *parser) choices(k kind) *shape {
	s := &shape{kind: k}
	for {
		s.choices = append(s.choices, p.shape())
		p.space()
		if p.skip(")") {
			return s
		}
		p.expect(",")
	}
}

func (p *parser) object() *shape {
	s := &shape{kind: kindObject}
	for p.space(); !p.skip("}"); p.space() {
		switch {
		case p.skip("..."):
			s.open = true
		case p.skip("version-rules"):
			s.groups = append(s.groups, groups{never: true})
		case p.skip("one-of("):
			s.groups = append(s.groups, groups{exactly: true, sets: p.sets()})
		case p.skip("some-of("):
			s.groups = append(s.groups, groups{sets: p.sets()})
		default:
			m := member{name: p.word("!@:")}
			m.required = p.skip("!")
			m.span = p.span()
			p.expect(":")
			m.shape = p.shape()
			s.members = append(s.members, m)
		}
	}
	return s
}

func (p *parser) sets() [][]string {
	inside := p.word(")")
	p.expect(")")
	var sets [][]string
	for set := range strings.SplitSeq(inside, ",") {
		sets = append(sets, strings.Fields(set))
	}
	return sets
}
