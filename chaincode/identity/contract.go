package identity

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Contract holds the transactions "identity:...".
type Contract struct{ state.Contract }

// New returns the contract.
func New(o state.Options) *Contract { return &Contract{state.NewContract("identity", o)} }

// Register registers the caller's organisation, or changes its row.
func (c *Contract) Register(ctx *state.Context, req ledger.RegisterOrganisation) (*ledger.Organisation, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	org := ctx.Caller().Org
	previous, _, err := state.Organisations.Find(ctx, ledger.OrganisationKey(org))
	if err != nil {
		return nil, err
	}
	next, err := register(previous, req, org, ctx.Time())
	if err != nil {
		return nil, err
	}
	if previous == nil {
		err = state.Organisations.Create(ctx, next)
	} else {
		err = state.Organisations.Update(ctx, next)
	}
	if err != nil {
		return nil, err
	}
	return next, ctx.Emit(ledger.EventOrganisationRegistered, next.Key(), org)
}

// Get returns one organisation.
func (c *Contract) Get(ctx *state.Context, req ledger.GetOrganisation) (*ledger.Organisation, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Organisations.Get(ctx, ledger.OrganisationKey(req.ID))
}

// List returns a page of organisations.
func (c *Contract) List(ctx *state.Context, req ledger.PageRequest) (*ledger.OrganisationPage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.Organisations.List(ctx, nil, req)
	if err != nil {
		return nil, err
	}
	return &ledger.OrganisationPage{Items: items, Next: next}, nil
}
