package adapt

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// sarifRule is the part of a rule that is read (SARIF 2.1.0, section 3.49).
type sarifRule struct {
	ID      string                 `json:"id"`
	Name    string                 `json:"name"`
	Short   sarifText              `json:"shortDescription"`
	Texts   map[string]sarifText   `json:"messageStrings"`
	Default struct{ Level string } `json:"defaultConfiguration"`
	More    sarifProperties        `json:"properties"`
}

type sarifText struct {
	Text string `json:"text"`
}

// sarifProperties are those that tools use by convention: a score of CVSS, as GitHub
// asks for, and tags.
type sarifProperties struct {
	Score sarifNumber `json:"security-severity"`
	Tags  []string    `json:"tags"`
}

// sarifNumber is a number that tools write as one or as a text.
type sarifNumber string

// UnmarshalJSON takes both; anything else is no number.
func (n *sarifNumber) UnmarshalJSON(b []byte) error {
	*n = sarifNumber(strings.Trim(string(b), `"`))
	return nil
}

type sarifComponent struct {
	Name  string      `json:"name"`
	Rules []sarifRule `json:"rules"`
}

type sarifTool struct {
	Driver     sarifComponent   `json:"driver"`
	Extensions []sarifComponent `json:"extensions"`
}

// sarifResult is the part of a result that is read (section 3.27).
type sarifResult struct {
	RuleID    string `json:"ruleId"`
	RuleIndex *int   `json:"ruleIndex"`
	Rule      struct {
		ID        string `json:"id"`
		Index     *int   `json:"index"`
		Component struct {
			Index *int `json:"index"`
		} `json:"toolComponent"`
	} `json:"rule"`
	Kind    string `json:"kind"`
	Level   string `json:"level"`
	Message struct {
		Text      string   `json:"text"`
		Markdown  string   `json:"markdown"`
		ID        string   `json:"id"`
		Arguments []string `json:"arguments"`
	} `json:"message"`
	Locations []struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region struct {
				Line int `json:"startLine"`
			} `json:"region"`
		} `json:"physicalLocation"`
		Logical []struct {
			Name string `json:"fullyQualifiedName"`
		} `json:"logicalLocations"`
	} `json:"locations"`
	Baseline     string `json:"baselineState"`
	Suppressions []struct {
		Status string `json:"status"`
		State  string `json:"state"` // of drafts of the standard
	} `json:"suppressions"`
	More sarifProperties `json:"properties"`
}

// sarifRun is what is known of a run while its results are read.
type sarifRun struct {
	tool  *sarifTool
	byID  map[string]*sarifRule
	at    time.Time
	where string // the repository
}

// readSARIF reads SARIF 2.1.0 (OASIS) as it comes. Results that come before their
// tool are held back until it is known.
func readSARIF(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	j, err := newScanJSON(ctx, r, "the SARIF log")
	if err != nil {
		return err
	}
	version, runs := "", false
	err = j.object(func(name string) error {
		switch name {
		case "version":
			if err := j.into(&version); err != nil {
				return err
			}
			if version != "2.1.0" {
				return ledger.Problemf(ledger.CodeInvalid, "the SARIF log is of another version than 2.1.0: have the tool write that one")
			}
			return nil
		case "runs":
			runs = true
			return j.array(func() error { return readSARIFRun(j, good, bad) })
		}
		return j.skip()
	})
	if err == nil {
		err = j.end()
	}
	if err == nil && (version == "" || !runs) {
		return ledger.Problemf(ledger.CodeInvalid, "the file is not a SARIF log: it lacks version or runs")
	}
	return err
}

func readSARIFRun(j *scanJSON, good func(Record) error, bad func([]byte, error)) error {
	var run sarifRun
	held := scanSpool{name: j.name}
	failed := j.object(func(name string) error {
		switch name {
		case "tool":
			var tool sarifTool
			if err := j.into(&tool); err != nil {
				return err
			}
			run.know(&tool)
			return nil
		case "invocations":
			var all []struct {
				End   string `json:"endTimeUtc"`
				Start string `json:"startTimeUtc"`
			}
			err := j.into(&all)
			for _, i := range all {
				for _, s := range []string{i.Start, i.End} {
					if t := scanTime(s); t.After(run.at) {
						run.at = t
					}
				}
			}
			return err
		case "versionControlProvenance":
			var all []struct {
				URI string `json:"repositoryUri"`
			}
			err := j.into(&all)
			if len(all) > 0 {
				run.where = line(all[0].URI, maxTitle)
			}
			return err
		case "results":
			return j.array(func() error {
				b, why, err := j.whole()
				if err != nil {
					return err
				}
				switch {
				case why != nil:
					bad(b, why)
					return nil
				case run.tool == nil:
					return held.add(b)
				}
				return run.give(b, good, bad)
			})
		}
		return j.skip()
	})
	if run.tool == nil && failed == nil {
		failed = ledger.Problemf(ledger.CodeInvalid, "the SARIF log has a run without a tool, before byte %d", j.d.InputOffset())
	}
	if err := held.each(func(decode func(any) error) error {
		var b []byte
		if err := decode(&b); err != nil {
			return err
		}
		if run.tool == nil {
			bad(b, unsaid("which tool found this"))
			return nil
		}
		return run.give(b, good, bad)
	}); err != nil {
		return err
	}
	return failed
}

