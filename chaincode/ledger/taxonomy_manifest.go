package ledger

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// VocabularyManifest is what a version of a vocabulary consists of. It holds of each
// node which of its states that is, so that any version can be listed for ever, and
// what judging a change needs, so that no other record has to be read for it.
type VocabularyManifest struct {
	V          int             `json:"v"`
	Vocabulary string          `json:"vocabulary"`
	Number     int             `json:"number"`
	Previous   string          `json:"previous,omitempty" metadata:",optional"` // digest of the version before
	Imported   *Imported       `json:"imported,omitempty" metadata:",optional"`
	Nodes      []ManifestEntry `json:"nodes"` // by id
}

// ManifestEntry is one node of a version.
type ManifestEntry struct {
	ID        string `json:"id"`
	Since     int    `json:"since"`  // with ID the key of its Node
	Digest    string `json:"digest"` // NodeDigest
	Parent    string `json:"parent,omitempty" metadata:",optional"`
	Successor string `json:"successor,omitempty" metadata:",optional"` // it is deprecated
}

// Key returns the record's key.
func (m *VocabularyManifest) Key() Key { return VocabularyManifestKey(m.Vocabulary, m.Number) }

// VocabularyManifestKey returns the key of the manifest of one version.
func VocabularyManifestKey(id string, number int) Key {
	return Key{TypeVocabularyManifest, []string{id, RevisionPart(number)}}
}

// Find returns the entry of a node, and where it is or would be.
func (m *VocabularyManifest) Find(id string) (at int, found bool) {
	return slices.BinarySearchFunc(m.Nodes, id, func(e ManifestEntry, id string) int { return strings.Compare(e.ID, id) })
}

// canonicalManifest and canonicalNode are what digests cover. Their fields stand in
// the order of their JSON names: see canonical.
type canonicalManifest struct {
	Imported   *Imported        `json:"imported,omitempty"`
	Nodes      []canonicalEntry `json:"nodes"`
	Number     int              `json:"number"`
	Previous   string           `json:"previous,omitempty"`
	Vocabulary string           `json:"vocabulary"`
}

type canonicalEntry struct {
	Digest string `json:"digest"`
	ID     string `json:"id"`
}

type canonicalNode struct {
	Evidence   []NodeEvidence `json:"evidence"`
	Successor  string         `json:"successor,omitempty"`
	Term       Term           `json:"term"`
	Vocabulary string         `json:"vocabulary"`
}

// Canonical returns the version's content as canonical JSON (RFC 8785): vocabulary,
// number, the digest of the version before, and each node's id and digest, or the
// document that was imported.
func (m *VocabularyManifest) Canonical() []byte {
	c := canonicalManifest{
		Imported: m.Imported, Nodes: make([]canonicalEntry, len(m.Nodes)),
		Number: m.Number, Previous: m.Previous, Vocabulary: m.Vocabulary,
	}
	for i, e := range m.Nodes {
		c.Nodes[i] = canonicalEntry{Digest: e.Digest, ID: e.ID}
	}
	return canonical(c)
}

// Digest returns the digest of the version.
func (m *VocabularyManifest) Digest() string { return Digest("vocabulary-version", m.Canonical()) }

// Canonical returns what a node says as canonical JSON (RFC 8785).
func (n *Node) Canonical() []byte {
	return canonical(canonicalNode{Evidence: n.Evidence, Successor: n.Successor, Term: n.Term, Vocabulary: n.Vocabulary})
}

// NodeDigest returns the digest of what a node says.
func NodeDigest(n *Node) string { return Digest("vocabulary-node", n.Canonical()) }

// canonical encodes a value whose structs have their fields in the order of their
// JSON names, whose strings are valid UTF-8 and printable and whose numbers are whole
// and small: that is all that RFC 8785 asks of such a value, apart from leaving
// <, > and & as they are.
func canonical(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // of structs of strings and numbers
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
