package vc

import (
	"crypto/sha256"
	"regexp"
	"strings"

	"github.com/piprate/json-gold/ld"
)

// statements returns the document's canonical N-Quads (RDF Dataset
// Canonicalization 1.0, that is URDNA2015), of a document that they cover.
func (c *Contexts) statements(d document) (string, error) {
	dataset, options, err := c.dataset(d)
	if err != nil {
		return "", err
	}
	canonical, err := ld.NewJsonLdApi().Normalize(dataset, options)
	if err != nil {
		return "", errNoJSONLD
	}
	text, ok := canonical.(string)
	if !ok || text == "" {
		return "", invalid("the document says nothing")
	}
	return text, nil
}

// dataset returns the document's statements as they come, of which it is certain
// that they are all that the document says, and that their canonical form can be
// found in reasonable time.
func (c *Contexts) dataset(d document) (*ld.RDFDataset, *ld.JsonLdOptions, error) {
	expanded, options, err := c.expand(d)
	if err != nil {
		return nil, nil, err
	}
	if len(expanded) != 1 {
		return nil, nil, invalid("the document describes nothing, or more than one thing")
	}
	if err := covered(expanded, map[string]bool{}); err != nil {
		return nil, nil, err
	}
	dataset, err := toRDF(expanded)
	if err != nil {
		return nil, nil, err
	}
	return dataset, options, distinct(dataset)
}

// expand returns the document with every term written out (JSON-LD 1.1 API, section
// 5.1). The terms of the contexts that it names are read once and for all.
func (c *Contexts) expand(d document) ([]any, *ld.JsonLdOptions, error) {
	options := c.options()
	active, err := c.active(d)
	if err != nil {
		return nil, nil, err
	}
	expanded, err := ld.NewJsonLdApi().Expand(active, "", native(map[string]any(d.without("@context"))), options, false, nil)
	if err != nil { // not wrapped: it repeats the document
		return nil, nil, errNoJSONLD
	}
	if expanded == nil {
		return nil, options, nil
	}
	if list, ok := expanded.([]any); ok {
		return list, options, nil
	}
	return []any{expanded}, options, nil
}

func (c *Contexts) options() *ld.JsonLdOptions {
	options := ld.NewJsonLdOptions("")
	options.DocumentLoader = c
	options.SafeMode = true
	options.Algorithm = ld.AlgorithmURDNA2015
	options.Format = "application/n-quads"
	return options
}

// maxActive bounds how many combinations of contexts are kept.
const maxActive = 256

// active returns the terms of a document's contexts, which are addresses. What was
// read is shared: expansion changes none of it.
func (c *Contexts) active(d document) (*ld.Context, error) {
	list, err := d.texts("@context")
	if err != nil || len(list) > maxContexts {
		return nil, errNoJSONLD
	}
	key := strings.Join(list, "\n")
	c.mu.Lock()
	known := c.known[key]
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	read, err := ld.NewContext(nil, c.options()).Parse(texts(list))
	if err != nil {
		return nil, errNoJSONLD
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxActive {
		clear(c.known)
	}
	c.known[key] = read
	return read, nil
}

var errNoJSONLD = invalid("the document is no JSON-LD under the contexts that are known, or uses a term that they do not define")

// digest is the SHA-256 of the canonical statements.
func (c *Contexts) digest(d document) ([]byte, error) {
	text, err := c.statements(d)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(text))
	return sum[:], nil
}

var errUncovered = invalid("the document says something that its proof cannot cover")

// covered walks expanded JSON-LD and refuses what RDF would drop. What has no place
// there, a proof does not cover, and anybody may add: terms and types that no
// context defines, relative ids, empty lists, malformed language tags. described
// has the ids of what was described so far in this graph: two descriptions of one
// thing are one in RDF, so that what is said could move from the one to the other.
func covered(v any, described map[string]bool) error {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			if err := covered(element, described); err != nil {
				return err
			}
		}
	case map[string]any:
		if _, literal := v["@value"]; literal {
			return coveredLiteral(v)
		}
		return coveredNode(v, described)
	}
	return nil
}

func coveredNode(node map[string]any, described map[string]bool) error {
	if id, there := node["@id"]; there && len(node) > 1 {
		s, ok := id.(string)
		if !ok || described[s] {
			return invalid("the document describes one thing in two places")
		}
		described[s] = true
	}
	for name, member := range node {
		var err error
		switch name {
		case "@id":
			if s, ok := member.(string); !ok || !isIRI(s) {
				return errUncovered
			}
		case "@type":
			err = coveredTypes(member)
		case "@list":
			err = covered(member, described)
		case "@graph":
			err = covered(member, map[string]bool{})
		default:
			if values, ok := member.([]any); !ok || len(values) == 0 || !isIRI(name) {
				return errUncovered
			}
			err = covered(member, described)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func coveredTypes(v any) error {
	types, ok := v.([]any)
	if !ok || len(types) == 0 {
		return errUncovered
	}
	for _, t := range types {
		if s, ok := t.(string); !ok || !isIRI(s) {
			return invalid("the document has a type that no context defines")
		}
	}
	return nil
}

// language is RFC 5646's form of a tag, in outline: others are dropped.
var language = regexp.MustCompile(`^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$`)

func coveredLiteral(literal map[string]any) error {
	for name, member := range literal {
		s, isText := member.(string)
		switch name {
		case "@value":
		case "@type":
			if !isText || s != "@json" && !isIRI(s) {
				return errUncovered
			}
		case "@language":
			if !isText || !language.MatchString(s) {
				return errUncovered
			}
		default: // @index, @direction
			return errUncovered
		}
	}
	return nil
}

// scheme begins an absolute IRI (RFC 3987, section 2.2).
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)

// isIRI reports whether s is absolute, and holds nothing that would end it in an
// N-Quad: json-gold does not escape, so that an id could smuggle in a statement.
// Names of blank nodes are JSON-LD's to give and not the document's.
func isIRI(s string) bool {
	return scheme.MatchString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune("<>\"{}|^`\\", r)
	})
}
