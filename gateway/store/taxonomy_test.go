package store

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// word is a node as a version made it.
func word(id string, since int) *ledger.Node {
	n := &ledger.Node{V: 1, Vocabulary: "words", Since: since, Proposal: hex32(since), Term: ledger.Term{ID: id, Name: fmt.Sprint(id, " of ", since), Definition: "d"}}
	n.Digest = ledger.NodeDigest(n)
	return n
}

// version is a version of the vocabulary that consists of these nodes, with its manifest.
func version(number int, nodes ...*ledger.Node) []record {
	m := &ledger.VocabularyManifest{V: 1, Vocabulary: "words", Number: number, Nodes: []ledger.ManifestEntry{}}
	for _, n := range nodes {
		m.Nodes = append(m.Nodes, ledger.ManifestEntry{ID: n.Term.ID, Since: n.Since, Digest: n.Digest})
	}
	return []record{
		m, &ledger.VocabularyVersion{V: 1, Vocabulary: "words", Number: number, Digest: m.Digest(), Nodes: len(nodes), Change: ledger.ChangeAdd},
		&ledger.Vocabulary{V: 1, ID: "words", Title: "Words", Kind: ledger.VocabularyNodes, Maintainer: north, Version: number, Digest: m.Digest(), Nodes: len(nodes)},
	}
}

// TestEachVersionListsItsOwnNodes: page by page, as they were in it.
func TestEachVersionListsItsOwnNodes(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	a, b, c, again := word("a", 1), word("b", 2), word("c", 11), word("a", 12)
	apply(t, s, 0, tx(t, "a", north, start, append(version(1, a), a)...))
	apply(t, s, 1, tx(t, "b", north, start, append(version(2, a, b), b)...))
	apply(t, s, 2, tx(t, "c", north, start, append(version(11, a, b, c), c)...))
	apply(t, s, 3, tx(t, "d", north, start, append(version(12, again, b, c), again)...))
	for number, want := range map[int][]string{1: {"a of 1"}, 2: {"a of 1", "b of 2"}, 11: {"a of 1", "b of 2", "c of 11"}, 12: {"a of 12", "b of 2", "c of 11"}, 13: nil} {
		var got []string
		req := ledger.PageRequest{Size: 2}
		for {
			p, err := s.VocabularyNodes(t.Context(), "words", number, req)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range p.Items {
				got = append(got, n.Record.Term.Name)
			}
			if req.Bookmark = p.Next; p.Next == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("version %d: %s", number, diff)
		}
	}
	first, err := s.VocabularyNodes(t.Context(), "words", 11, ledger.PageRequest{Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.VocabularyNodes(t.Context(), "words", 12, ledger.PageRequest{Bookmark: first.Next}); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("another version's bookmark: %v", err)
	}
	versions, err := s.VocabularyVersions(t.Context(), "words", ledger.PageRequest{Size: 1})
	if err != nil || len(versions.Items) != 1 || versions.Items[0].Record.Number != 12 || versions.Next == "" {
		t.Errorf("the newest version: %+v %v", versions, err)
	}
	if got, err := s.VocabularyVersion(t.Context(), "words", 2); err != nil || got.Record.Nodes != 2 || got.Origin.Block != 1 {
		t.Errorf("version 2: %+v %v", got, err)
	}
	if _, err := s.VocabularyVersion(t.Context(), "words", 3); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("version 3: %v", err)
	}
	all, err := s.Vocabularies(t.Context(), ledger.PageRequest{})
	if err != nil || len(all.Items) != 1 || all.Items[0].Record.Version != 12 {
		t.Errorf("the vocabularies: %+v %v", all, err)
	}
}

// TestProposedChangesAreFollowed: what overtakes each, how each ends, and which of them
// a list leaves.
func TestProposedChangesAreFollowed(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	propose := func(id int, vocabulary, base string, change ledger.VocabularyChange) []record {
		change.V, change.Vocabulary, change.Proposal = 1, vocabulary, hex32(id)
		return []record{&change, &ledger.Proposal{
			V: 1, ID: hex32(id), Kind: ledger.ProposeChangeVocabulary, Subject: ledger.ProposalSubject{Vocabulary: vocabulary}, Base: base,
			By: south, Proposed: start, Expires: start.Add(ledger.MinTaxonomyLife),
		}}
	}
	a := word("a", 9)
	records := append(version(9, a), a)
	records = append(records, &ledger.Vocabulary{V: 1, ID: "taken", Kind: ledger.VocabularyImported, Version: 3, Maintainer: north})
	records = append(records, propose(1, "words", "0", ledger.VocabularyChange{Change: ledger.ChangeAdd, Term: &ledger.Term{ID: "b"}})...)
	records = append(records, propose(2, "words", "9", ledger.VocabularyChange{Change: ledger.ChangeDeprecate, Node: "a", Successor: "b"})...)
	records = append(records, propose(3, "taken", "3", ledger.VocabularyChange{Change: ledger.ChangeImport, Imported: &ledger.Imported{Digest: hex32(1)}})...)
	apply(t, s, 0, tx(t, "a", north, start, records...))
	want := func(id int, state fact.ProposalState, overtaken bool) {
		t.Helper()
		c, err := s.VocabularyChange(t.Context(), hex32(id))
		if err != nil || c.State(start) != state || c.Overtaken != overtaken || c.Change.Proposal != hex32(id) {
			t.Errorf("proposal %d: %s, overtaken %t, %+v, %v", id, c.State(start), c.Overtaken, c.Change, err)
		}
	}
	for id := range 3 {
		want(id+1, fact.ProposalOpen, false)
	}
	b, moved := word("b", 10), word("a", 11)
	later := append(append(version(10, a, b), b), &ledger.Vocabulary{V: 1, ID: "taken", Kind: ledger.VocabularyImported, Version: 4, Maintainer: north})
	apply(t, s, 1, tx(t, "b", north, start, later...))
	want(1, fact.ProposalOpen, true)
	want(2, fact.ProposalOpen, false)
	want(3, fact.ProposalOpen, true)
	apply(t, s, 2, tx(t, "c", north, start, append(version(11, moved, b), moved)...))
	want(2, fact.ProposalOpen, true)
	apply(t, s, 3, tx(t, "d", north, start, &ledger.Closure{V: 1, Proposal: hex32(1), Outcome: ledger.ClosedWithdrawn, By: south}))
	want(1, fact.ProposalWithdrawn, false)
	for _, c := range []struct {
		filter fact.ProposalFilter
		want   int
	}{
		{fact.ProposalFilter{At: start}, 3},
		{fact.ProposalFilter{At: start, Vocabulary: "words"}, 2},
		{fact.ProposalFilter{At: start, Vocabulary: "words", State: fact.ProposalOpen}, 1},
		{fact.ProposalFilter{At: start, State: fact.ProposalWithdrawn}, 1},
		{fact.ProposalFilter{At: start, Vocabulary: "none"}, 0},
	} {
		got, err := s.VocabularyChanges(t.Context(), c.filter, ledger.PageRequest{})
		if err != nil || len(got.Items) != c.want {
			t.Errorf("%+v: %d proposals, %v", c.filter, len(got.Items), err)
		}
	}
}
