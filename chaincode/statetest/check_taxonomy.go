package statetest

import (
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// vocabularies: each is its maintainer's at first and then what was adopted, version by
// version without a gap, each with the digest of what it consists of and of the one
// before.
func (c *checker) vocabularies() {
	rows := rowsOf[ledger.Vocabulary](c, ledger.TypeVocabulary)
	versions := once(c, rowsOf[ledger.VocabularyVersion](c, ledger.TypeVocabularyVersion))
	manifests := once(c, rowsOf[ledger.VocabularyManifest](c, ledger.TypeVocabularyManifest))
	nodes := once(c, rowsOf[ledger.Node](c, ledger.TypeVocabularyNode))
	changes := once(c, rowsOf[ledger.VocabularyChange](c, ledger.TypeVocabularyChange))
	v := newVotes(c)
	for _, r := range changes {
		p := find(v.proposals, ledger.ProposalKey(r.last().Proposal))
		c.want(p != nil && p.ID == r.entries[0].tx && p.Kind == ledger.ProposeChangeVocabulary && p.Subject.Vocabulary == r.last().Vocabulary,
			"proposed change %v: is of no proposal", r.key)
	}
	for _, r := range rows {
		first := r.versions[0]
		c.want(first.Version == 0 && first.Maintainer == c.by(r.entries[0]).Org, "vocabulary %v: begins with a version, or is another's", r.key)
		for i, voc := range r.versions[1:] {
			e := r.entries[i+1]
			version := find(versions, ledger.VocabularyVersionKey(voc.ID, i+1))
			m := find(manifests, ledger.VocabularyManifestKey(voc.ID, i+1))
			p := v.enacted(e)
			if version == nil || m == nil || p == nil {
				c.fail("vocabulary %v: version %d is not what was enacted", r.key, i+1)
				continue
			}
			c.want(p.ID == version.Proposal && find(changes, ledger.VocabularyChangeKey(voc.ID, p.ID)) != nil, "vocabulary %v: version %d is not what was enacted", r.key, i+1)
			c.want(voc.Version == i+1 && voc.Digest == version.Digest && version.Previous == r.versions[i].Digest && m.Previous == version.Previous && m.Digest() == version.Digest,
				"vocabulary %v: version %d is not chained to the one before", r.key, i+1)
			c.manifest(m, nodes)
		}
	}
	c.want(len(versions) == len(manifests), "%d versions of vocabularies have %d manifests", len(versions), len(manifests))
}

// manifest: each node is there, has the digest of what it says, and stands under one
// that holds; successors lead to one that holds.
func (c *checker) manifest(m *ledger.VocabularyManifest, nodes []*row[ledger.Node]) {
	for i, e := range m.Nodes {
		n := find(nodes, ledger.NodeKey(m.Vocabulary, e.ID, e.Since))
		c.want(i == 0 || m.Nodes[i-1].ID < e.ID, "manifest %v: is not in order", m.Key())
		if n == nil {
			c.fail("manifest %v: node %s is missing", m.Key(), e.ID)
			continue
		}
		c.want(n.Digest == e.Digest && ledger.NodeDigest(n) == e.Digest && n.Term.Parent == e.Parent && n.Successor == e.Successor, "manifest %v: node %s says something else", m.Key(), e.ID)
		c.leads(m, e.ID, func(e ledger.ManifestEntry) string { return e.Parent })
		c.leads(m, e.ID, func(e ledger.ManifestEntry) string { return e.Successor })
		at, found := m.Find(e.Parent)
		c.want(e.Parent == "" || e.Successor != "" || found && m.Nodes[at].Successor == "", "manifest %v: node %s belongs under a deprecated one", m.Key(), e.ID)
	}
}

// leads wants a way from a node that ends.
func (c *checker) leads(m *ledger.VocabularyManifest, id string, next func(ledger.ManifestEntry) string) {
	seen := []string{}
	for id != "" {
		at, found := m.Find(id)
		if !found || slices.Contains(seen, id) {
			c.fail("manifest %v: leads from %v in a circle or nowhere", m.Key(), seen)
			return
		}
		seen = append(seen, id)
		id = next(m.Nodes[at])
	}
}
