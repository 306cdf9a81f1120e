package taxonomy

import (
	"cmp"
	"slices"
)

// Correspondence says that a node of one vocabulary is, or names, one of another.
type Correspondence struct {
	From string `json:"from"` // node of the one
	To   string `json:"to"`   // node of the other
	By   string `json:"by"`   // "uuid", or the authority whose id was named
}

// Correspond maps one vocabulary to another: by what either of them says of the other's
// ids, and by ids that are unique anywhere. That two name the same third node, as two
// attack patterns name one weakness, is no correspondence.
func Correspond(a, b *Vocabulary) []Correspondence {
	var all []Correspondence
	own := ownKeys(b)
	for i := range a.Nodes {
		for _, e := range a.Nodes[i].External {
			if to, ok := own[e.key()]; ok {
				all = append(all, Correspondence{a.Nodes[i].ID, to, e.Source})
			}
		}
	}
	own = ownKeys(a)
	for i := range b.Nodes {
		for _, e := range b.Nodes[i].External {
			if from, ok := own[e.key()]; ok {
				all = append(all, Correspondence{from, b.Nodes[i].ID, e.Source})
			}
		}
	}
	slices.SortFunc(all, func(x, y Correspondence) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To), cmp.Compare(x.By, y.By))
	})
	return slices.CompactFunc(all, func(x, y Correspondence) bool { return x.From == y.From && x.To == y.To })
}

// key is what names the node that an external id stands for.
func (e ExternalReference) key() ExternalReference {
	if e.Source == SourceSimilar {
		return ExternalReference{SourceUUID, e.ID}
	}
	return e
}

// ownKeys are what names the nodes of a vocabulary.
func ownKeys(v *Vocabulary) map[ExternalReference]string {
	keys := map[ExternalReference]string{}
	for i := range v.Nodes {
		n := &v.Nodes[i]
		keys[ExternalReference{v.Authority, n.ID}] = n.ID
		for _, e := range n.External {
			if e.Source == SourceUUID {
				keys[e] = n.ID
			}
		}
	}
	return keys
}
