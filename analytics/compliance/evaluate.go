package compliance

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gowebpki/jcs"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Method is the name and version of the way of judging that this package is. A
// changed check is another method.
const Method = "secant-compliance/3"

// For how long a verdict stands: twelve months, or three.
const (
	certifiedFor   = 365 * day
	conditionalFor = 90 * day
)

// Result is what came of one control.
type Result struct {
	Control   string   `json:"control"`
	Result    string   `json:"result"` // pass, partial, fail, unknown, not_applicable or tolerated
	Reason    string   `json:"reason"`
	Evidence  []string `json:"evidence"`  // digests of the documents by which it stands
	Exception string   `json:"exception"` // digest of the reason of the exception by which it stands; empty: none
}

// Assessment is what came of judging a unit: all that stands in the results'
// document.
type Assessment struct {
	V               int       `json:"v"` // 1
	Method          string    `json:"method"`
	Catalogue       string    `json:"catalogue"`       // ledger.CatalogueID
	CatalogueDigest string    `json:"catalogueDigest"` // of the catalogue's document
	Facts           Facts     `json:"facts"`
	Results         []Result  `json:"results"` // in the catalogue's order
	Score           int       `json:"score"`   // basis points
	Verdict         string    `json:"verdict"` // ledger.VerdictCertified and so on
	ValidTo         time.Time `json:"validTo,omitzero"`

	inputs, document []byte
	letters          string
	used             []ledger.UsedException
	hearsay          []bool // by control: it fails by what somebody said of the whole model alone
}

// words are what the letters of results mean.
var words = map[byte]string{
	ledger.ResultPass: "pass", ledger.ResultPartial: "partial", ledger.ResultFail: "fail", ledger.ResultUnknown: "unknown",
	ledger.ResultNotApplicable: "not_applicable", ledger.ResultTolerated: "tolerated",
}

// Word names a result, as Result.Result does.
func Word(letter byte) string { return words[letter] }

// Evaluate judges a unit by the catalogue. The facts' lists are sorted by it. Its
// errors are Problems.
func Evaluate(c *Catalogue, f Facts) (*Assessment, error) {
	inputs, err := f.Canonical()
	if err != nil {
		return nil, err
	}
	a := &Assessment{
		V: 1, Method: Method, Catalogue: c.ID(), CatalogueDigest: c.Digest(), Facts: f, Results: make([]Result, len(c.Controls)), inputs: inputs,
		hearsay: make([]bool, len(c.Controls)),
	}
	letters := make([]byte, len(c.Controls))
	end := f.At.Add(certifiedFor)
	for i := range c.Controls {
		j := judge(&c.Controls[i], &f)
		letters[i], a.hearsay[i] = j.result, j.hearsay
		a.Results[i] = Result{Control: c.Controls[i].ID, Result: words[j.result], Reason: j.reason, Evidence: append([]string{}, j.evidence...)}
		if e := j.exception; e != nil {
			a.Results[i].Exception = e.ReasonDigest
			a.used = append(a.used, ledger.UsedException{Control: e.Control, SubjectKind: e.SubjectKind, ReasonDigest: e.ReasonDigest})
		}
		if !j.until.IsZero() && j.until.Before(end) {
			end = j.until
		}
	}
	slices.SortFunc(a.used, func(x, y ledger.UsedException) int { return compare(x.Control, y.Control) })
	a.letters = string(letters)
	if a.Score, a.Verdict, err = c.Counts().Judge(a.letters); err != nil {
		return nil, err
	}
	switch a.Verdict {
	case ledger.VerdictConditional:
		if short := f.At.Add(conditionalFor); short.Before(end) {
			end = short
		}
		a.ValidTo = end
	case ledger.VerdictCertified:
		a.ValidTo = end
	}
	return a, a.encode()
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (a *Assessment) encode() error {
	plain, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encoding an assessment: %w", err)
	}
	if a.document, err = jcs.Transform(plain); err != nil {
		return fmt.Errorf("making an assessment canonical: %w", err)
	}
	return nil
}

