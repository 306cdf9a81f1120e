package vuln

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Answer says whether a version is in a range.
type Answer int

// The answers. Unclear is one of its own: the range or the version cannot be
// read, or they cannot be compared, and somebody has to look.
const (
	No Answer = iota
	Yes
	Unclear
)

// Range is a set of versions as a document states it.
type Range struct {
	Text   string // as written, cleaned for people; empty: nothing is stated
	Scheme Scheme
	All    bool
	Read   bool // the constraints say all of the text

	// Parts are alternatives; a version is in the range when it is in one.
	Parts []Constraints
}

// Constraints are what VERS writes between its pipes.
type Constraints []Constraint

// Constraint compares a version with a given one.
type Constraint struct {
	Sign    string // "=", "!=", "<", "<=", ">", ">="
	Version string
}

const maxConstraints = 2_000 // of one range

// Contains says whether a version is in the range. Without any statement of
// versions the answer is unclear.
func (r *Range) Contains(version string) Answer {
	switch {
	case r.All:
		return Yes
	case version == "" || len(r.Parts) == 0:
		return Unclear
	}
	answer := No
	for _, c := range r.Parts {
		switch c.contains(r.Scheme, version) {
		case Yes:
			return Yes
		case Unclear:
			answer = Unclear
		}
	}
	if answer == No && !r.Read {
		return Unclear
	}
	return answer
}

// contains follows the algorithm of VERS: equalities first, then the pairs of
// bounds in their order.
func (c Constraints) contains(scheme Scheme, version string) Answer {
	type bound struct {
		sign  string
		order int // of the version against the bound
	}
	var bounds []bound
	unclear, only := false, true
	for _, k := range c {
		if k.Sign == "=" || k.Sign == "!=" {
			if wild, ok := wildcard(k.Version); ok {
				if under(version, wild) {
					return yes(k.Sign == "=")
				}
				continue
			}
		}
		order, ok := compareVersions(scheme, version, k.Version)
		if !ok {
			same := strings.EqualFold(strings.TrimSpace(version), strings.TrimSpace(k.Version))
			if same && strings.Contains(k.Sign, "=") {
				return yes(k.Sign != "!=")
			}
			unclear = unclear || !same
			continue
		}
		if order == 0 && strings.Contains(k.Sign, "=") {
			return yes(k.Sign != "!=")
		}
		if k.Sign != "=" && k.Sign != "!=" {
			only = false
			bounds = append(bounds, bound{k.Sign, order})
		}
	}
	if unclear {
		return Unclear
	}
	if only {
		// Nothing but exclusions leaves all the rest.
		return yes(len(c) > 0 && !slices.ContainsFunc(c, func(k Constraint) bool { return k.Sign != "!=" }))
	}
	for i, b := range bounds {
		up := b.sign[0] == '>'
		switch {
		case i == 0 && !up && b.order < 0:
			return Yes
		case up && b.order > 0 && (i == len(bounds)-1 || bounds[i+1].sign[0] == '<' && bounds[i+1].order < 0):
			return Yes
		}
	}
	return No
}

func yes(is bool) Answer {
	if is {
		return Yes
	}
	return No
}

// wildcard reads "14.1.x" and "2.*" as what is before.
func wildcard(s string) (prefix []part, ok bool) {
	low := strings.ToLower(strings.TrimSpace(s))
	cut := low
	for {
		shorter := strings.TrimSuffix(strings.TrimSuffix(cut, ".x"), ".*")
		if shorter == cut {
			break
		}
		cut = shorter
	}
	if cut == low {
		return nil, false
	}
	return versionParts(cut), true
}

func under(version string, prefix []part) bool {
	parts := versionParts(version)
	return len(parts) >= len(prefix) && slices.Equal(parts[:len(prefix)], prefix)
}

var (
	versScheme = regexp.MustCompile(`(?i)^vers:([a-z0-9.+-]+)/(.*)$`)
	remark     = regexp.MustCompile(`\s*\([^()]*\)\s*$`)
	signed     = regexp.MustCompile(`^(<=|>=|<|>|!=|=|≤|≥)\s*(.*)$`)
)

