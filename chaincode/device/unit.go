package device

import (
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// RegisterUnit registers a unit of a model of the caller's organisation: for the
// hospital to which it was delivered, or, without a release, as manufactured.
func (c *Contract) RegisterUnit(ctx *state.Context, req ledger.RegisterUnit) (*ledger.Unit, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	model, owner, err := delivered(ctx, req.DI, req.Release, req.Owner)
	if err != nil {
		return nil, err
	}
	unit, err := registerUnit(model, owner, req, ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := state.Units.Create(ctx, unit); err != nil {
		return nil, err
	}
	if err := claimOne(ctx, unit); err != nil {
		return nil, err
	}
	if err := state.UnitChanges.Append(ctx, change(ctx, nil, unit, ledger.UnitChange{Step: ledger.DeviceRegisterUnit})); err != nil {
		return nil, err
	}
	return unit, ctx.Emit(ledger.EventUnitRegistered, unit.Key(), concerned(unit)...)
}

// delivered returns what a registration refers to: the model, which must be of the
// caller's organisation, and the owner's row, nil when it has none. The release
// must exist. An empty release or owner is not looked for.
func delivered(ctx *state.Context, di, release, owner string) (*ledger.Model, *ledger.Organisation, error) {
	model, err := state.Models.Get(ctx, ledger.ModelKey(di))
	if err != nil {
		return nil, nil, err
	}
	if err := owns(ctx.Caller().Org, model); err != nil {
		return nil, nil, err
	}
	row, err := owned(ctx, di, release, owner)
	return model, row, err
}

// owned is delivered without the model.
func owned(ctx *state.Context, di, release, owner string) (*ledger.Organisation, error) {
	if release != "" {
		if _, err := state.Releases.Get(ctx, ledger.ReleaseKey(di, release)); err != nil {
			return nil, err
		}
	}
	if owner == "" {
		return nil, nil //nolint:nilnil // who owns it is not stated
	}
	row, _, err := state.Organisations.Find(ctx, ledger.OrganisationKey(owner))
	return row, err
}

// RegisterUnits registers many units of one lot for one owner. Those that are
// registered already with the same facts are skipped.
func (c *Contract) RegisterUnits(ctx *state.Context, req ledger.RegisterUnits) (*ledger.UnitsRegistered, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	model, owner, err := delivered(ctx, req.DI, req.Release, req.Owner)
	if err != nil {
		return nil, err
	}
	wanted, err := registerUnits(model, owner, req, ctx.Time())
	if err != nil {
		return nil, err
	}
	keys, at := make([]ledger.Key, len(wanted)), make(map[string]int, len(wanted))
	for i, u := range wanted {
		keys[i], at[u.ID] = u.Key(), i
	}
	present, err := state.Units.FindMany(ctx, keys...)
	if err != nil {
		return nil, err
	}
	missing, err := notRegistered(wanted, present)
	if err != nil {
		return nil, err
	}
	if err := claimAll(ctx, missing, at); err != nil {
		return nil, err
	}
	for _, u := range missing {
		u.Chunk = ctx.TxID()
		if err := state.Units.Create(ctx, u); err != nil {
			return nil, err
		}
	}
	err = state.UnitChunks.Append(ctx, &ledger.UnitChunk{
		V: 1, Tx: ctx.TxID(), To: missing[0].State, By: ctx.Caller().Org, Time: ctx.Time(), Step: ledger.DeviceRegisterUnits, Count: len(missing),
	})
	if err != nil {
		return nil, err
	}
	out := &ledger.UnitsRegistered{Registered: len(missing), Skipped: len(wanted) - len(missing)}
	return out, ctx.Emit(ledger.EventUnitsRegistered, missing[0].Key(), model.Manufacturer, owner.ID)
}

// CompleteUnit gives a manufactured unit of the caller's organisation what it
// lacks to be registered. Whoever registered it may, also when the model has been
// assigned to another since: nobody else could.
func (c *Contract) CompleteUnit(ctx *state.Context, req ledger.CompleteUnit) (*ledger.Unit, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	unit, err := load(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if unit.Manufacturer != ctx.Caller().Org {
		return nil, foreign()
	}
	if err := admits(unit, ledger.DeviceCompleteUnit, req.Revision); err != nil {
		return nil, err
	}
	if req.Owner == "" {
		req.Owner = unit.Owner
	}
	owner, err := owned(ctx, unit.DI, req.Release, req.Owner)
	if err != nil {
		return nil, err
	}
	next, err := completeUnit(unit, owner, req)
	if err != nil {
		return nil, err
	}
	if err := claimOne(ctx, next); err != nil {
		return nil, err
	}
	return record(ctx, unit, next, ledger.EventUnitCompleted, ledger.UnitChange{
		Step: ledger.DeviceCompleteUnit, Release: next.Release, Owner: next.Owner,
	})
}

// GetUnit returns one unit: recalled when a recall of its lot or release applies.
func (c *Contract) GetUnit(ctx *state.Context, req ledger.GetUnit) (*ledger.Unit, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	unit, err := state.Units.Get(ctx, ledger.UnitKey(req.ID))
	if err != nil {
		return nil, err
	}
	lot, release, err := recalls(ctx, unit)
	if err != nil {
		return nil, err
	}
	unit.Derive(lot, release)
	return unit, nil
}

// ListUnits returns a page of units, recalled where a recall applies.
func (c *Contract) ListUnits(ctx *state.Context, req ledger.PageRequest) (*ledger.UnitPage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.Units.List(ctx, nil, req)
	if err != nil {
		return nil, err
	}
	if err := deriveAll(ctx, items); err != nil {
		return nil, err
	}
	return &ledger.UnitPage{Items: items, Next: next}, nil
}

// deriveAll derives the units of a page; each recall is read once.
func deriveAll(ctx *state.Context, units []ledger.Unit) error {
	var keys []ledger.Key
	at := map[string]int{} // place of a key -> its index
	for i := range units {
		lot, release := units[i].RecallKeys()
		for _, k := range []ledger.Key{lot, release} {
			if _, known := at[place(k)]; !known {
				at[place(k)] = len(keys)
				keys = append(keys, k)
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	found, err := state.Recalls.FindMany(ctx, keys...)
	if err != nil {
		return err
	}
	for i := range units {
		lot, release := units[i].RecallKeys()
		units[i].Derive(found[at[place(lot)]], found[at[place(release)]])
	}
	return nil
}

func place(k ledger.Key) string { return strings.Join(k.Parts, "\x00") }
