package threat

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Sight says that the caller's organisation saw what a report warns of.
func (c *Contract) Sight(ctx *state.Context, req ledger.SightThreat) (*ledger.Sighting, error) {
	if err := ctx.Permit(ledger.RoleSharer); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	report, err := standing(ctx, req.Digest, req.Sharer)
	if err != nil {
		return nil, err
	}
	sighting, err := sight(report, req, ctx.Caller().Org, ctx.TxID(), ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := state.Sightings.Append(ctx, sighting); err != nil {
		return nil, err
	}
	return sighting, ctx.Emit(ledger.EventThreatSighted, sighting.Key(), sighting.Sharer, sighting.By)
}

// Opine states what the caller's organisation thinks of another's report, or
// that it has changed its mind.
func (c *Contract) Opine(ctx *state.Context, req ledger.OpineThreat) (*ledger.Opinion, error) {
	if err := ctx.Permit(ledger.RoleSharer); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	report, err := standing(ctx, req.Digest, req.Sharer)
	if err != nil {
		return nil, err
	}
	org := ctx.Caller().Org
	previous, _, err := state.Opinions.Find(ctx, ledger.OpinionKey(req.Digest, req.Sharer, org))
	if err != nil {
		return nil, err
	}
	opinion, err := opine(report, previous, req, org, ctx.Time())
	if err != nil {
		return nil, err
	}
	if previous == nil {
		err = state.Opinions.Create(ctx, opinion)
	} else {
		err = state.Opinions.Update(ctx, opinion)
	}
	if err != nil {
		return nil, err
	}
	return opinion, ctx.Emit(ledger.EventThreatJudged, opinion.Key(), opinion.Sharer, opinion.By)
}

// standing returns a report that everyone may speak of and that its sharer
// stands by.
func standing(ctx *state.Context, digest, sharer string) (*ledger.Threat, error) {
	report, err := state.Threats.Get(ctx, ledger.ThreatKey(digest, sharer))
	if err != nil {
		return nil, err
	}
	if err := mayFeedBack(report); err != nil {
		return nil, err
	}
	return report, notWithdrawn(ctx, digest, sharer)
}

func notWithdrawn(ctx *state.Context, digest, sharer string) error {
	_, withdrawn, err := state.Withdrawals.Find(ctx, ledger.WithdrawalKey(digest, sharer))
	if err != nil {
		return err
	}
	if withdrawn {
		return ledger.Problemf(ledger.CodeGone, "the report was withdrawn")
	}
	return nil
}

// ListSightings returns a page of a report's sightings.
func (c *Contract) ListSightings(ctx *state.Context, req ledger.ListFeedback) (*ledger.SightingPage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.Sightings.List(ctx, []string{req.Digest, req.Sharer}, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.SightingPage{Items: items, Next: next}, nil
}

// ListOpinions returns a page of a report's opinions.
func (c *Contract) ListOpinions(ctx *state.Context, req ledger.ListFeedback) (*ledger.OpinionPage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.Opinions.List(ctx, []string{req.Digest, req.Sharer}, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.OpinionPage{Items: items, Next: next}, nil
}
