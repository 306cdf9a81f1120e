package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Proposals finds what the members were asked, and what they answered.
type Proposals interface {
	Proposal(ctx context.Context, id string) (fact.Proposal, error)
	Proposals(ctx context.Context, f fact.ProposalFilter, page ledger.PageRequest) (fact.ProposalPage, error)
}

// Proposal is a question to the members, with their answers and its place on the
// ledger.
type Proposal struct {
	ledger.Proposal
	State     fact.ProposalState `json:"state" enum:"open,carried,enacted,expired,withdrawn,rejected" doc:"Open: it can be voted on. Carried: enough members approved it, and any of them may enact it. The others are final. Withdrawn and rejected are only those to change a vocabulary."`
	Overtaken bool               `json:"overtaken" doc:"What it is about has changed since it was made: it can no longer be enacted."`
	Approvals []string           `json:"approvals" doc:"Members (MSP ids) whose approving votes count now."`
	Needed    int                `json:"needed" doc:"How many approvals carry it: more than half of the members, and never fewer than three."`
	Votes     []Vote             `json:"votes" doc:"By organisation."`
	Enactment *Enactment         `json:"enactment,omitempty"`
	Closure   *Closure           `json:"closure,omitempty"`
	Ledger    fact.Origin        `json:"ledger" doc:"Where on the ledger it stands."`
}

// Vote is one organisation's answer, with its place on the ledger.
type Vote struct {
	ledger.Vote
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger it stands."`
}

// Enactment is how a proposal took effect, with its place on the ledger.
type Enactment struct {
	ledger.Enactment
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger it stands."`
}

// Closure is how a proposal ended without taking effect, with its place on the ledger.
type Closure struct {
	ledger.Closure
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger it stands."`
}

func viewProposal(p fact.Proposal) Proposal {
	v := Proposal{
		Proposal: p.Record, State: p.State(time.Now()), Overtaken: p.Overtaken,
		Approvals: p.Approvals(), Needed: p.Roster.Needed(), Votes: make([]Vote, len(p.Votes)), Ledger: p.Origin,
	}
	if v.Approvals == nil {
		v.Approvals = []string{}
	}
	for i, vote := range p.Votes {
		v.Votes[i] = Vote{vote.Record, vote.Origin}
	}
	if p.Enactment != nil {
		v.Enactment = &Enactment{p.Enactment.Record, p.Enactment.Origin}
	}
	if p.Closure != nil {
		v.Closure = &Closure{p.Closure.Record, p.Closure.Origin}
	}
	return v
}

// Subject is what a proposal is about: each kind has its own fields.
type Subject struct {
	Issuer         string `json:"issuer,omitempty" doc:"accept_issuer, strike_issuer: DID of an organisation or of one of its issuers." example:"did:secant:dev:hospital-north:credentials"`
	CredentialType string `json:"credentialType,omitempty" doc:"accept_issuer, strike_issuer." example:"StaffRole"`
	Schema         string `json:"schema,omitempty" doc:"accept_issuer: version of the type's schema." example:"1.0.0"`
	Organisation   string `json:"organisation,omitempty" doc:"remove_organisation, readmit_organisation, and assign_model: MSP id."`
	DID            string `json:"did,omitempty" doc:"recover_did."`
	Key            string `json:"key,omitempty" doc:"recover_did: RFC 7638 thumbprint of the key that may change the document from then on."`
	DI             string `json:"di,omitempty" doc:"assign_model: UDI-DI."`
	Stream         string `json:"stream,omitempty" doc:"succeed_stream: id of the stream that ends."`
	Successor      string `json:"successor,omitempty" doc:"succeed_stream: id of the one that follows."`
	LastSequence   uint64 `json:"lastSequence,omitempty" doc:"succeed_stream: of the anchor that the successor builds on."`
	Catalogue      string `json:"catalogue,omitempty" doc:"accept_catalogue: name and version of a published catalogue of controls." example:"secant-controls/1"`
	Vocabulary     string `json:"vocabulary,omitempty" doc:"change_vocabulary, which is proposed at /v1/taxonomy-proposals: the vocabulary."`
}

// NewProposal is a question to the members.
type NewProposal struct {
	Kind    string  `json:"kind" doc:"accept_issuer, strike_issuer, remove_organisation, readmit_organisation, recover_did, assign_model, succeed_stream or accept_catalogue." example:"accept_issuer"`
	Subject Subject `json:"subject"`
	Reason  string  `json:"reason" doc:"For the members to read, at most 200 printable characters. It stays on the ledger: it must name no person." example:"Its identity checks were audited."`
}

// PathProposal names a proposal in the path.
type PathProposal struct {
	ID string `path:"id" pattern:"^[0-9a-f]{64}$" patternDescription:"64 lower-case hexadecimal digits" doc:"The proposal's id."`
}

type listProposals struct {
	Page
	Kind  string `query:"kind" enum:"accept_issuer,strike_issuer,remove_organisation,readmit_organisation,recover_did,assign_model,succeed_stream,accept_catalogue,change_vocabulary" doc:"Only those of this kind."`
	State string `query:"state" enum:"open,carried,enacted,expired,withdrawn,rejected" doc:"Only those in this state."`
}

type propose struct {
	CommandHeaders
	Body NewProposal
}

type castVote struct {
	PathProposal
	CommandHeaders
	Body struct {
		Approve bool `json:"approve" doc:"For or against. It cannot be changed."`
	}
}

