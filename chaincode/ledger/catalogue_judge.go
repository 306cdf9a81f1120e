package ledger

import "strings"

// What an assessment says of a control: one letter each, in the order of the
// catalogue.
const (
	ResultPass          = 'p'
	ResultPartial       = 'h' // counts half
	ResultFail          = 'f'
	ResultUnknown       = 'u' // nothing shows it: counts nothing
	ResultNotApplicable = 'n' // by an exception; counts not at all
	ResultTolerated     = 't' // it fails or is unknown, and an exception bears with it: counts half
)

// Excepted reports whether a result stands only by an exception.
func Excepted(result byte) bool { return result == ResultNotApplicable || result == ResultTolerated }

// Judge counts results by the catalogue: the score in basis points of the weight
// of all that applies, rounded down, and the verdict that follows. It is integers
// only, and the same for whoever counts. Nothing is certified while a critical
// control fails or is unknown, or when no control applies; what is borne with
// makes a certification conditional. It fails with an invalid problem when the
// results are not the catalogue's, or a critical control is borne with.
func (c *Catalogue) Judge(results string) (score int, verdict string, err error) {
	if len(results) != len(c.Controls) {
		return 0, "", Problemf(CodeInvalid, "the results must be one for each of the catalogue's %d controls", len(c.Controls))
	}
	const whole = 2 // of a control's weight, in halves
	var weight, reached int
	var blocked, tolerated bool
	for i, control := range c.Controls {
		halves := 0
		switch results[i] {
		case ResultPass:
			halves = whole
		case ResultPartial:
			halves = 1
		case ResultFail, ResultUnknown:
			blocked = blocked || control.Critical
		case ResultNotApplicable:
			continue
		case ResultTolerated:
			if control.Critical {
				return 0, "", Problemf(CodeInvalid, "a critical control is not borne with")
			}
			halves, tolerated = 1, true
		default:
			return 0, "", Problemf(CodeInvalid, "the results must be of the letters p, h, f, u, n and t")
		}
		weight += control.Weight
		reached += control.Weight * halves
	}
	if weight == 0 {
		return 0, VerdictNotCertifiable, nil
	}
	score = MaxScore * reached / (whole * weight)
	switch {
	case blocked:
		return score, VerdictNotCertifiable, nil
	case score >= ScoreCertified && !tolerated:
		return score, VerdictCertified, nil
	case score >= ScoreConditional:
		return score, VerdictConditional, nil
	}
	return score, VerdictRefused, nil
}

// SplitCatalogue takes apart the name under which assessments name a catalogue.
// It reports false for one of another form.
func SplitCatalogue(id string) (name, version string, ok bool) {
	name, version, ok = strings.Cut(id, "/")
	return name, version, ok && name != "" && version != "" && !strings.Contains(version, "/")
}
