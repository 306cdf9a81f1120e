package ledger

import (
	"fmt"
	"time"
)

// SubjectModel is a model, where evidence or an exception is of all its units.
const SubjectModel = "model"

// As what an organisation says something of a device.
const (
	PartyOwner     = "owner"
	PartyMaker     = "maker"
	PartyAuthority = "authority"
)

// What evidence claims of a control.
const (
	ClaimMet    = "met"
	ClaimPartly = "partly"
	ClaimNotMet = "not_met"
)

// Evidence says that an organisation looked at a document, or made it, that shows
// whether a control is met. The document stays off the ledger.
type Evidence struct {
	V           int       `json:"v"`
	SubjectKind string    `json:"subjectKind"` // SubjectDevice or SubjectModel
	Subject     string    `json:"subject"`     // unit id or UDI-DI
	Catalogue   string    `json:"catalogue"`   // CatalogueID
	Control     string    `json:"control"`
	Claim       string    `json:"claim"`
	Digest      string    `json:"digest"`                              // SHA-256 of the document, hex
	Until       time.Time `json:"until,omitzero" metadata:",optional"` // it shows nothing from then on; zero: it has no end
	By          string    `json:"by"`                                  // MSP id
	Party       string    `json:"party"`                               // as what: PartyOwner, PartyMaker or PartyAuthority
	Time        time.Time `json:"time"`
}

// Key returns the record's key.
func (e *Evidence) Key() Key {
	return Key{TypeEvidence, []string{e.SubjectKind, e.Subject, e.Control, e.Digest, e.By}}
}

// RecordEvidence records evidence of a unit or a model.
type RecordEvidence struct {
	SubjectKind string    `json:"subjectKind"`
	Subject     string    `json:"subject"`
	Catalogue   string    `json:"catalogue"` // the one in use
	Control     string    `json:"control"`
	Claim       string    `json:"claim"`
	Digest      string    `json:"digest"`
	Until       time.Time `json:"until,omitzero" metadata:",optional"` // whole milliseconds, ahead
}

// Validate returns a Problem that lists every fault. That Until lies ahead is
// judged by the time of the transaction.
func (r *RecordEvidence) Validate() error {
	var c check
	c.controlled(r.SubjectKind, r.Subject, r.Catalogue, r.Control)
	c.oneOf("claim", r.Claim, ClaimMet, ClaimPartly, ClaimNotMet)
	c.digest("digest", r.Digest)
	if !r.Until.IsZero() {
		c.instant("until", r.Until)
	}
	return c.problem("the evidence")
}

// controlled wants a control of a catalogue, and a unit or model of which
// something is said by it.
func (c *check) controlled(kind, subject, catalogue, control string) {
	switch c.oneOf("subjectKind", kind, SubjectDevice, SubjectModel); kind {
	case SubjectDevice:
		c.digest("subject", subject)
	case SubjectModel:
		c.token("subject", subject, 64)
	}
	c.catalogueID("catalogue", catalogue)
	c.control("control", control)
}

// catalogueID wants a catalogue's name and version.
func (c *check) catalogueID(field, id string) {
	name, version, ok := SplitCatalogue(id)
	var of check
	of.catalogueName("", name)
	of.catalogueVersion("", version)
	if !ok || len(of.faults) > 0 {
		c.fail(field, "must be a catalogue's name and version, as secant-controls/1")
	}
}

// What an exception does.
const (
	ExceptNotApplicable = "not_applicable" // the control does not concern the subject
	ExceptTolerated     = "tolerated"      // that it fails is borne with; not for critical controls
)

// MaxException is for how long an exception may stand.
const MaxException = 366 * 24 * time.Hour

// Exception takes a unit, or all units of a model, out of a control for a while.
// An authority grants it, and a person signs for it. Why stays off the ledger, in
// the document of that digest.
type Exception struct {
	V            int           `json:"v"`
	SubjectKind  string        `json:"subjectKind"` // SubjectDevice or SubjectModel
	Subject      string        `json:"subject"`     // unit id or UDI-DI
	Catalogue    string        `json:"catalogue"`   // CatalogueID; it means nothing under another
	Control      string        `json:"control"`
	Effect       string        `json:"effect"`       // ExceptNotApplicable or ExceptTolerated
	ReasonDigest string        `json:"reasonDigest"` // SHA-256 of the reason's document, hex
	Until        time.Time     `json:"until"`        // it does nothing from then on
	By           string        `json:"by"`           // MSP id of the authority
	Persons      []PersonActed `json:"persons"`      // who signed
	Time         time.Time     `json:"time"`
}

