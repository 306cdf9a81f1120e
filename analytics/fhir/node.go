package fhir

import (
	"encoding/json"
	"strings"

	"github.com/secant-platform/secant/analytics/strictjson"
)

// kind is what a JSON value is, by its first byte.
type kind byte

const (
	kindObject kind = '{'
	kindArray  kind = '['
	kindString kind = '"'
	kindTrue   kind = 't'
	kindFalse  kind = 'f'
	kindNull   kind = 'n'
	kindNumber kind = '0'
)

// node is a JSON value with its place in the text that it was read from, so that
// what is taken from it, or put into it, leaves all other bytes as they are.
type node struct {
	kind       kind
	start, end int // in the text
	name       string
	nameStart  int // of a member: where its name's quote stands
	kids       []*node
}

// Limits bound a text. Every limit must be set.
type Limits = strictjson.Limits

// parse reads one JSON value, strictly and within the limits.
func parse(name string, text []byte, limits Limits) (*node, error) {
	if err := strictjson.Check(name, text, limits); err != nil {
		return nil, err
	}
	p := parser{text: text}
	return p.value(), nil
}

// parser reads JSON that strictjson has found to be sound: it has nothing to refuse,
// and its recursion is bounded.
type parser struct {
	text []byte
	at   int
}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

func (p *parser) value() *node {
	p.space()
	n := &node{start: p.at}
	switch c := p.text[p.at]; c {
	case '{', '[':
		n.kind = kind(c)
		p.at++
		p.members(n)
	case '"':
		n.kind = kindString
		p.quoted()
	default:
		n.kind = kind(c)
		if c == '-' || c >= '0' && c <= '9' {
			n.kind = kindNumber
		}
		for p.at < len(p.text) && !strings.ContainsRune(" \t\r\n,]}", rune(p.text[p.at])) {
			p.at++
		}
	}
	n.end = p.at
	return n
}

// members reads what stands in an object or an array, to its end.
func (p *parser) members(n *node) {
	for {
		p.space()
		switch p.text[p.at] {
		case '}', ']':
			p.at++
			return
		case ',':
			p.at++
			continue
		}
		if n.kind == kindArray {
			n.kids = append(n.kids, p.value())
			continue
		}
		start := p.at
		p.quoted()
		name := unquote(p.text[start:p.at])
		p.space()
		p.at++ // the colon
		kid := p.value()
		kid.name, kid.nameStart = name, start
		n.kids = append(n.kids, kid)
	}
}

// quoted goes behind a string.
func (p *parser) quoted() {
	for p.at++; p.text[p.at] != '"'; p.at++ {
		if p.text[p.at] == '\\' {
			p.at++
		}
	}
	p.at++
}

// unquote undoes the escapes of a quoted string.
func unquote(quoted []byte) string {
	for _, c := range quoted {
		if c == '\\' {
			var s string
			if json.Unmarshal(quoted, &s) != nil {
				return string(quoted) // cannot be: the text is sound
			}
			return s
		}
	}
	return string(quoted[1 : len(quoted)-1])
}

// get finds a member of an object. It is nil without one.
func (n *node) get(name string) *node {
	if n == nil || n.kind != kindObject {
		return nil
	}
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// list returns the elements of an array, a single value as a list of one, and
// nothing of nothing.
func (n *node) list() []*node {
	switch {
	case n == nil:
		return nil
	case n.kind == kindArray:
		return n.kids
	}
	return []*node{n}
}

// str returns a string's text, and the empty one of anything else.
func (n *node) str(text []byte) string {
	if n == nil || n.kind != kindString {
		return ""
	}
	return unquote(text[n.start:n.end])
}

// raw returns the bytes of a value.
func (n *node) raw(text []byte) []byte { return text[n.start:n.end] }
