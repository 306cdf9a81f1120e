package statetest

import (
	"github.com/secant-platform/secant/chaincode/ledger"
)

// organisations: each wrote its own row only, revision by revision, and kept
// its kind.
func (c *checker) organisations() {
	for _, r := range rowsOf[ledger.Organisation](c, ledger.TypeOrganisation) {
		for i, o := range r.versions {
			c.want(o.Revision == i+1, "%s: version %d has revision %d", o.ID, i, o.Revision)
			c.want(o.Kind == r.versions[0].Kind && o.Since.Equal(r.versions[0].Since), "%s: changed its kind or its beginning", o.ID)
			c.want(c.by(r.entries[i]).Org == o.ID, "%s: another organisation wrote its row", o.ID)
		}
	}
}

// devices: models of manufacturers, releases of models, units of both; a unit's
// history leads to its state.
func (c *checker) devices() {
	orgs := rowsOf[ledger.Organisation](c, ledger.TypeOrganisation)
	models := once(c, rowsOf[ledger.Model](c, ledger.TypeModel))
	releases := once(c, rowsOf[ledger.Release](c, ledger.TypeRelease))
	for _, r := range models {
		m := r.last()
		maker := find(orgs, ledger.OrganisationKey(m.Manufacturer))
		c.want(maker != nil && maker.Kind == ledger.KindManufacturer, "model %s: its maker is no manufacturer", m.DI)
		c.want(c.by(r.entries[0]).Org == m.Manufacturer, "model %s: another organisation wrote it", m.DI)
	}
	for _, r := range releases {
		m := find(models, ledger.ModelKey(r.last().DI))
		c.want(m != nil && c.by(r.entries[0]).Org == m.Manufacturer, "release %v: of no model, or not its maker's", r.key)
	}
	history := once(c, rowsOf[ledger.UnitChange](c, ledger.TypeUnitHistory))
	for _, r := range rowsOf[ledger.Unit](c, ledger.TypeUnit) {
		u := r.last()
		m := find(models, ledger.ModelKey(u.DI))
		c.want(m != nil && m.Manufacturer == u.Manufacturer, "unit %s: of no model, or of another maker's", u.ID)
		c.want(find(releases, ledger.ReleaseKey(u.DI, u.Release)) != nil, "unit %s: runs no known release", u.ID)
		owner := find(orgs, ledger.OrganisationKey(u.Owner))
		c.want(owner != nil && owner.Kind == ledger.KindHospital, "unit %s: its owner is no hospital", u.ID)
		c.want(u.Certification == ledger.CertificationNone, "unit %s: is certified by nobody", u.ID)
		c.unitHistory(r, history)
	}
	for _, h := range history {
		c.want(find(rowsOf[ledger.Unit](c, ledger.TypeUnit), ledger.UnitKey(h.last().ID)) != nil, "history %v: of no unit", h.key)
	}
}

// unitHistory: one row for each version of the unit, written with it, from the
// state before to the state that it has.
func (c *checker) unitHistory(r *row[ledger.Unit], history []*row[ledger.UnitChange]) {
	from, rows := "", 0
	for i, u := range r.versions {
		h := find(history, ledger.Key{Type: ledger.TypeUnitHistory, Parts: []string{u.ID, r.entries[i].tx}})
		if h == nil {
			c.fail("unit %s: version %d has no history", u.ID, i)
			continue
		}
		by := u.Manufacturer
		if i > 0 {
			by = u.Owner
		}
		c.want(h.From == from && h.To == u.State && h.Time.Equal(u.Since), "unit %s: history %d does not lead to its state", u.ID, i)
		c.want(h.By == by && c.by(r.entries[i]).Org == by, "unit %s: change %d is not by who may make it", u.ID, i)
		from = u.State
	}
	for _, h := range history {
		if h.last().ID == r.last().ID {
			rows++
		}
	}
	c.want(rows == len(r.versions), "unit %s: has %d versions and %d rows of history", r.last().ID, len(r.versions), rows)
}