// versionsOf reads a version, or a range, as product trees name them.
func versionsOf(text string, isRange bool) Range {
	r := Range{Text: clean(text)}
	s := strings.TrimSpace(r.Text)
	if m := versScheme.FindStringSubmatch(s); m != nil {
		r.Scheme = schemeOf(m[1])
		r.vers(m[2])
		return r
	}
	if everything(s) {
		r.All, r.Read = true, true
		return r
	}
	if bare := strings.TrimSpace(remark.ReplaceAllString(s, "")); bare != s && bare != "" {
		// What stands in brackets may narrow the range: outside of what it says
		// nobody can be sure.
		inner := versionsOf(bare, isRange)
		inner.Text, inner.Read = r.Text, false
		return inner
	}
	if strings.Contains(s, "|") {
		r.piped(strings.Split(s, "|"))
		return r
	}
	if c, ok := phrase(s); ok {
		r.Parts, r.Read = []Constraints{c}, true
		return r
	}
	if isRange && !plain(s) {
		return r // a text that nobody can compare
	}
	r.Parts, r.Read = []Constraints{{{"=", s}}}, plain(s)
	return r
}

func schemeOf(name string) Scheme {
	switch strings.ToLower(name) {
	case "deb", "debian", "ubuntu":
		return SchemeDebian
	case "rpm", "redhat", "almalinux", "rocky", "suse", "opensuse":
		return SchemeRPM
	}
	return SchemeGeneric
}

// vers reads what follows the scheme of a VERS.
func (r *Range) vers(s string) {
	if strings.TrimSpace(s) == "*" {
		r.All, r.Read = true, true
		return
	}
	var c Constraints
	r.Read = true
	for k := range strings.SplitSeq(strings.Trim(strings.ReplaceAll(s, " ", ""), "|"), "|") {
		one := Constraint{"=", k}
		if m := signed.FindStringSubmatch(k); m != nil {
			one = Constraint{ascii(m[1]), m[2]}
		}
		if v, err := url.PathUnescape(one.Version); err == nil {
			one.Version = v
		}
		if one.Version == "" || len(c) == maxConstraints {
			r.Read = false
			continue
		}
		c = append(c, one)
	}
	r.Parts = []Constraints{c}
}

func ascii(sign string) string {
	switch sign {
	case "≤":
		return "<="
	case "≥":
		return ">="
	}
	return sign
}

// piped reads alternatives and bounds as CISA writes them: "1.1 | 1.2", and
// ">= 2.0 | <= 3.0", which is one interval.
func (r *Range) piped(list []string) {
	var bounds Constraints
	r.Read = true
	for _, s := range list {
		s = strings.TrimSpace(s)
		if m := signed.FindStringSubmatch(s); m != nil && plain(m[2]) {
			bounds = append(bounds, Constraint{ascii(m[1]), m[2]})
			continue
		}
		if c, ok := phrase(s); ok {
			r.Parts = append(r.Parts, c)
			continue
		}
		if everything(s) {
			r.All = true
			return
		}
		r.Read = r.Read && plain(s)
		if s != "" {
			r.Parts = append(r.Parts, Constraints{{"=", s}})
		}
		if len(r.Parts) > maxConstraints {
			r.Read = false
			return
		}
	}
	if len(bounds) > 0 {
		r.Parts = append(r.Parts, bounds)
	}
}

