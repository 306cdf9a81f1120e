package taxonomy

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds of a vocabulary.
const (
	MaxBytes       = 128 << 20 // of a document that one is read from, unpacked
	MaxNodes       = 20_000
	maxID          = 200 // bytes of a node's id, or name
	maxDescription = 1_000
	maxSynonyms    = 100
	maxParents     = 50
	maxExternals   = 200
)

var limits = strictjson.Limits{Bytes: MaxBytes, Depth: 32, Values: 8_000_000}

// Vocabulary is a set of nodes, in one version.
type Vocabulary struct {
	ID        string `json:"id"`        // what it is called here
	Title     string `json:"title"`     // what it calls itself
	Authority string `json:"authority"` // whose ids its nodes have: "mitre-attack", "capec", "misp:enisa"
	Nodes     []Node `json:"nodes"`     // by id
}

// Node is one thing that reports may speak of.
type Node struct {
	ID          string              `json:"id"` // within the vocabulary, for ever
	Kind        string              `json:"kind"`
	Name        string              `json:"name"`
	Parents     []string            `json:"parents,omitempty"`
	Synonyms    []string            `json:"synonyms,omitempty"`
	Description string              `json:"description,omitempty"`
	External    []ExternalReference `json:"external,omitempty"`
	Deprecated  bool                `json:"deprecated,omitempty"`
	Successor   string              `json:"successor,omitempty"` // of a deprecated one: what stands in its place
}

// ExternalReference is a node of another vocabulary, or a name by which this one is known
// elsewhere (source "uuid").
type ExternalReference struct {
	Source string `json:"source"`
	ID     string `json:"id"`
}

// Sources that are no vocabulary's.
const (
	SourceUUID    = "uuid"    // the node's own id that is unique anywhere
	SourceSimilar = "similar" // such an id of a node elsewhere that is much the same
)

// Encode writes a vocabulary in the form whose digest names its version.
func (v *Vocabulary) Encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // of texts
	}
	return b.Bytes()
}

// Digest names a version: SHA-256 of Encode, in hexadecimal.
func (v *Vocabulary) Digest() string {
	sum := sha256.Sum256(v.Encode())
	return hex.EncodeToString(sum[:])
}

// Decode reads what Encode wrote.
func Decode(b []byte) (*Vocabulary, error) {
	if err := strictjson.Check("the vocabulary", b, limits); err != nil {
		return nil, err
	}
	var v Vocabulary
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the vocabulary is not of the form that this program writes")
	}
	return v.settle()
}

// Find returns a node.
func (v *Vocabulary) Find(id string) (*Node, bool) {
	i, ok := slices.BinarySearchFunc(v.Nodes, id, func(n Node, id string) int { return strings.Compare(n.ID, id) })
	if !ok {
		return nil, false
	}
	return &v.Nodes[i], true
}

// Current returns the node, or what stands in its place when it is deprecated.
func (v *Vocabulary) Current(id string) (*Node, bool) {
	n, ok := v.Find(id)
	for range 10 {
		if !ok || n.Successor == "" {
			break
		}
		n, ok = v.Find(n.Successor)
	}
	return n, ok
}

// Read reads a document into a vocabulary of that name: a STIX bundle (ATT&CK, CAPEC), a
// taxonomy or a galaxy's cluster of MISP, CSV of one's own or of CWE, or what Encode wrote.
// Problems: invalid, too_large.
func Read(name string, b []byte) (*Vocabulary, error) {
	if !named(name) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the vocabulary's name must be 1 to 48 lower-case letters, digits and .-_")
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if t := bytes.TrimLeft(b, " \r\n\t"); len(t) == 0 || t[0] != '{' {
		return readCSV(name, b)
	}
	if err := strictjson.Check("the vocabulary", b, limits); err != nil {
		return nil, err
	}
	var head struct {
		Type       json.RawMessage // of MISP's taxonomies a list
		Objects    json.RawMessage
		Namespace  string
		Predicates json.RawMessage
		Values     json.RawMessage
		Nodes      json.RawMessage
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, unknownForm()
	}
	var v *Vocabulary
	var err error
	var kind string
	_ = json.Unmarshal(head.Type, &kind)
	switch {
	case kind == "bundle" && head.Objects != nil:
		v, err = readSTIX(b)
	case head.Namespace != "" && head.Predicates != nil:
		v, err = readTaxonomy(b)
	case kind != "" && head.Values != nil:
		v, err = readGalaxy(b)
	case head.Nodes != nil:
		v, err = Decode(b)
	default:
		err = unknownForm()
	}
	if err != nil {
		return nil, err
	}
	v.ID = name
	return v.settle()
}