type enact struct {
	PathProposal
	CommandHeaders
}

func proposalPath(id string) string { return "/v1/proposals/" + id }

func (a *API) proposalRoutes() {
	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "list-proposals", Method: http.MethodGet, Path: "/v1/proposals", Tags: []string{"consortium"},
		Summary: "What the members were asked, newest first",
	}, func(ctx context.Context, in *listProposals) (*body[List[Proposal]], error) {
		f := fact.ProposalFilter{Kind: in.Kind, State: fact.ProposalState(in.State), At: time.Now()}
		got, err := a.Proposals.Proposals(ctx, f, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewProposal), nil
	})

	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "get-proposal", Method: http.MethodGet, Path: "/v1/proposals/{id}", Tags: []string{"consortium"},
		Summary: "A question to the members, with their votes",
	}, func(ctx context.Context, in *PathProposal) (*body[Proposal], error) {
		p, err := a.Proposals.Proposal(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &body[Proposal]{viewProposal(p)}, nil
	})

	register(a.api, auth.ConsortiumGovern, commandOp[Proposal](a.api, huma.Operation{
		OperationID: "propose", Method: http.MethodPost, Path: "/v1/proposals", Tags: []string{"consortium"},
		Summary:     "Ask the members",
		Description: "That it was proposed says only that it could be carried out now. It can be voted on and enacted for thirty days.",
	}), a.propose)

	register(a.api, auth.ConsortiumGovern, commandOp[Proposal](a.api, huma.Operation{
		OperationID: "vote", Method: http.MethodPost, Path: "/v1/proposals/{id}/votes", Tags: []string{"consortium"},
		Summary: "Answer a proposal for the own organisation, for good",
	}), a.vote)

	register(a.api, auth.ConsortiumGovern, commandOp[Proposal](a.api, huma.Operation{
		OperationID: "enact", Method: http.MethodPost, Path: "/v1/proposals/{id}/enactment", Tags: []string{"consortium"},
		Summary: "Carry out a proposal that enough members approved",
		Description: "For proposals about issuers, about who is a member, and about catalogues of controls. The others take effect with the transaction that changes their record: " +
			"identity:RecoverDID, device:AssignModel, anchor:Succeed, taxonomy:Adopt. The votes that this node knows of are named to the ledger, which judges them.",
	}), a.enact)
}

func (a *API) propose(ctx context.Context, in *propose) (*answer, error) {
	req := ledger.Propose{Kind: in.Body.Kind, Subject: ledger.ProposalSubject(in.Body.Subject), Reason: in.Body.Reason}
	if err := req.Validate(); err != nil {
		return nil, placed(err)
	}
	return a.made(ctx, &in.CommandHeaders, ledger.RoleRegistrar, ledger.IdentityPropose, req,
		func(ctx context.Context, tx string) (string, any, error) { return a.readProposal(ctx, tx) })
}

func (a *API) readProposal(ctx context.Context, id string) (string, any, error) {
	p, err := a.Proposals.Proposal(ctx, id)
	if err != nil {
		return "", nil, err
	}
	return proposalPath(id), viewProposal(p), nil
}

func (a *API) vote(ctx context.Context, in *castVote) (*answer, error) {
	req := ledger.CastVote{Proposal: in.ID, Approve: in.Body.Approve}
	return a.made(ctx, &in.CommandHeaders, ledger.RoleRegistrar, ledger.IdentityVote, req,
		func(ctx context.Context, _ string) (string, any, error) { return a.readProposal(ctx, req.Proposal) })
}

// elsewhere are the transactions with which those proposals take effect that
// identity:Enact does not carry out.
var elsewhere = map[string]string{
	ledger.ProposeRecoverDID:    ledger.IdentityRecoverDID,
	ledger.ProposeAssignModel:   ledger.DeviceAssignModel,
	ledger.ProposeSucceedStream: ledger.AnchorSucceed,

	ledger.ProposeChangeVocabulary: ledger.TaxonomyAdopt,
}

func (a *API) enact(ctx context.Context, in *enact) (*answer, error) {
	p, err := a.Proposals.Proposal(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if tx, other := elsewhere[p.Record.Kind]; other {
		return nil, ledger.Problemf(ledger.CodeInvalid, "a proposal of this kind takes effect with %s", tx)
	}
	voters, err := carriers(p)
	if err != nil {
		return nil, err
	}
	req, name := ledger.Enact{Proposal: in.ID, Voters: voters}, ledger.IdentityEnact
	if p.Record.Kind == ledger.ProposeAcceptCatalogue {
		name = ledger.ComplianceAcceptCatalogue // takes the same request
	}
	return a.made(ctx, &in.CommandHeaders, ledger.RoleRegistrar, name, req,
		func(ctx context.Context, _ string) (string, any, error) { return a.readProposal(ctx, req.Proposal) })
}

// carriers names the members whose votes carry a proposal.
func carriers(p fact.Proposal) ([]string, error) {
	if p.Enactment != nil {
		return p.Enactment.Record.Voters, nil // the ledger says that it was done
	}
	voters := p.Approvals()
	if needed := p.Roster.Needed(); len(voters) < needed {
		return nil, ledger.Problemf(ledger.CodeDenied, "%d members approved it, as far as this node knows: %d are needed", len(voters), needed)
	}
	return voters[:min(len(voters), ledger.MaxVoters)], nil
}
