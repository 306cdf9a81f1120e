package taxonomy

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Contract holds the transactions "taxonomy:...".
type Contract struct{ state.Contract }

// New returns the contract.
func New(o state.Options) *Contract { return &Contract{state.NewContract("taxonomy", o)} }

// Create creates a vocabulary in which nothing stands yet.
func (c *Contract) Create(ctx *state.Context, req ledger.CreateVocabulary) (*ledger.Vocabulary, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if _, err := state.Member(ctx); err != nil {
		return nil, err
	}
	v := &ledger.Vocabulary{
		V: 1, ID: req.ID, Title: req.Title, Kind: req.Kind, Maintainer: ctx.Caller().Org, Created: ctx.Time(), Since: ctx.Time(),
	}
	if err := state.Vocabularies.Create(ctx, v); err != nil {
		return nil, err
	}
	return v, ctx.Emit(ledger.EventVocabularyCreated, v.Key(), v.Maintainer)
}

// Propose asks the members to change a vocabulary. They vote with identity:Vote.
func (c *Contract) Propose(ctx *state.Context, req ledger.ProposeChange) (*ledger.VocabularyChangeView, error) {
	if err := ctx.PermitOneOf(ledger.RoleSharer, ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if _, err := state.Member(ctx); err != nil {
		return nil, err
	}
	now, err := current(ctx, req.Vocabulary)
	if err != nil {
		return nil, err
	}
	change := proposed(req, ctx.TxID())
	base, err := now.feasible(change)
	if err != nil {
		return nil, err
	}
	if err := decidedOn(req.Base, base); err != nil {
		return nil, err
	}
	if err := standing(ctx, change.Evidence); err != nil {
		return nil, err
	}
	p, err := ask(req, base, ctx.TxID(), ctx.Caller().Org, ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := state.Proposals.Append(ctx, p); err != nil {
		return nil, err
	}
	if err := state.VocabularyChanges.Append(ctx, change); err != nil {
		return nil, err
	}
	view := &ledger.VocabularyChangeView{Change: *change, Proposal: ledger.ProposalView{Proposal: *p, Votes: []ledger.Vote{}}}
	return view, ctx.Emit(ledger.EventProposalMade, p.Key(), p.By)
}

// Adopt makes the next version of a vocabulary, as the members voted.
func (c *Contract) Adopt(ctx *state.Context, req ledger.AdoptChange) (*ledger.VocabularyVersion, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if _, err := state.Member(ctx); err != nil {
		return nil, err
	}
	p, change, err := open(ctx, req.Proposal)
	if err != nil {
		return nil, err
	}
	now, err := current(ctx, change.Vocabulary)
	if err != nil {
		return nil, err
	}
	base, err := now.feasible(change)
	if err != nil {
		return nil, err
	}
	if err := standing(ctx, change.Evidence); err != nil {
		return nil, err
	}
	before, err := now.before(ctx, change)
	if err != nil {
		return nil, err
	}
	if _, err := state.Carried(ctx, p.ID, p.Kind, revision(base), req.Voters); err != nil {
		return nil, err
	}
	next := now.next(change, before, ctx.Time())
	if next.node != nil {
		if err := state.VocabularyNodes.Create(ctx, next.node); err != nil {
			return nil, err
		}
	}
	if err := state.VocabularyManifests.Create(ctx, next.manifest); err != nil {
		return nil, err
	}
	if err := state.VocabularyVersions.Create(ctx, next.version); err != nil {
		return nil, err
	}
	if err := state.Vocabularies.Update(ctx, next.vocabulary); err != nil {
		return nil, err
	}
	return next.version, ctx.Emit(ledger.EventVocabularyAdopted, next.version.Key(), p.By, next.vocabulary.Maintainer)
}

// Withdraw closes a proposal for the organisation that made it.
func (c *Contract) Withdraw(ctx *state.Context, req ledger.WithdrawChange) (*ledger.Closure, error) {
	if err := ctx.PermitOneOf(ledger.RoleSharer, ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	p, _, err := open(ctx, req.Proposal)
	if err != nil {
		return nil, err
	}
	end, err := state.Withdrawn(ctx, p)
	if err != nil {
		return nil, err
	}
	return end, ctx.Emit(ledger.EventProposalWithdrawn, end.Key(), p.By)
}

// Reject closes a proposal that can no longer be carried.
func (c *Contract) Reject(ctx *state.Context, req ledger.RejectChange) (*ledger.Closure, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if _, err := state.Member(ctx); err != nil {
		return nil, err
	}
	p, _, err := open(ctx, req.Proposal)
	if err != nil {
		return nil, err
	}
	end, err := state.Lost(ctx, p, req.Voters)
	if err != nil {
		return nil, err
	}
	return end, ctx.Emit(ledger.EventProposalRejected, end.Key(), p.By)
}

// open returns a proposal to change a vocabulary that can still be voted on, and
// the change.
func open(ctx *state.Context, id string) (*ledger.Proposal, *ledger.VocabularyChange, error) {
	p, err := state.OpenProposal(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if p.Kind != ledger.ProposeChangeVocabulary {
		return nil, nil, ledger.Problemf(ledger.CodeInvalid, "the proposal is of another kind")
	}
	change, err := state.VocabularyChanges.Get(ctx, ledger.VocabularyChangeKey(p.Subject.Vocabulary, p.ID))
	return p, change, err
}

// current reads a vocabulary and what its version consists of.
func current(ctx *state.Context, id string) (*edition, error) {
	v, err := state.Vocabularies.Get(ctx, ledger.VocabularyKey(id))
	if err != nil {
		return nil, err
	}
	if v.Version == 0 {
		return &edition{vocabulary: v, manifest: &ledger.VocabularyManifest{Vocabulary: id}}, nil
	}
	m, err := state.VocabularyManifests.Get(ctx, ledger.VocabularyManifestKey(id, v.Version))
	return &edition{vocabulary: v, manifest: m}, err
}

// before reads the node that the change is about, as it is now; nil for one that is
// added and for an import.
func (e *edition) before(ctx *state.Context, change *ledger.VocabularyChange) (*ledger.Node, error) {
	at, found := e.manifest.Find(change.About())
	if !found {
		return nil, nil //nolint:nilnil // no node is the answer
	}
	return state.VocabularyNodes.Get(ctx, ledger.NodeKey(e.vocabulary.ID, change.About(), e.manifest.Nodes[at].Since))
}

// standing wants reports that every member can read and whose sharers stand by
// them.
func standing(ctx *state.Context, evidence []ledger.NodeEvidence) error {
	if len(evidence) == 0 {
		return nil
	}
	reports, withdrawn := make([]ledger.Key, len(evidence)), make([]ledger.Key, len(evidence))
	for i, e := range evidence {
		reports[i], withdrawn[i] = ledger.ThreatKey(e.Digest, e.Sharer), ledger.WithdrawalKey(e.Digest, e.Sharer)
	}
	threats, err := state.Threats.FindMany(ctx, reports...)
	if err != nil {
		return err
	}
	withdrawals, err := state.Withdrawals.FindMany(ctx, withdrawn...)
	if err != nil {
		return err
	}
	for i, t := range threats {
		switch {
		case t == nil:
			return ledger.Problemf(ledger.CodeNotFound, "a report that is named as evidence does not exist")
		case ledger.Sealed(t.Marking):
			return ledger.Problemf(ledger.CodeDenied, "a report that only named recipients can read is no evidence")
		case withdrawals[i] != nil:
			return ledger.Problemf(ledger.CodeGone, "a report that is named as evidence was withdrawn")
		}
	}
	return nil
}
