package anchor

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Contract holds the transactions "anchor:...".
type Contract struct{ state.Contract }

// New returns the contract.
func New(o state.Options) *Contract { return &Contract{state.NewContract("anchor", o)} }

// Open opens the one stream of the caller's organisation.
func (c *Contract) Open(ctx *state.Context, req ledger.OpenStream) (*ledger.Stream, error) {
	if err := ctx.Permit(ledger.RoleAnchorer); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	stream, err := open(req, ctx.Caller().Org, ctx.Time())
	if err != nil {
		return nil, err
	}
	owner := &ledger.StreamOwner{V: 1, Owner: stream.Owner, Stream: stream.ID}
	if err := state.StreamOwners.Create(ctx, owner); err != nil {
		return nil, err
	}
	if err := state.Streams.Create(ctx, stream); err != nil {
		return nil, err
	}
	return stream, ctx.Emit(ledger.EventStreamOpened, stream.Key(), stream.Owner)
}

// Commit anchors the next checkpoint of the caller's stream.
func (c *Contract) Commit(ctx *state.Context, req ledger.CommitAnchor) (*ledger.Anchor, error) {
	if err := ctx.Permit(ledger.RoleAnchorer); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	stream, err := state.Streams.Get(ctx, ledger.StreamKey(req.Stream))
	if err != nil {
		return nil, err
	}
	if err := mayCommit(stream, ctx.Caller().Org); err != nil {
		return nil, err
	}
	owner, err := state.StreamOwners.Get(ctx, ledger.StreamOwnerKey(stream.Owner))
	if err != nil {
		return nil, err
	}
	if err := isLive(stream, owner); err != nil {
		return nil, err
	}
	_, marked, err := state.Equivocations.Find(ctx, ledger.EquivocationKey(stream.ID))
	if err != nil {
		return nil, err
	}
	if marked {
		return nil, ledger.Problemf(ledger.CodeGone, "the stream's log has signed two histories")
	}
	previous, err := predecessor(ctx, req)
	if err != nil {
		return nil, err
	}
	anchor, err := commit(stream, previous, req, ctx.TxID(), ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := state.Anchors.Create(ctx, anchor); err != nil {
		return nil, err
	}
	return anchor, ctx.Emit(ledger.EventAnchorCommitted, anchor.Key(), stream.Owner)
}

// predecessor returns the anchor before the one that is to be made; nil for the
// first.
func predecessor(ctx *state.Context, req ledger.CommitAnchor) (*ledger.Anchor, error) {
	if req.Sequence == 0 {
		return nil, nil
	}
	previous, found, err := state.Anchors.Find(ctx, ledger.AnchorKey(req.Stream, req.Sequence-1))
	if err != nil {
		return nil, err
	}
	if !found {
		// This peer may lag behind the one that told the client.
		return nil, ledger.Problemf(ledger.CodeBusy, "this peer does not know the previous anchor yet")
	}
	return previous, nil
}

// ReportEquivocation marks a stream whose log signed two trees of one size.
// Anyone who holds the evidence may.
func (c *Contract) ReportEquivocation(ctx *state.Context, req ledger.ReportEquivocation) (*ledger.Equivocation, error) {
	if err := ctx.PermitAnyRole(); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	stream, err := state.Streams.Get(ctx, ledger.StreamKey(req.Stream))
	if err != nil {
		return nil, err
	}
	mark, err := equivocation(stream, req, ctx.Caller().Org, ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := state.Equivocations.Create(ctx, mark); err != nil {
		return nil, err
	}
	return mark, ctx.Emit(ledger.EventEquivocationReported, mark.Key(), stream.Owner)
}

// Get returns an anchor with its stream, whether the stream is marked and the
// time of the next anchor. The keys of the mark and of the next anchor are read
// even when they are absent, so that a signed read says "unmarked, and the last
// one, as of this read".
func (c *Contract) Get(ctx *state.Context, req ledger.GetAnchor) (*ledger.AnchorView, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	anchor, err := state.Anchors.Get(ctx, ledger.AnchorKey(req.Stream, req.Sequence))
	if err != nil {
		return nil, err
	}
	stream, err := state.Streams.Get(ctx, ledger.StreamKey(req.Stream))
	if err != nil {
		return nil, err
	}
	_, marked, err := state.Equivocations.Find(ctx, ledger.EquivocationKey(req.Stream))
	if err != nil {
		return nil, err
	}
	view := &ledger.AnchorView{Anchor: *anchor, Stream: *stream, Equivocated: marked}
	next, found, err := state.Anchors.Find(ctx, ledger.AnchorKey(req.Stream, req.Sequence+1))
	if err != nil {
		return nil, err
	}
	if found {
		view.Next = next.Time
	}
	return view, nil
}

// GetStream returns one stream.
func (c *Contract) GetStream(ctx *state.Context, req ledger.GetStream) (*ledger.Stream, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Streams.Get(ctx, ledger.StreamKey(req.ID))
}

// GetLive returns an organisation's live stream.
func (c *Contract) GetLive(ctx *state.Context, req ledger.GetLive) (*ledger.Stream, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	owner, err := state.StreamOwners.Get(ctx, ledger.StreamOwnerKey(req.Owner))
	if err != nil {
		return nil, err
	}
	return state.Streams.Get(ctx, ledger.StreamKey(owner.Stream))
}
