package ledger

import (
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of vocabularies.
const (
	MaxNodes          = 1024    // nodes of one vocabulary, deprecated ones with them
	MaxDefinition     = 1 << 10 // bytes of what a node means
	MaxNodeDepth      = 16      // nodes from one at the top down to one at the bottom
	MaxNodeEvidence   = 16      // reports that one change names
	MaxNodeExternals  = 16      // terms of other vocabularies that one node names
	MaxImported       = 10_000_000
	MinTaxonomyLife   = time.Hour // how long a change can be voted on at least; ProposalLife at most
	maxVocabularyID   = 48        // characters
	maxNodeID         = 64        // characters
	maxExternalSource = 32        // characters
	maxExternalID     = 64        // characters
)

// What a vocabulary is made of. It never changes.
const (
	VocabularyNodes    = "nodes"    // of nodes that stand on the ledger and that the members vote on one by one
	VocabularyImported = "imported" // of a document from elsewhere, of which the ledger has the digest
)

// Vocabulary is a vocabulary as it is now. It changes with each version that the
// members adopt, and only then.
type Vocabulary struct {
	V          int       `json:"v"`
	ID         string    `json:"id"`
	Title      string    `json:"title"`
	Kind       string    `json:"kind"`
	Maintainer string    `json:"maintainer"` // MSP id of who created it; it has no more rights than others
	Created    time.Time `json:"created"`
	Version    int       `json:"version"`                               // number of the version that holds; 0: none was adopted yet
	Digest     string    `json:"digest,omitempty" metadata:",optional"` // of that version
	Nodes      int       `json:"nodes"`                                 // that it has, deprecated ones with them
	Since      time.Time `json:"since"`                                 // when that version was adopted
}

// Key returns the record's key.
func (v *Vocabulary) Key() Key { return VocabularyKey(v.ID) }

// VocabularyKey returns the key of a vocabulary.
func VocabularyKey(id string) Key { return Key{TypeVocabulary, []string{id}} }

// VocabularyVersion is one version of a vocabulary, for ever. Each names the digest
// of the one before, which its own digest covers: so the last one vouches for all.
type VocabularyVersion struct {
	V          int       `json:"v"`
	Vocabulary string    `json:"vocabulary"`
	Number     int       `json:"number"`                                  // 1 for the first, one more with each
	Digest     string    `json:"digest"`                                  // VocabularyManifest.Digest
	Previous   string    `json:"previous,omitempty" metadata:",optional"` // digest of the version before; absent for the first
	Nodes      int       `json:"nodes"`                                   // that it has, deprecated ones with them
	Change     string    `json:"change"`                                  // what was done: ChangeAdd and so on
	Node       string    `json:"node,omitempty" metadata:",optional"`     // to which node; absent when a document was imported
	Imported   *Imported `json:"imported,omitempty" metadata:",optional"` // of an imported vocabulary: the document
	Proposal   string    `json:"proposal"`                                // by which it was adopted
	Adopted    time.Time `json:"adopted"`
}

// Key returns the record's key.
func (v *VocabularyVersion) Key() Key { return VocabularyVersionKey(v.Vocabulary, v.Number) }

// VocabularyVersionKey returns the key of one version of a vocabulary.
func VocabularyVersionKey(id string, number int) Key {
	return Key{TypeVocabularyVersion, []string{id, RevisionPart(number)}}
}

// Imported is a document from elsewhere, which is not on the ledger.
type Imported struct {
	Digest string `json:"digest"` // SHA-256 of its bytes as published, hex
	Label  string `json:"label"`  // what its publisher calls this version, as "18.1"
	Nodes  int    `json:"nodes"`  // terms in it, as counted by who proposed it
}

// External is a term of another vocabulary that a node corresponds to.
type External struct {
	ID     string `json:"id"`     // as "T1486" or "CAPEC-542"
	Source string `json:"source"` // as "mitre-attack" or "capec"
}

// NodeEvidence names a report on the ledger that a node rests on.
type NodeEvidence struct {
	Digest string `json:"digest"`
	Sharer string `json:"sharer"` // MSP id
}

// Term is what a node says, without where it stands. Its fields stand in the order
// of their JSON names: see canonical.
type Term struct {
	Definition string     `json:"definition"`                              // 1 to MaxDefinition bytes, printable
	External   []External `json:"external,omitempty" metadata:",optional"` // up to MaxNodeExternals, each once
	ID         string     `json:"id"`                                      // for ever
	Name       string     `json:"name"`                                    // as people read it; may change
	Parent     string     `json:"parent,omitempty" metadata:",optional"`   // node that it belongs under; absent at the top
}

// Node is a node as one version made it, until another version that names it.
type Node struct {
	V          int            `json:"v"`
	Vocabulary string         `json:"vocabulary"`
	Term       Term           `json:"term"`
	Evidence   []NodeEvidence `json:"evidence"`                                 // reports that it rests on
	Successor  string         `json:"successor,omitempty" metadata:",optional"` // of a deprecated node: the one to use in its place
	Since      int            `json:"since"`                                    // number of the version that made it so
	Proposal   string         `json:"proposal"`
	Digest     string         `json:"digest"` // NodeDigest
}

// Key returns the record's key.
func (n *Node) Key() Key { return NodeKey(n.Vocabulary, n.Term.ID, n.Since) }

// NodeKey returns the key of a node as one version made it.
func NodeKey(vocabulary, node string, since int) Key {
	return Key{TypeVocabularyNode, []string{vocabulary, node, RevisionPart(since)}}
}

// What can be done to a vocabulary.
const (
	ChangeAdd       = "add"       // a node
	ChangeNode      = "change"    // a node's name, definition, parent or externals
	ChangeDeprecate = "deprecate" // a node, in favour of another
	ChangeImport    = "import"    // a version of a document from elsewhere
)

// Changes lists them all.
var Changes = []string{ChangeAdd, ChangeNode, ChangeDeprecate, ChangeImport}

// VocabularyChange is what the members are asked to do to a vocabulary: the part of a
// proposal that is the contract taxonomy's. Who asks, why, until when and what
// the votes are stands with the proposal.
type VocabularyChange struct {
	V          int            `json:"v"`
	Vocabulary string         `json:"vocabulary"`
	Proposal   string         `json:"proposal"` // id of the transaction that proposed it
	Change     string         `json:"change"`
	Term       *Term          `json:"term,omitempty" metadata:",optional"`      // add and change: the node as it shall be
	Node       string         `json:"node,omitempty" metadata:",optional"`      // deprecate: which
	Successor  string         `json:"successor,omitempty" metadata:",optional"` // deprecate: in favour of which
	Imported   *Imported      `json:"imported,omitempty" metadata:",optional"`  // import
	Evidence   []NodeEvidence `json:"evidence,omitempty" metadata:",optional"`
}

// Key returns the record's key.
func (c *VocabularyChange) Key() Key { return VocabularyChangeKey(c.Vocabulary, c.Proposal) }

// VocabularyChangeKey returns the key of a proposed change.
func VocabularyChangeKey(vocabulary, proposal string) Key {
	return Key{TypeVocabularyChange, []string{vocabulary, proposal}}
}

// About returns the node that the change is about; empty for an import.
func (c *VocabularyChange) About() string {
	if c.Term != nil {
		return c.Term.ID
	}
	return c.Node
}

// CreateVocabulary creates a vocabulary in which nothing stands yet.
type CreateVocabulary struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Kind  string `json:"kind"`
}

