package taxonomy

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/secant-platform/secant/analytics/classify"
)

// On what a label rests, the surest first.
const (
	BasisTag        = "tag"        // whoever wrote the text put it there
	BasisID         = "id"         // the text has the node's id
	BasisName       = "name"       // the text has its name, or a synonym
	BasisClassifier = "classifier" // a model reads it out of a sentence
)

// Confidence of labels that no model gives, in basis points: an order of this project's
// own, and no measured probability.
const (
	confidenceTag   = 10_000
	confidenceID    = 9_500
	confidenceName  = 8_000 // as the vocabulary writes it
	confidenceWords = 5_000 // in other letters
)

// Bounds of what is said of one text.
const (
	MaxText   = 1 << 20 // bytes of it that are read
	MaxLabels = 500
	maxShown  = 500 // bytes of a sentence that are shown
)

// Text is what is to be labelled.
type Text struct {
	Text string
	Tags []string // MISP's machine tags, and names of nodes that came with it
}

// Label says that a text speaks of a node.
type Label struct {
	Vocabulary  string `json:"vocabulary"`
	Node        string `json:"node"`
	Name        string `json:"name"`
	Basis       string `json:"basis" enum:"tag,id,name,classifier"`
	Probability int    `json:"probability" doc:"Basis points. Of a classifier's label calibrated; of the others an order of ours."`
	Sentence    string `json:"sentence" doc:"Where it stands; empty for a tag."`
}

// Labeller labels texts with the nodes of several vocabularies. It may be used by many at
// once.
type Labeller struct {
	vocabularies []*Vocabulary
	model        *classify.Model // nil: none
	atLeast      int             // basis points that a classifier's label must have
	names        *trie
	ids          map[string][]place
}

// place is a node of one of the vocabularies.
type place struct{ vocabulary, node int }

// AtLeast is the probability from which a classifier's label is told by default.
const AtLeast = 5_000

// NewLabeller prepares labelling. atLeast is in basis points, 0: AtLeast.
func NewLabeller(vocabularies []*Vocabulary, model *classify.Model, atLeast int) *Labeller {
	if atLeast <= 0 {
		atLeast = AtLeast
	}
	l := &Labeller{vocabularies: vocabularies, model: model, atLeast: atLeast, names: newTrie(), ids: map[string][]place{}}
	for i, v := range vocabularies {
		for k := range v.Nodes {
			n := &v.Nodes[k]
			at := place{i, k}
			l.ids[n.ID] = append(l.ids[n.ID], at)
			if n.Deprecated && n.Successor == "" {
				continue
			}
			l.names.add(n.Name, at)
			for _, s := range n.Synonyms {
				l.names.add(s, at)
			}
		}
	}
	l.names.finish()
	return l
}

// Label labels a text: each node once, by the surest that speaks for it, the surest first.
func (l *Labeller) Label(t Text) []Label {
	best := map[place]Label{}
	add := func(at place, basis string, probability int, sentence string) {
		v := l.vocabularies[at.vocabulary]
		n, ok := v.Current(v.Nodes[at.node].ID)
		if !ok {
			return
		}
		key := place{at.vocabulary, at.node}
		if n.ID != v.Nodes[at.node].ID {
			key.node, _ = slices.BinarySearchFunc(v.Nodes, n.ID, func(n Node, id string) int { return strings.Compare(n.ID, id) })
		}
		if have, ok := best[key]; !ok || have.Probability < probability {
			best[key] = Label{v.ID, n.ID, n.Name, basis, probability, line(sentence, maxShown)}
		}
	}
	for _, tag := range t.Tags[:min(len(t.Tags), MaxLabels)] {
		l.tag(tag, func(at place) { add(at, BasisTag, confidenceTag, "") })
	}
	text := t.Text
	if len(text) > MaxText {
		text = text[:MaxText]
	}
	var c *classify.Classifier
	if l.model != nil {
		c = l.model.Classifier()
	}
	for _, s := range classify.Sentences(text) {
		for _, id := range idLike.FindAllString(s, 100) {
			for _, at := range l.ids[id] {
				add(at, BasisID, confidenceID, s)
			}
		}
		l.names.find(s, func(at place, exact bool) {
			p := confidenceWords
			if exact {
				p = confidenceName
			}
			add(at, BasisName, p, s)
		})
		if c != nil {
			for _, found := range c.Classify(s, l.atLeast) {
				for _, at := range l.ids[found.ID] {
					add(at, BasisClassifier, found.Probability, s)
				}
			}
		}
	}
	return ordered(best)
}

func ordered(best map[place]Label) []Label {
	all := make([]Label, 0, len(best))
	for _, v := range best {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b Label) int {
		return cmp.Or(cmp.Compare(b.Probability, a.Probability), cmp.Compare(a.Vocabulary, b.Vocabulary), cmp.Compare(a.Node, b.Node))
	})
	return all[:min(len(all), MaxLabels)]
}

// idLike is what may be a node's id in a text: of ATT&CK, CAPEC, CWE.
var idLike = regexp.MustCompile(`\b(?:TA?\d{4}(?:\.\d{3})?|[SGC]\d{4}|CAPEC-\d{1,4}|CWE-\d{1,5})\b`)

