package threat

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Contract holds the transactions "threat:...".
type Contract struct{ state.Contract }

// New returns the contract.
func New(o state.Options) *Contract { return &Contract{state.NewContract("threat", o)} }

// Share shares a report under the caller's organisation.
func (c *Contract) Share(ctx *state.Context, req ledger.ShareThreat) (*ledger.Threat, error) {
	if err := ctx.Permit(ledger.RoleSharer); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	report := share(req, ctx.Caller().Org, ctx.Time())
	if req.Relay != nil {
		if err := relay(ctx, report, req.Relay); err != nil {
			return nil, err
		}
	}
	if err := state.Threats.Create(ctx, report); err != nil {
		return nil, err
	}
	return report, ctx.Emit(ledger.EventThreatShared, report.Key(), report.Sharer)
}

// Withdraw withdraws a report of the caller's organisation for ever. One that
// takes its place must stand: so no two reports supersede each other, whatever
// the order in which they come.
func (c *Contract) Withdraw(ctx *state.Context, req ledger.WithdrawThreat) (*ledger.Withdrawal, error) {
	if err := ctx.Permit(ledger.RoleSharer); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	org := ctx.Caller().Org
	report, err := state.Threats.Get(ctx, ledger.ThreatKey(req.Digest, org))
	if err != nil {
		return nil, err
	}
	if req.SupersededBy != "" {
		if _, err := state.Threats.Get(ctx, ledger.ThreatKey(req.SupersededBy, org)); err != nil {
			return nil, err
		}
		if err := notWithdrawn(ctx, req.SupersededBy, org); err != nil {
			return nil, err
		}
	}
	withdrawal := withdraw(report, req, ctx.Time())
	if err := state.Withdrawals.Create(ctx, withdrawal); err != nil {
		return nil, err
	}
	return withdrawal, ctx.Emit(ledger.EventThreatWithdrawn, withdrawal.Key(), withdrawal.Sharer)
}

// Get returns one report's record.
func (c *Contract) Get(ctx *state.Context, req ledger.GetThreat) (*ledger.Threat, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Threats.Get(ctx, ledger.ThreatKey(req.Digest, req.Sharer))
}

// GetWithdrawal returns a report's withdrawal.
func (c *Contract) GetWithdrawal(ctx *state.Context, req ledger.GetThreat) (*ledger.Withdrawal, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Withdrawals.Get(ctx, ledger.WithdrawalKey(req.Digest, req.Sharer))
}

// List returns a page of reports.
func (c *Contract) List(ctx *state.Context, req ledger.PageRequest) (*ledger.ThreatPage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.Threats.List(ctx, nil, req)
	if err != nil {
		return nil, err
	}
	return &ledger.ThreatPage{Items: items, Next: next}, nil
}
