package vuln

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/cpe"
)

// What a match comes to.
const (
	StateAffected    = "affected"     // by an identifier and a version inside the range, or as a person confirmed
	StatePossible    = "possible"     // somebody has to look
	StateRejected    = "rejected"     // a person said that it is not so
	StateNotAffected = "not_affected" // the maker said so of every vulnerability, or that they are fixed
)

// Match is an advisory's bearing on a release.
type Match struct {
	Release         int // place in the releases that were asked about
	State           string
	Basis           string
	Confidence      int // basis points; an ordinal of ours, not a measured probability
	Reasons         []string
	Vulnerabilities []Concern
	Actions         []Action
	Subjects        []string // under which a decision about it is remembered beyond this advisory
}

// Concern is one vulnerability of a match.
type Concern struct {
	ID     string
	Score  int    // tenths; 0: not stated
	Status string // affected, under_investigation; not_affected and fixed as the maker says

	// Of the maker's word, when it changes the status.
	Justification string
	Detail        string
	Document      string // digest of the maker's document
}

// Decision is what a person said of a match.
type Decision struct {
	Subject   string // Match.Subjects, or AdvisorySubject
	DI        string // of the model
	Confirmed bool   // else rejected
}

// AdvisorySubject is the subject of a decision about one advisory alone.
func AdvisorySubject(advisory string) string { return "advisory:" + advisory }

// Said is a statement with whom it is from.
type Said struct {
	Statement
	By       string // MSP id of who vouches for it on the ledger
	Document string // digest of the document
}

const (
	maxReasons = 10 // of one match
	maxActions = 20
)

// Judge matches one advisory after the other against the same releases. Its
// fields must not change while it is used.
type Judge struct {
	index     *Index
	releases  []Release
	byBill    map[string][]int    // places of releases
	byModel   map[string][]int    // places of releases, by DI
	decisions map[[2]string]bool  // subject and DI: confirmed
	said      map[string][]saying // by id of the vulnerability
}

// saying is a statement with its place among all of them, the newest last.
type saying struct {
	*Said

	at int
}

// NewJudge prepares releases, what persons decided about earlier matches, and what
// makers said, the oldest first.
func NewJudge(index *Index, releases []Release, decisions []Decision, said []Said) *Judge {
	j := &Judge{
		index: index, releases: releases, byBill: map[string][]int{}, byModel: map[string][]int{},
		decisions: map[[2]string]bool{}, said: map[string][]saying{},
	}
	for i := range releases {
		r := &releases[i]
		if r.Bill != "" {
			j.byBill[r.Bill] = append(j.byBill[r.Bill], i)
		}
		j.byModel[r.DI] = append(j.byModel[r.DI], i)
	}
	for _, d := range decisions {
		j.decisions[[2]string{d.Subject, d.DI}] = d.Confirmed
	}
	for i := range said {
		s := &said[i]
		for _, id := range s.IDs {
			j.said[key(id)] = append(j.said[key(id)], saying{s, i})
		}
	}
	return j
}

// Match returns the releases that the advisory concerns, in their order.
func (j *Judge) Match(a *Advisory) []Match {
	claimed := a.concerning()
	grounds := map[int][]ground{}
	for at := range a.Products {
		if claimed[at] {
			j.componentGrounds(a, at, grounds)
			j.modelGrounds(a, at, grounds)
		}
	}
	var all []Match
	for _, release := range slices.Sorted(maps.Keys(grounds)) {
		if m, ok := j.join(a, release, grounds[release]); ok {
			all = append(all, m)
		}
	}
	return all
}

// concerning are the products that some vulnerability affects, or may.
func (a *Advisory) concerning() map[int]bool {
	found := map[int]bool{}
	for i := range a.Vulnerabilities {
		for _, c := range a.Vulnerabilities[i].Claims {
			if c.Status == StatusAffected || c.Status == StatusUnderInvestigation {
				found[c.Product] = true
			}
		}
	}
	return found
}

func (j *Judge) componentGrounds(a *Advisory, at int, into map[int][]ground) {
	p := &a.Products[at]
	var keys []string
	for _, s := range p.PURLs {
		if u, ok := parsePURL(s); ok {
			keys = append(keys, u.key())
		}
	}
	for _, s := range p.CPEs {
		if c, ok := cpe.Parse(s); ok {
			keys = append(keys, c.Key())
		}
	}
	if k := key(p.Name); k != "" {
		keys = append(keys, k)
	}
	seen := map[int32]bool{}
	for _, k := range keys {
		for _, part := range j.index.named[k] {
			if seen[part] {
				continue
			}
			seen[part] = true
			c := &j.index.parts[part]
			g, ok := ofComponent(p, at, c)
			if !ok {
				continue
			}
			for _, bill := range c.bills {
				for _, release := range j.byBill[bill] {
					j.add(a, into, release, g)
				}
			}
		}
	}
}

