package compliance

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// answerable is what the caller answers for, and as what.
type answerable struct {
	unit      *ledger.Unit // nil: it is a model
	party     string
	concerned []string // subjects of events
}

// answersFor finds a unit or a model that the caller answers for in its role: as
// the unit's owner's custodian, the maker's registrar, or a certifier of an
// authority.
func answersFor(ctx *state.Context, kind, subject string) (*answerable, error) {
	caller := ctx.Caller()
	a := &answerable{}
	var owner, maker string
	if kind == ledger.SubjectModel {
		model, err := state.Models.Get(ctx, ledger.ModelKey(subject))
		if err != nil {
			return nil, err
		}
		maker = model.Manufacturer
		a.concerned = []string{caller.Org, maker}
	} else {
		unit, err := state.Units.Get(ctx, ledger.UnitKey(subject))
		if err != nil {
			return nil, err
		}
		unit.Upcast()
		if unit.State == ledger.StateRetired {
			return nil, ledger.Problemf(ledger.CodeGone, "the unit is retired")
		}
		a.unit, owner, maker = unit, unit.Owner, unit.Manufacturer
		a.concerned = []string{caller.Org, unit.ID, maker}
		if owner != "" {
			a.concerned = append(a.concerned, owner)
		}
	}
	switch {
	case caller.Role == ledger.RoleCustodian && caller.Org == owner:
		a.party = ledger.PartyOwner
	case caller.Role == ledger.RoleRegistrar && caller.Org == maker:
		a.party = ledger.PartyMaker
	case caller.Role == ledger.RoleCertifier:
		a.party = ledger.PartyAuthority
		return a, state.Authority(ctx)
	default:
		return nil, ledger.Problemf(ledger.CodeDenied, "the device is another organisation's")
	}
	return a, nil
}

// inUse returns the catalogue of that id, which must be the one in use.
func inUse(ctx *state.Context, id string) (*ledger.Catalogue, error) {
	name, version, _ := ledger.SplitCatalogue(id)
	used, found, err := state.CataloguesInUse.Find(ctx, ledger.CatalogueInUseKey(name))
	if err != nil {
		return nil, err
	}
	if !found || used.Version != version {
		return nil, ledger.Problemf(ledger.CodeDenied, "the members have not accepted this catalogue, or another version since")
	}
	return state.Catalogues.Get(ctx, ledger.CatalogueKey(name, version))
}

// control returns a control of the catalogue in use.
func control(ctx *state.Context, catalogue, id string) (ledger.CatalogueControl, error) {
	c, err := inUse(ctx, catalogue)
	if err != nil {
		return ledger.CatalogueControl{}, err
	}
	found, ok := c.Control(id)
	if !ok {
		return found, ledger.Problemf(ledger.CodeNotFound, "the catalogue has no such control")
	}
	return found, nil
}

// exceptions reads those that a request names, by control.
func exceptions(ctx *state.Context, unit *ledger.Unit, used []ledger.UsedException) (map[string]*ledger.Exception, error) {
	if len(used) == 0 {
		return nil, nil //nolint:nilnil // no exceptions are no error
	}
	granted, ended := make([]ledger.Key, len(used)), make([]ledger.Key, len(used))
	for i, u := range used {
		subject := unit.ID
		if u.SubjectKind == ledger.SubjectModel {
			subject = unit.DI
		}
		granted[i] = ledger.ExceptionKey(u.SubjectKind, subject, u.Control, u.ReasonDigest)
		ended[i] = ledger.ExceptionEndKey(u.SubjectKind, subject, u.Control, u.ReasonDigest)
	}
	found, err := state.Exceptions.FindMany(ctx, granted...)
	if err != nil {
		return nil, err
	}
	ends, err := state.ExceptionEnds.FindMany(ctx, ended...)
	if err != nil {
		return nil, err
	}
	byControl := make(map[string]*ledger.Exception, len(used))
	for i, u := range used {
		switch {
		case found[i] == nil:
			return nil, ledger.Problemf(ledger.CodeNotFound, "a named exception was never granted")
		case ends[i] != nil:
			return nil, ledger.Problemf(ledger.CodeGone, "a named exception was ended")
		}
		byControl[u.Control] = found[i]
	}
	return byControl, nil
}

// notRecalled refuses to call a unit fit to which a recall applies.
func notRecalled(ctx *state.Context, unit *ledger.Unit) error {
	lot, release := unit.RecallKeys()
	found, err := state.Recalls.FindMany(ctx, lot, release)
	if err != nil {
		return err
	}
	if unit.RecalledBy(found[0], found[1]) != nil {
		return ledger.Problemf(ledger.CodeDenied, "the unit is recalled")
	}
	return nil
}
