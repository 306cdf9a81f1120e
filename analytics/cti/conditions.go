package cti

import "regexp"

// The operators of a condition that say what is hostile.
const (
	OpEqual  = "equal"  // the property is one of the values
	OpWithin = "within" // ISSUBSET: it is an address or network in one of the networks
	OpHolds  = "holds"  // ISSUPERSET: it is a network that holds one of the values
)

// Condition is one comparison of a STIX pattern (STIX 2.1, section 9.6).
type Condition struct {
	Path   string   // as in "file:hashes.'SHA-256'"
	Op     string   // empty: another operator or a negation, which has no values
	Values []string // as written; each of them is enough
}

// Conditions reads a STIX pattern into alternatives, each a list of comparisons that one
// observation passes together, those as well that Tests refuses. joined tells that one observation alone does not
// satisfy the pattern: it asks for several, or for repetition. Not ok: it is no
// pattern, or lies beyond the bounds.
func Conditions(pattern string) (alternatives [][]Condition, joined, ok bool) {
	if len(pattern) > maxPatternBytes {
		return nil, false, false
	}
	tokens, ok := lexPattern(pattern)
	if !ok {
		return nil, false, false
	}
	p := patternParser{tokens: tokens}
	all, ok := p.whole()
	if !ok {
		return nil, false, false
	}
	alternatives = make([][]Condition, len(all))
	for i, c := range all {
		for _, t := range c {
			op := OpEqual
			switch {
			case len(t.values) == 0:
				op = ""
			case t.within:
				op = OpWithin
			case t.holds:
				op = OpHolds
			}
			alternatives[i] = append(alternatives[i], Condition{Path: t.path, Op: op, Values: t.values})
		}
	}
	return alternatives, p.joined, true
}

// CVEsIn finds the CVE ids in a text, in their order.
func CVEsIn(s string) []string {
	var all []string
	for _, m := range cveID.FindAllStringSubmatch(s, maxFacts) {
		all = append(all, "CVE-"+m[1]+"-"+m[2])
	}
	return all
}

var techniqueInText = regexp.MustCompile(`\bT[0-9]{4}(?:\.[0-9]{3})?\b`)

// TechniquesIn finds the ids of ATT&CK techniques in a text, in their order.
func TechniquesIn(s string) []string { return techniqueInText.FindAllString(s, maxFacts) }