// Validate returns a Problem that lists every fault.
func (r *CreateVocabulary) Validate() error {
	var c check
	c.vocabulary("id", r.ID)
	c.text("title", r.Title)
	c.oneOf("kind", r.Kind, VocabularyNodes, VocabularyImported)
	return c.problem("the vocabulary")
}

// ProposeChange asks the members to change a vocabulary.
type ProposeChange struct {
	Vocabulary string `json:"vocabulary"`
	Change     string `json:"change"`

	// Base is what the change was decided on: the version since which the node
	// stands as it was read, 0 to add one; of an import, the vocabulary's version.
	Base      int            `json:"base"`
	Term      *Term          `json:"term,omitempty" metadata:",optional"`
	Node      string         `json:"node,omitempty" metadata:",optional"`
	Successor string         `json:"successor,omitempty" metadata:",optional"`
	Imported  *Imported      `json:"imported,omitempty" metadata:",optional"`
	Evidence  []NodeEvidence `json:"evidence,omitempty" metadata:",optional"` // up to MaxNodeEvidence reports that every member can read; to add a node at least one
	Reason    string         `json:"reason"`                                  // for the members to read; names no person
	Expires   time.Time      `json:"expires"`                                 // neither voted on nor adopted from then on; whole milliseconds, MinTaxonomyLife to ProposalLife ahead
}

