package statetest

import (
	"slices"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// unitSteps says of each step of a unit which changes of state it may make, and
// how many persons sign for it. It is written apart from the contract's rules.
var unitSteps = map[string]struct {
	leads   []string // "from to"
	persons int
}{
	ledger.DeviceRegisterUnit:   {[]string{" manufactured", " registered"}, 0},
	ledger.DeviceRegisterUnits:  {[]string{" registered"}, 0},
	ledger.DeviceCompleteUnit:   {[]string{"manufactured registered"}, 0},
	ledger.DevicePutIntoService: {[]string{"registered in_service", "certified in_service"}, 0},
	ledger.DeviceCertify: {[]string{
		"registered registered", "registered certified", "certified certified", "certified registered",
		"in_service in_service", "in_service held", "held held", "quarantined quarantined",
	}, 1},
	ledger.DeviceHold: {[]string{
		"registered held", "certified held", "in_service held", "held held", "quarantined quarantined",
	}, 0},
	ledger.DeviceQuarantine: {[]string{
		"registered quarantined", "certified quarantined", "in_service quarantined", "held quarantined", "quarantined quarantined",
	}, 0},
	ledger.DeviceRelease: {[]string{
		"held registered", "held certified", "held in_service", "quarantined registered", "quarantined certified", "quarantined in_service",
	}, 2},
	ledger.DeviceUpdateRelease: {[]string{
		"registered registered", "certified registered", "in_service in_service", "in_service held", "held held", "quarantined quarantined",
	}, 0},
	ledger.DeviceOffer: {[]string{"registered registered", "certified certified", "in_service in_service"}, 0},
	ledger.DeviceEndOffer: {[]string{
		"registered registered", "certified certified", "in_service in_service", "held held", "quarantined quarantined",
	}, 0},
	ledger.DeviceAccept: {[]string{
		"registered registered", "certified certified", "certified registered", "in_service registered", "in_service certified",
	}, 0},
	ledger.DeviceClear: {[]string{
		"registered registered", "certified certified", "in_service in_service", "held held", "quarantined quarantined",
	}, 2},
	ledger.DeviceRetire: {[]string{
		"registered retired", "certified retired", "in_service retired", "held retired", "quarantined retired",
	}, 0},
}

// units: each is of a model, with a release and an owner that are there; each of
// its versions follows from the one before by a step of its history, made by who
// may make it.
func (c *checker) units() {
	kinds, releases := map[string]string{}, map[string]bool{}
	for _, r := range rowsOf[ledger.Organisation](c, ledger.TypeOrganisation) {
		kinds[r.last().ID] = r.last().Kind
	}
	for _, r := range rowsOf[ledger.Release](c, ledger.TypeRelease) {
		releases[strings.Join(r.key.Parts, "\x00")] = true
	}
	makers := map[string][]string{} // by DI: whoever had the model
	for _, r := range rowsOf[ledger.Model](c, ledger.TypeModel) {
		for _, m := range r.versions {
			makers[m.DI] = append(makers[m.DI], m.Manufacturer)
		}
	}
	history := map[string]*ledger.UnitChange{}
	for _, h := range once(c, rowsOf[ledger.UnitChange](c, ledger.TypeUnitHistory)) {
		row := h.last()
		history[strings.Join(h.key.Parts, " ")] = &row
	}
	chunks, told := c.chunks(), 0
	units := rowsOf[ledger.Unit](c, ledger.TypeUnit)
	c.claims(units)
	for _, r := range units {
		u := r.last()
		c.want(slices.Contains(makers[u.DI], u.Manufacturer), "unit %s: of no model, or of another maker's", u.ID)
		for i := range r.versions {
			u, e := &r.versions[i], r.entries[i]
			made := u.State == ledger.StateManufactured
			c.want(releases[u.DI+"\x00"+u.Release] || made && u.Release == "", "unit %s: runs no known release", u.ID)
			c.want(kinds[u.Owner] == ledger.KindHospital || made && u.Owner == "", "unit %s: its owner is no hospital", u.ID)
			c.unitState(u)
			h := history[u.ID+" "+e.tx]
			chunk := chunks[e.tx]
			switch {
			case h != nil:
				told++
			case chunk != nil && i == 0 && u.Chunk == e.tx:
				chunk.units++
				h = chunk.row.Change(u.ID)
			default:
				c.fail("unit %s: version %d has no history", u.ID, i)
				continue
			}
			c.want(u.Chunk == r.versions[0].Chunk, "unit %s: is of another chunk than before", u.ID)
			var before *ledger.Unit
			if i > 0 {
				before = &r.versions[i-1]
			}
			c.unitStep(before, u, h, e, kinds)
		}
	}
	c.want(told == len(history), "history: %d rows are of no unit, or of no version of one", len(history)-told)
	for tx, chunk := range chunks {
		c.want(chunk.units == chunk.row.Count, "chunk %s: counts %d units and has %d", tx, chunk.row.Count, chunk.units)
	}
}

// unitChunk is the row of a chunk, and how many units were found to be of it.
type unitChunk struct {
	row   ledger.UnitChunk
	units int
}

// chunks returns the rows of chunks by their transaction.
func (c *checker) chunks() map[string]*unitChunk {
	chunks := map[string]*unitChunk{}
	for _, r := range once(c, rowsOf[ledger.UnitChunk](c, ledger.TypeUnitChunk)) {
		row := r.last()
		c.want(row.Tx == r.entries[0].tx, "chunk %s: was written by another transaction", row.Tx)
		chunks[row.Tx] = &unitChunk{row: row}
	}
	return chunks
}

// claims: each key that a unit ever had is claimed for it, so that no two have
// one, and no key that no unit had. Units that began in the first form need no
// claim.
func (c *checker) claims(units []*row[ledger.Unit]) {
	claims := map[string]string{} // by key: the unit
	for _, kind := range []ledger.ObjectType{ledger.TypeUnitIDevID, ledger.TypeUnitSigning} {
		for _, r := range once(c, rowsOf[ledger.UnitClaim](c, kind)) {
			claims[string(kind)+" "+r.last().Value] = r.last().Unit
		}
	}
	had := map[string]bool{}
	for _, r := range units {
		for i := range r.versions {
			for _, claim := range r.versions[i].Claims() {
				key := string(claim.Type) + " " + claim.Value
				c.want(claims[key] == claim.Unit || r.versions[0].V == 1, "unit %s: has a key that is not claimed for it", claim.Unit)
				had[key] = had[key] || claims[key] == claim.Unit
			}
		}
	}
	for key := range claims {
		c.want(had[key], "key %s: is claimed for a unit that never had it", key)
	}
}

// unitState: what a unit says of itself fits together, and no recall is written
// into it.
func (c *checker) unitState(u *ledger.Unit) {
	held := u.State == ledger.StateHeld || u.State == ledger.StateQuarantined
	distinct := slices.Clone(u.Holds)
	slices.Sort(distinct)
	c.want(u.State != ledger.StateRecalled && u.Recall == nil, "unit %s: is stored as recalled", u.ID)
	c.want(held == (u.Previous != "") && held == (len(u.Holds) > 0), "unit %s: is held without a reason, or has one and is not", u.ID)
	c.want(len(u.Holds) <= ledger.MaxHolds && len(slices.Compact(distinct)) == len(u.Holds), "unit %s: is held too often", u.ID)
	c.want((u.State == ledger.StateRetired) == (u.WipeDigest != ""), "unit %s: was wiped and is not retired, or the other way", u.ID)
	c.want(len(u.Former) <= ledger.MaxFormer && len(u.Refused) <= ledger.MaxRefused, "unit %s: remembers too much", u.ID)
	c.want(u.Served || u.V == 1 || u.State != ledger.StateInService && u.Previous != ledger.StateInService, "unit %s: never served, and is in service", u.ID)
	certified := u.Certification != ledger.CertificationNone
	c.want(!certified || u.Assessment != nil && u.Assessment.Certifies() && u.Assessment.Release == u.Release && u.Assessment.ValidTo.After(u.Assessment.Time),
		"unit %s: is certified by nobody", u.ID)
	c.want(certified || u.State != ledger.StateCertified && u.Previous != ledger.StateCertified, "unit %s: is certified by nobody", u.ID)
}

// unitStep: the row of history says what the transaction made of the unit, and
// whoever made it might.
func (c *checker) unitStep(before, u *ledger.Unit, h *ledger.UnitChange, e entry, kinds map[string]string) {
	from, since, revision := "", h.Time, 1
	if before != nil {
		same := before.ID == u.ID && before.DI == u.DI && before.Lot == u.Lot && before.Manufacturer == u.Manufacturer
		keys := before.PublicKey == u.PublicKey && before.IDevID == u.IDevID
		c.want(same && (keys || h.Step == ledger.DeviceCompleteUnit), "unit %s: became another", u.ID)
		c.want(before.Owner == u.Owner || h.Step == ledger.DeviceAccept || h.Step == ledger.DeviceCompleteUnit, "unit %s: changed hands on its way", u.ID)
		if from = before.State; from == u.State {
			since = before.Since
		}
		old := *before
		old.Upcast()
		revision = old.Revision + 1
		former := old.Former
		if old.Owner != u.Owner && old.Owner != "" && h.Step != ledger.DeviceCompleteUnit {
			former = append(slices.Clone(former), ledger.FormerOwner{Owner: old.Owner, Until: h.Time})
			former = former[max(0, len(former)-ledger.MaxFormer):]
		}
		c.want(slices.Equal(former, u.Former), "unit %s: forgot an owner, or made one up", u.ID)
		c.want(u.Served == (old.Served || u.V == 2 && u.State == ledger.StateInService), "unit %s: forgot that it served", u.ID)
	}
	c.want(h.From == from && h.To == u.State && u.Since.Equal(since), "unit %s: history %d does not lead to its state", u.ID, u.Revision)
	c.want(h.By == c.by(e).Org && c.may(before, u, h, kinds), "unit %s: change %d is not by who may make it", u.ID, u.Revision)
	if h.V == 1 {
		return
	}
	step := unitSteps[h.Step]
	c.want(u.V == 2 && u.Revision == revision && h.Revision == revision, "unit %s: revision %d follows %d", u.ID, u.Revision, revision-1)
	c.want(h.Step == c.by(e).Name && slices.Contains(step.leads, from+" "+u.State), "unit %s: %s led from %q to %s", u.ID, h.Step, from, u.State)
	c.persons(u.Key(), h.Persons, step.persons, e)
}

// may reports whether the organisation of a change might make it.
func (c *checker) may(before, u *ledger.Unit, h *ledger.UnitChange, kinds map[string]string) bool {
	if before == nil {
		return h.By == u.Manufacturer
	}
	switch h.Step {
	case ledger.DeviceCompleteUnit:
		return h.By == u.Manufacturer
	case ledger.DeviceCertify:
		return kinds[h.By] == ledger.KindAuthority
	case ledger.DeviceHold, ledger.DeviceQuarantine:
		return h.By == u.Owner || h.By == u.Manufacturer || kinds[h.By] == ledger.KindAuthority
	case ledger.DeviceAccept:
		return before.Offer != nil && h.By == before.Offer.To && h.By == u.Owner
	case ledger.DeviceEndOffer:
		return before.Offer != nil && (h.By == u.Owner || h.By == before.Offer.To)
	}
	return h.By == before.Owner
}
