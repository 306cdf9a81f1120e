package ledger

import (
	"slices"
	"time"
)

// The reasons for which a unit is held or quarantined.
const (
	HoldControl       = "critical_control"        // a critical control of the catalogue fails
	HoldAttestation   = "attestation"             // what it attests contradicts its release
	HoldVulnerability = "exploited_vulnerability" // a vulnerability that is being exploited is confirmed in it
	HoldSignatures    = "signature_gap"           // its readings lack signatures that they should have
	HoldAssessment    = "assessment"              // an assessment went against it; Certify sets it
	HoldMalfunction   = "malfunction"
	HoldCompromised   = "compromised"
	HoldLost          = "lost"
	HoldStolen        = "stolen"
)

// HoldReasons lists them.
var HoldReasons = []string{
	HoldControl, HoldAttestation, HoldVulnerability, HoldSignatures, HoldAssessment,
	HoldMalfunction, HoldCompromised, HoldLost, HoldStolen,
}

// Verdicts of an assessment.
const (
	VerdictCertified      = "certified"
	VerdictConditional    = "conditional"     // with a plan of what is to be mended
	VerdictRefused        = "refused"         // too low a score
	VerdictNotCertifiable = "not_certifiable" // a critical control fails or is unknown
)

// What a verdict asks for, and for how long it may stand. The members agree on
// them by agreeing on the chaincode.
const (
	ScoreCertified   = 8500 // basis points at least
	ScoreConditional = 7000

	MaxCertified   = 366 * 24 * time.Hour
	MaxConditional = 92 * 24 * time.Hour
)

// Certifies reports whether the verdict certifies.
func (a *Assessment) Certifies() bool {
	return a.Verdict == VerdictCertified || a.Verdict == VerdictConditional
}

// AnyRevision stands in PutIntoService for a revision that is not stated.
const AnyRevision = 0

// PutIntoService admits a unit at the hospital that owns it: one that is
// certified, or a registered one that was never assessed as it is.
type PutIntoService struct {
	ID       string `json:"id"`
	Revision int    `json:"revision,omitempty" metadata:",optional"` // of the unit, as read; AnyRevision is for older nodes
	LDevID   string `json:"lDevId,omitempty" metadata:",optional"`   // SHA-256 of the SPKI of the identity that the hospital gave it (IEEE 802.1AR), hex
}

// Validate returns a Problem that lists every fault.
func (r *PutIntoService) Validate() error {
	var c check
	c.digest("id", r.ID)
	if r.Revision != AnyRevision {
		c.revision("revision", r.Revision)
	}
	c.optionalDigest("lDevId", r.LDevID)
	return c.problem("the unit")
}

// CompleteUnit gives a manufactured unit what it lacks: it is registered then.
type CompleteUnit struct {
	ID        string `json:"id"`
	Revision  int    `json:"revision"` // of the unit, as read; so everywhere below
	Release   string `json:"release"`
	Owner     string `json:"owner,omitempty" metadata:",optional"`     // empty: the one that it has
	PublicKey string `json:"publicKey,omitempty" metadata:",optional"` // empty: the one that it has
	IDevID    string `json:"iDevId,omitempty" metadata:",optional"`    // empty: the one that it has
}

// Validate returns a Problem that lists every fault.
func (r *CompleteUnit) Validate() error {
	var c check
	c.step(r.ID, r.Revision)
	c.version("release", r.Release)
	if r.Owner != "" {
		c.token("owner", r.Owner, 64)
	}
	c.unitKeys("", r.PublicKey, r.IDevID)
	return c.problem("the unit")
}

// CertifyUnit records the assessment of a unit, whichever way it went. A person
// of an accepted issuer, with the credential CredentialAssessor, signs for it.
type CertifyUnit struct {
	ID           string    `json:"id"`
	Revision     int       `json:"revision"`
	Catalogue    string    `json:"catalogue"` // name and version, as "secant-controls/1"
	Score        int       `json:"score"`     // basis points
	Verdict      string    `json:"verdict"`
	ResultDigest string    `json:"resultDigest"`                          // SHA-256 of the results' document, hex
	ValidTo      time.Time `json:"validTo,omitzero" metadata:",optional"` // whole milliseconds; with a verdict that certifies, and only then
}

// Validate returns a Problem that lists every fault. That ValidTo lies ahead, and
// not too far, is judged by the time of the transaction.
func (r *CertifyUnit) Validate() error {
	var c check
	c.step(r.ID, r.Revision)
	c.token("catalogue", r.Catalogue, 64)
	c.oneOf("verdict", r.Verdict, VerdictCertified, VerdictConditional, VerdictRefused, VerdictNotCertifiable)
	certifies := r.Verdict == VerdictCertified || r.Verdict == VerdictConditional
	switch {
	case r.Score < 0 || r.Score > MaxScore:
		c.fail("score", "must be 0 to %d basis points", MaxScore)
	case r.Verdict == VerdictCertified && r.Score < ScoreCertified:
		c.fail("score", "must be at least %d for the verdict", ScoreCertified)
	case r.Verdict == VerdictConditional && r.Score < ScoreConditional:
		c.fail("score", "must be at least %d for the verdict", ScoreConditional)
	}
	c.digest("resultDigest", r.ResultDigest)
	switch {
	case certifies && r.ValidTo.IsZero():
		c.fail("validTo", "must be stated for a verdict that certifies")
	case !certifies && !r.ValidTo.IsZero():
		c.fail("validTo", "must not be stated for a verdict that certifies nothing")
	case certifies:
		c.instant("validTo", r.ValidTo)
	}
	return c.problem("the assessment")
}