// Validate returns a Problem that lists every fault.
func (r *ProposeChange) Validate() error {
	var c check
	c.vocabulary("vocabulary", r.Vocabulary)
	c.text("reason", r.Reason)
	c.instant("expires", r.Expires)
	if !slices.Contains(Changes, r.Change) {
		c.oneOf("change", r.Change, Changes...)
		return c.problem("the proposal")
	}
	term, node, imported := r.Change == ChangeAdd || r.Change == ChangeNode, r.Change == ChangeDeprecate, r.Change == ChangeImport
	part := func(field string, wanted, given bool) bool {
		switch {
		case wanted && !given:
			c.fail(field, "must be stated for this change")
		case given && !wanted:
			c.fail(field, "is not part of this change")
		}
		return wanted && given
	}
	if part("term", term, r.Term != nil) {
		r.Term.validate(&c)
	}
	if part("node", node, r.Node != "") {
		c.node("node", r.Node)
	}
	if part("successor", node, r.Successor != "") {
		if c.node("successor", r.Successor); r.Successor == r.Node {
			c.fail("successor", "must be another node")
		}
	}
	if part("imported", imported, r.Imported != nil) {
		r.Imported.validate(&c)
	}
	switch {
	case r.Base < 0 || r.Base > MaxRevision:
		c.fail("base", "must be 0 to %d", MaxRevision)
	case r.Change == ChangeAdd && r.Base != 0:
		c.fail("base", "must be 0 to add a node")
	case (r.Change == ChangeNode || node) && r.Base == 0:
		c.fail("base", "must be the version since which the node stands as it was read")
	}
	c.evidence(r.Evidence, r.Change)
	return c.problem("the proposal")
}

func (i *Imported) validate(c *check) {
	c.digest("imported.digest", i.Digest)
	c.version("imported.label", i.Label)
	if i.Nodes < 1 || i.Nodes > MaxImported {
		c.fail("imported.nodes", "must be 1 to %d", MaxImported)
	}
}

func (t *Term) validate(c *check) {
	c.node("term.id", t.ID)
	c.text("term.name", t.Name)
	c.definition("term.definition", t.Definition)
	if t.Parent != "" {
		if c.node("term.parent", t.Parent); t.Parent == t.ID {
			c.fail("term.parent", "must be another node")
		}
	}
	if len(t.External) > MaxNodeExternals {
		c.fail("term.external", "must be at most %d", MaxNodeExternals)
		return
	}
	seen := map[External]bool{}
	for i, e := range t.External {
		at := fmt.Sprintf("term.external[%d]", i)
		c.drawn(at+".source", e.Source, maxExternalSource, "-._")
		if c.token(at+".id", e.ID, maxExternalID); seen[e] {
			c.fail(at, "is named twice")
		}
		seen[e] = true
	}
}

func (c *check) vocabulary(field, s string) { c.drawn(field, s, maxVocabularyID, "-._") }
func (c *check) node(field, s string)       { c.drawn(field, s, maxNodeID, "-._") }

// definition wants 1 to MaxDefinition bytes of printable characters.
func (c *check) definition(field, s string) {
	if s == "" || len(s) > MaxDefinition || !utf8.ValidString(s) {
		c.fail(field, "must be 1 to %d bytes of valid UTF-8", MaxDefinition)
		return
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			c.fail(field, "must hold printable characters only")
			return
		}
	}
}

// evidence wants reports each once, and at least one to add a node.
func (c *check) evidence(list []NodeEvidence, change string) {
	switch {
	case len(list) > MaxNodeEvidence:
		c.fail("evidence", "must be at most %d reports", MaxNodeEvidence)
		return
	case len(list) == 0 && change == ChangeAdd:
		c.fail("evidence", "must name at least one report")
	}
	seen := map[NodeEvidence]bool{}
	for i, e := range list {
		at := fmt.Sprintf("evidence[%d]", i)
		c.digest(at+".digest", e.Digest)
		if c.token(at+".sharer", e.Sharer, 64); seen[e] {
			c.fail(at, "is named twice")
		}
		seen[e] = true
	}
}
