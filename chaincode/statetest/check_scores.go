package statetest

import (
	"github.com/secant-platform/secant/chaincode/ledger"
)

// scores: each is of what its scorer owns, in bounds.
func (c *checker) scores() {
	units := rowsOf[ledger.Unit](c, ledger.TypeUnit)
	for _, r := range once(c, rowsOf[ledger.Score](c, ledger.TypeScore)) {
		s := r.last()
		c.want(c.by(r.entries[0]).Org == s.Scorer, "score %v: another organisation wrote it", r.key)
		switch s.SubjectKind {
		case "":
			u := find(units, ledger.UnitKey(s.Subject))
			c.want(u != nil && u.Owner == s.Scorer, "score %v: its subject is no unit of its scorer", r.key)
		case ledger.SubjectOrganisation:
			c.want(s.Subject == s.Scorer, "score %v: its subject is another organisation", r.key)
		default: // which id a service was derived from, only its owner knows
			c.want(s.SubjectKind == ledger.SubjectService && find(units, ledger.UnitKey(s.Subject)) == nil, "score %v: its subject is a %s", r.key, s.SubjectKind)
		}
		c.want(s.Value >= 0 && s.Value <= ledger.MaxScore, "score %v: is %d", r.key, s.Value)
		if b := s.Bounds; b != nil {
			c.want(b.Lower >= 0 && b.Lower <= s.Value && s.Value <= b.Upper && b.Upper <= ledger.MaxScore, "score %v: lies not between %d and %d", r.key, b.Lower, b.Upper)
		}
		c.want(s.Horizon >= 0 && s.Horizon <= ledger.MaxHorizon, "score %v: looks %d hours ahead", r.key, s.Horizon)
	}
}

// recomputations: each is of another's score, and says whether it is the same.
func (c *checker) recomputations() {
	scores := rowsOf[ledger.Score](c, ledger.TypeScore)
	for _, r := range once(c, rowsOf[ledger.Recomputation](c, ledger.TypeRecomputation)) {
		again := r.last()
		score := find(scores, ledger.ScoreKey(again.Subject, again.Model, again.InputDigest))
		if score == nil {
			c.fail("recomputation %v: of no score", r.key)
			continue
		}
		c.want(again.By != score.Scorer && c.by(r.entries[0]).Org == again.By, "recomputation %v: is its scorer's, or another's", r.key)
		c.want(again.Agrees == (again.Value == score.Value), "recomputation %v: says wrongly whether it agrees", r.key)
	}
}
