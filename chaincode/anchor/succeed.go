package anchor

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Succeed puts a new stream in the place of the caller's organisation's live
// one, as a majority approved it. The old one ends at the anchor that the
// members knew as its last when they voted: had it grown since, it would not be
// lost.
func (c *Contract) Succeed(ctx *state.Context, req ledger.SucceedStream) (*ledger.Stream, error) {
	if err := ctx.Permit(ledger.RoleAnchorer); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	proposal, err := state.OpenProposal(ctx, req.Proposal)
	if err != nil {
		return nil, err
	}
	if proposal.Kind != ledger.ProposeSucceedStream {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the proposal is of another kind")
	}
	old, err := state.Streams.Get(ctx, ledger.StreamKey(proposal.Subject.Stream))
	if err != nil {
		return nil, err
	}
	owner, err := state.StreamOwners.Get(ctx, ledger.StreamOwnerKey(old.Owner))
	if err != nil {
		return nil, err
	}
	next, err := succeed(old, owner, req, proposal, ctx.Caller().Org, ctx.Time())
	if err != nil {
		return nil, err
	}
	if next.Predecessor.Unused, err = ended(ctx, old.ID, proposal.Subject.LastSequence); err != nil {
		return nil, err
	}
	// What writes comes last: a refusal leaves nothing behind.
	if _, err := state.Carried(ctx, proposal.ID, ledger.ProposeSucceedStream, "", req.Voters); err != nil {
		return nil, err
	}
	if err := state.Streams.Create(ctx, next); err != nil {
		return nil, err
	}
	if err := state.StreamOwners.Update(ctx, &ledger.StreamOwner{V: 1, Owner: next.Owner, Stream: next.ID}); err != nil {
		return nil, err
	}
	return next, ctx.Emit(ledger.EventStreamSucceeded, next.Key(), next.Owner)
}

// ended checks that a stream's last anchor is the one of that sequence, or that
// it has none when the sequence is 0; it reports the latter.
func ended(ctx *state.Context, stream string, last uint64) (unused bool, err error) {
	_, found, err := state.Anchors.Find(ctx, ledger.AnchorKey(stream, last))
	switch {
	case err != nil:
		return false, err
	case !found && last > 0:
		return false, ledger.Problemf(ledger.CodeInvalid, "the stream has no anchor of the proposal's last sequence")
	case !found:
		return true, nil
	case last == ledger.MaxSequence:
		return false, nil // no key has room for another
	}
	_, grown, err := state.Anchors.Find(ctx, ledger.AnchorKey(stream, last+1))
	if err != nil {
		return false, err
	}
	if grown {
		// No conflict: clients try those again, and here that can never help.
		return false, ledger.Problemf(ledger.CodeGone, "the stream has grown beyond the proposal's last anchor")
	}
	return false, nil
}
