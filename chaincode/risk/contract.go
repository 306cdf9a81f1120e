package risk

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Contract holds the transactions "risk:...".
type Contract struct{ state.Contract }

// New returns the contract.
func New(o state.Options) *Contract { return &Contract{state.NewContract("risk", o)} }

// Publish publishes a score of what the caller's organisation owns.
func (c *Contract) Publish(ctx *state.Context, req ledger.PublishScore) (*ledger.Score, error) {
	if err := ctx.Permit(ledger.RoleScorer); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	org := ctx.Caller().Org
	if isDevice(req.SubjectKind) {
		unit, err := state.Units.Get(ctx, ledger.UnitKey(req.Subject))
		if err != nil {
			return nil, err
		}
		if err := owns(unit, org); err != nil {
			return nil, err
		}
	}
	score, err := publish(req, org, ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := state.Scores.Create(ctx, score); err != nil {
		return nil, err
	}
	return score, ctx.Emit(ledger.EventScorePublished, score.Key(), score.Subject, score.Scorer)
}

// Recompute says what the caller's organisation got when it recomputed another's
// score.
func (c *Contract) Recompute(ctx *state.Context, req ledger.RecomputeScore) (*ledger.Recomputation, error) {
	if err := ctx.Permit(ledger.RoleScorer); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	score, err := state.Scores.Get(ctx, ledger.ScoreKey(req.Subject, req.Model, req.InputDigest))
	if err != nil {
		return nil, err
	}
	again, err := recompute(score, req, ctx.Caller().Org, ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := state.Recomputations.Create(ctx, again); err != nil {
		return nil, err
	}
	return again, ctx.Emit(ledger.EventScoreRecomputed, again.Key(), score.Subject, score.Scorer, again.By)
}

// Get returns one score.
func (c *Contract) Get(ctx *state.Context, req ledger.GetScore) (*ledger.Score, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Scores.Get(ctx, ledger.ScoreKey(req.Subject, req.Model, req.InputDigest))
}

// List returns a page of the scores of one subject.
func (c *Contract) List(ctx *state.Context, req ledger.ListScores) (*ledger.ScorePage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.Scores.List(ctx, []string{req.Subject}, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.ScorePage{Items: items, Next: next}, nil
}

// ListRecomputations returns a page of the recomputations of one score.
func (c *Contract) ListRecomputations(ctx *state.Context, req ledger.ListRecomputations) (*ledger.RecomputationPage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.Recomputations.List(ctx, []string{req.Subject, req.Model, req.InputDigest}, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.RecomputationPage{Items: items, Next: next}, nil
}
