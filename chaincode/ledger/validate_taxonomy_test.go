package ledger

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func wordChange(change string) *ProposeChange {
	r := &ProposeChange{Vocabulary: "words", Change: change, Reason: "seen twice", Expires: at, Evidence: []NodeEvidence{{Digest: hex32(1), Sharer: "a"}}}
	switch change {
	case ChangeAdd, ChangeNode:
		r.Term = &Term{
			ID: "pump-abuse", Name: "Pump abuse", Definition: strings.Repeat("x", MaxDefinition), Parent: "abuse",
			External: []External{{ID: "T0831", Source: "mitre-attack-ics"}},
		}
	case ChangeDeprecate:
		r.Node, r.Successor = "old", "new"
	default:
		r.Imported = &Imported{Digest: hex32(1), Label: "18.1", Nodes: 691}
	}
	if change != ChangeAdd {
		r.Base = 3
	}
	return r
}

// taxonomyRequests holds a valid one of each request of the contract that can be
// wrong.
var taxonomyRequests = map[string]func() validator{
	"vocabulary": func() validator { return &CreateVocabulary{ID: "words", Title: "Words", Kind: VocabularyNodes} },
	"new node":   func() validator { return wordChange(ChangeAdd) }, "changed node": func() validator { return wordChange(ChangeNode) },
	"deprecation": func() validator { return wordChange(ChangeDeprecate) }, "import": func() validator { return wordChange(ChangeImport) },
	"adoption":   func() validator { return &AdoptChange{Proposal: hex32(1), Voters: []string{"a"}} },
	"withdrawal": func() validator { return &WithdrawChange{Proposal: hex32(1)} },
	"rejection":  func() validator { return &RejectChange{Proposal: hex32(1), Voters: []string{"a"}} },
}

// taxonomyFaults holds, for each of their fields, values that it does not take.
var taxonomyFaults = map[string]map[string][]any{
	"vocabulary": {"id": {"", "a/b", "a b", strings.Repeat("x", 49)}, "title": {"", " x", "a\nb", strings.Repeat("x", MaxName+1)}, "kind": {"", "tree"}},
	"new node": {
		"vocabulary": {"", "a/b"}, "change": {"", "remove"}, "base": {1, -1}, "reason": {"", strings.Repeat("x", MaxName+1)},
		"expires": {time.Time{}, at.Add(time.Microsecond)}, "node": {"old"}, "successor": {"new"}, "imported": {Imported{Digest: hex32(1), Label: "1", Nodes: 1}},
		"evidence": {[]NodeEvidence{}, make([]NodeEvidence, MaxNodeEvidence+1)}, "term": {nil},
	},
	"changed node": {"base": {0, MaxRevision + 1}, "term": {nil}},
	"deprecation":  {"base": {0}, "node": {"", "a b"}, "successor": {"", "old", "a/b"}, "term": {Term{ID: "a", Name: "n", Definition: "d"}}},
	"import":       {"base": {-1}, "imported": {nil}},
	"adoption":     {"proposal": {"", upperHex}, "voters": {[]string{}}},
	"withdrawal":   {"proposal": {"", upperHex}},
	"rejection":    {"proposal": {"", upperHex}, "voters": {[]string{}}},
}