func (r *sarifRun) know(tool *sarifTool) {
	r.tool, r.byID = tool, map[string]*sarifRule{}
	for i := range tool.Driver.Rules {
		if rule := &tool.Driver.Rules[i]; r.byID[rule.ID] == nil {
			r.byID[rule.ID] = rule
		}
	}
	for e := range tool.Extensions {
		for i := range tool.Extensions[e].Rules {
			if rule := &tool.Extensions[e].Rules[i]; r.byID[rule.ID] == nil {
				r.byID[rule.ID] = rule
			}
		}
	}
}

// rule finds a result's rule by its place (section 3.27.7), else by its id; one that
// is not described is empty. Of a hierarchical id ("CA1000/1") the rule may be
// described by the first part (section 3.27.5).
func (r *sarifRun) rule(s *sarifResult) *sarifRule {
	rules := r.tool.Driver.Rules
	if at := s.Rule.Component.Index; at != nil {
		rules = nil
		if *at >= 0 && *at < len(r.tool.Extensions) {
			rules = r.tool.Extensions[*at].Rules
		}
	}
	for _, at := range []*int{s.RuleIndex, s.Rule.Index} {
		if at != nil && *at >= 0 && *at < len(rules) {
			return &rules[*at]
		}
	}
	id := s.RuleID + s.Rule.ID
	if s.RuleID != "" {
		id = s.RuleID
	}
	for id != "" {
		if rule := r.byID[id]; rule != nil {
			return rule
		}
		i := strings.LastIndexByte(id, '/')
		id = id[:max(i, 0)]
	}
	return &sarifRule{}
}

// counts reports whether a result is a finding: not one that passed, that was there
// only before, or that the tool's users put aside (sections 3.27.9, 3.27.23, 3.27.24).
func (s *sarifResult) counts() bool {
	if s.Kind == "pass" || s.Kind == "notApplicable" || s.Baseline == "absent" {
		return false
	}
	aside := len(s.Suppressions) > 0
	for _, p := range s.Suppressions {
		for _, status := range []string{p.Status, p.State} {
			aside = aside && status != "underReview" && status != "rejected"
		}
	}
	return !aside
}

func (r *sarifRun) give(original []byte, good func(Record) error, bad func([]byte, error)) error {
	var s sarifResult
	if !scanDecode(original, &s) {
		bad(original, unfit("a result of SARIF"))
		return nil
	}
	rule := r.rule(&s)
	id := s.RuleID
	for _, other := range []string{s.Rule.ID, rule.ID} {
		if id == "" {
			id = other
		}
	}
	text := s.text(rule)
	if id == "" && text == "" {
		bad(original, unfit("a result of SARIF"))
		return nil
	}
	if !s.counts() {
		return nil
	}
	rec := newFinding(strings.ToLower(r.tool.Driver.Name)+":"+id, text, original)
	if r.tool.Driver.Name == "" {
		rec.Rule = line(id, maxRule)
	}
	if len(s.Locations) > 0 {
		at := &s.Locations[0]
		rec.Asset.Product = line(at.Physical.Artifact.URI, maxTitle)
		if rec.Asset.Product == "" && len(at.Logical) > 0 {
			rec.Asset.Product = line(at.Logical[0].Name, maxTitle)
		}
		if n := at.Physical.Region.Line; rec.Asset.Product != "" {
			place := " (" + rec.Asset.Product
			if n > 0 {
				place += ":" + strconv.Itoa(n)
			}
			rec.Title = line(text+place+")", maxTitle)
		}
	}
	rec.Asset.Name = r.where
	for _, s := range append([]string{id, text, rule.Short.Text, rule.Name}, rule.More.Tags...) {
		if strings.Contains(s, "CVE") || strings.Contains(s, "cve") { // few texts do; the search costs more than all else
			rec.CVEs = append(rec.CVEs, cves(s)...)
		}
	}
	rec.CVEs = sorted(rec.CVEs)
	rec.Severity = s.severity(rule)
	rec.Time = r.at
	return good(rec)
}

// text is the result's message, with its arguments (section 3.11.5).
func (s *sarifResult) text(rule *sarifRule) string {
	text := s.Message.Text
	if text == "" && s.Message.ID != "" {
		text = rule.Texts[s.Message.ID].Text
	}
	for _, other := range []string{s.Message.Markdown, rule.Short.Text, rule.Name} {
		if text == "" {
			text = other
		}
	}
	if len(text) > 16*maxTitle { // a line is made of it: no need for more
		text = text[:16*maxTitle]
	}
	if len(s.Message.Arguments) == 0 || !strings.Contains(text, "{") {
		return text
	}
	var pairs []string
	for i, a := range s.Message.Arguments[:min(len(s.Message.Arguments), 20)] {
		pairs = append(pairs, "{"+strconv.Itoa(i)+"}", line(a, maxTitle))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// severity is a score where the tool gives one, else the level (section 3.27.10):
// the result's, the rule's, or the default, which is a warning.
func (s *sarifResult) severity(rule *sarifRule) int {
	level := s.Level
	if level == "" && s.Kind != "" && s.Kind != "fail" {
		level = "none"
	}
	if level == "" {
		level = rule.Default.Level
	}
	if level == "" {
		level = "warning"
	}
	return scanSeverity(nil, []string{string(s.More.Score), string(rule.More.Score)}, []string{level})
}