// HoldUnit says that something speaks against a unit.
type HoldUnit struct {
	ID       string `json:"id"`
	Revision int    `json:"revision"`
	Reason   string `json:"reason"`                                  // of HoldReasons, without HoldAssessment
	Evidence string `json:"evidence,omitempty" metadata:",optional"` // SHA-256 of what shows it, hex
}

// Validate returns a Problem that lists every fault.
func (r *HoldUnit) Validate() error {
	return validateHold(r.ID, r.Revision, r.Reason, r.Evidence)
}

// QuarantineUnit takes a unit out of use.
type QuarantineUnit struct {
	ID       string `json:"id"`
	Revision int    `json:"revision"`
	Reason   string `json:"reason"`                                  // of HoldReasons, without HoldAssessment
	Evidence string `json:"evidence,omitempty" metadata:",optional"` // SHA-256 of what shows it, hex
}

// Validate returns a Problem that lists every fault.
func (r *QuarantineUnit) Validate() error {
	return validateHold(r.ID, r.Revision, r.Reason, r.Evidence)
}

func validateHold(id string, revision int, reason, evidence string) error {
	var c check
	c.step(id, revision)
	c.oneOf("reason", reason, slices.DeleteFunc(slices.Clone(HoldReasons), func(r string) bool { return r == HoldAssessment })...)
	c.optionalDigest("evidence", evidence)
	return c.problem("the reason")
}

// The types of credential (vct) whose holders sign for steps of a unit.
const (
	CredentialAssessor = "DeviceAssessor"
	CredentialReleaser = "DeviceReleaser"
)

// ReleaseUnit returns a held or quarantined unit to the state that it had. Two
// persons of issuers of two organisations, with the credential
// CredentialReleaser, sign for it.
type ReleaseUnit struct {
	ID       string `json:"id"`
	Revision int    `json:"revision"`
	Evidence string `json:"evidence,omitempty" metadata:",optional"` // SHA-256 of what shows that all reasons are mended, hex
}

// Validate returns a Problem that lists every fault.
func (r *ReleaseUnit) Validate() error {
	var c check
	c.step(r.ID, r.Revision)
	c.optionalDigest("evidence", r.Evidence)
	return c.problem("the release")
}

// UpdateUnit says that a unit runs another published release of its model. Its
// certification ends: what was assessed was another release.
type UpdateUnit struct {
	ID       string `json:"id"`
	Revision int    `json:"revision"`
	Release  string `json:"release"`
}

// Validate returns a Problem that lists every fault.
func (r *UpdateUnit) Validate() error {
	var c check
	c.step(r.ID, r.Revision)
	c.version("release", r.Release)
	return c.problem("the update")
}

// OfferUnit offers a unit to another hospital, in place of an earlier offer.
type OfferUnit struct {
	ID       string `json:"id"`
	Revision int    `json:"revision"`
	To       string `json:"to"` // MSP id
}

// Validate returns a Problem that lists every fault.
func (r *OfferUnit) Validate() error {
	var c check
	c.step(r.ID, r.Revision)
	c.token("to", r.To, 64)
	return c.problem("the offer")
}

// EndOffer ends an offer: its owner withdraws it, or who was offered the unit
// declines.
type EndOffer struct {
	ID       string `json:"id"`
	Revision int    `json:"revision"`
}

// Validate returns a Problem that lists every fault.
func (r *EndOffer) Validate() error {
	var c check
	c.step(r.ID, r.Revision)
	return c.problem("the offer")
}

// AcceptUnit takes over a unit that was offered to the caller's organisation. It
// is not in service there until it is put into service.
type AcceptUnit struct {
	ID       string `json:"id"`
	Revision int    `json:"revision"`
}

// Validate returns a Problem that lists every fault.
func (r *AcceptUnit) Validate() error {
	var c check
	c.step(r.ID, r.Revision)
	return c.problem("the transfer")
}

// RetireUnit ends a unit's life for good.
type RetireUnit struct {
	ID         string `json:"id"`
	Revision   int    `json:"revision"`
	WipeDigest string `json:"wipeDigest"` // SHA-256 of the evidence that its data and keys were wiped, hex
}

// Validate returns a Problem that lists every fault.
func (r *RetireUnit) Validate() error {
	var c check
	c.step(r.ID, r.Revision)
	c.digest("wipeDigest", r.WipeDigest)
	return c.problem("the retirement")
}
