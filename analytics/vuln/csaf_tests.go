package vuln

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/package-url/packageurl-go"
	"golang.org/x/text/language"
)

// graveTests are the mandatory tests of CSAF on which the meaning of product ids
// and product states hangs: a document that fails one says nothing that could be
// relied upon.
var graveTests = []string{"6.1.1", "6.1.2", "6.1.3", "6.1.4", "6.1.5", "6.1.6"}

// tester holds one document against the mandatory tests of CSAF 2.0, section 6.1.
type tester struct {
	doc      *csafDocument
	refs     *references
	findings []Finding
}

func mandatory(doc *csafDocument, refs *references) []Finding {
	t := &tester{doc: doc, refs: refs, findings: []Finding{}}
	t.productIDs()
	t.groupIDs()
	t.circles()
	t.helpersOfProducts()
	t.languages()
	t.history()
	t.versionsOfProducts()
	t.profile()
	cves := map[string]bool{}
	for i := range doc.Vulnerabilities {
		v := &doc.Vulnerabilities[i]
		at := place("vulnerabilities", i)
		if v.CVE != "" && cves[v.CVE] {
			t.fail("6.1.23", at+".cve")
		}
		cves[v.CVE] = true
		t.contradictions(v, at)
		t.scores(v, at)
		t.details(v, at)
	}
	slices.SortStableFunc(t.findings, func(a, b Finding) int { return cmp.Compare(a.Test, b.Test) })
	return t.findings
}

const maxFindings = 1_000 // of one document

func (t *tester) fail(test, at string) {
	if len(t.findings) < maxFindings {
		t.findings = append(t.findings, Finding{test, at})
	}
}

// productIDs: each is defined (6.1.1), once (6.1.2).
func (t *tester) productIDs() {
	for _, at := range t.refs.twice {
		t.fail("6.1.2", at)
	}
	defined := func(at string, ids ...string) {
		for _, id := range ids {
			if _, ok := t.refs.at[id]; !ok {
				t.fail("6.1.1", at)
			}
		}
	}
	for i, g := range t.doc.ProductTree.Groups {
		defined(place("product_tree.product_groups", i), g.Products...)
	}
	for i, r := range t.doc.ProductTree.Relationships {
		defined(place("product_tree.relationships", i), r.Reference, r.RelatesTo)
	}
	for i := range t.doc.Vulnerabilities {
		v := &t.doc.Vulnerabilities[i]
		at := place("vulnerabilities", i)
		for _, s := range v.Status.states() {
			defined(at+".product_status", s.products...)
		}
		defined(at+".product_status", v.Status.Recommended...)
		for j := range v.Scores {
			defined(place(at+".scores", j), v.Scores[j].Products...)
		}
		for j := range v.Remediations {
			defined(place(at+".remediations", j), v.Remediations[j].Products...)
		}
		for j := range v.Threats {
			defined(place(at+".threats", j), v.Threats[j].Products...)
		}
		for j := range v.Flags {
			defined(place(at+".flags", j), v.Flags[j].Products...)
		}
	}
}

// groupIDs: each is defined (6.1.4), once (6.1.5).
func (t *tester) groupIDs() {
	seen := map[string]bool{}
	for i, g := range t.doc.ProductTree.Groups {
		if seen[g.ID] {
			t.fail("6.1.5", place("product_tree.product_groups", i))
		}
		seen[g.ID] = true
	}
	for i := range t.doc.Vulnerabilities {
		v := &t.doc.Vulnerabilities[i]
		at := place("vulnerabilities", i)
		for what, lists := range map[string][][]string{
			"flags":        groupsOf(v.Flags, func(f csafFlag) []string { return f.Groups }),
			"remediations": groupsOf(v.Remediations, func(r csafRemediation) []string { return r.Groups }),
			"threats":      groupsOf(v.Threats, func(r csafThreat) []string { return r.Groups }),
		} {
			for j, ids := range lists {
				for _, id := range ids {
					if !seen[id] {
						t.fail("6.1.4", place(at+"."+what, j))
					}
				}
			}
		}
	}
}

func groupsOf[T any](list []T, groups func(T) []string) [][]string {
	all := make([][]string, len(list))
	for i, v := range list {
		all[i] = groups(v)
	}
	return all
}

// circles: no product is made of itself (6.1.3).
func (t *tester) circles() {
	const (
		open   = 1
		closed = 2
	)
	state := map[string]int{}
	// Each product is entered once; the depth is bounded by a list instead of the
	// stack.
	type step struct {
		id   string
		next int
	}
	for start := range t.refs.depends {
		if state[start] != 0 {
			continue
		}
		path := []step{{id: start}}
		state[start] = open
		for len(path) > 0 {
			s := &path[len(path)-1]
			below := t.refs.depends[s.id]
			if s.next == len(below) {
				state[s.id] = closed
				path = path[:len(path)-1]
				continue
			}
			id := below[s.next]
			s.next++
			switch state[id] {
			case open:
				t.fail("6.1.3", "product_tree.relationships")
				return
			case 0:
				state[id] = open
				path = append(path, step{id: id})
			}
		}
	}
}

// contradictions: a product is in one group of states only (6.1.6).
func (t *tester) contradictions(v *csafVulnerability, at string) {
	in := map[string]string{}
	for _, s := range v.Status.states() {
		for _, id := range s.products {
			if before, ok := in[id]; ok && before != s.status {
				t.fail("6.1.6", at+".product_status")
				return
			}
			in[id] = s.status
		}
	}
}