// judged is a finding with what it rests on.
type judged struct {
	finding
	evidence  []string
	exception *Exception
	until     time.Time // what it rests on ends then; zero: it does not end
	hearsay   bool      // see Assessment
}

// judge finds out about one control: what the facts show, then, where they show
// nothing, what those say who may, then what an authority excepted.
func judge(of *Control, f *Facts) judged {
	j := judged{finding: checks[of.Check](f)}
	shown := j.result
	claims := standing(of, f)
	if worst, ok := worstOf(claims); ok {
		switch {
		case worst.result == ledger.ResultFail: // whoever may say so says that it is not met
			j.finding = worst
		case j.result == ledger.ResultUnknown:
			j.finding = worst
		default:
			claims = nil // the facts show more
		}
		for _, e := range claims {
			j.evidence = append(j.evidence, e.Digest)
			if !e.Until.IsZero() && (j.until.IsZero() || e.Until.Before(j.until)) {
				j.until = e.Until
			}
		}
	}
	j.hearsay = j.result == ledger.ResultFail && shown != ledger.ResultFail && !slices.ContainsFunc(claims, func(e Evidence) bool {
		return e.Claim == ledger.ClaimNotMet && e.SubjectKind == ledger.SubjectDevice
	})
	for i := range f.Exceptions { // those that last longest come first
		e := &f.Exceptions[i]
		if e.Control != of.ID || !f.At.Before(e.Until) {
			continue
		}
		switch {
		case e.Effect == ledger.ExceptNotApplicable:
			j.result, j.reason = ledger.ResultNotApplicable, "Does not apply, as "+e.By+" decided, until "+date(e.Until)+"."
		case e.Effect == ledger.ExceptTolerated && !of.Critical && (j.result == ledger.ResultFail || j.result == ledger.ResultUnknown):
			j.result, j.reason = ledger.ResultTolerated, j.reason+" "+e.By+" bears with it until "+date(e.Until)+"."
		default:
			continue
		}
		j.exception, j.until = e, e.Until
		break
	}
	return j
}

// standing returns the evidence of a control that counts now: the newest of each
// organisation that may say something, of the unit and of its model. When that has run
// out, what it took the place of does not come back.
func standing(of *Control, f *Facts) []Evidence {
	type side struct{ by, kind string }
	newest := map[side]int{}
	var out []Evidence
	for _, e := range f.Evidence { // by time
		if e.Control != of.ID || !slices.Contains(of.By, e.Party) {
			continue
		}
		who := side{e.By, e.SubjectKind}
		if at, known := newest[who]; known {
			out[at] = e
			continue
		}
		newest[who] = len(out)
		out = append(out, e)
	}
	return slices.DeleteFunc(out, func(e Evidence) bool { return !e.Until.IsZero() && !f.At.Before(e.Until) })
}

// worstOf is what pieces of evidence come to together; false: there are none.
func worstOf(claims []Evidence) (finding, bool) {
	if len(claims) == 0 {
		return finding{}, false
	}
	rank := map[string]int{ledger.ClaimMet: 0, ledger.ClaimPartly: 1, ledger.ClaimNotMet: 2}
	worst := claims[0]
	for _, e := range claims[1:] {
		if rank[e.Claim] > rank[worst.Claim] {
			worst = e
		}
	}
	who := fmt.Sprintf("%s, as the %s's %s", worst.By, worst.SubjectKind, worst.Party)
	switch worst.Claim {
	case ledger.ClaimMet:
		return pass("Evidence says that it is met (%s, on %s).", who, date(worst.Time)), true
	case ledger.ClaimPartly:
		return partial("Evidence says that it is met in part (%s, on %s).", who, date(worst.Time)), true
	}
	return fail("Evidence says that it is not met (%s, on %s).", who, date(worst.Time)), true
}

// Inputs returns the facts' canonical JSON.
func (a *Assessment) Inputs() []byte { return a.inputs }

// InputDigest returns the digest by which the ledger names the facts.
func (a *Assessment) InputDigest() string { return ledger.Digest("compliance-facts", a.inputs) }

