package vuln

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"
)

// nanos is a time of a document, for comparing.
func nanos(s string) int64 {
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	if err != nil {
		return math.MinInt64
	}
	return t.UnixNano()
}

// scores: one of each version for a product (6.1.7), valid (6.1.8), computed as
// the vector says (6.1.9) and without properties that contradict it (6.1.10).
func (t *tester) scores(v *csafVulnerability, at string) {
	seen := map[string]bool{}
	for i := range v.Scores {
		s := &v.Scores[i]
		here := place(at+".scores", i)
		for _, m := range []map[string]any{s.V2, s.V3} {
			if m == nil {
				continue
			}
			version, _ := m["version"].(string)
			for _, id := range s.Products {
				if seen[version+" "+id] {
					t.fail("6.1.7", here)
				}
				seen[version+" "+id] = true
			}
			t.score(m, version, here)
		}
	}
}

// cvss is what is needed of a score of any version.
type cvss interface {
	BaseScore() float64
	TemporalScore() float64
	EnvironmentalScore() float64
	Get(abv string) (string, error)
}

func readVector(version, vector string) (cvss, error) {
	switch version {
	case "2.0":
		return gocvss20.ParseVector(vector)
	case "3.0":
		return gocvss30.ParseVector(vector)
	}
	return gocvss31.ParseVector(vector)
}

func (t *tester) score(m map[string]any, version, at string) {
	vector, _ := m["vectorString"].(string)
	c, err := readVector(version, vector)
	if err != nil {
		t.fail("6.1.8", at)
		return
	}
	differs := func(name string, want float64) bool {
		got, ok := m[name].(float64)
		return ok && math.Abs(got-want) > 0.01
	}
	if differs("baseScore", c.BaseScore()) ||
		version != "2.0" && differsWord(m["baseSeverity"], severityOf(c.BaseScore())) ||
		differs("temporalScore", c.TemporalScore()) || differs("environmentalScore", c.EnvironmentalScore()) ||
		version != "2.0" && (differsWord(m["temporalSeverity"], severityOf(c.TemporalScore())) ||
			differsWord(m["environmentalSeverity"], severityOf(c.EnvironmentalScore()))) {
		t.fail("6.1.9", at)
	}
	for name, metric := range cvssMetrics {
		word, ok := m[name].(string)
		if !ok {
			continue
		}
		got, err := c.Get(metric)
		if err != nil {
			continue // a metric of another version, which the schema has no place for
		}
		if !sameMetric(word, got) {
			t.fail("6.1.10", at)
			return
		}
	}
}

func differsWord(v any, want string) bool {
	word, ok := v.(string)
	return ok && !strings.EqualFold(word, want)
}

// severityOf is the qualitative rating of CVSS 3 (specification, section 5).
func severityOf(score float64) string {
	switch {
	case score == 0:
		return "NONE"
	case score < 4:
		return "LOW"
	case score < 7:
		return "MEDIUM"
	case score < 9:
		return "HIGH"
	}
	return "CRITICAL"
}

// cvssMetrics gives the abbreviations in vectors of the properties in JSON.
var cvssMetrics = map[string]string{
	"attackVector": "AV", "accessVector": "AV", "attackComplexity": "AC", "accessComplexity": "AC", "authentication": "Au",
	"privilegesRequired": "PR", "userInteraction": "UI", "scope": "S",
	"confidentialityImpact": "C", "integrityImpact": "I", "availabilityImpact": "A",
	"exploitability": "E", "exploitCodeMaturity": "E", "remediationLevel": "RL", "reportConfidence": "RC",
	"confidentialityRequirement": "CR", "integrityRequirement": "IR", "availabilityRequirement": "AR",
	"modifiedAttackVector": "MAV", "modifiedAttackComplexity": "MAC", "modifiedPrivilegesRequired": "MPR",
	"modifiedUserInteraction": "MUI", "modifiedScope": "MS", "modifiedConfidentialityImpact": "MC",
	"modifiedIntegrityImpact": "MI", "modifiedAvailabilityImpact": "MA",
	"collateralDamagePotential": "CDP", "targetDistribution": "TD",
}