var (
	everyVersion = regexp.MustCompile(`(?i)^(\*|-|n/?a|all|any|all\s+(supported\s+|known\s+|current\s+)?(versions?|releases?|models?|revisions?|serial numbers?|devices?|units?)(\s+of\s+.*)?|any version|every version)\.?$`)
	oneVersion   = regexp.MustCompile(`(?i)^((version|ver|v|release|rel|rev|revision|firmware|software|build|r)\.?\s*)*[a-z]{0,6}[.\- ]?[0-9][0-9a-z.\-_+~:]*([ _]?(build|sp|service pack|patch|hotfix|update|rev|hf|r|beta|alpha|rc|[a-z])[ _.]?[0-9a-z.]*)*$`)

	letterOnly = regexp.MustCompile(`^[A-Za-z]{1,2}$`)

	// What people write about ranges. V stands for a version.
	lead    = `(?:all\s+)?(?:(?:software|firmware|product|app)\s+)?(?:versions?|releases?|revisions?|builds?|v\.?)?\s*:?\s*`
	version = `((?:version\s+|v\.?\s*|release\s+|rev\.?\s+)?[a-z]{0,6}[.\-]?[0-9][0-9a-z.\-_+~:]*(?:\s+(?:build|sp|patch|hotfix|rev|r)\s*[0-9a-z.]+)?)`
	phrases = []struct {
		form  *regexp.Regexp
		signs []string
	}{
		{regexp.MustCompile(`(?i)^` + lead + `(?:prior to|before|earlier than|older than|lower than|below|less than|preceding|until but not including|up to but not including)\s+(?:and not including\s+)?` + version + `$`), []string{"<"}},
		{regexp.MustCompile(`(?i)^` + lead + version + `\s*,?\s*(?:and|or|&)\s+(?:all\s+)?(?:(?:software|firmware)\s+)?(?:prior|earlier|older|below|lower|previous|before)(?:\s+(?:versions?|releases?))?$`), []string{"<="}},
		{regexp.MustCompile(`(?i)^` + lead + `(?:up to and including|up to|through|until|to|up through|no later than|at or below)\s+` + version + `(?:\s*\(?inclusive\)?)?$`), []string{"<="}},
		{regexp.MustCompile(`(?i)^` + lead + version + `\s*,?\s*(?:and|or|&)\s+(?:all\s+)?(?:later|newer|above|higher|after|subsequent|up)(?:\s+(?:versions?|releases?))?$`), []string{">="}},
		{regexp.MustCompile(`(?i)^` + lead + `(?:from\s+)?` + version + `\s+(?:through|thru|to|up to|up to and including|until|-|–|—)\s+` + version + `$`), []string{">=", "<="}},
		{regexp.MustCompile(`(?i)^` + lead + `(?:from\s+)?` + version + `\s+(?:and|to|up to),?\s+(?:prior to|before|but not including)\s+` + version + `$`), []string{">=", "<"}},
		{regexp.MustCompile(`(?i)^` + lead + `between\s+` + version + `\s+and\s+` + version + `$`), []string{">=", "<="}},
		{regexp.MustCompile(`(?i)^` + lead + `(?:later than|newer than|after|above|higher than)\s+` + version + `$`), []string{">"}},
		{regexp.MustCompile(`(?i)^` + lead + `(?:from|since|starting with|beginning with)\s+` + version + `(?:\s+(?:on|onwards?))?$`), []string{">="}},
	}
)

func everything(s string) bool {
	return everyVersion.MatchString(strings.TrimSpace(strings.Trim(strings.TrimSpace(s), ":")))
}

// plain reports whether a text is one version, whatever a maker's versions look
// like: something with a digit, and no sentence.
func plain(s string) bool { return len(s) < 80 && oneVersion.MatchString(strings.TrimSpace(s)) }

const maxPhrase = 200 // characters that are looked at for a range in words

// phrase reads a range in signs or words: "< 8.2.2", "Version 3.1 and prior",
// "prior to 3.0", ">= 2.0, < 2.4".
func phrase(s string) (Constraints, bool) {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxPhrase {
		return nil, false
	}
	if m := signed.FindStringSubmatch(s); m != nil {
		var c Constraints
		for one := range strings.SplitSeq(s, ",") {
			for _, two := range splitSigns(strings.TrimSpace(one)) {
				m := signed.FindStringSubmatch(two)
				if m == nil || !plain(m[2]) && !letterOnly.MatchString(m[2]) {
					return nil, false
				}
				c = append(c, Constraint{ascii(m[1]), m[2]})
			}
		}
		return c, true
	}
	// "2.0 <= 3.0": an interval whose lower sign was left out.
	if low, high, ok := strings.Cut(s, "<="); ok && plain(strings.TrimSpace(low)) && plain(strings.TrimSpace(high)) {
		return Constraints{{">=", strings.TrimSpace(low)}, {"<=", strings.TrimSpace(high)}}, true
	}
	for _, p := range phrases {
		m := p.form.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		var c Constraints
		for i, sign := range p.signs {
			c = append(c, Constraint{sign, strings.TrimRight(m[i+1], ".,:")})
		}
		return c, true
	}
	return nil, false
}

// splitSigns splits ">=1.0<2.0" before each sign.
func splitSigns(s string) []string {
	var out []string
	begin := 0
	for i := 1; i < len(s); i++ {
		if (s[i] == '<' || s[i] == '>') && s[i-1] != '<' && s[i-1] != '>' && s[i-1] != '!' {
			out = append(out, strings.TrimSpace(s[begin:i]))
			begin = i
		}
	}
	return append(out, strings.TrimSpace(s[begin:]))
}

// versionsIn looks for a range in a product's full name, behind the product's own
// name.
func versionsIn(full, name string) Range {
	behind, ok := strings.CutPrefix(full, name)
	if !ok || full == name {
		if _, after, found := strings.Cut(full, ": "); found {
			behind = after
		} else {
			return Range{}
		}
	}
	behind = strings.Trim(behind, " :-–,()")
	if behind == "" {
		return Range{}
	}
	r := versionsOf(behind, true)
	if !r.Read {
		return Range{}
	}
	return r
}