// Document returns the results' document.
func (a *Assessment) Document() []byte { return a.document }

// Digest returns the digest by which the ledger names the results' document.
func (a *Assessment) Digest() string { return ledger.BodyDigest(a.document) }

// Letters returns the results as the ledger has them.
func (a *Assessment) Letters() string { return a.letters }

// Request returns the request that records the assessment on the ledger.
func (a *Assessment) Request() *ledger.AssessControls {
	return &ledger.AssessControls{
		Unit: a.Facts.Unit.ID, Release: a.Facts.Release.Version, Catalogue: a.Catalogue, Results: a.letters,
		InputDigest: a.InputDigest(), ResultDigest: a.Digest(), ValidTo: a.ValidTo, Exceptions: a.used,
	}
}

// Recompute judges again what somebody else judged. It fails with an invalid
// problem when the document is not what the catalogue makes of its own facts, and
// with a conflict when it was made by another catalogue or method than can be judged
// by here.
func Recompute(c *Catalogue, document []byte) (*Assessment, error) {
	var claimed struct {
		Method          string          `json:"method"`
		CatalogueDigest string          `json:"catalogueDigest"`
		Facts           json.RawMessage `json:"facts"`
	}
	other := ledger.Problemf(ledger.CodeInvalid, "the document is not what the catalogue makes of its facts")
	if len(document) > 2*MaxFactBytes || json.Unmarshal(document, &claimed) != nil {
		return nil, other
	}
	if claimed.CatalogueDigest != c.Digest() || claimed.Method != Method {
		return nil, ledger.Problemf(ledger.CodeConflict, "the device was judged by another catalogue or version of this program: assess it again")
	}
	f, err := ParseFacts(claimed.Facts)
	if err != nil {
		return nil, err
	}
	a, err := Evaluate(c, *f)
	if err != nil {
		return nil, err
	}
	if string(a.document) != string(document) {
		return nil, other
	}
	return a, nil
}

// Hold returns why a unit of which this is known must be held, one of the ledger's
// reasons, and what in plain words; empty when nothing speaks against it. What is
// only unknown holds nothing: a hospital's old equipment must not stop counting as
// in service because nobody has looked yet. Nor does what fails only because some
// organisation's node says so of the whole model: see ToDecide.
func (a *Assessment) Hold(c *Catalogue) (reason, why string) {
	for i, of := range c.Controls {
		if a.letters[i] != ledger.ResultFail || !of.Critical || a.hearsay[i] {
			continue
		}
		switch of.Check {
		case "exploited":
			return ledger.HoldVulnerability, a.Results[i].Reason
		case "readings":
			reason = ledger.HoldSignatures
		default:
			reason = ledger.HoldControl
		}
		if why == "" {
			why = a.Results[i].Reason
		}
	}
	if at := a.Facts.Attestation; at != nil && at.Verdict == AttestationContraindicated && reason == "" {
		return ledger.HoldAttestation, "What the unit attested speaks against it."
	}
	return reason, why
}

// ToDecide lists the controls that must not fail and do, by nothing but evidence of the
// whole model. No fact and no person's signature is behind it, and it would hold every
// device of the model at every hospital at once: so a person of the owner decides. A
// recall, of which all members see who made it and why, holds without.
func (a *Assessment) ToDecide(c *Catalogue) []string {
	var controls []string
	for i, of := range c.Controls {
		if of.Critical && a.hearsay[i] && a.letters[i] == ledger.ResultFail {
			controls = append(controls, of.ID)
		}
	}
	return controls
}

// Conditions are what a conditional certification, or one with gaps, asks to be
// mended: the controls that are not met, by id and title.
func (a *Assessment) Conditions(c *Catalogue) []string {
	var open []string
	for i, of := range c.Controls {
		switch a.letters[i] {
		case ledger.ResultPass, ledger.ResultNotApplicable:
		default:
			open = append(open, of.ID+" "+of.Title+": "+a.Results[i].Result)
		}
	}
	return open
}
