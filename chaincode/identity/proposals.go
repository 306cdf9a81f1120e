package identity

import (
	"strconv"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Propose asks the members. That it was proposed says nothing about whether it
// is right, only that it could be carried out now.
func (c *Contract) Propose(ctx *state.Context, req ledger.Propose) (*ledger.Proposal, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	roster, err := state.Member(ctx)
	if err != nil {
		return nil, err
	}
	base, err := feasible(ctx, roster, req.Kind, req.Subject)
	if err != nil {
		return nil, err
	}
	p := &ledger.Proposal{
		V: 1, ID: ctx.TxID(), Kind: req.Kind, Subject: req.Subject, Reason: req.Reason, Base: base,
		By: ctx.Caller().Org, Proposed: ctx.Time(), Expires: ctx.Time().Add(ledger.ProposalLife),
	}
	if err := state.Proposals.Append(ctx, p); err != nil {
		return nil, err
	}
	return p, ctx.Emit(ledger.EventProposalMade, p.Key(), concerned(p)...)
}

// feasible refuses what could not be carried out: what it is about is missing, or
// is so already. It returns what the members decide on: see ledger.Proposal.Base.
func feasible(ctx *state.Context, roster *ledger.Roster, kind string, s ledger.ProposalSubject) (base string, err error) {
	switch kind {
	case ledger.ProposeAcceptIssuer:
		row, err := acceptance(ctx, roster, s)
		return revision(row), err
	case ledger.ProposeStrikeIssuer:
		row, _, err := state.TrustRows.Find(ctx, ledger.TrustKey(s.Issuer, s.CredentialType))
		if err != nil {
			return "", err
		}
		return revision(row), strikable(row)
	case ledger.ProposeRemoveOrganisation:
		_, err := remove(roster, s.Organisation)
		return strconv.Itoa(roster.Revision), err
	case ledger.ProposeReadmitOrganisation:
		_, err := readmit(roster, s.Organisation)
		return strconv.Itoa(roster.Revision), err
	case ledger.ProposeRecoverDID:
		current, err := state.DIDs.Get(ctx, ledger.DIDKey(s.DID))
		if err != nil {
			return "", err
		}
		return strconv.Itoa(current.Revision), alive(current)
	case ledger.ProposeAssignModel:
		return assignable(ctx, s)
	case ledger.ProposeAcceptCatalogue:
		return state.Acceptable(ctx, s.Catalogue)
	}
	_, err = state.Streams.Get(ctx, ledger.StreamKey(s.Stream))
	return "", err
}

// revision returns the revision of a row of the trust registry, 0 for none.
func revision(row *ledger.TrustRow) string {
	if row == nil {
		return "0"
	}
	return strconv.Itoa(row.Revision)
}

// acceptance reads what the acceptance of an issuer depends on and returns the
// row of the trust registry as it is, nil when there is none.
func acceptance(ctx *state.Context, roster *ledger.Roster, s ledger.ProposalSubject) (*ledger.TrustRow, error) {
	if name, _ := ledger.ParseDID(s.Issuer); !roster.Has(name.Org) {
		return nil, ledger.Problemf(ledger.CodeDenied, "the issuer's organisation is not on the roster")
	}
	issuer, err := state.DIDs.Get(ctx, ledger.DIDKey(s.Issuer))
	if err != nil {
		return nil, err
	}
	if issuer.Deactivated {
		return nil, ledger.Problemf(ledger.CodeGone, "the issuer's DID is deactivated")
	}
	if _, err := state.Schemas.Get(ctx, ledger.SchemaKey(s.CredentialType, s.Schema)); err != nil {
		return nil, err
	}
	row, _, err := state.TrustRows.Find(ctx, ledger.TrustKey(s.Issuer, s.CredentialType))
	if err != nil {
		return nil, err
	}
	if row != nil && row.State == ledger.TrustAccepted && row.Schema == s.Schema {
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "the issuer is accepted for this credential type and schema")
	}
	return row, nil
}

// assignable: of another's model, to a registered manufacturer. It returns whose
// the model is.
func assignable(ctx *state.Context, s ledger.ProposalSubject) (manufacturer string, err error) {
	org, err := state.Organisations.Get(ctx, ledger.OrganisationKey(s.Organisation))
	if err != nil {
		return "", err
	}
	if org.Kind != ledger.KindManufacturer {
		return "", ledger.Problemf(ledger.CodeDenied, "a model belongs to a registered manufacturer")
	}
	model, err := state.Models.Get(ctx, ledger.ModelKey(s.DI))
	if err != nil {
		return "", err
	}
	if model.Manufacturer == s.Organisation {
		return "", ledger.Problemf(ledger.CodeAlreadyExists, "the model is this manufacturer's")
	}
	return model.Manufacturer, nil
}