// machineTag is namespace:predicate="value", or without the value.
var machineTag = regexp.MustCompile(`^([^:="]{1,100}):([^="]{1,100})(?:="([^"]{1,200})")?$`)

// tag finds the nodes that a tag names: a machine tag of a vocabulary, or a node's id.
func (l *Labeller) tag(tag string, found func(place)) {
	m := machineTag.FindStringSubmatch(tag)
	if m == nil {
		for _, at := range l.ids[tag] {
			found(at)
		}
		return
	}
	for i, v := range l.vocabularies {
		id, ok := "", false
		switch v.Authority {
		case "misp:" + m[1]:
			if id, ok = m[2], true; m[3] != "" {
				id = m[2] + `="` + m[3] + `"`
			}
		case m[1] + ":" + m[2]: // misp-galaxy:TYPE="VALUE"
			id, ok = m[3], true
		case m[1]: // of a vocabulary that is called so
			id, ok = m[2], true
		}
		if !ok {
			continue
		}
		for _, at := range l.ids[id] {
			if at.vocabulary == i {
				found(at)
			}
		}
	}
}

// longestName is how many words of a name are compared; longer ones are none.
const longestName = 12

// trie finds names word by word, so that none is found inside another word.
type trie struct {
	next map[trieKey]int
	ends [][]naming
	free int
}

type trieKey struct {
	at   int
	word string
}

// naming is a name that ends at a place of the trie.
type naming struct {
	at      place
	written []string // its words as the vocabulary has them
}

func newTrie() *trie { return &trie{next: map[trieKey]int{}, ends: make([][]naming, 1), free: 1} }

// most is how many nodes of all vocabularies may have one name. What more are called says
// nothing of any of them.
const most = 8

func (t *trie) add(name string, at place) {
	list := tokens(name)
	if len(list) == 0 || len(list) > longestName {
		return
	}
	where := 0
	for _, w := range list {
		key := trieKey{where, strings.ToLower(w)}
		to, ok := t.next[key]
		if !ok {
			to, t.free = t.free, t.free+1
			t.next[key] = to
			t.ends = append(t.ends, nil)
		}
		where = to
	}
	if !slices.ContainsFunc(t.ends[where], func(n naming) bool { return n.at == at }) {
		t.ends[where] = append(t.ends[where], naming{at, list})
	}
}

// finish drops names that too many nodes have, or several of one vocabulary: which one is
// meant cannot be told.
func (t *trie) finish() {
	for i, list := range t.ends {
		in := map[int]int{}
		for _, n := range list {
			in[n.at.vocabulary]++
		}
		list = slices.DeleteFunc(list, func(n naming) bool { return in[n.at.vocabulary] > 2 })
		if len(list) > most {
			list = nil
		}
		t.ends[i] = list
	}
}

// find calls found for each name in a sentence that is no common word there; exact: it
// stands as the vocabulary writes it.
func (t *trie) find(sentence string, found func(at place, exact bool)) {
	list := tokens(sentence)
	for i := range list {
		where := 0
		for k := i; k < len(list) && k < i+longestName; k++ {
			to, ok := t.next[trieKey{where, strings.ToLower(list[k])}]
			if !ok {
				break
			}
			where = to
			for _, n := range t.ends[where] {
				exact := slices.Equal(list[i:k+1], n.written)
				if meant(n.written, exact, i == 0) {
					found(n.at, exact)
				}
			}
		}
	}
}

// meant reports whether words in a sentence are a name, and not just words: a name of one
// common or short word, or of common words only, must stand as the vocabulary writes it,
// with a capital that is not the sentence's own.
func meant(written []string, exact, first bool) bool {
	common, long := 0, 0
	for _, w := range written {
		if isCommon(w) {
			common++
		}
		long += utf8.RuneCountInString(w)
	}
	if len(written) == 1 && long < 3 {
		return false
	}
	capital := strings.IndexFunc(strings.Join(written, ""), func(r rune) bool { return unicode.IsUpper(r) || unicode.IsDigit(r) }) >= 0
	if common == len(written) || len(written) == 1 && long < 5 {
		return exact && capital && !(first && len(written) == 1)
	}
	return exact || len(written) > 1 || long >= 6
}

// tokens are the words of a text as they are written; dots, dashes and the like between
// letters or digits belong to a word.
func tokens(s string) []string {
	var all []string
	start := -1
	rs := []rune(s)
	for i := 0; i <= len(rs); i++ {
		in := i < len(rs) && (isWord(rs[i]) || start >= 0 && strings.ContainsRune(".-_'’&/+", rs[i]) && i+1 < len(rs) && isWord(rs[i+1]))
		switch {
		case in && start < 0:
			start = i
		case !in && start >= 0:
			w := strings.TrimSuffix(strings.TrimSuffix(string(rs[start:i]), "'s"), "’s")
			all = append(all, w)
			start = -1
		}
	}
	return all
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// From returns a labeller that tells a classifier's label from another probability on.
func (l *Labeller) From(atLeast int) *Labeller {
	other := *l
	other.atLeast = atLeast
	return &other
}
