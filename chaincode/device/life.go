package device

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Certify records an assessment of a unit by an authority, for which a person
// signed. It certifies the unit, or takes its certification away; a unit in
// service that it goes against is held.
func (c *Contract) Certify(ctx *state.Context, req ledger.CertifyUnit) (*ledger.Unit, error) {
	if err := ctx.Permit(ledger.RoleCertifier); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if err := state.Authority(ctx); err != nil {
		return nil, err
	}
	unit, err := load(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if err := admits(unit, ledger.DeviceCertify, req.Revision); err != nil {
		return nil, err
	}
	if err := assessed(ctx, unit, req); err != nil {
		return nil, err
	}
	next, err := certify(unit, req, ctx.Caller().Org, ctx.Time())
	if err != nil {
		return nil, err
	}
	signed, err := persons(ctx, unit.Key(), unit.Revision, ledger.CredentialAssessor, 1)
	if err != nil {
		return nil, err
	}
	return record(ctx, unit, next, ledger.EventUnitAssessed, ledger.UnitChange{
		Step: ledger.DeviceCertify, Evidence: req.ResultDigest, Persons: signed,
	}, ctx.Caller().Org)
}

// PutIntoService admits a unit at the hospital that owns it.
func (c *Contract) PutIntoService(ctx *state.Context, req ledger.PutIntoService) (*ledger.Unit, error) {
	if err := ctx.Permit(ledger.RoleCustodian); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	unit, err := loadOwned(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if unit.State == ledger.StateInService {
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "the unit was put into service before")
	}
	if req.Revision == ledger.AnyRevision {
		req.Revision = unit.Revision
	}
	if err := admits(unit, ledger.DevicePutIntoService, req.Revision); err != nil {
		return nil, err
	}
	if err := notRecalled(ctx, unit); err != nil {
		return nil, err
	}
	next, err := putIntoService(unit, req.LDevID, ctx.Time())
	if err != nil {
		return nil, err
	}
	return record(ctx, unit, next, ledger.EventUnitPutIntoService, ledger.UnitChange{Step: ledger.DevicePutIntoService})
}

// Hold says that something speaks against a unit: its owner, its maker or an
// authority may.
func (c *Contract) Hold(ctx *state.Context, req ledger.HoldUnit) (*ledger.Unit, error) {
	return stop(ctx, req, ledger.DeviceHold, ledger.StateHeld, ledger.EventUnitHeld)
}

// Quarantine takes a unit out of use: its owner, its maker or an authority may.
func (c *Contract) Quarantine(ctx *state.Context, req ledger.QuarantineUnit) (*ledger.Unit, error) {
	return stop(ctx, ledger.HoldUnit(req), ledger.DeviceQuarantine, ledger.StateQuarantined, ledger.EventUnitQuarantined)
}

// stop brings a unit into one of the two states in which it may not be used.
func stop(ctx *state.Context, req ledger.HoldUnit, step, to string, event ledger.EventKind) (*ledger.Unit, error) {
	if err := ctx.PermitOneOf(ledger.RoleCustodian, ledger.RoleRegistrar, ledger.RoleCertifier); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	unit, err := loadAnswerable(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if err := admits(unit, step, req.Revision); err != nil {
		return nil, err
	}
	next, err := hold(unit, to, req.Reason)
	if err != nil {
		return nil, err
	}
	return record(ctx, unit, next, event, ledger.UnitChange{Step: step, Reason: req.Reason, Evidence: req.Evidence}, ctx.Caller().Org)
}

// loadAnswerable returns a unit that the caller answers for in its role: as its
// owner's custodian, its maker's registrar, or a certifier of an authority.
func loadAnswerable(ctx *state.Context, id string) (*ledger.Unit, error) {
	unit, err := load(ctx, id)
	if err != nil {
		return nil, err
	}
	caller := ctx.Caller()
	switch {
	case caller.Role == ledger.RoleCustodian && caller.Org == unit.Owner,
		caller.Role == ledger.RoleRegistrar && caller.Org == unit.Manufacturer:
		return unit, nil
	case caller.Role == ledger.RoleCertifier:
		return unit, state.Authority(ctx)
	}
	return nil, foreign()
}

// Release returns a held or quarantined unit to the state that it had. Two
// persons of two organisations signed for it.
func (c *Contract) Release(ctx *state.Context, req ledger.ReleaseUnit) (*ledger.Unit, error) {
	if err := ctx.Permit(ledger.RoleCustodian); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	unit, err := loadOwned(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if err := admits(unit, ledger.DeviceRelease, req.Revision); err != nil {
		return nil, err
	}
	if err := notRecalled(ctx, unit); err != nil {
		return nil, err
	}
	next, err := release(unit, ctx.Time())
	if err != nil {
		return nil, err
	}
	signed, err := persons(ctx, unit.Key(), unit.Revision, ledger.CredentialReleaser, 2)
	if err != nil {
		return nil, err
	}
	return record(ctx, unit, next, ledger.EventUnitReleased, ledger.UnitChange{
		Step: ledger.DeviceRelease, Evidence: req.Evidence, Persons: signed,
	})
}

// UpdateRelease says that a unit runs another published release of its model, one
// that is not recalled.
func (c *Contract) UpdateRelease(ctx *state.Context, req ledger.UpdateUnit) (*ledger.Unit, error) {
	if err := ctx.Permit(ledger.RoleCustodian); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	unit, err := loadOwned(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if err := admits(unit, ledger.DeviceUpdateRelease, req.Revision); err != nil {
		return nil, err
	}
	if _, err := state.Releases.Get(ctx, ledger.ReleaseKey(unit.DI, req.Release)); err != nil {
		return nil, err
	}
	recall, _, err := state.Recalls.Find(ctx, ledger.RecallKey(unit.DI, ledger.RecallRelease, req.Release))
	if err != nil {
		return nil, err
	}
	next, err := updateRelease(unit, recall, req.Release)
	if err != nil {
		return nil, err
	}
	return record(ctx, unit, next, ledger.EventUnitUpdated, ledger.UnitChange{Step: ledger.DeviceUpdateRelease, Release: next.Release})
}

// Retire ends a unit's life, for good.
func (c *Contract) Retire(ctx *state.Context, req ledger.RetireUnit) (*ledger.Unit, error) {
	if err := ctx.Permit(ledger.RoleCustodian); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	unit, err := loadOwned(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if err := admits(unit, ledger.DeviceRetire, req.Revision); err != nil {
		return nil, err
	}
	return record(ctx, unit, retire(unit, req.WipeDigest), ledger.EventUnitRetired, ledger.UnitChange{
		Step: ledger.DeviceRetire, Evidence: req.WipeDigest,
	})
}
