package taxonomy

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/secant-platform/secant/analytics/classify"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Report is a text in which terms are looked for.
type Report struct {
	Digest string // names it
	Text   string
}

// Evidence is a sentence of a report that has a term.
type Evidence struct {
	Report   string `json:"report" doc:"Digest of the report, or id of the object."`
	Sentence string `json:"sentence"`
}

// Candidate is a term that recurs in reports and stands in no vocabulary.
type Candidate struct {
	ID        string     `json:"id" doc:"For a node: lower-case letters, digits and dashes."`
	Name      string     `json:"name" doc:"As it is written most often."`
	Reports   int        `json:"reports" doc:"That have it."`
	Times     int        `json:"times" doc:"In all of them."`
	Score     int        `json:"score" doc:"C-value times the logarithm of one more than the log-likelihood ratio, in hundredths, half as much again for a name: an order, no probability."`
	Nearest   string     `json:"nearest" doc:"Node under which most of its sentences fall, as VOCABULARY/NODE; empty: none."`
	Sentences []Evidence `json:"sentences" doc:"One of each of the first reports, at most sixteen."`
	Described string     `json:"definition" doc:"What a proposal may begin with."`

	// Evidence is for whoever knows who shared the reports to fill in.
	Evidence []ledger.NodeEvidence `json:"evidence" doc:"Those of the reports that every member can read, as a proposal names them; none: share one first."`
}

// Bounds of looking for terms.
const (
	MaxReports   = 20_000
	maxWords     = 4       // of a term
	maxTerms     = 500_000 // different ones that are counted
	maxEvidence  = 16
	MaxCandidate = 200 // that are told
)

// nameWeight is what a term counts that is written as names are.
const nameWeight = 1.5

// Background counts the words of what vocabularies say of their nodes: a word that is
// used there is no news.
type Background struct {
	words map[string]int
	total int
	names map[string]bool   // in lower case, by words
	short map[string]string // of names: without spaces and dashes
}

// NewBackground reads vocabularies.
func NewBackground(vocabularies []*Vocabulary) *Background {
	b := &Background{words: map[string]int{}, names: map[string]bool{}, short: map[string]string{}}
	read := func(s string) {
		for _, w := range tokens(strings.ToLower(s)) {
			b.words[w]++
			b.total++
		}
	}
	for _, e := range classify.Background() {
		read(e.Text)
	}
	for _, v := range vocabularies {
		for i := range v.Nodes {
			n := &v.Nodes[i]
			read(n.Description)
			for _, name := range append([]string{n.Name, n.ID}, n.Synonyms...) {
				read(name)
				key := strings.ToLower(strings.Join(tokens(name), " "))
				b.names[key] = true
				b.short[squeeze(key)] = n.ID
			}
		}
	}
	return b
}

func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if !isWord(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// known reports whether a term is, or is much like, a name of a vocabulary: the same but
// for spaces and dashes, or for one letter of six or more.
func (b *Background) known(term string) bool {
	if b.names[term] {
		return true
	}
	s := squeeze(term)
	if _, ok := b.short[s]; ok {
		return true
	}
	if len(s) < 6 {
		return false
	}
	rs := []rune(s)
	for i := range rs { // one letter less, and one more in the name is found the other way
		if _, ok := b.short[string(rs[:i])+string(rs[i+1:])]; ok {
			return true
		}
	}
	return false
}

// term is what is counted of one.
type term struct {
	words    []string
	times    int
	reports  map[int]bool
	nested   int            // times within longer terms
	longer   map[string]int // longer terms that have it
	surface  map[string]int
	evidence []Evidence
}

// Emerging finds terms that stand in at least so many reports and in no vocabulary, the
// strongest first: by C-value (Frantzi, Ananiadou and Mima, 2000), which counts a part of
// longer terms only for itself, and by the log-likelihood ratio (Dunning, 1993) of their
// rarest word against the background. label says under which node a sentence falls; nil: none.
func Emerging(reports []Report, b *Background, atLeast int, label func(sentence string) (node string, ok bool)) []Candidate {
	reports = reports[:min(len(reports), MaxReports)]
	atLeast = max(atLeast, 2)
	found, words, total := map[string]*term{}, map[string]int{}, 0
	for i := range reports {
		for _, s := range classify.Sentences(reports[i].Text) {
			list := tokens(s)
			for _, w := range list {
				words[strings.ToLower(w)]++
				total++
			}
			terms(list, func(key string, part []string) {
				t := found[key]
				if t == nil {
					if len(found) >= maxTerms {
						return
					}
					t = &term{words: strings.Split(key, " "), reports: map[int]bool{}, longer: map[string]int{}, surface: map[string]int{}}
					found[key] = t
				}
				t.times++
				t.surface[strings.Join(part, " ")]++
				if !t.reports[i] {
					t.reports[i] = true
					if len(t.evidence) < maxEvidence {
						t.evidence = append(t.evidence, Evidence{reports[i].Digest, line(s, maxShown)})
					}
				}
			})
		}
	}
	for key, t := range found {
		if len(t.reports) < atLeast {
			delete(found, key)
		}
	}
	nest(found)
	var all []Candidate
	for key, t := range found {
		if b.known(key) || partOfName(b, t.words) || len(t.words) == 1 && b.words[key] > 0 && !t.named() {
			continue
		}
		score := cValue(t) * math.Log1p(b.surprise(t.words, words, total))
		if t.named() {
			score *= nameWeight
		}
		if score <= 0 {
			continue
		}
		all = append(all, view(t, int(math.Round(score*100)), label))
	}
	slices.SortFunc(all, func(a, b Candidate) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID)) })
	all = slices.CompactFunc(all, func(a, b Candidate) bool { return a.ID == b.ID })
	return all[:min(len(all), MaxCandidate)]
}

