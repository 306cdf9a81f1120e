package cti

import (
	"regexp"
	"slices"
)

// Names are what texts name by ids that are the same everywhere, each once and sorted.
type Names struct {
	CVEs       []string // upper case
	Techniques []string // of ATT&CK
	Patterns   []string // of CAPEC
	Weaknesses []string // of CWE
}

var (
	patternInText  = regexp.MustCompile(`\bCAPEC-[1-9][0-9]{0,3}\b`)
	weaknessInText = regexp.MustCompile(`\bCWE-[1-9][0-9]{0,4}\b`)
)

// NamesIn finds what texts name, of each kind at most so many.
func NamesIn(most int, texts ...string) Names {
	var n Names
	for _, s := range texts {
		n.CVEs = append(n.CVEs, CVEsIn(s)...)
		n.Techniques = append(n.Techniques, TechniquesIn(s)...)
		n.Patterns = append(n.Patterns, patternInText.FindAllString(s, maxFacts)...)
		n.Weaknesses = append(n.Weaknesses, weaknessInText.FindAllString(s, maxFacts)...)
	}
	for _, list := range []*[]string{&n.CVEs, &n.Techniques, &n.Patterns, &n.Weaknesses} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
		*list = (*list)[:min(len(*list), most)]
	}
	return n
}
