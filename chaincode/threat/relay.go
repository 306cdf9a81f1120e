package threat

import (
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
	"github.com/secant-platform/secant/chaincode/verify"
)

// relay keeps who is behind a report that the caller, an authority, shares for another:
// sealed among all who are members now.
func relay(ctx *state.Context, report *ledger.Threat, sealed *ledger.ThreatRelay) error {
	if err := state.Authority(ctx); err != nil {
		return err
	}
	roster, err := state.Member(ctx)
	if err != nil {
		return err
	}
	if !slices.Equal(sealed.Members(), roster.Organisations) {
		return ledger.Problemf(ledger.CodeGone, "the members are other ones than those among whom the name is sealed")
	}
	if _, err := verify.ParseEscrowCommitment(sealed.Commitment); err != nil {
		return err
	}
	return state.ThreatEscrows.Create(ctx, &ledger.ThreatEscrow{V: 1, Digest: report.Digest, Sharer: report.Sharer, Relay: *sealed, Time: report.Shared})
}

// RequestOpening asks the members to open the name behind a relayed report.
func (c *Contract) RequestOpening(ctx *state.Context, req ledger.RequestOpening) (*ledger.OpeningRequest, error) {
	if err := ctx.Permit(ledger.RoleSharer); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	escrow, _, err := holder(ctx, req.Digest, req.Sharer)
	if err != nil {
		return nil, err
	}
	asked := &ledger.OpeningRequest{V: 1, Digest: escrow.Digest, Sharer: escrow.Sharer, By: ctx.Caller().Org, Reason: req.Reason, Time: ctx.Time()}
	if err := state.OpeningRequests.Create(ctx, asked); err != nil {
		return nil, err
	}
	return asked, ctx.Emit(ledger.EventThreatOpeningRequested, asked.Key(), asked.By)
}

// GiveShare gives the caller's share for a request to open. Whether the report still
// stands does not matter: one that was false is withdrawn, too.
func (c *Contract) GiveShare(ctx *state.Context, req ledger.GiveShare) (*ledger.OpeningShare, error) {
	if err := ctx.Permit(ledger.RoleSharer); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	escrow, place, err := holder(ctx, req.Digest, req.Sharer)
	if err != nil {
		return nil, err
	}
	if _, err := state.OpeningRequests.Get(ctx, ledger.OpeningRequestKey(req.Digest, req.Sharer, req.For)); err != nil {
		return nil, err
	}
	commitment, err := verify.ParseEscrowCommitment(escrow.Relay.Commitment)
	if err != nil {
		return nil, err
	}
	if _, err := verify.ParseEscrowShare(commitment, place, req.Share); err != nil {
		return nil, err
	}
	given := &ledger.OpeningShare{
		V: 1, Digest: escrow.Digest, Sharer: escrow.Sharer, By: ctx.Caller().Org, For: req.For, Share: req.Share, Time: ctx.Time(),
	}
	if err := state.OpeningShares.Create(ctx, given); err != nil {
		return nil, err
	}
	return given, ctx.Emit(ledger.EventThreatShareGiven, given.Key(), given.By)
}

// holder finds what is sealed about a report, and which of its shares is the caller's,
// which must be a member still.
func holder(ctx *state.Context, digest, sharer string) (*ledger.ThreatEscrow, int, error) {
	if _, err := state.Member(ctx); err != nil {
		return nil, 0, err
	}
	escrow, err := state.ThreatEscrows.Get(ctx, ledger.ThreatEscrowKey(digest, sharer))
	if err != nil {
		return nil, 0, err
	}
	place := escrow.Relay.Place(ctx.Caller().Org)
	if place == 0 {
		return nil, 0, ledger.Problemf(ledger.CodeDenied, "the organisation was no member when the report was relayed, and has no share of the name")
	}
	return escrow, place, nil
}

// GetOpening returns how far the opening of a name has come. That it is opened is
// stored nowhere: it follows from the shares that stand.
func (c *Contract) GetOpening(ctx *state.Context, req ledger.GetThreat) (*ledger.ThreatOpening, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	escrow, err := state.ThreatEscrows.Get(ctx, ledger.ThreatEscrowKey(req.Digest, req.Sharer))
	if err != nil {
		return nil, err
	}
	var requests, shares []ledger.Key
	for _, m := range escrow.Relay.Members() {
		requests = append(requests, ledger.OpeningRequestKey(req.Digest, req.Sharer, m))
		shares = append(shares, ledger.OpeningShareKey(req.Digest, req.Sharer, m))
	}
	asked, err := state.OpeningRequests.FindMany(ctx, requests...)
	if err != nil {
		return nil, err
	}
	given, err := state.OpeningShares.FindMany(ctx, shares...)
	if err != nil {
		return nil, err
	}
	o := &ledger.ThreatOpening{Escrow: *escrow, Requests: present(asked), Shares: present(given), Needed: len(escrow.Relay.Commitment)}
	o.Opened = len(o.Shares) >= o.Needed
	return o, nil
}

func present[T any](records []*T) []T {
	all := []T{}
	for _, r := range records {
		if r != nil {
			all = append(all, *r)
		}
	}
	return all
}
