package device

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Offer offers a unit of the caller's organisation to another hospital.
func (c *Contract) Offer(ctx *state.Context, req ledger.OfferUnit) (*ledger.Unit, error) {
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
	if err := admits(unit, ledger.DeviceOffer, req.Revision); err != nil {
		return nil, err
	}
	if err := notRecalled(ctx, unit); err != nil {
		return nil, err
	}
	to, _, err := state.Organisations.Find(ctx, ledger.OrganisationKey(req.To))
	if err != nil {
		return nil, err
	}
	next, err := offer(unit, to, ctx.Time())
	if err != nil {
		return nil, err
	}
	return record(ctx, unit, next, ledger.EventUnitOffered, ledger.UnitChange{Step: ledger.DeviceOffer, Owner: req.To}, req.To)
}

// EndOffer ends an offer: the owner withdraws it, or who was offered the unit
// declines.
func (c *Contract) EndOffer(ctx *state.Context, req ledger.EndOffer) (*ledger.Unit, error) {
	if err := ctx.Permit(ledger.RoleCustodian); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	unit, err := load(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if org := ctx.Caller().Org; unit.Owner != org && !offeredTo(unit, org) {
		return nil, foreign()
	}
	if err := admits(unit, ledger.DeviceEndOffer, req.Revision); err != nil {
		return nil, err
	}
	next, err := endOffer(unit)
	if err != nil {
		return nil, err
	}
	return record(ctx, unit, next, ledger.EventUnitOfferEnded, ledger.UnitChange{Step: ledger.DeviceEndOffer}, unit.Offer.To)
}

// Accept takes over a unit that was offered to the caller's organisation.
func (c *Contract) Accept(ctx *state.Context, req ledger.AcceptUnit) (*ledger.Unit, error) {
	if err := ctx.Permit(ledger.RoleCustodian); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	unit, err := load(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if !offeredTo(unit, ctx.Caller().Org) {
		return nil, foreign()
	}
	if err := admits(unit, ledger.DeviceAccept, req.Revision); err != nil {
		return nil, err
	}
	if err := notRecalled(ctx, unit); err != nil {
		return nil, err
	}
	next := accept(unit, ctx.Time())
	return record(ctx, unit, next, ledger.EventUnitTransferred, ledger.UnitChange{Step: ledger.DeviceAccept, Owner: next.Owner}, unit.Owner)
}
