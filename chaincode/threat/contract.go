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
	if err := state.Threats.Create(ctx, report); err != nil {
		return nil, err
	}
	return report, ctx.Emit(ledger.EventThreatShared, report.Key(), report.Sharer)
}

// Get returns one report's record.
func (c *Contract) Get(ctx *state.Context, req ledger.GetThreat) (*ledger.Threat, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Threats.Get(ctx, ledger.ThreatKey(req.Digest, req.Sharer))
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
