package ledger

import "time"

// MaxScore is the highest risk, in basis points: certain.
const MaxScore = 10_000

// Score is a risk score that anyone with its inputs can recompute.
type Score struct {
	V           int       `json:"v"`
	Subject     string    `json:"subject"`     // unit id
	Model       string    `json:"model"`       // name and version of the scoring model, as in "secant-exposure/1"
	InputDigest string    `json:"inputDigest"` // digest "risk-inputs" of the inputs' canonical JSON (RFC 8785), hex
	Value       int       `json:"value"`       // basis points, 0 to MaxScore
	Scorer      string    `json:"scorer"`      // MSP id; owner of the subject
	Published   time.Time `json:"published"`
}

// Key returns the record's key.
func (s *Score) Key() Key { return ScoreKey(s.Subject, s.Model, s.InputDigest) }

// ScoreKey returns the key of a score.
func ScoreKey(subject, model, inputDigest string) Key {
	return Key{TypeScore, []string{subject, model, inputDigest}}
}

// PublishScore publishes a score of a unit that the caller's organisation owns.
type PublishScore struct {
	Subject     string `json:"subject"`
	Model       string `json:"model"`
	InputDigest string `json:"inputDigest"`
	Value       int    `json:"value"`
}

// Validate returns a Problem that lists every fault.
func (r *PublishScore) Validate() error {
	var c check
	c.digest("subject", r.Subject)
	c.token("model", r.Model, 64)
	c.digest("inputDigest", r.InputDigest)
	if r.Value < 0 || r.Value > MaxScore {
		c.fail("value", "must be 0 to %d basis points", MaxScore)
	}
	return c.problem("the score")
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