// Key returns the record's key.
func (e *Exception) Key() Key {
	return ExceptionKey(e.SubjectKind, e.Subject, e.Control, e.ReasonDigest)
}

// ExceptionKey returns the key of an exception.
func ExceptionKey(kind, subject, control, reasonDigest string) Key {
	return Key{TypeException, []string{kind, subject, control, reasonDigest}}
}

// Covers reports whether the exception makes a result of that letter stand, for a
// unit of that id and model, under a catalogue, at a time.
func (e *Exception) Covers(unit, di, catalogue, control string, result byte, at time.Time) bool {
	of := e.SubjectKind == SubjectDevice && e.Subject == unit || e.SubjectKind == SubjectModel && e.Subject == di
	effect := result == ResultNotApplicable && e.Effect == ExceptNotApplicable || result == ResultTolerated && e.Effect == ExceptTolerated
	return of && effect && e.Catalogue == catalogue && e.Control == control && at.Before(e.Until)
}

// GrantException grants an exception. A person with the credential
// CredentialAssessor signs for it.
type GrantException struct {
	SubjectKind  string    `json:"subjectKind"`
	Subject      string    `json:"subject"`
	Catalogue    string    `json:"catalogue"` // the one in use
	Control      string    `json:"control"`
	Effect       string    `json:"effect"`
	ReasonDigest string    `json:"reasonDigest"`
	Until        time.Time `json:"until"` // whole milliseconds, ahead, at most MaxException
}

// Validate returns a Problem that lists every fault. That Until lies ahead, and
// not too far, is judged by the time of the transaction.
func (r *GrantException) Validate() error {
	var c check
	c.controlled(r.SubjectKind, r.Subject, r.Catalogue, r.Control)
	c.oneOf("effect", r.Effect, ExceptNotApplicable, ExceptTolerated)
	c.digest("reasonDigest", r.ReasonDigest)
	c.instant("until", r.Until)
	return c.problem("the exception")
}

// Key returns the key of the exception that the request asks for.
func (r *GrantException) Key() Key {
	return ExceptionKey(r.SubjectKind, r.Subject, r.Control, r.ReasonDigest)
}

// ExceptionEnd ends an exception before its time.
type ExceptionEnd struct {
	V            int       `json:"v"`
	SubjectKind  string    `json:"subjectKind"`
	Subject      string    `json:"subject"`
	Control      string    `json:"control"`
	ReasonDigest string    `json:"reasonDigest"`
	By           string    `json:"by"` // MSP id of an authority
	Time         time.Time `json:"time"`
}

// Key returns the record's key.
func (e *ExceptionEnd) Key() Key {
	return ExceptionEndKey(e.SubjectKind, e.Subject, e.Control, e.ReasonDigest)
}

// ExceptionEndKey returns the key of the end of an exception.
func ExceptionEndKey(kind, subject, control, reasonDigest string) Key {
	return Key{TypeExceptionEnd, []string{kind, subject, control, reasonDigest}}
}

// EndException ends an exception, for good.
type EndException struct {
	SubjectKind  string `json:"subjectKind"`
	Subject      string `json:"subject"`
	Control      string `json:"control"`
	ReasonDigest string `json:"reasonDigest"`
}

// Validate returns a Problem that lists every fault.
func (r *EndException) Validate() error {
	var c check
	switch c.oneOf("subjectKind", r.SubjectKind, SubjectDevice, SubjectModel); r.SubjectKind {
	case SubjectDevice:
		c.digest("subject", r.Subject)
	case SubjectModel:
		c.token("subject", r.Subject, 64)
	}
	c.control("control", r.Control)
	c.digest("reasonDigest", r.ReasonDigest)
	return c.problem("the end of the exception")
}

// UsedException names an exception by which a result of an assessment stands.
type UsedException struct {
	Control      string `json:"control"`
	SubjectKind  string `json:"subjectKind"` // of the unit, or of its model
	ReasonDigest string `json:"reasonDigest"`
}

// MaxAssessmentAge is how old a certification's assessment may be.
const MaxAssessmentAge = 31 * 24 * time.Hour

