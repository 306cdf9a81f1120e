package statetest

import (
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// kindOf returns what an organisation is registered as; empty when it is not.
func (c *checker) kindOf(org string) string {
	if o := find(rowsOf[ledger.Organisation](c, ledger.TypeOrganisation), ledger.OrganisationKey(org)); o != nil {
		return o.Kind
	}
	return ""
}

// devices: models are of manufacturers, and change hands by enacted proposals
// only; releases are of their model's manufacturer, and stand for good.
func (c *checker) devices() {
	models := rowsOf[ledger.Model](c, ledger.TypeModel)
	for _, r := range models {
		for i, m := range r.versions {
			c.want(c.kindOf(m.Manufacturer) == ledger.KindManufacturer, "model %s: its maker is no manufacturer", m.DI)
			if i == 0 {
				c.want(c.by(r.entries[0]).Org == m.Manufacturer, "model %s: another organisation wrote it", m.DI)
				continue
			}
			p := c.assignment(r.entries[i])
			c.want(p != nil && m.Assigned != nil && m.Assigned.Proposal == p.ID && m.Assigned.From == r.versions[i-1].Manufacturer &&
				p.Subject.DI == m.DI && p.Subject.Organisation == m.Manufacturer && p.Base == m.Assigned.From, "model %s: changed hands without a vote", m.DI)
		}
	}
	for _, r := range once(c, rowsOf[ledger.Release](c, ledger.TypeRelease)) {
		m := find(models, ledger.ModelKey(r.last().DI))
		if m == nil {
			c.fail("release %v: of no model", r.key)
			continue
		}
		for i, v := range r.versions {
			c.want(c.by(r.entries[i]).Org == v.PublishedBy(m), "release %v: not its maker's", r.key)
		}
	}
}

// assignment returns the proposal to assign a model that the transaction of an
// entry enacted; nil when it enacted none.
func (c *checker) assignment(e entry) *ledger.Proposal {
	for _, m := range rowsOf[ledger.Enactment](c, ledger.TypeEnactment) {
		if m.entries[0].tx == e.tx && m.last().Kind == ledger.ProposeAssignModel {
			return find(rowsOf[ledger.Proposal](c, ledger.TypeProposal), ledger.ProposalKey(m.last().Proposal))
		}
	}
	return nil
}

// recalls: each revision is by the model's maker or by an authority, an
// authority's live one by an authority only, and one that ends by two persons.
func (c *checker) recalls() {
	models := rowsOf[ledger.Model](c, ledger.TypeModel)
	for _, r := range rowsOf[ledger.Recall](c, ledger.TypeRecall) {
		makers := []string{}
		for _, m := range models {
			for _, v := range m.versions {
				if v.DI == r.last().DI {
					makers = append(makers, v.Manufacturer)
				}
			}
		}
		for i, v := range r.versions {
			authority := c.kindOf(v.By) == ledger.KindAuthority
			c.want(v.Revision == i+1, "recall %v: version %d has revision %d", r.key, i, v.Revision)
			c.want(c.by(r.entries[i]).Org == v.By && v.Authority == authority && (authority || slices.Contains(makers, v.By)),
				"recall %v: revision %d is not by who may recall", r.key, v.Revision)
			c.want(!v.Ended || i > 0 && !r.versions[i-1].Ended, "recall %v: revision %d ends what is not there", r.key, v.Revision)
			c.want(i == 0 || r.versions[i-1].Ended || authority || !r.versions[i-1].Authority, "recall %v: its maker changed an authority's", r.key)
			want := 0
			if v.Ended {
				want = 2
			}
			c.persons(r.key, v.Persons, want, r.entries[i])
		}
	}
}

// persons: so many signed for a step, each for another organisation, and their
// statements served this transaction.
func (c *checker) persons(of ledger.Key, acted []ledger.PersonActed, want int, e entry) {
	if len(acted) != want {
		c.fail("%v: %d persons signed for it, of %d", of, len(acted), want)
		return
	}
	if want == 0 {
		return
	}
	marks := rowsOf[ledger.StatementMark](c, ledger.TypeStatementMark)
	seen := map[string]bool{}
	for _, p := range acted {
		m := find(marks, ledger.StatementMarkKey(p.Statement))
		c.want(m != nil && m.Tx == e.tx && m.Organisation == p.Organisation && m.Function == c.by(e).Name, "%v: a person's statement served nothing", of)
		c.want(!seen[p.Organisation], "%v: its persons are of one organisation", of)
		seen[p.Organisation] = true
	}
}
