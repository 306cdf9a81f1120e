package vc

import (
	"slices"
	"strings"

	"github.com/piprate/json-gold/ld"
)

// maxAlike bounds how many things without id may look alike. To name those,
// canonicalisation tries their permutations: without a bound, a few hundred bytes
// keep a verifier busy for hours, before it has looked at a signature (RDF Dataset
// Canonicalization 1.0, section 7.1).
const maxAlike = 8

// distinct refuses a dataset in which too many blank nodes look alike: those of
// which the same is said if all other blank nodes are taken for one (section 4.6
// there, the hash of the first degree).
func distinct(dataset *ld.RDFDataset) error {
	looks := map[string][]string{}
	for graph, quads := range dataset.Graphs {
		for _, q := range quads {
			parts := []string{term(q.Subject), term(q.Predicate), term(q.Object), graph}
			for i, part := range parts {
				if isBlank(part) && !slices.Contains(parts[:i], part) {
					looks[part] = append(looks[part], seenFrom(part, parts))
				}
			}
		}
	}
	alike := map[string]int{}
	for _, statements := range looks {
		slices.Sort(statements)
		look := strings.Join(slices.Compact(statements), "\n")
		if alike[look]++; alike[look] > maxAlike {
			return invalid("the document describes more than %d things without id that look alike", maxAlike)
		}
	}
	return nil
}

// term is a node's text, in which a blank node and a literal cannot be confused.
func term(n ld.Node) string {
	if l, ok := n.(*ld.Literal); ok {
		return "\"" + l.Value + "\"" + l.Datatype + "@" + l.Language
	}
	return n.GetValue()
}

func isBlank(term string) bool { return strings.HasPrefix(term, "_:") }

// seenFrom is a statement as one blank node in it sees it.
func seenFrom(self string, parts []string) string {
	out := make([]string, len(parts))
	for i, part := range parts {
		switch {
		case part == self:
			out[i] = "_:a"
		case isBlank(part):
			out[i] = "_:z"
		default:
			out[i] = part
		}
	}
	return strings.Join(out, "\x00")
}
