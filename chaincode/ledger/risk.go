package ledger

import "time"

// MaxScore is the highest risk, in basis points: certain.
const MaxScore = 10_000

// MaxHorizon bounds how far ahead a score looks, in hours: ten years.
const MaxHorizon = 10 * 366 * 24

// What a score is of. A record that does not say is of a device.
const (
	SubjectDevice       = "device"
	SubjectService      = "service"
	SubjectOrganisation = "organisation"
)

// Score is a risk score that anyone with its inputs can recompute.
//
// Version 1 was of devices only, and had neither Horizon nor Bounds.
type Score struct {
	V           int          `json:"v"`
	SubjectKind string       `json:"subjectKind,omitempty" metadata:",optional"` // SubjectService or SubjectOrganisation; empty: SubjectDevice
	Subject     string       `json:"subject"`                                    // unit id, ServiceID or MSP id
	Model       string       `json:"model"`                                      // name and version of the scoring model, as in "secant-exposure/1"
	InputDigest string       `json:"inputDigest"`                                // digest "risk-inputs" of the inputs' canonical JSON (RFC 8785), hex
	Value       int          `json:"value"`                                      // basis points, 0 to MaxScore
	Bounds      *ScoreBounds `json:"bounds,omitempty" metadata:",optional"`      // nil: the model gives none
	Horizon     int          `json:"horizon,omitempty" metadata:",optional"`     // how many hours ahead it looks; 0: the model states none
	Scorer      string       `json:"scorer"`                                     // MSP id; owner of the subject
	Published   time.Time    `json:"published"`
}

// ScoreBounds is between what the risk is, whatever the model could not know.
type ScoreBounds struct {
	Lower int `json:"lower"` // basis points, 0 to the value
	Upper int `json:"upper"` // basis points, the value to MaxScore
}

// Key returns the record's key.
func (s *Score) Key() Key { return ScoreKey(s.Subject, s.Model, s.InputDigest) }

// ScoreKey returns the key of a score.
func ScoreKey(subject, model, inputDigest string) Key {
	return Key{TypeScore, []string{subject, model, inputDigest}}
}

// ServiceID derives the id under which an organisation's care service stands on
// the ledger from the id that the organisation gave it, 32 random bytes in
// hexadecimal. The ledger computes it under the caller's MSP id, so that nobody
// can score the service of another.
func ServiceID(org, local string) string {
	return Digest("service-id", []byte(org+"\x00"+local))
}

// PublishScore publishes a score of what the caller's organisation owns: a unit,
// a care service, or itself.
type PublishScore struct {
	SubjectKind string       `json:"subjectKind,omitempty" metadata:",optional"` // absent: SubjectDevice
	Subject     string       `json:"subject"`                                    // unit id; of a service the organisation's own id for it; the caller's MSP id
	Model       string       `json:"model"`
	InputDigest string       `json:"inputDigest"`
	Value       int          `json:"value"`
	Bounds      *ScoreBounds `json:"bounds,omitempty" metadata:",optional"`
	Horizon     int          `json:"horizon,omitempty" metadata:",optional"`
}

// Validate returns a Problem that lists every fault.
func (r *PublishScore) Validate() error {
	var c check
	switch r.SubjectKind {
	case "", SubjectDevice, SubjectService:
		c.digest("subject", r.Subject)
	case SubjectOrganisation:
		c.token("subject", r.Subject, 64)
	default:
		c.fail("subjectKind", "must be %s, %s or %s", SubjectDevice, SubjectService, SubjectOrganisation)
	}
	c.scored(r.Model, r.InputDigest, r.Value)
	if b := r.Bounds; b != nil {
		if b.Lower < 0 || b.Lower > r.Value {
			c.fail("bounds.lower", "must be 0 to the value")
		}
		if b.Upper < r.Value || b.Upper > MaxScore {
			c.fail("bounds.upper", "must be the value to %d basis points", MaxScore)
		}
	}
	if r.Horizon < 0 || r.Horizon > MaxHorizon {
		c.fail("horizon", "must be 1 to %d hours, or absent", MaxHorizon)
	}
	return c.problem("the score")
}

func (c *check) scored(model, inputDigest string, value int) {
	c.token("model", model, 64)
	c.digest("inputDigest", inputDigest)
	if value < 0 || value > MaxScore {
		c.fail("value", "must be 0 to %d basis points", MaxScore)
	}
}

// GetScore asks for one score.
type GetScore struct {
	Subject     string `json:"subject"`
	Model       string `json:"model"`
	InputDigest string `json:"inputDigest"`
}

// ListScores asks for the scores of one subject.
type ListScores struct {
	Subject string      `json:"subject"`
	Page    PageRequest `json:"page"`
}

// ScorePage is one page of scores, by model and input digest.
type ScorePage struct {
	Items []Score `json:"items"`
	Next  string  `json:"next"`
}

// Recomputation says what another organisation got when it ran a score's model
// on a score's inputs.
type Recomputation struct {
	V           int       `json:"v"`
	Subject     string    `json:"subject"`
	Model       string    `json:"model"`
	InputDigest string    `json:"inputDigest"`
	By          string    `json:"by"`     // MSP id; never the scorer's
	Value       int       `json:"value"`  // what By got, basis points
	Agrees      bool      `json:"agrees"` // it is the score's
	Time        time.Time `json:"time"`
}

// Key returns the record's key.
func (r *Recomputation) Key() Key {
	return RecomputationKey(r.Subject, r.Model, r.InputDigest, r.By)
}

// RecomputationKey returns the key of an organisation's recomputation of a score.
func RecomputationKey(subject, model, inputDigest, by string) Key {
	return Key{TypeRecomputation, []string{subject, model, inputDigest, by}}
}

// RecomputeScore says what the caller's organisation got when it recomputed
// another's score.
type RecomputeScore struct {
	Subject     string `json:"subject"` // as in the score's record
	Model       string `json:"model"`
	InputDigest string `json:"inputDigest"`
	Value       int    `json:"value"`
}

// Validate returns a Problem that lists every fault.
func (r *RecomputeScore) Validate() error {
	var c check
	c.token("subject", r.Subject, 64)
	c.scored(r.Model, r.InputDigest, r.Value)
	return c.problem("the recomputation")
}

// ListRecomputations asks for the recomputations of one score.
type ListRecomputations struct {
	Subject     string      `json:"subject"`
	Model       string      `json:"model"`
	InputDigest string      `json:"inputDigest"`
	Page        PageRequest `json:"page"`
}

// RecomputationPage is one page of recomputations, by organisation.
type RecomputationPage struct {
	Items []Recomputation `json:"items"`
	Next  string          `json:"next"`
}
