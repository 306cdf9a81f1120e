package device

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Contract holds the transactions "device:...".
type Contract struct{ state.Contract }

// New returns the contract.
func New(o state.Options) *Contract { return &Contract{state.NewContract("device", o)} }

// RegisterModel registers a model under the caller's organisation.
func (c *Contract) RegisterModel(ctx *state.Context, req ledger.RegisterModel) (*ledger.Model, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	maker, _, err := state.Organisations.Find(ctx, ledger.OrganisationKey(ctx.Caller().Org))
	if err != nil {
		return nil, err
	}
	model, err := registerModel(maker, req, ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := state.Models.Create(ctx, model); err != nil {
		return nil, err
	}
	return model, ctx.Emit(ledger.EventModelRegistered, model.Key(), model.Manufacturer)
}

// PublishRelease publishes a release of a model of the caller's organisation.
func (c *Contract) PublishRelease(ctx *state.Context, req ledger.PublishRelease) (*ledger.Release, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	model, err := state.Models.Get(ctx, ledger.ModelKey(req.DI))
	if err != nil {
		return nil, err
	}
	release, err := publishRelease(model, req, ctx.Caller().Org, ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := state.Releases.Create(ctx, release); err != nil {
		return nil, err
	}
	return release, ctx.Emit(ledger.EventReleasePublished, release.Key(), model.Manufacturer)
}

// RegisterUnit registers a unit of a model of the caller's organisation, for
// the hospital to which it was delivered.
func (c *Contract) RegisterUnit(ctx *state.Context, req ledger.RegisterUnit) (*ledger.Unit, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	model, err := state.Models.Get(ctx, ledger.ModelKey(req.DI))
	if err != nil {
		return nil, err
	}
	if err := owns(ctx.Caller().Org, model); err != nil {
		return nil, err
	}
	if _, err := state.Releases.Get(ctx, ledger.ReleaseKey(req.DI, req.Release)); err != nil {
		return nil, err
	}
	owner, _, err := state.Organisations.Find(ctx, ledger.OrganisationKey(req.Owner))
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
	if err := state.UnitChanges.Append(ctx, change(unit, "", ctx)); err != nil {
		return nil, err
	}
	return unit, ctx.Emit(ledger.EventUnitRegistered, unit.Key(), unit.ID, unit.Manufacturer, unit.Owner)
}

// PutIntoService admits a registered unit at the hospital that owns it. Until
// certification exists it stays uncertified.
func (c *Contract) PutIntoService(ctx *state.Context, req ledger.PutIntoService) (*ledger.Unit, error) {
	if err := ctx.Permit(ledger.RoleCustodian); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	unit, err := state.Units.Get(ctx, ledger.UnitKey(req.ID))
	if err != nil {
		return nil, err
	}
	next, err := putIntoService(unit, ctx.Caller().Org, ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := state.Units.Update(ctx, next); err != nil {
		return nil, err
	}
	if err := state.UnitChanges.Append(ctx, change(next, unit.State, ctx)); err != nil {
		return nil, err
	}
	return next, ctx.Emit(ledger.EventUnitPutIntoService, next.Key(), next.ID, next.Owner)
}

// GetModel returns one model.
func (c *Contract) GetModel(ctx *state.Context, req ledger.GetModel) (*ledger.Model, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Models.Get(ctx, ledger.ModelKey(req.DI))
}

// GetRelease returns one release.
func (c *Contract) GetRelease(ctx *state.Context, req ledger.GetRelease) (*ledger.Release, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Releases.Get(ctx, ledger.ReleaseKey(req.DI, req.Version))
}

// GetUnit returns one unit.
func (c *Contract) GetUnit(ctx *state.Context, req ledger.GetUnit) (*ledger.Unit, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Units.Get(ctx, ledger.UnitKey(req.ID))
}

// ListUnits returns a page of units.
func (c *Contract) ListUnits(ctx *state.Context, req ledger.PageRequest) (*ledger.UnitPage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.Units.List(ctx, nil, req)
	if err != nil {
		return nil, err
	}
	return &ledger.UnitPage{Items: items, Next: next}, nil
}

func change(unit *ledger.Unit, from string, ctx *state.Context) *ledger.UnitChange {
	return unitChange(unit, from, ctx.Caller().Org, ctx.TxID(), ctx.Time())
}
