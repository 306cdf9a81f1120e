package state

import (
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Carried checks that a proposal of that kind was carried by the named voters,
// and marks it as enacted, so that it takes effect once. The transaction that
// calls it does what was proposed, in the same breath. It states what the proposal
// is about to change, as it is now, in the terms of ledger.Proposal.Base: votes
// on what has changed since do not count, or whoever kept a carried proposal back
// could undo a later decision with it.
//
// Each voter is named once, is on the roster now, and approved; together they are
// more than half of the roster. The votes are read under the voters' names rather
// than searched for: a transaction that writes reads no ranges. Against votes of
// others that come at the same time it does not conflict; against a change of the
// roster it does.
//
// It answers not_found for an unknown proposal or vote, invalid for one of another
// kind, gone after it expired or when its base is another, already_exists after it
// was enacted, and denied without a majority.
func Carried(ctx *Context, proposal, kind, base string, voters []string) (*ledger.Proposal, error) {
	p, err := OpenProposal(ctx, proposal)
	if err != nil {
		return nil, err
	}
	switch {
	case p.Kind != kind:
		return nil, ledger.Problemf(ledger.CodeInvalid, "the proposal is of another kind")
	case p.Base != base:
		return nil, ledger.Problemf(ledger.CodeGone, "what the proposal is about has changed since it was made")
	}
	roster, err := Rosters.Get(ctx, ledger.RosterKey())
	if err != nil {
		return nil, err
	}
	counted, err := count(ctx, roster, p.ID, voters, true)
	if err != nil {
		return nil, err
	}
	if len(counted) < roster.Needed() {
		return nil, ledger.Problemf(ledger.CodeDenied, "%d of %d organisations are no majority: %d are needed",
			len(counted), len(roster.Organisations), roster.Needed())
	}
	return p, Enactments.Create(ctx, &ledger.Enactment{
		V: 1, Proposal: p.ID, Kind: p.Kind, Voters: counted, By: ctx.Caller().Org, Tx: ctx.TxID(), Time: ctx.Time(),
	})
}

// count returns the named voters, sorted, when each is named once, is on the roster
// and answered the proposal that way.
func count(ctx *Context, roster *ledger.Roster, proposal string, voters []string, approve bool) ([]string, error) {
	counted := slices.Sorted(slices.Values(voters))
	keys := make([]ledger.Key, len(counted))
	for i, org := range counted {
		switch {
		case i > 0 && counted[i-1] == org:
			return nil, ledger.Problemf(ledger.CodeInvalid, "an organisation is named twice")
		case !roster.Has(org):
			return nil, ledger.Problemf(ledger.CodeDenied, "a named organisation is not on the roster")
		}
		keys[i] = ledger.VoteKey(proposal, org)
	}
	votes, err := Votes.FindMany(ctx, keys...)
	if err != nil {
		return nil, err
	}
	for _, v := range votes {
		switch {
		case v == nil:
			return nil, ledger.Problemf(ledger.CodeNotFound, "a named organisation has not voted")
		case v.Approve && !approve:
			return nil, ledger.Problemf(ledger.CodeDenied, "a named organisation voted for the proposal")
		case !v.Approve && approve:
			return nil, ledger.Problemf(ledger.CodeDenied, "a named organisation voted against the proposal")
		}
	}
	return counted, nil
}

// Lost closes a proposal that the named voters voted against, when the others are
// too few to carry it. The votes are judged as Carried judges them.
func Lost(ctx *Context, p *ledger.Proposal, voters []string) (*ledger.Closure, error) {
	roster, err := Rosters.Get(ctx, ledger.RosterKey())
	if err != nil {
		return nil, err
	}
	counted, err := count(ctx, roster, p.ID, voters, false)
	if err != nil {
		return nil, err
	}
	if left := len(roster.Organisations) - len(counted); left >= roster.Needed() {
		return nil, ledger.Problemf(ledger.CodeDenied, "%d of %d organisations can still carry the proposal: %d are needed",
			left, len(roster.Organisations), roster.Needed())
	}
	return closed(ctx, p, ledger.ClosedRejected, counted)
}

// Withdrawn closes a proposal for the organisation that made it.
func Withdrawn(ctx *Context, p *ledger.Proposal) (*ledger.Closure, error) {
	if p.By != ctx.Caller().Org {
		return nil, ledger.Problemf(ledger.CodeDenied, "the proposal is another organisation's")
	}
	return closed(ctx, p, ledger.ClosedWithdrawn, nil)
}

func closed(ctx *Context, p *ledger.Proposal, outcome string, voters []string) (*ledger.Closure, error) {
	c := &ledger.Closure{V: 1, Proposal: p.ID, Outcome: outcome, Voters: voters, By: ctx.Caller().Org, Time: ctx.Time()}
	return c, Closures.Create(ctx, c)
}

// OpenProposal returns a proposal that can still be voted on and enacted.
func OpenProposal(ctx *Context, id string) (*ledger.Proposal, error) {
	p, err := Proposals.Get(ctx, ledger.ProposalKey(id))
	if err != nil {
		return nil, err
	}
	if !ctx.Time().Before(p.Expires) {
		return nil, ledger.Problemf(ledger.CodeGone, "the proposal has expired")
	}
	_, enacted, err := Enactments.Find(ctx, ledger.EnactmentKey(id))
	if err != nil {
		return nil, err
	}
	if enacted {
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "the proposal was enacted")
	}
	// Only what taxonomy:Propose makes can be closed before it expires.
	if p.Kind != ledger.ProposeChangeVocabulary {
		return p, nil
	}
	end, closed, err := Closures.Find(ctx, ledger.ClosureKey(id))
	if err != nil {
		return nil, err
	}
	if closed {
		return nil, ledger.Problemf(ledger.CodeGone, "the proposal was %s", end.Outcome)
	}
	return p, nil
}

// Member returns the roster, or a Problem with code denied when the caller's
// organisation is not on it.
func Member(ctx *Context) (*ledger.Roster, error) {
	roster, found, err := Rosters.Find(ctx, ledger.RosterKey())
	if err != nil {
		return nil, err
	}
	if !found || !roster.Has(ctx.Caller().Org) {
		return nil, denied("the organisation is not on the roster")
	}
	return roster, nil
}

// ViewProposal returns a proposal, its votes and what became of it.
func ViewProposal(ctx *Context, id string) (*ledger.ProposalView, error) {
	p, err := Proposals.Get(ctx, ledger.ProposalKey(id))
	if err != nil {
		return nil, err
	}
	view := &ledger.ProposalView{Proposal: *p}
	mark, enacted, err := Enactments.Find(ctx, ledger.EnactmentKey(p.ID))
	if err != nil {
		return nil, err
	}
	if enacted {
		view.Enacted, view.Voters = true, mark.Voters
	}
	if view.Closure, _, err = Closures.Find(ctx, ledger.ClosureKey(p.ID)); err != nil {
		return nil, err
	}
	view.Votes, _, err = Votes.List(ctx, []string{p.ID}, ledger.PageRequest{Size: ledger.MaxVoters})
	return view, err
}
