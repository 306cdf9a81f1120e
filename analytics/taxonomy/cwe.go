package taxonomy

import (
	"regexp"
	"strings"
)

// The columns of the lists of weaknesses that CWE publishes as CSV which are read. Rows
// have an empty field more than the first line has columns.
const (
	cweID          = "cwe-id"
	cweStatus      = "status"
	cweRelated     = "related weaknesses"
	cweAlternate   = "alternate terms"
	cwePatterns    = "related attack patterns"
	cweDescription = "description"
)

var (
	cweParent    = regexp.MustCompile(`NATURE:ChildOf:CWE ID:([1-9][0-9]{0,4}):`)
	cweSynonym   = regexp.MustCompile(`::TERM:([^:]{1,200})`)
	cweNumber    = regexp.MustCompile(`^[1-9][0-9]{0,4}$`)
	capecNumbers = regexp.MustCompile(`[1-9][0-9]{0,3}`)
)

// weakness makes a node of a row; false: it has no number.
func weakness(get func(column string) string) (Node, bool) {
	number := strings.TrimPrefix(get(cweID), "CWE-")
	if !cweNumber.MatchString(number) {
		return Node{}, false
	}
	n := Node{ID: "CWE-" + number, Kind: "weakness", Name: get("name"), Description: get(cweDescription), Deprecated: strings.EqualFold(get(cweStatus), "deprecated")}
	for _, m := range cweParent.FindAllStringSubmatch(get(cweRelated), maxParents) {
		n.Parents = append(n.Parents, "CWE-"+m[1])
	}
	for _, m := range cweSynonym.FindAllStringSubmatch(get(cweAlternate), maxSynonyms) {
		n.Synonyms = append(n.Synonyms, m[1])
	}
	for _, c := range capecNumbers.FindAllString(get(cwePatterns), maxExternals) {
		n.External = append(n.External, ExternalReference{"capec", "CAPEC-" + c})
	}
	return n, true
}