// helpersOfProducts: package URLs are valid (6.1.13), an algorithm hashes a file
// once (6.1.25).
func (t *tester) helpersOfProducts() {
	const at = "product_tree"
	for _, h := range t.refs.helpers {
		if h == nil {
			continue
		}
		if h.PURL != "" {
			if _, err := packageurl.FromString(h.PURL); err != nil {
				t.fail("6.1.13", at)
			}
		}
		for _, hash := range h.Hashes {
			seen := map[string]bool{}
			for _, f := range hash.Files {
				name := strings.ToLower(f.Algorithm)
				if seen[name] {
					t.fail("6.1.25", at)
				}
				seen[name] = true
			}
		}
	}
}

// languages: a language is one that is registered (6.1.12); a translation is in
// another language than its source (6.1.28), and a translator says which (6.1.15).
func (t *tester) languages() {
	m := &t.doc.Document
	for at, tag := range map[string]string{"document.lang": m.Lang, "document.source_lang": m.SourceLang} {
		if _, err := language.Parse(tag); tag != "" && err != nil {
			t.fail("6.1.12", at)
		}
	}
	if m.Lang != "" && strings.EqualFold(m.Lang, m.SourceLang) {
		t.fail("6.1.28", "document.source_lang")
	}
	if m.Publisher.Category == "translator" && m.SourceLang == "" {
		t.fail("6.1.15", "document.source_lang")
	}
}

var integerVersion = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

// core is a version without build metadata and, when asked, without what marks it
// as a pre-release.
func core(version string, draft bool) string {
	version, _, _ = strings.Cut(version, "+")
	if draft {
		version, _, _ = strings.Cut(version, "-")
	}
	return version
}

func preRelease(version string) bool { return strings.Contains(core(version, false), "-") }

// history: the revisions of the document (6.1.14, 6.1.16 to 6.1.22, 6.1.30).
func (t *tester) history() {
	const at = "document.tracking.revision_history"
	tr := &t.doc.Document.Tracking
	type revision struct {
		when   int64
		number string
	}
	var list []revision
	semantic, numbers := 0, map[string]bool{}
	for _, h := range tr.History {
		list = append(list, revision{nanos(h.Date), h.Number})
		if !integerVersion.MatchString(h.Number) {
			semantic++
		}
		if numbers[h.Number] {
			t.fail("6.1.22", at)
		}
		numbers[h.Number] = true
		if (h.Number == "0" || strings.HasPrefix(h.Number, "0.")) && (tr.Status == "final" || tr.Status == "interim") {
			t.fail("6.1.18", at)
		}
		if preRelease(h.Number) {
			t.fail("6.1.19", at)
		}
	}
	if semantic != 0 && semantic != len(list) || integerVersion.MatchString(tr.Version) != (semantic == 0) {
		t.fail("6.1.30", at)
	}
	if (tr.Version == "0" || strings.HasPrefix(tr.Version, "0.") || preRelease(tr.Version)) && tr.Status != "draft" {
		t.fail("6.1.17", "document.tracking.status")
	}
	if tr.Status != "draft" && preRelease(tr.Version) {
		t.fail("6.1.20", "document.tracking.version")
	}
	byTime, byNumber := slices.Clone(list), slices.Clone(list)
	slices.SortStableFunc(byTime, func(a, b revision) int {
		return cmp.Or(cmp.Compare(a.when, b.when), compareNumbers(a.number, b.number))
	})
	slices.SortStableFunc(byNumber, func(a, b revision) int { return compareNumbers(a.number, b.number) })
	if !slices.Equal(byTime, byNumber) {
		t.fail("6.1.14", at)
	}
	newest := byTime[len(byTime)-1].number
	if core(newest, tr.Status == "draft") != core(tr.Version, tr.Status == "draft") {
		t.fail("6.1.16", "document.tracking.version")
	}
	t.gaps(slices.Sorted(maps.Keys(numbers)))
}

// gaps: no item of the history is missing (6.1.21).
func (t *tester) gaps(numbers []string) {
	majors := map[int]bool{}
	low, high := 1<<30, 0
	for _, n := range numbers {
		major, _, _ := strings.Cut(n, ".")
		i, err := strconv.Atoi(major)
		if err != nil || i > 1<<20 {
			return
		}
		majors[i] = true
		low, high = min(low, i), max(high, i)
	}
	if low > 1 || len(majors) != high-low+1 {
		t.fail("6.1.21", "document.tracking.revision_history")
	}
}

// compareNumbers orders version numbers of documents: integers, or semantic
// versions (CSAF 2.0, section 3.1.11).
func compareNumbers(a, b string) int {
	pa, pb := strings.Split(core(a, true), "."), strings.Split(core(b, true), ".")
	for i := range min(len(pa), len(pb)) {
		x, y := strings.TrimLeft(pa[i], "0"), strings.TrimLeft(pb[i], "0")
		if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(len(pa), len(pb)); c != 0 {
		return c
	}
	// A pre-release comes before its release.
	switch x, y := preRelease(a), preRelease(b); {
	case x && !y:
		return -1
	case y && !x:
		return 1
	}
	return cmp.Compare(core(a, false), core(b, false))
}