// add adds a ground, weakened when the platform on which the product was said to
// run is not found in the release.
func (j *Judge) add(a *Advisory, into map[int][]ground, release int, g ground) {
	if on := a.Products[g.product].On; on >= 0 && !j.isOn(&a.Products[on], release) {
		g.confidence = g.confidence * 6 / 10
		g.answer = Unclear
		g.text += "; that it runs on " + a.Products[on].Full + ", as the advisory says, could not be told"
		if g.confidence < confLeast {
			return
		}
	}
	into[release] = append(into[release], g)
}

// isOn reports whether a release is a platform, or holds it.
func (j *Judge) isOn(platform *Product, release int) bool {
	r := &j.releases[release]
	if _, ok := ofModel(platform, 0, r); ok {
		return true
	}
	for _, k := range platform.keys() {
		for _, part := range j.index.named[k] {
			if slices.Contains(j.index.parts[part].bills, r.Bill) {
				return true
			}
		}
	}
	return false
}

func (p *Product) keys() []string {
	keys := []string{key(p.Name)}
	for _, s := range p.PURLs {
		if u, ok := parsePURL(s); ok {
			keys = append(keys, u.key())
		}
	}
	for _, s := range p.CPEs {
		if c, ok := cpe.Parse(s); ok {
			keys = append(keys, c.Key())
		}
	}
	return slices.DeleteFunc(keys, func(k string) bool { return k == "" })
}

func (j *Judge) modelGrounds(a *Advisory, at int, into map[int][]ground) {
	p := &a.Products[at]
	for di, places := range j.byModel {
		g, ok := ofModel(p, at, &j.releases[places[0]])
		if !ok {
			continue
		}
		_, decided := j.decisions[[2]string{g.subject, di}]
		for _, release := range places {
			one := g
			if one.weigh(&p.Versions, j.releases[release].Version) || decided && one.answer != No {
				j.add(a, into, release, one)
			}
		}
	}
}

// join makes a match of all that speaks for it.
func (j *Judge) join(a *Advisory, release int, grounds []ground) (Match, bool) {
	r := &j.releases[release]
	here, decidedHere := j.decisions[[2]string{AdvisorySubject(a.ID()), r.DI}]
	m := Match{Release: release, State: StateRejected}
	var products []int
	var parts []string
	slices.SortStableFunc(grounds, func(x, y ground) int { return cmp.Compare(y.confidence, x.confidence) })
	rank := map[string]int{StateRejected: 0, StatePossible: 1, StateAffected: 2}
	for i := range grounds {
		g := &grounds[i]
		state := StatePossible
		if (g.basis == BasisPURL || g.basis == BasisCPE) && g.answer == Yes {
			state = StateAffected
		}
		if confirmed, decided := j.decisions[[2]string{g.subject, r.DI}]; decided && g.subject != "" {
			switch {
			case !confirmed:
				state = StateRejected
				g.text += "; a person said that this is another product"
			case g.answer == Yes:
				state, g.confidence = StateAffected, confConfirmed
				g.text += "; a person confirmed that this is the product"
			default:
				g.confidence = max(g.confidence, 8_000)
				g.text += "; a person confirmed that this is the product, and has to look at the version"
			}
		}
		if decidedHere {
			if state = StateRejected; here {
				state, g.confidence = StateAffected, confConfirmed
			}
		}
		if rank[state] > rank[m.State] || m.Basis == "" || state == m.State && g.confidence > m.Confidence {
			m.State, m.Basis, m.Confidence = state, g.basis, min(g.confidence, maxConfidence)
		}
		if g.subject != "" && !slices.Contains(m.Subjects, g.subject) {
			m.Subjects = append(m.Subjects, g.subject)
		}
		if len(m.Reasons) < maxReasons && !slices.Contains(m.Reasons, g.text) {
			m.Reasons = append(m.Reasons, g.text)
		}
		products = append(products, g.product)
		parts = append(parts, g.parts...)
	}
	if decidedHere {
		word := "a person rejected this match"
		if here {
			word = "a person confirmed this match"
		}
		m.Reasons = append([]string{word}, m.Reasons...)
	}
	m.Vulnerabilities, m.Actions = j.concerns(a, r, products, parts)
	if len(m.Vulnerabilities) == 0 {
		return m, false
	}
	open := slices.ContainsFunc(m.Vulnerabilities, func(c Concern) bool {
		return c.Status != StatusNotAffected && c.Status != StatusFixed
	})
	if !open {
		m.State = StateNotAffected
	}
	return m, true
}

