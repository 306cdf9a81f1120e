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

// AssignModel gives a model to the organisation to which the members voted it.
func (c *Contract) AssignModel(ctx *state.Context, req ledger.AssignModel) (*ledger.Model, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	p, err := state.OpenProposal(ctx, req.Proposal)
	if err != nil {
		return nil, err
	}
	if p.Kind != ledger.ProposeAssignModel {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the proposal is of another kind")
	}
	model, err := state.Models.Get(ctx, ledger.ModelKey(p.Subject.DI))
	if err != nil {
		return nil, err
	}
	maker, _, err := state.Organisations.Find(ctx, ledger.OrganisationKey(p.Subject.Organisation))
	if err != nil {
		return nil, err
	}
	next, err := assignModel(model, maker, p.ID, ctx.Time())
	if err != nil {
		return nil, err
	}
	if _, err := state.Carried(ctx, p.ID, p.Kind, model.Manufacturer, req.Voters); err != nil {
		return nil, err
	}
	if err := state.Models.Update(ctx, next); err != nil {
		return nil, err
	}
	return next, ctx.Emit(ledger.EventModelAssigned, next.Key(), next.Manufacturer, model.Manufacturer)
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
	if err := owns(ctx.Caller().Org, model); err != nil {
		return nil, err
	}
	did, err := makersDID(ctx)
	if err != nil {
		return nil, err
	}
	before, _, err := state.Releases.Find(ctx, ledger.ReleaseKey(req.DI, req.Version))
	if err != nil {
		return nil, err
	}
	release, err := publishRelease(model, before, did, req, ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := state.Releases.Create(ctx, release); err != nil {
		return nil, err
	}
	return release, ctx.Emit(ledger.EventReleasePublished, release.Key(), model.Manufacturer)
}

// makersDID returns the document of the caller's organisation, nil when it has
// none.
func makersDID(ctx *state.Context) (*ledger.DID, error) {
	roster, found, err := state.Rosters.Find(ctx, ledger.RosterKey())
	if err != nil || !found || roster.Network == "" {
		return nil, err
	}
	did, _, err := state.DIDs.Find(ctx, ledger.DIDKey(ledger.OrganisationDID(roster.Network, ctx.Caller().Org)))
	return did, err
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
