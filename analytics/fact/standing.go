package fact

import (
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Feedback is what members said of one sharer's report, and whether the sharer
// still stands by it. Of a sealed report nothing is said on the ledger.
type Feedback struct {
	SightedBy int   `json:"sightedBy"` // members other than the sharer that saw what it warns of
	Sightings int64 `json:"sightings"` // how often they and the sharer saw it, together

	StronglyAgree    int `json:"stronglyAgree"` // members of each opinion
	Agree            int `json:"agree"`
	Neutral          int `json:"neutral"`
	Disagree         int `json:"disagree"`
	StronglyDisagree int `json:"stronglyDisagree"`

	Withdrawn    string `json:"withdrawn"`    // why its sharer withdrew it (ledger.Withdrawn...); empty: it stands
	SupersededBy string `json:"supersededBy"` // digest of the sharer's report in its place; empty: none
}

// SharedReport is one report of a sharer with all that its standing depends on.
type SharedReport struct {
	Sealed    bool
	Held      bool      // sealed, and this node is the sharer's or was named: it knows what they said
	Withdrawn string    // why it was withdrawn; empty: it stands
	Witnesses []string  // MSP ids of the members that sighted it; the sharer's own do not count
	Opinions  []Opinion // one for each member at most
}

// Opinion is what one member thinks of a report.
type Opinion struct {
	By      string // MSP id
	Opinion string // one of ledger.Opinions
	Weight  int    // 1 to ledger.MaxWeight
}

// Standing is how a sharer's reports have fared. It is each node's own read of the
// ledger, the same at all nodes at one block but for what the holders of sealed reports
// told each other, and stands on no ledger itself.
type Standing struct {
	Organisation string `json:"organisation"` // MSP id
	Value        int    `json:"value"`        // basis points: 5000 with no evidence, towards 10000 when others confirm its reports, towards 0 when they do not
	For          int    `json:"for"`          // evidence for it, in hundredths of a report
	Against      int    `json:"against"`      // evidence against it, in hundredths of a report
	Reports      int    `json:"reports"`      // shared so far, those withdrawn and sealed among them
	Sealed       int    `json:"sealed"`       // of them sealed: they bring evidence only where they are held
	Withdrawn    int    `json:"withdrawn"`    // of them withdrawn, superseded ones not among them
	Superseded   int    `json:"superseded"`   // of them replaced by a newer one of its own
	Sighted      int    `json:"sighted"`      // of them seen by other members too
	Judged       int    `json:"judged"`       // of them with an opinion of another member
}

// Evidence counts in two-hundredths of a report, so that half a weight is whole.
const (
	wholeReport = 2 * ledger.MaxWeight
	// evidenceCap is how much one member can say of another in all, for and
	// against: ten reports' worth.
	evidenceCap = 10 * wholeReport
)

// evidence is what one member's feedback comes to.
type evidence struct{ good, bad int }

// StandingOf judges a sharer by its reports, by the beta reputation of Josang and
// Ismail (2002) with one prior report for and one against:
//
//	value = (1 + F) / (2 + F + A)
//
// F and A are the evidence for and against it, in reports. Another member gives
// for one report: for it, 1 when it sighted it, else weight/100 when it strongly
// agrees and half of that when it agrees; against it, weight/100 when it strongly
// disagrees and half of that when it disagrees. Of all that one member gave,
// more than ten reports' worth is scaled down to ten, so that no member makes or
// ruins a standing alone. A report that its sharer withdrew as a false positive
// or an error loses all that was said for it and counts against it by 1, or by
// what others said against it when that is more: admitting what they said before
// must not raise a standing. In all these count at least 1 each, however much of
// it one member said. One that it withdrew as outdated or superseded counts as
// before. Sealed reports bring evidence to those only who hold them, by what they told
// each other, and what a sharer says of its own brings none.
//
// What it is not: a measure of truth. Members that agree with each other by
// arrangement raise each other, within the bound above; a sharer without
// feedback stays in the middle however much it shares.
func StandingOf(org string, reports []SharedReport) Standing {
	s := Standing{Organisation: org, Reports: len(reports)}
	given := map[string]*evidence{}
	own, beyond := 0, 0 // against, by its own withdrawals: in all, and beyond what others said
	for i := range reports {
		r := &reports[i]
		s.count(r, org)
		switch {
		case r.Sealed && !r.Held:
		case r.wrong():
			own += wholeReport
			beyond += max(0, wholeReport-r.give(org, given))
		default:
			r.give(org, given)
		}
	}
	good, bad := 0, beyond
	for _, e := range given {
		if all := e.good + e.bad; all > evidenceCap {
			e.good, e.bad = e.good*evidenceCap/all, e.bad*evidenceCap/all
		}
		good, bad = good+e.good, bad+e.bad
	}
	bad = max(bad, own)
	s.For, s.Against = good/2, bad/2
	numerator, denominator := wholeReport+good, 2*wholeReport+good+bad
	s.Value = (2*ledger.MaxScore*numerator + denominator) / (2 * denominator) // rounded half up
	return s
}

func (s *Standing) count(r *SharedReport, org string) {
	if r.Sealed {
		s.Sealed++
	}
	switch r.Withdrawn {
	case "":
	case ledger.WithdrawnSuperseded:
		s.Superseded++
	default:
		s.Withdrawn++
	}
	if slices.ContainsFunc(r.Witnesses, func(w string) bool { return w != org }) {
		s.Sighted++
	}
	if len(r.Opinions) > 0 {
		s.Judged++
	}
}

// wrong reports whether its sharer withdrew it because it was.
func (r *SharedReport) wrong() bool {
	return r.Withdrawn == ledger.WithdrawnFalsePositive || r.Withdrawn == ledger.WithdrawnError
}

// give adds each other member's evidence from one report, of a wrong one only
// what is against it, and returns how much that was.
func (r *SharedReport) give(org string, given map[string]*evidence) (against int) {
	of := map[string]evidence{}
	for _, o := range r.Opinions {
		switch o.Opinion {
		case ledger.StronglyAgree:
			of[o.By] = evidence{good: 2 * o.Weight}
		case ledger.Agree:
			of[o.By] = evidence{good: o.Weight}
		case ledger.Disagree:
			of[o.By] = evidence{bad: o.Weight}
		case ledger.StronglyDisagree:
			of[o.By] = evidence{bad: 2 * o.Weight}
		}
	}
	for _, w := range r.Witnesses {
		e := of[w]
		e.good = wholeReport
		of[w] = e
	}
	for by, e := range of {
		if by == org {
			continue
		}
		if given[by] == nil {
			given[by] = &evidence{}
		}
		if !r.wrong() {
			given[by].good += e.good
		}
		given[by].bad += e.bad
		against += e.bad
	}
	return against
}
