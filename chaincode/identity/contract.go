package identity

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Contract holds the transactions "identity:...".
type Contract struct{ state.Contract }

// New returns the contract.
func New(o state.Options) *Contract { return &Contract{state.NewContract("identity", o)} }

// Register registers the caller's organisation, or changes its row. Whoever
// registers for the first time gets a vote.
func (c *Contract) Register(ctx *state.Context, req ledger.RegisterOrganisation) (*ledger.Organisation, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	org := ctx.Caller().Org
	roster, _, err := state.Rosters.Find(ctx, ledger.RosterKey())
	if err != nil {
		return nil, err
	}
	previous, _, err := state.Organisations.Find(ctx, ledger.OrganisationKey(org))
	if err != nil {
		return nil, err
	}
	joined, err := join(roster, org, req.Network)
	if err != nil {
		return nil, err
	}
	next, err := register(previous, req, org, ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := write(ctx, state.Organisations, previous == nil, next); err != nil {
		return nil, err
	}
	if joined != nil {
		if err := write(ctx, state.Rosters, roster == nil, joined); err != nil {
			return nil, err
		}
	}
	return next, ctx.Emit(ledger.EventOrganisationRegistered, next.Key(), org)
}

// write creates a row or changes the one that was read.
func write[T any, P state.Record[T]](ctx *state.Context, table state.Table[T, P], first bool, row P) error {
	if first {
		return table.Create(ctx, row)
	}
	return table.Update(ctx, row)
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

// GetRoster returns the roster.
func (c *Contract) GetRoster(ctx *state.Context, _ ledger.GetRoster) (*ledger.Roster, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Rosters.Get(ctx, ledger.RosterKey())
}