func unknownForm() error {
	return ledger.Problemf(ledger.CodeInvalid, "the document is no vocabulary that is known: give a STIX bundle, a taxonomy or a cluster of MISP, a list of CWE (CSV), or CSV with the columns id, name, parent, synonyms, description, external")
}

// named reports whether a text can be a vocabulary's name.
func named(s string) bool {
	return s != "" && len(s) <= 48 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-._") == "" && s[0] != '.' && s[0] != '-'
}

// settle puts a vocabulary into its order and within its bounds, and drops what refers to
// nothing. The first of two nodes with one id counts.
func (v *Vocabulary) settle() (*Vocabulary, error) {
	if !named(v.ID) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the vocabulary's name must be 1 to 48 lower-case letters, digits and .-_")
	}
	return v.ordered()
}

// ordered is settle for a vocabulary whose name is somebody else's to judge.
func (v *Vocabulary) ordered() (*Vocabulary, error) {
	v.Title, v.Authority = line(v.Title, maxID), line(v.Authority, maxID)
	for i := range v.Nodes {
		n := &v.Nodes[i]
		n.ID, n.Name, n.Kind = line(n.ID, maxID), line(n.Name, maxID), line(n.Kind, 50)
		n.Description = line(n.Description, maxDescription)
		n.Successor = line(n.Successor, maxID)
		if n.Name == "" {
			n.Name = n.ID
		}
	}
	v.Nodes = slices.DeleteFunc(v.Nodes, func(n Node) bool { return n.ID == "" })
	if len(v.Nodes) == 0 {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the vocabulary has no nodes")
	}
	if len(v.Nodes) > MaxNodes {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the vocabulary has more than %d nodes; take it in in parts", MaxNodes)
	}
	slices.SortStableFunc(v.Nodes, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
	v.Nodes = slices.CompactFunc(v.Nodes, func(a, b Node) bool { return a.ID == b.ID })
	for i := range v.Nodes {
		n := &v.Nodes[i]
		n.Parents = v.known(n, n.Parents)
		for k := range n.Synonyms {
			n.Synonyms[k] = line(n.Synonyms[k], maxID)
		}
		n.Synonyms = bounded(n.Synonyms, maxSynonyms)
		n.Synonyms = slices.DeleteFunc(n.Synonyms, func(s string) bool { return s == "" || s == n.Name })
		for k := range n.External {
			n.External[k] = ExternalReference{line(n.External[k].Source, 50), line(n.External[k].ID, maxID)}
		}
		slices.SortFunc(n.External, func(a, b ExternalReference) int {
			return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.ID, b.ID))
		})
		n.External = slices.Compact(n.External)
		n.External = n.External[:min(len(n.External), maxExternals)]
		if _, ok := v.Find(n.Successor); !ok || n.Successor == n.ID {
			n.Successor = ""
		}
		n.Deprecated = n.Deprecated || n.Successor != ""
	}
	return v, nil
}

func (v *Vocabulary) known(n *Node, ids []string) []string {
	ids = bounded(ids, maxParents)
	return slices.DeleteFunc(ids, func(id string) bool {
		_, ok := v.Find(id)
		return !ok || id == n.ID
	})
}

func bounded(list []string, most int) []string {
	slices.Sort(list)
	list = slices.Compact(list)
	return list[:min(len(list), most)]
}

// line makes one printable line of at most so many bytes of a text.
func line(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return strings.TrimSpace(s[:most])
}
