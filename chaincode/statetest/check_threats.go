package statetest

import (
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// reports: each is its sharer's, and tells of its body what its marking allows;
// a withdrawal is the sharer's, and what takes a report's place stood then.
func (c *checker) reports() {
	reports := once(c, rowsOf[ledger.Threat](c, ledger.TypeThreat))
	for _, r := range reports {
		t := r.last()
		c.want(c.by(r.entries[0]).Org == t.Sharer, "report %s: another organisation wrote it", t.Digest)
		c.want(slices.Contains(ledger.Markings, t.Marking), "report %s: has marking %s", t.Digest, t.Marking)
		c.want(ledger.Sealed(t.Marking) == (t.Size == 0 && t.MediaType == ""), "report %s: tells more or less of its body than %s allows", t.Digest, t.Marking)
	}
	withdrawals := once(c, rowsOf[ledger.Withdrawal](c, ledger.TypeWithdrawal))
	for _, r := range withdrawals {
		w := r.last()
		c.want(find(reports, ledger.ThreatKey(w.Digest, w.Sharer)) != nil, "withdrawal %v: of no report", r.key)
		c.want(c.by(r.entries[0]).Org == w.Sharer, "withdrawal %v: another organisation wrote it", r.key)
		c.want((w.Reason == ledger.WithdrawnSuperseded) == (w.SupersededBy != ""), "withdrawal %v: does not name what takes the report's place", r.key)
		if w.SupersededBy == "" {
			continue
		}
		c.want(find(reports, ledger.ThreatKey(w.SupersededBy, w.Sharer)) != nil, "withdrawal %v: superseded by no report", r.key)
		for _, o := range withdrawals {
			c.want(o.last().Digest != w.SupersededBy || o.last().Sharer != w.Sharer || after(o.entries[0].version, r.entries[0].version),
				"withdrawal %v: superseded by what was withdrawn", r.key)
		}
	}
}

// spokenOf: what is said of a report was said while it stood, and its marking
// lets everyone hear it.
func (c *checker) spokenOf(what ledger.Key, digest, sharer string, e entry) {
	report := find(rowsOf[ledger.Threat](c, ledger.TypeThreat), ledger.ThreatKey(digest, sharer))
	if report == nil {
		c.fail("%v: of no report", what)
		return
	}
	c.want(!ledger.Sealed(report.Marking), "%v: of a sealed report", what)
	for _, w := range rowsOf[ledger.Withdrawal](c, ledger.TypeWithdrawal) {
		c.want(w.last().Digest != digest || w.last().Sharer != sharer || after(w.entries[0].version, e.version),
			"%v: came after the report's withdrawal", what)
	}
}

// sightings: each is its organisation's own transaction, of times that had come.
func (c *checker) sightings() {
	for _, r := range once(c, rowsOf[ledger.Sighting](c, ledger.TypeSighting)) {
		s := r.last()
		c.spokenOf(r.key, s.Digest, s.Sharer, r.entries[0])
		c.want(c.by(r.entries[0]).Org == s.By && r.entries[0].tx == s.Tx, "sighting %v: is not its organisation's transaction", r.key)
		c.want(s.Count >= 1 && !s.Last.Before(s.First) && !s.Time.Before(s.Last), "sighting %v: of no time, or of one to come", r.key)
	}
}

// opinions: each is of another's report, by who has it, revision by revision.
func (c *checker) opinions() {
	for _, r := range rowsOf[ledger.Opinion](c, ledger.TypeOpinion) {
		for i, o := range r.versions {
			c.spokenOf(r.key, o.Digest, o.Sharer, r.entries[i])
			c.want(o.By != o.Sharer, "opinion %v: of an own report", r.key)
			c.want(c.by(r.entries[i]).Org == o.By, "opinion %v: another organisation wrote it", r.key)
			c.want(o.Revision == i+1, "opinion %v: version %d has revision %d", r.key, i, o.Revision)
			c.want(slices.Contains(ledger.Opinions, o.Opinion) && o.Weight >= 1 && o.Weight <= ledger.MaxWeight, "opinion %v: is %s of weight %d", r.key, o.Opinion, o.Weight)
		}
	}
}