// sameMetric compares a property's word with a vector's letters, as ADJACENT_NETWORK
// with A and NOT_DEFINED with X or ND.
func sameMetric(word, letters string) bool {
	if word == "NOT_DEFINED" {
		return letters == "X" || letters == "ND"
	}
	var initials strings.Builder
	for part := range strings.SplitSeq(word, "_") {
		if part != "" {
			initials.WriteString(part[:1])
		}
	}
	word = strings.ReplaceAll(word, "_", "")
	return strings.EqualFold(letters, initials.String()) || strings.HasPrefix(word, strings.ToUpper(letters))
}

// details: weaknesses (6.1.11), involvements (6.1.24), remediations (6.1.29) and
// flags (6.1.32, 6.1.33).
func (t *tester) details(v *csafVulnerability, at string) {
	if v.CWE != nil {
		if name, known := weaknesses[v.CWE.ID]; known && name != v.CWE.Name {
			t.fail("6.1.11", at+".cwe")
		}
	}
	seen := map[string]bool{}
	for i, in := range v.Involvements {
		key := in.Party + " " + in.Date
		if in.Date != "" {
			key = in.Party + " " + instant(in.Date).String()
		}
		if seen[key] {
			t.fail("6.1.24", place(at+".involvements", i))
		}
		seen[key] = true
	}
	for i := range v.Remediations {
		if r := &v.Remediations[i]; len(r.Products)+len(r.Groups) == 0 {
			t.fail("6.1.29", place(at+".remediations", i))
		}
	}
	flagged := map[string]bool{}
	for i, f := range v.Flags {
		if len(f.Products)+len(f.Groups) == 0 {
			t.fail("6.1.32", place(at+".flags", i))
		}
		for _, id := range t.refs.expand(f.Products, f.Groups) {
			if flagged[id] {
				t.fail("6.1.33", place(at+".flags", i))
			}
			flagged[id] = true
		}
	}
}

var (
	rangeSigns = regexp.MustCompile(`<=?|>=?`)
	rangeWords = regexp.MustCompile(`(?i)(^|\s|:|/)(after|all|before|earlier|later|prior|versions?)(\s|/|$)`)
)

// versionsOfProducts: a version is one version, not a range (6.1.31).
func (t *tester) versionsOfProducts() {
	for _, v := range t.refs.versions {
		if v.category == "product_version" && (rangeSigns.MatchString(v.name) || rangeWords.MatchString(v.name)) {
			t.fail("6.1.31", v.place)
		}
	}
}

var registered = []string{"csaf_base", "csaf_security_incident_response", "csaf_informational_advisory", "csaf_security_advisory", "csaf_vex"}

// profile: what the document's category asks for (6.1.26, 6.1.27).
func (t *tester) profile() {
	d := &t.doc.Document
	if !slices.Contains(registered, d.Category) {
		plain := strings.TrimPrefix(plainName(d.Category), "csaf")
		prefixed := strings.HasPrefix(strings.ToLower(d.Category), "csaf_")
		for _, name := range registered {
			if prefixed || plain == plainName(strings.TrimPrefix(name, "csaf_")) {
				t.fail("6.1.26", "document.category")
				break
			}
		}
	}
	incident := d.Category == "csaf_security_incident_response"
	inform := d.Category == "csaf_informational_advisory"
	vex := d.Category == "csaf_vex"
	advisory := d.Category == "csaf_security_advisory"
	if (incident || inform) && !slices.ContainsFunc(d.Notes, func(n csafNote) bool {
		return slices.Contains([]string{"description", "details", "general", "summary"}, n.Category)
	}) {
		t.fail("6.1.27.1", "document.notes")
	}
	if (incident || inform) && !slices.ContainsFunc(d.References, func(r csafReference) bool { return r.Category == "external" }) {
		t.fail("6.1.27.2", "document.references")
	}
	if inform && t.doc.Vulnerabilities != nil {
		t.fail("6.1.27.3", "vulnerabilities")
	}
	tree := &t.doc.ProductTree
	if (advisory || vex) && len(tree.Branches)+len(tree.Full)+len(tree.Relationships)+len(tree.Groups) == 0 {
		t.fail("6.1.27.4", "product_tree")
	}
	if (advisory || vex) && t.doc.Vulnerabilities == nil {
		t.fail("6.1.27.11", "vulnerabilities")
	}
	for i := range t.doc.Vulnerabilities {
		t.profileOf(&t.doc.Vulnerabilities[i], place("vulnerabilities", i), advisory, vex)
	}
}

