package device

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Recall recalls all units of a lot or of a release by one record: the model's
// maker may, or an authority.
func (c *Contract) Recall(ctx *state.Context, req ledger.RecallDevices) (*ledger.Recall, error) {
	if err := ctx.PermitOneOf(ledger.RoleRegistrar, ledger.RoleCertifier); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	model, err := mayRecall(ctx, req.DI)
	if err != nil {
		return nil, err
	}
	if req.Kind == ledger.RecallRelease {
		if _, err := state.Releases.Get(ctx, ledger.ReleaseKey(req.DI, req.Value)); err != nil {
			return nil, err
		}
	}
	before, found, err := state.Recalls.Find(ctx, ledger.RecallKey(req.DI, req.Kind, req.Value))
	if err != nil {
		return nil, err
	}
	caller := ctx.Caller()
	next, err := recall(before, req, caller.Org, caller.Role == ledger.RoleCertifier, ctx.Time())
	if err != nil {
		return nil, err
	}
	if found {
		err = state.Recalls.Update(ctx, next)
	} else {
		err = state.Recalls.Create(ctx, next)
	}
	if err != nil {
		return nil, err
	}
	return next, ctx.Emit(ledger.EventRecallIssued, next.Key(), next.By, model.Manufacturer)
}

// mayRecall returns the model if the caller may recall its units: as registrar of
// its maker, or as certifier of an authority.
func mayRecall(ctx *state.Context, di string) (*ledger.Model, error) {
	model, err := state.Models.Get(ctx, ledger.ModelKey(di))
	if err != nil {
		return nil, err
	}
	if ctx.Caller().Role == ledger.RoleCertifier {
		return model, state.Authority(ctx)
	}
	return model, owns(ctx.Caller().Org, model)
}

// LiftRecall ends a recall for all its units. Two persons of two organisations
// signed for it.
func (c *Contract) LiftRecall(ctx *state.Context, req ledger.LiftRecall) (*ledger.Recall, error) {
	if err := ctx.PermitOneOf(ledger.RoleRegistrar, ledger.RoleCertifier); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	model, err := mayRecall(ctx, req.DI)
	if err != nil {
		return nil, err
	}
	before, err := state.Recalls.Get(ctx, ledger.RecallKey(req.DI, req.Kind, req.Value))
	if err != nil {
		return nil, err
	}
	caller := ctx.Caller()
	next, err := liftRecall(before, req.Revision, caller.Org, caller.Role == ledger.RoleCertifier, ctx.Time())
	if err != nil {
		return nil, err
	}
	if next.Persons, err = persons(ctx, before.Key(), before.Revision, ledger.CredentialReleaser, 2); err != nil {
		return nil, err
	}
	if err := state.Recalls.Update(ctx, next); err != nil {
		return nil, err
	}
	return next, ctx.Emit(ledger.EventRecallLifted, next.Key(), next.By, model.Manufacturer)
}

// Clear clears one unit of a recall that goes on. Two persons of two
// organisations signed for it.
func (c *Contract) Clear(ctx *state.Context, req ledger.ClearUnit) (*ledger.Unit, error) {
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
	if err := admits(unit, ledger.DeviceClear, req.Revision); err != nil {
		return nil, err
	}
	lot, release, err := recalls(ctx, unit)
	if err != nil {
		return nil, err
	}
	of := lot
	if req.Kind == ledger.RecallRelease {
		of = release
	}
	next, err := clearOf(unit, of, req.Recall)
	if err != nil {
		return nil, err
	}
	signed, err := persons(ctx, unit.Key(), unit.Revision, ledger.CredentialReleaser, 2)
	if err != nil {
		return nil, err
	}
	return record(ctx, unit, next, ledger.EventUnitCleared, ledger.UnitChange{
		Step: ledger.DeviceClear, Evidence: req.Evidence, Recall: req.Recall, Persons: signed,
	}, of.By)
}

// GetRecall returns one recall, lifted or not.
func (c *Contract) GetRecall(ctx *state.Context, req ledger.GetRecall) (*ledger.Recall, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Recalls.Get(ctx, ledger.RecallKey(req.DI, req.Kind, req.Value))
}

// ListRecalls returns a page of the recalls of one model.
func (c *Contract) ListRecalls(ctx *state.Context, req ledger.ListRecalls) (*ledger.RecallPage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.Recalls.List(ctx, []string{req.DI}, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.RecallPage{Items: items, Next: next}, nil
}
