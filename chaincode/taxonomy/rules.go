package taxonomy

import (
	"slices"
	"strconv"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// edition is a vocabulary with what its version consists of, and of one that a
// change made the version's own record and the node that it made.
type edition struct {
	vocabulary *ledger.Vocabulary
	manifest   *ledger.VocabularyManifest // of version 0: empty

	version *ledger.VocabularyVersion
	node    *ledger.Node
}

func revision(n int) string { return strconv.Itoa(n) }

// proposed is the change that a request asks for.
func proposed(req ledger.ProposeChange, proposal string) *ledger.VocabularyChange {
	return &ledger.VocabularyChange{
		V: 1, Vocabulary: req.Vocabulary, Proposal: proposal, Change: req.Change,
		Term: req.Term, Node: req.Node, Successor: req.Successor, Imported: req.Imported, Evidence: req.Evidence,
	}
}

// ask makes the proposal of a change.
func ask(req ledger.ProposeChange, base int, id, org string, now time.Time) (*ledger.Proposal, error) {
	if life := req.Expires.Sub(now); life < ledger.MinTaxonomyLife || life > ledger.ProposalLife {
		return nil, fault("expires", "must be an hour to thirty days after the time of the transaction")
	}
	return &ledger.Proposal{
		V: 1, ID: id, Kind: ledger.ProposeChangeVocabulary, Subject: ledger.ProposalSubject{Vocabulary: req.Vocabulary},
		Reason: req.Reason, Base: revision(base), By: org, Proposed: now, Expires: req.Expires.UTC(),
	}, nil
}

func fault(field, detail string) error {
	return &ledger.Problem{
		Code: ledger.CodeInvalid, Detail: "the proposal is not valid", Faults: []ledger.Fault{{Field: field, Detail: detail}},
	}
}

// decidedOn refuses a change that was decided on a state that is no longer.
func decidedOn(said, is int) error {
	if said != is {
		return ledger.Problemf(ledger.CodeConflict, "what shall be changed stands since version %d", is)
	}
	return nil
}

// feasible refuses what could not be carried out as the vocabulary is, and returns
// what the members decide on: see ledger.Proposal.Base. It is the node alone, so
// that of many changes that are voted on at once none stops another.
func (e *edition) feasible(c *ledger.VocabularyChange) (base int, err error) {
	switch {
	case (c.Change == ledger.ChangeImport) != (e.vocabulary.Kind == ledger.VocabularyImported):
		return 0, fault("change", "is none for a vocabulary of this kind")
	case e.vocabulary.Version >= ledger.MaxRevision:
		return 0, ledger.Problemf(ledger.CodeTooLarge, "the vocabulary has all versions that it can have")
	}
	switch c.Change {
	case ledger.ChangeImport:
		return e.vocabulary.Version, e.importable(c.Imported)
	case ledger.ChangeAdd:
		return 0, e.addable(c.Term)
	}
	at, found := e.manifest.Find(c.About())
	if !found {
		return 0, ledger.Problemf(ledger.CodeNotFound, "the node does not exist")
	}
	node := e.manifest.Nodes[at]
	if node.Successor != "" {
		return 0, ledger.Problemf(ledger.CodeGone, "the node is deprecated")
	}
	if c.Change == ledger.ChangeNode {
		return node.Since, e.placed(c.Term)
	}
	return node.Since, e.deprecable(c.Node, c.Successor)
}

func (e *edition) importable(i *ledger.Imported) error {
	if before := e.manifest.Imported; before != nil && before.Digest == i.Digest {
		return ledger.Problemf(ledger.CodeAlreadyExists, "the document is the version that holds")
	}
	return nil
}

func (e *edition) addable(t *ledger.Term) error {
	if _, found := e.manifest.Find(t.ID); found {
		return ledger.Problemf(ledger.CodeAlreadyExists, "the node exists")
	}
	if len(e.manifest.Nodes) >= ledger.MaxNodes {
		return ledger.Problemf(ledger.CodeTooLarge, "the vocabulary has all %d nodes that it can have", ledger.MaxNodes)
	}
	return e.placed(t)
}

// placed refuses a place that is none: under a node that is missing or deprecated,
// under itself, or too deep. A node that moves takes those under it along.
func (e *edition) placed(t *ledger.Term) error {
	if t.Parent == "" {
		return nil
	}
	at, found := e.manifest.Find(t.Parent)
	switch {
	case !found:
		return ledger.Problemf(ledger.CodeNotFound, "the parent does not exist")
	case e.manifest.Nodes[at].Successor != "":
		return ledger.Problemf(ledger.CodeGone, "the parent is deprecated")
	}
	above := 0
	for up := t.Parent; up != ""; above++ {
		if up == t.ID {
			return fault("term.parent", "must not be under the node itself")
		}
		at, found := e.manifest.Find(up)
		if !found || above > ledger.MaxNodeDepth {
			break
		}
		up = e.manifest.Nodes[at].Parent
	}
	if above+e.height(t.ID, 0) > ledger.MaxNodeDepth {
		return fault("term.parent", "must be at most "+strconv.Itoa(ledger.MaxNodeDepth-1)+" nodes from the top")
	}
	return nil
}

// height counts the nodes from this one down to the deepest under it.
func (e *edition) height(id string, depth int) int {
	most := 0
	if depth > ledger.MaxNodeDepth {
		return most
	}
	for _, n := range e.manifest.Nodes {
		if n.Parent == id {
			most = max(most, e.height(n.ID, depth+1))
		}
	}
	return most + 1
}

// deprecable: in favour of a node that holds. As a deprecated one never changes
// again, no successors lead in a circle.
func (e *edition) deprecable(id, successor string) error {
	at, found := e.manifest.Find(successor)
	switch {
	case !found:
		return ledger.Problemf(ledger.CodeNotFound, "the successor does not exist")
	case e.manifest.Nodes[at].Successor != "":
		return ledger.Problemf(ledger.CodeGone, "the successor is deprecated")
	}
	for _, n := range e.manifest.Nodes {
		if n.Parent == id && n.Successor == "" {
			return ledger.Problemf(ledger.CodeDenied, "a node that is not deprecated belongs under it: that one is moved first")
		}
	}
	return nil
}

// next makes the version that a feasible change makes. before is the node as it was.
func (e *edition) next(c *ledger.VocabularyChange, before *ledger.Node, now time.Time) *edition {
	number := e.vocabulary.Version + 1
	m := &ledger.VocabularyManifest{
		V: 1, Vocabulary: e.vocabulary.ID, Number: number, Previous: e.vocabulary.Digest,
		Imported: c.Imported, Nodes: slices.Clone(e.manifest.Nodes),
	}
	node := changed(c, before, number)
	if node != nil {
		entry := ledger.ManifestEntry{
			ID: node.Term.ID, Since: node.Since, Digest: node.Digest, Parent: node.Term.Parent, Successor: node.Successor,
		}
		if at, found := m.Find(entry.ID); found {
			m.Nodes[at] = entry
		} else {
			m.Nodes = slices.Insert(m.Nodes, at, entry)
		}
	}
	if m.Nodes == nil {
		m.Nodes = []ledger.ManifestEntry{}
	}
	count := len(m.Nodes)
	if c.Imported != nil {
		count = c.Imported.Nodes
	}
	version := &ledger.VocabularyVersion{
		V: 1, Vocabulary: e.vocabulary.ID, Number: number, Digest: m.Digest(), Previous: m.Previous, Nodes: count,
		Change: c.Change, Node: c.About(), Imported: c.Imported, Proposal: c.Proposal, Adopted: now,
	}
	v := *e.vocabulary
	v.Version, v.Digest, v.Nodes, v.Since = number, version.Digest, count, now
	return &edition{vocabulary: &v, manifest: m, version: version, node: node}
}

// changed makes the node that a change makes; nil for an import. What the change
// rests on takes the place of what the node rested on, if it names something.
func changed(c *ledger.VocabularyChange, before *ledger.Node, number int) *ledger.Node {
	if c.Change == ledger.ChangeImport {
		return nil
	}
	n := &ledger.Node{V: 1, Vocabulary: c.Vocabulary}
	if before != nil {
		*n = *before
	}
	if c.Term != nil {
		n.Term = *c.Term
	}
	if len(c.Evidence) > 0 {
		n.Evidence = c.Evidence
	}
	n.Successor, n.Since, n.Proposal = c.Successor, number, c.Proposal
	n.Digest = ledger.NodeDigest(n)
	return n
}