// plainName is a category's name without what people put between its words.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '_' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

func (t *tester) profileOf(v *csafVulnerability, at string, advisory, vex bool) {
	if (advisory || vex) && len(v.Notes) == 0 {
		t.fail("6.1.27.5", at+".notes")
	}
	s := &v.Status
	if advisory && len(concat(s.FirstAffected, s.FirstFixed, s.Fixed, s.KnownAffected, s.KnownNotAffected, s.LastAffected, s.Recommended, s.UnderInvestigation)) == 0 {
		t.fail("6.1.27.6", at+".product_status")
	}
	if !vex {
		return
	}
	if len(concat(s.Fixed, s.KnownAffected, s.KnownNotAffected, s.UnderInvestigation)) == 0 {
		t.fail("6.1.27.7", at+".product_status")
	}
	if v.CVE == "" && len(v.IDs) == 0 {
		t.fail("6.1.27.8", at)
	}
	labels, words := t.refs.justifications(v)
	for _, id := range s.KnownNotAffected {
		if labels[id] == "" && words[id] == "" {
			t.fail("6.1.27.9", at+".threats")
			break
		}
	}
	acted := map[string]bool{}
	for i := range v.Remediations {
		for _, id := range t.refs.expand(v.Remediations[i].Products, v.Remediations[i].Groups) {
			acted[id] = true
		}
	}
	for _, id := range s.KnownAffected {
		if !acted[id] {
			t.fail("6.1.27.10", at+".remediations")
			break
		}
	}
}

// weaknesses are names of the Common Weakness Enumeration, of those weaknesses
// that advisories name most.
var weaknesses = map[string]string{
	"CWE-20":  "Improper Input Validation",
	"CWE-22":  "Improper Limitation of a Pathname to a Restricted Directory ('Path Traversal')",
	"CWE-77":  "Improper Neutralization of Special Elements used in a Command ('Command Injection')",
	"CWE-78":  "Improper Neutralization of Special Elements used in an OS Command ('OS Command Injection')",
	"CWE-79":  "Improper Neutralization of Input During Web Page Generation ('Cross-site Scripting')",
	"CWE-89":  "Improper Neutralization of Special Elements used in an SQL Command ('SQL Injection')",
	"CWE-94":  "Improper Control of Generation of Code ('Code Injection')",
	"CWE-119": "Improper Restriction of Operations within the Bounds of a Memory Buffer",
	"CWE-121": "Stack-based Buffer Overflow",
	"CWE-122": "Heap-based Buffer Overflow",
	"CWE-125": "Out-of-bounds Read",
	"CWE-190": "Integer Overflow or Wraparound",
	"CWE-269": "Improper Privilege Management",
	"CWE-276": "Incorrect Default Permissions",
	"CWE-284": "Improper Access Control",
	"CWE-287": "Improper Authentication",
	"CWE-306": "Missing Authentication for Critical Function",
	"CWE-319": "Cleartext Transmission of Sensitive Information",
	"CWE-352": "Cross-Site Request Forgery (CSRF)",
	"CWE-400": "Uncontrolled Resource Consumption",
	"CWE-416": "Use After Free",
	"CWE-476": "NULL Pointer Dereference",
	"CWE-502": "Deserialization of Untrusted Data",
	"CWE-522": "Insufficiently Protected Credentials",
	"CWE-787": "Out-of-bounds Write",
	"CWE-798": "Use of Hard-coded Credentials",
	"CWE-862": "Missing Authorization",
	"CWE-918": "Server-Side Request Forgery (SSRF)",
}