// concerns are the vulnerabilities under which the products are affected, with the
// maker's word, and what the advisory advises for the products.
func (j *Judge) concerns(a *Advisory, r *Release, products []int, parts []string) ([]Concern, []Action) {
	var found []Concern
	var actions []Action
	for i := range a.Vulnerabilities {
		v := &a.Vulnerabilities[i]
		status := ""
		for _, c := range v.Claims {
			if !slices.Contains(products, c.Product) || excepted(a, v, c.Product, r.Version) {
				continue
			}
			if c.Status == StatusAffected || c.Status == StatusUnderInvestigation && status == "" {
				status = c.Status
			}
		}
		if status == "" {
			continue
		}
		c := Concern{ID: v.ID, Score: v.Score, Status: status}
		if s := j.makersWord(v, r, parts); s != nil && (s.Status == StatusNotAffected || s.Status == StatusFixed) {
			c.Status, c.Justification, c.Detail, c.Document = s.Status, s.Justification, s.Detail, s.Document
			if c.Status == StatusFixed && c.Detail == "" {
				c.Detail = "the maker says that this release has the fix"
			}
		}
		found = append(found, c)
		for _, act := range v.Actions {
			concerned := len(act.Products) == 0 || slices.ContainsFunc(act.Products, func(p int) bool { return slices.Contains(products, p) })
			known := slices.ContainsFunc(actions, func(b Action) bool { return b.Category == act.Category && b.Detail == act.Detail && b.URL == act.URL })
			if concerned && !known && len(actions) < maxActions {
				actions = append(actions, Action{Category: act.Category, Detail: act.Detail, URL: act.URL})
			}
		}
	}
	slices.SortStableFunc(found, func(x, y Concern) int { return cmp.Compare(y.Score, x.Score) })
	order := []string{"vendor_fix", "mitigation", "workaround", "no_fix_planned", "none_available"}
	slices.SortStableFunc(actions, func(x, y Action) int {
		return cmp.Compare(slices.Index(order, x.Category), slices.Index(order, y.Category))
	})
	return found, actions
}

// excepted reports whether the advisory itself takes a version out of a range: the
// same product stands under the same vulnerability as fixed or not affected in
// exactly this version.
func excepted(a *Advisory, v *Vulnerability, product int, version string) bool {
	p := &a.Products[product]
	if len(p.PURLs)+len(p.CPEs) > 0 || version == "" {
		return false
	}
	for _, c := range v.Claims {
		q := &a.Products[c.Product]
		if (c.Status == StatusNotAffected || c.Status == StatusFixed) && !q.Versions.All &&
			productSubject(q) == productSubject(p) && q.Versions.Contains(version) == Yes {
			return true
		}
	}
	return false
}

// makersWord is the newest statement of the release's maker about a vulnerability
// of it; nil when there is none. Nobody else's counts, whatever it says.
func (j *Judge) makersWord(v *Vulnerability, r *Release, parts []string) *Said {
	last := saying{at: -1}
	for _, id := range append([]string{v.ID}, v.Aliases...) {
		for _, s := range j.said[key(id)] {
			if s.at > last.at && s.By == r.MakerID && r.MakerID != "" && s.Product.identifies(r) && s.about(parts) {
				last = s
			}
		}
	}
	return last.Said
}

// identifies reports whether a maker's statement about a product is about a
// release of its own: by the model's number, its device identifier or its whole
// name, and the version. A version that cannot be compared is not this one.
func (p *Product) identifies(r *Release) bool {
	is := func(s string) bool {
		return s != "" && (s == r.DI || key(s) != "" && (key(s) == key(r.Number) || key(s) == key(r.Model)))
	}
	named := is(p.Name) || slices.ContainsFunc(p.Models, is) || slices.ContainsFunc(p.PURLs, func(s string) bool {
		u, ok := parsePURL(s)
		return ok && is(u.name)
	})
	if !named {
		return false
	}
	silent := len(p.Versions.Parts) == 0 && strings.TrimSpace(p.Versions.Text) == ""
	return silent || p.Versions.Contains(r.Version) == Yes
}

// about reports whether a statement speaks of the components by which the release
// was matched; one that names no component speaks of the whole product.
func (s *Said) about(parts []string) bool {
	if len(s.Parts) == 0 || len(parts) == 0 {
		return true
	}
	for _, part := range parts {
		p, ok := parsePURL(part)
		if ok && !slices.ContainsFunc(s.Parts, func(named string) bool {
			n, ok := parsePURL(named)
			return ok && n.key() == p.key() && (n.version == "" || n.version == p.version)
		}) {
			return false
		}
	}
	return true
}