// TestWhatStandsInAChangeIsBounded: each of these has one fault, and names it.
func TestWhatStandsInAChangeIsBounded(t *testing.T) {
	t.Parallel()
	for field, requests := range map[string][]func(r *ProposeChange){
		"term.id":   {func(r *ProposeChange) { r.Term.ID = "a/b" }, func(r *ProposeChange) { r.Term.ID = strings.Repeat("x", 65) }},
		"term.name": {func(r *ProposeChange) { r.Term.Name = "" }, func(r *ProposeChange) { r.Term.Name = "n\u202e" }},
		"term.definition": {
			func(r *ProposeChange) { r.Term.Definition = "" }, func(r *ProposeChange) { r.Term.Definition += "x" },
			func(r *ProposeChange) { r.Term.Definition = "a\x00b" }, func(r *ProposeChange) { r.Term.Definition = "d\u2028" },
			func(r *ProposeChange) { r.Term.Definition = "\xff" },
		},
		"term.parent":             {func(r *ProposeChange) { r.Term.Parent = r.Term.ID }, func(r *ProposeChange) { r.Term.Parent = "a b" }},
		"term.external":           {func(r *ProposeChange) { r.Term.External = make([]External, MaxNodeExternals+1) }},
		"term.external[0].id":     {func(r *ProposeChange) { r.Term.External[0].ID = "T 1" }},
		"term.external[0].source": {func(r *ProposeChange) { r.Term.External[0].Source = "a/b" }},
		"term.external[1]":        {func(r *ProposeChange) { r.Term.External = append(r.Term.External, r.Term.External[0]) }},
		"evidence[0].digest":      {func(r *ProposeChange) { r.Evidence[0].Digest = upperHex }},
		"evidence[0].sharer":      {func(r *ProposeChange) { r.Evidence[0].Sharer = "" }},
		"evidence[1]":             {func(r *ProposeChange) { r.Evidence = append(r.Evidence, r.Evidence[0]) }},
	} {
		for _, spoil := range requests {
			r := wordChange(ChangeAdd)
			spoil(r)
			wantFault(t, r, field)
		}
	}
	for field, i := range map[string]Imported{
		"imported.digest": {Label: "1", Nodes: 1}, "imported.label": {Digest: hex32(1), Nodes: 1}, "imported.nodes": {Digest: hex32(1), Label: "1", Nodes: MaxImported + 1},
	} {
		r := wordChange(ChangeImport)
		r.Imported = &i
		wantFault(t, r, field)
	}
}

// TestDigestsCoverAllThatANodeSays: each part, and nothing about how it came.
func TestDigestsCoverAllThatANodeSays(t *testing.T) {
	t.Parallel()
	of := func(change func(*Node)) string {
		n := &Node{
			V: 1, Vocabulary: "words", Since: 2, Proposal: hex32(1),
			Term:     Term{ID: "a", Name: "A <&> B", Definition: "d", Parent: "p", External: []External{{ID: "T1", Source: "s"}}},
			Evidence: []NodeEvidence{{Digest: hex32(1), Sharer: "x"}},
		}
		change(n)
		return NodeDigest(n)
	}
	same := of(func(*Node) {})
	for name, change := range map[string]func(*Node){
		"its vocabulary": func(n *Node) { n.Vocabulary = "x" }, "its id": func(n *Node) { n.Term.ID = "b" }, "its name": func(n *Node) { n.Term.Name = "b" },
		"its definition": func(n *Node) { n.Term.Definition = "b" }, "its parent": func(n *Node) { n.Term.Parent = "" },
		"its externals": func(n *Node) { n.Term.External[0].ID = "T2" }, "its evidence": func(n *Node) { n.Evidence[0].Sharer = "y" },
		"its successor": func(n *Node) { n.Successor = "b" },
	} {
		if of(change) == same {
			t.Errorf("another %s gives the same digest", name)
		}
	}
	if of(func(n *Node) { n.Since, n.Proposal = 9, hex32(9) }) != same {
		t.Error("how it came changes the digest")
	}
	m := &VocabularyManifest{Vocabulary: "words", Number: 2, Previous: hex32(1), Nodes: []ManifestEntry{{ID: "a", Since: 1, Digest: hex32(2)}}}
	whole := m.Digest()
	m.Previous = hex32(3)
	if m.Digest() == whole {
		t.Error("a version does not vouch for the one before")
	}
}

// TestAFullManifestIsNoBurden: each adoption writes one.
func TestAFullManifestIsNoBurden(t *testing.T) {
	t.Parallel()
	size := func(id, parent, successor string) int {
		m := &VocabularyManifest{V: 1, Vocabulary: "words", Number: MaxRevision, Previous: hex32(1)}
		for range MaxNodes {
			m.Nodes = append(m.Nodes, ManifestEntry{ID: id, Since: MaxRevision, Digest: hex32(2), Parent: parent, Successor: successor})
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return len(b)
	}
	longest := strings.Repeat("x", maxNodeID)
	usual, worst := size("pump-abuse", "device-abuse", ""), size(longest, longest, longest)
	t.Logf("%d bytes, at worst %d", usual, worst)
	if worst > 400<<10 {
		t.Errorf("a manifest has up to %d bytes", worst)
	}
}
