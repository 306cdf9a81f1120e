package taxonomy

import "github.com/secant-platform/secant/chaincode/ledger"

// authorityAgreed stands before the id of a vocabulary that the members agreed on: a
// machine tag of one is secant:VOCABULARY="NODE".
const authorityAgreed = "secant:"

// AuthorityAgreed is whose ids the nodes of a vocabulary have that the members agreed on.
func AuthorityAgreed(id string) string { return authorityAgreed + id }

// Agreed makes a vocabulary of the nodes of one version that the members adopted. What
// names that version is its digest on the ledger, which covers more than this form does.
func Agreed(of *ledger.Vocabulary, nodes []ledger.Node) (*Vocabulary, error) {
	v := &Vocabulary{ID: of.ID, Title: of.Title, Authority: AuthorityAgreed(of.ID), Nodes: make([]Node, 0, len(nodes))}
	for i := range nodes {
		t := &nodes[i].Term
		n := Node{ID: t.ID, Kind: "term", Name: t.Name, Description: t.Definition, Successor: nodes[i].Successor}
		if t.Parent != "" {
			n.Parents = []string{t.Parent}
		}
		for _, e := range t.External {
			n.External = append(n.External, ExternalReference{e.Source, e.ID})
		}
		v.Nodes = append(v.Nodes, n)
	}
	return v.ordered()
}