// named reports whether a term is written as names are more often than not.
func (t *term) named() bool {
	n := 0
	for s, times := range t.surface {
		if nameLike(s) {
			n += times
		}
	}
	return 2*n > t.times
}

// partOfName reports whether a term has a known name in it: "Emotet loader" is no news
// where Emotet is known.
func partOfName(b *Background, list []string) bool {
	for i := range list {
		for k := i + 1; k <= len(list); k++ {
			part := list[i:k]
			if k-i < len(list) && b.names[strings.Join(part, " ")] && (k-i > 1 || !isCommon(part[0])) {
				return true
			}
		}
	}
	return false
}

// terms calls found for each run of words that may be a term: no small word in it, one at
// least that tells something, and either all of them written as names are, or none. The
// first word of a sentence has a capital for another reason and begins no longer term.
func terms(list []string, found func(key string, part []string)) {
	for i := range list {
		for n := 1; n <= maxWords && i+n <= len(list); n++ {
			if last := list[i+n-1]; isSmall(last) || noTerm(last) || i == 0 && n > 1 {
				break
			}
			part := list[i : i+n]
			names := 0
			for _, w := range part {
				if nameLike(w) {
					names++
				}
			}
			if !slices.ContainsFunc(part, telling) || names > 0 && names < n || names == 0 && n > 1 && slices.ContainsFunc(part, participle) {
				continue
			}
			found(strings.ToLower(strings.Join(part, " ")), part)
		}
	}
}

// participle reports whether a word says what was done, and names nothing.
func participle(w string) bool { return strings.HasSuffix(w, "ed") }

func isSmall(w string) bool { return small[strings.ToLower(w)] }

func telling(w string) bool { return len(w) >= 4 && !isCommon(w) && !isSmall(w) }

// noTerm reports whether a word is a value and no word: an address, a file, a digest, a
// number, an id.
func noTerm(w string) bool {
	letters, digits := 0, 0
	for _, r := range w {
		switch {
		case unicode.IsLetter(r):
			letters++
		case unicode.IsDigit(r):
			digits++
		}
	}
	return len(w) > 30 || letters < 2 || digits > letters || strings.ContainsAny(w, "./_&+") || idLike.MatchString(w) || strings.HasPrefix(strings.ToUpper(w), "CVE-")
}

// nameLike reports whether a word is written as a name: with a capital or a digit.
func nameLike(w string) bool {
	return strings.IndexFunc(w, func(r rune) bool { return unicode.IsDigit(r) || unicode.IsUpper(r) }) >= 0
}

// nest counts how often terms stand within longer ones.
func nest(found map[string]*term) {
	for key, t := range found {
		for i := range t.words {
			for k := i + 1; k <= len(t.words); k++ {
				if k-i == len(t.words) {
					continue
				}
				if inner := found[strings.Join(t.words[i:k], " ")]; inner != nil {
					inner.nested += t.times
					inner.longer[key] = t.times
				}
			}
		}
	}
}

// cValue is ln2(1 + length) times how often the term stands for itself.
func cValue(t *term) float64 {
	times := float64(t.times)
	if n := len(t.longer); n > 0 {
		times -= float64(t.nested) / float64(n)
	}
	return math.Log2(1+float64(len(t.words))) * times
}

// surprise is Dunning's log-likelihood ratio of the word of a term that is the rarest
// against the background; 0 when it is no more frequent here than there.
func (b *Background) surprise(list []string, here map[string]int, total int) float64 {
	most := 0.0
	for _, w := range list {
		if isCommon(w) || small[w] {
			continue
		}
		k1, n1, k2, n2 := float64(here[w]), float64(total), float64(b.words[w]), float64(b.total)
		if k1/n1 <= k2/n2 {
			continue
		}
		p := (k1 + k2) / (n1 + n2)
		g := 2 * (k1 * math.Log(k1/(n1*p)))
		if k2 > 0 {
			g += 2 * (k2 * math.Log(k2/(n2*p)))
		}
		// A word that vocabularies use often fits somewhere already.
		most = max(most, g/(1+k2))
	}
	return most
}

func view(t *term, score int, label func(string) (string, bool)) Candidate {
	c := Candidate{Reports: len(t.reports), Times: t.times, Score: score, Sentences: t.evidence}
	for s, n := range t.surface {
		if best := t.surface[c.Name]; n > best || n == best && (c.Name == "" || s < c.Name) {
			c.Name = s
		}
	}
	c.Name = line(c.Name, 100)
	c.ID = slug(c.Name)
	slices.SortFunc(c.Sentences, func(a, b Evidence) int { return cmp.Compare(a.Report, b.Report) })
	near := map[string]int{}
	for _, e := range c.Sentences {
		if label == nil {
			break
		}
		if node, ok := label(e.Sentence); ok {
			near[node]++
		}
	}
	for node, n := range near {
		if 2*n > len(c.Sentences) && (c.Nearest == "" || n > near[c.Nearest] || n == near[c.Nearest] && node < c.Nearest) {
			c.Nearest = node
		}
	}
	c.Described = line("Term that recurs in reports, as in: "+c.Sentences[0].Sentence, 1_000)
	return c
}

// slug makes an id for a node of a name: at most 64 lower-case letters, digits and dashes.
func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r < unicode.MaxASCII && isWord(r):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 64 {
			break
		}
	}
	return strings.Trim(b.String()[:min(64, b.Len())], "-")
}
