package vc

import (
	"slices"
	"strings"

	"github.com/piprate/json-gold/ld"
)

// toRDF makes statements of expanded JSON-LD that is covered (JSON-LD 1.1 API,
// section 8.1). json-gold's own, whose parts it uses, asks of each name in each
// statement whether it is an address, which takes a third of the time that a proof
// takes, and drops those that it finds wrong: what an issuer said of such a name no
// proof would cover.
func toRDF(expanded []any) (*ld.RDFDataset, error) {
	issuer := ld.NewIdentifierIssuer("_:b")
	graphs := map[string]any{"@default": map[string]any{}}
	if _, err := ld.NewJsonLdApi().GenerateNodeMap(expanded, graphs, "@default", issuer, "", "", nil); err != nil {
		return nil, errNoJSONLD
	}
	dataset := ld.NewRDFDataset()
	for name, nodes := range graphs {
		g := &graph{name: name, issuer: issuer}
		about, _ := nodes.(map[string]any)
		for id, node := range about {
			members, _ := node.(map[string]any)
			if err := g.node(resource(id), members); err != nil {
				return nil, err
			}
		}
		dataset.Graphs[name] = g.quads
	}
	return dataset, nil
}

// graph collects the statements of one graph.
type graph struct {
	name   string
	issuer *ld.IdentifierIssuer
	quads  []*ld.Quad
}

// resource is a name of a thing, or of one without.
func resource(id string) ld.Node {
	if strings.HasPrefix(id, "_:") {
		return ld.NewBlankNode(id)
	}
	return ld.NewIRI(id)
}

func (g *graph) say(subject ld.Node, predicate string, object ld.Node) {
	g.quads = append(g.quads, ld.NewQuad(subject, ld.NewIRI(predicate), object, g.name))
}

// node says what stands in one node.
func (g *graph) node(subject ld.Node, members map[string]any) error {
	for name, member := range members {
		predicate := name
		switch {
		case name == "@type":
			predicate = ld.RDFType
		case strings.HasPrefix(name, "@"):
			continue // its id; a graph's statements are said there
		}
		values, ok := member.([]any)
		if !ok {
			return errUncovered
		}
		for _, v := range values {
			object, err := g.object(v)
			if err != nil {
				return err
			}
			g.say(subject, predicate, object)
		}
	}
	return nil
}

// object is a value, a list, or another thing by its name.
func (g *graph) object(v any) (ld.Node, error) {
	switch v := v.(type) {
	case string:
		return resource(v), nil
	case map[string]any:
		if _, isValue := v["@value"]; isValue {
			return literal(v)
		}
		if list, isList := v["@list"].([]any); isList {
			return g.list(list)
		}
		if id, ok := v["@id"].(string); ok {
			return resource(id), nil
		}
	}
	return nil, errUncovered
}

// list says a list by its pairs, and returns the first.
func (g *graph) list(values []any) (ld.Node, error) {
	rest := ld.Node(ld.NewIRI(ld.RDFNil))
	for _, v := range slices.Backward(values) {
		object, err := g.object(v)
		if err != nil {
			return nil, err
		}
		pair := ld.NewBlankNode(g.issuer.GetId(""))
		g.say(pair, ld.RDFFirst, object)
		g.say(pair, ld.RDFRest, rest)
		rest = pair
	}
	return rest, nil
}

// literal writes a value. Texts, which nearly all are, stay as they are; json-gold
// writes numbers and the rest.
func literal(v map[string]any) (ld.Node, error) {
	text, isText := v["@value"].(string)
	datatype, typed := v["@type"].(string)
	language, tagged := v["@language"].(string)
	switch {
	case isText && datatype == "@json", !isText:
		const anything = "urn:x"
		one := ld.NewRDFDataset()
		one.GraphToRDF("@default", map[string]any{anything: map[string]any{anything: []any{v}}}, ld.NewIdentifierIssuer("_:b"), false)
		if quads := one.Graphs["@default"]; len(quads) == 1 {
			return quads[0].Object, nil
		}
		return nil, errUncovered
	case tagged:
		return ld.NewLiteral(text, ld.RDFLangString, language), nil
	case typed:
		return ld.NewLiteral(text, datatype, ""), nil
	}
	return ld.NewLiteral(text, ld.XSDString, ""), nil
}
