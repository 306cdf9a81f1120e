package statetest

import (
	"strconv"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// catalogues: each is its author's; which is in use was enacted, version by version.
func (c *checker) catalogues() {
	catalogues := once(c, rowsOf[ledger.Catalogue](c, ledger.TypeCatalogue))
	for _, r := range catalogues {
		c.want(c.by(r.entries[0]).Org == r.last().Author, "catalogue %v: another organisation wrote it", r.key)
	}
	used := rowsOf[ledger.CatalogueInUse](c, ledger.TypeCatalogueInUse)
	if len(used) == 0 {
		return
	}
	v := newVotes(c)
	for _, r := range used {
		for i, u := range r.versions {
			p := v.enacted(r.entries[i])
			c.want(u.Revision == i+1, "catalogue in use %v: version %d has revision %d", r.key, i, u.Revision)
			c.want(p != nil && p.ID == u.Proposal && p.Kind == ledger.ProposeAcceptCatalogue && p.Subject.Catalogue == u.ID() && p.Base == strconv.Itoa(i),
				"catalogue in use %v: version %d is not what was enacted", r.key, i)
			of := find(catalogues, ledger.CatalogueKey(u.Name, u.Version))
			c.want(of != nil && of.Digest == u.Digest, "catalogue in use %v: version %d was not published", r.key, i)
		}
	}
}

// assessments: each counts as its catalogue does, by a party of its unit, under the
// catalogue that was in use; so is evidence.
func (c *checker) assessments() {
	catalogues := rowsOf[ledger.Catalogue](c, ledger.TypeCatalogue)
	used := rowsOf[ledger.CatalogueInUse](c, ledger.TypeCatalogueInUse)
	inUse := func(id string, before Version) bool {
		name, version, _ := ledger.SplitCatalogue(id)
		u := standing(used, ledger.CatalogueInUseKey(name), before)
		return u != nil && u.Version == version
	}
	for _, r := range once(c, rowsOf[ledger.ControlAssessment](c, ledger.TypeControlAssessment)) {
		a := r.last()
		name, version, _ := ledger.SplitCatalogue(a.Catalogue)
		of := find(catalogues, ledger.CatalogueKey(name, version))
		c.want(inUse(a.Catalogue, r.entries[0].version), "assessment %v: by a catalogue that was not in use", r.key)
		c.want(c.by(r.entries[0]).Org == a.Assessor, "assessment %v: another organisation wrote it", r.key)
		if of == nil {
			continue
		}
		score, verdict, err := of.Judge(a.Results)
		c.want(err == nil && score == a.Score && verdict == a.Verdict, "assessment %v: says %d and %s, and counts as %d and %s", r.key, a.Score, a.Verdict, score, verdict)
	}
	for _, r := range rowsOf[ledger.Evidence](c, ledger.TypeEvidence) {
		for i, e := range r.versions {
			c.want(c.by(r.entries[i]).Org == e.By, "evidence %v: another organisation wrote it", r.key)
			c.want(inUse(e.Catalogue, r.entries[i].version), "evidence %v: of a catalogue that was not in use", r.key)
			c.want(i == 0 || r.versions[i-1].Catalogue != e.Catalogue, "evidence %v: written twice under one catalogue", r.key)
		}
	}
}

// exceptions: each was signed and ends, and what ended one came after it.
func (c *checker) exceptions() {
	all := rowsOf[ledger.Exception](c, ledger.TypeException)
	for _, r := range all {
		for i, e := range r.versions {
			c.want(c.by(r.entries[i]).Org == e.By && len(e.Persons) == 1, "exception %v: nobody signed it, or another organisation wrote it", r.key)
			c.want(e.Until.After(e.Time) && e.Until.Sub(e.Time) <= ledger.MaxException, "exception %v: does not end in time", r.key)
			c.want(i == 0 || r.versions[i-1].Catalogue != e.Catalogue, "exception %v: written twice under one catalogue", r.key)
		}
	}
	for _, r := range once(c, rowsOf[ledger.ExceptionEnd](c, ledger.TypeExceptionEnd)) {
		e := r.last()
		c.want(c.by(r.entries[0]).Org == e.By, "end of an exception %v: another organisation wrote it", r.key)
		c.want(standing(all, ledger.ExceptionKey(e.SubjectKind, e.Subject, e.Control, e.ReasonDigest), r.entries[0].version) != nil, "end of an exception %v: of none", r.key)
	}
}