// Vote answers a proposal for the caller's organisation, for good.
func (c *Contract) Vote(ctx *state.Context, req ledger.CastVote) (*ledger.Vote, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if _, err := state.Member(ctx); err != nil {
		return nil, err
	}
	p, err := state.OpenProposal(ctx, req.Proposal)
	if err != nil {
		return nil, err
	}
	v := &ledger.Vote{V: 1, Proposal: p.ID, Organisation: ctx.Caller().Org, Approve: req.Approve, Time: ctx.Time()}
	if err := state.Votes.Create(ctx, v); err != nil {
		return nil, err
	}
	return v, ctx.Emit(ledger.EventVoteCast, v.Key(), append(concerned(p), v.Organisation)...)
}

// Enact carries out a proposal about issuers or the roster.
func (c *Contract) Enact(ctx *state.Context, req ledger.Enact) (*ledger.Proposal, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	roster, err := state.Member(ctx)
	if err != nil {
		return nil, err
	}
	p, err := state.OpenProposal(ctx, req.Proposal)
	if err != nil {
		return nil, err
	}
	carry, ours := enactments[p.Kind]
	if !ours {
		return nil, ledger.Problemf(ledger.CodeInvalid, "a proposal of this kind is enacted by the contract whose record it changes")
	}
	base, err := feasible(ctx, roster, p.Kind, p.Subject)
	if err != nil {
		return nil, err
	}
	if p, err = state.Carried(ctx, p.ID, p.Kind, base, req.Voters); err != nil {
		return nil, err
	}
	event, key, err := carry(ctx, roster, p)
	if err != nil {
		return nil, err
	}
	return p, ctx.Emit(event, key, concerned(p)...)
}

// enactments does what each kind of proposal asks, and says what happened to
// which record.
var enactments = map[string]func(*state.Context, *ledger.Roster, *ledger.Proposal) (ledger.EventKind, ledger.Key, error){
	ledger.ProposeAcceptIssuer: func(ctx *state.Context, roster *ledger.Roster, p *ledger.Proposal) (ledger.EventKind, ledger.Key, error) {
		row, err := acceptance(ctx, roster, p.Subject)
		if err != nil {
			return "", ledger.Key{}, err
		}
		next := accept(row, p, ctx.Time())
		return ledger.EventIssuerAccepted, next.Key(), write(ctx, state.TrustRows, row == nil, next)
	},
	ledger.ProposeStrikeIssuer: func(ctx *state.Context, _ *ledger.Roster, p *ledger.Proposal) (ledger.EventKind, ledger.Key, error) {
		row, _, err := state.TrustRows.Find(ctx, ledger.TrustKey(p.Subject.Issuer, p.Subject.CredentialType))
		if err != nil {
			return "", ledger.Key{}, err
		}
		next, err := strike(row, p, ctx.Time())
		if err != nil {
			return "", ledger.Key{}, err
		}
		return ledger.EventIssuerStruck, next.Key(), state.TrustRows.Update(ctx, next)
	},
	ledger.ProposeRemoveOrganisation: func(ctx *state.Context, roster *ledger.Roster, p *ledger.Proposal) (ledger.EventKind, ledger.Key, error) {
		next, err := remove(roster, p.Subject.Organisation)
		if err != nil {
			return "", ledger.Key{}, err
		}
		return ledger.EventOrganisationRemoved, next.Key(), state.Rosters.Update(ctx, next)
	},
	ledger.ProposeReadmitOrganisation: func(ctx *state.Context, roster *ledger.Roster, p *ledger.Proposal) (ledger.EventKind, ledger.Key, error) {
		next, err := readmit(roster, p.Subject.Organisation)
		if err != nil {
			return "", ledger.Key{}, err
		}
		return ledger.EventOrganisationReadmitted, next.Key(), state.Rosters.Update(ctx, next)
	},
}

// concerned returns the organisations that a proposal concerns: who made it, and
// whom it is about.
func concerned(p *ledger.Proposal) []string {
	orgs := []string{p.By}
	for _, did := range []string{p.Subject.Issuer, p.Subject.DID} {
		if name, ok := ledger.ParseDID(did); ok && name.Org != "" {
			orgs = append(orgs, name.Org)
		}
	}
	if p.Subject.Organisation != "" {
		orgs = append(orgs, p.Subject.Organisation)
	}
	return orgs
}

// GetProposal returns a proposal, its votes and what became of it.
func (c *Contract) GetProposal(ctx *state.Context, req ledger.GetProposal) (*ledger.ProposalView, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.ViewProposal(ctx, req.ID)
}

// ListProposals returns a page of proposals.
func (c *Contract) ListProposals(ctx *state.Context, req ledger.PageRequest) (*ledger.ProposalPage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.Proposals.List(ctx, nil, req)
	if err != nil {
		return nil, err
	}
	return &ledger.ProposalPage{Items: items, Next: next}, nil
}