// ControlAssessment is what a unit's owner, its maker or an authority got when it
// judged the unit by all controls of the catalogue in use. Score and verdict are
// the ledger's own count. It certifies nothing by itself: Certify does, for which
// a person signs.
type ControlAssessment struct {
	V            int             `json:"v"`
	Unit         string          `json:"unit"`
	Release      string          `json:"release"`                                   // that the unit ran then
	Catalogue    string          `json:"catalogue"`                                 // CatalogueID
	Results      string          `json:"results"`                                   // a letter for each control, in the catalogue's order
	Score        int             `json:"score"`                                     // basis points
	Verdict      string          `json:"verdict"`                                   // as Judge has it
	InputDigest  string          `json:"inputDigest"`                               // digest "compliance-facts" of the facts' canonical JSON (RFC 8785), hex
	ResultDigest string          `json:"resultDigest"`                              // SHA-256 of the results' document, hex
	ValidTo      time.Time       `json:"validTo,omitzero" metadata:",optional"`     // with a verdict that certifies
	Exceptions   []UsedException `json:"exceptions,omitempty" metadata:",optional"` // by control
	Assessor     string          `json:"assessor"`                                  // MSP id
	Party        string          `json:"party"`                                     // as what
	Time         time.Time       `json:"time"`
}

// Key returns the record's key.
func (a *ControlAssessment) Key() Key {
	return ControlAssessmentKey(a.Unit, a.ResultDigest, a.Assessor)
}

// ControlAssessmentKey returns the key of an assessment.
func ControlAssessmentKey(unit, resultDigest, assessor string) Key {
	return Key{TypeControlAssessment, []string{unit, resultDigest, assessor}}
}

// AssessControls records an assessment of a unit by all controls.
type AssessControls struct {
	Unit         string          `json:"unit"`
	Release      string          `json:"release"` // that it runs
	Catalogue    string          `json:"catalogue"`
	Results      string          `json:"results"`
	InputDigest  string          `json:"inputDigest"`
	ResultDigest string          `json:"resultDigest"`
	ValidTo      time.Time       `json:"validTo,omitzero" metadata:",optional"` // whole milliseconds; with a verdict that certifies, and only then
	Exceptions   []UsedException `json:"exceptions,omitempty" metadata:",optional"`
}

// Validate returns a Problem that lists every fault. What the results come to, and
// whether ValidTo fits, is judged with the catalogue.
func (r *AssessControls) Validate() error {
	var c check
	c.digest("unit", r.Unit)
	c.version("release", r.Release)
	c.catalogueID("catalogue", r.Catalogue)
	if n := len(r.Results); n < 1 || n > MaxControls {
		c.fail("results", "must be 1 to %d letters", MaxControls)
	}
	c.digest("inputDigest", r.InputDigest)
	c.digest("resultDigest", r.ResultDigest)
	if !r.ValidTo.IsZero() {
		c.instant("validTo", r.ValidTo)
	}
	if len(r.Exceptions) > MaxControls {
		c.fail("exceptions", "must be at most %d", MaxControls)
		return c.problem("the assessment")
	}
	for i, e := range r.Exceptions {
		at := fmt.Sprintf("exceptions[%d].", i)
		c.control(at+"control", e.Control)
		c.oneOf(at+"subjectKind", e.SubjectKind, SubjectDevice, SubjectModel)
		c.digest(at+"reasonDigest", e.ReasonDigest)
		if i > 0 && r.Exceptions[i-1].Control >= e.Control {
			c.fail(at+"control", "must come after the one before")
		}
	}
	return c.problem("the assessment")
}

// GetAssessment asks for one assessment.
type GetAssessment struct {
	Unit         string `json:"unit"`
	ResultDigest string `json:"resultDigest"`
	Assessor     string `json:"assessor"` // MSP id
}

// ListAssessments asks for the assessments of one unit.
type ListAssessments struct {
	Unit string      `json:"unit"`
	Page PageRequest `json:"page"`
}

// AssessmentPage is one page of assessments, by digest of their results.
type AssessmentPage struct {
	Items []ControlAssessment `json:"items"`
	Next  string              `json:"next"`
}

// ListEvidence asks for the evidence of one unit or model.
type ListEvidence struct {
	SubjectKind string      `json:"subjectKind"`
	Subject     string      `json:"subject"`
	Page        PageRequest `json:"page"`
}

// EvidencePage is one page of evidence, by control.
type EvidencePage struct {
	Items []Evidence `json:"items"`
	Next  string     `json:"next"`
}

// ListExceptions asks for the exceptions of one unit or model, ended ones too.
type ListExceptions struct {
	SubjectKind string      `json:"subjectKind"`
	Subject     string      `json:"subject"`
	Page        PageRequest `json:"page"`
}

// ExceptionPage is one page of exceptions, by control.
type ExceptionPage struct {
	Items []Exception `json:"items"`
	Next  string      `json:"next"`
}
