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

// TaxonomyProposal is a proposed change of a vocabulary, with the members' answers.
type TaxonomyProposal struct {
	Change   ledger.VocabularyChange `json:"change" doc:"What shall be done."`
	Proposal Proposal                `json:"proposal" doc:"Who asks, why, until when, and what the members said."`
}

func viewTaxonomyProposal(c fact.VocabularyChange) TaxonomyProposal {
	return TaxonomyProposal{c.Change, viewProposal(c.Proposal)}
}

// TaxonomyTerm is what a node says.
type TaxonomyTerm struct {
	Definition string            `json:"definition" doc:"What it means: at most 1024 bytes of printable characters. It stays on the ledger: it must name no person."`
	External   []ledger.External `json:"external,omitempty" doc:"Terms of other vocabularies that it corresponds to, at most 16."`
	ID         string            `json:"id" doc:"For ever: 1 to 64 letters, digits and -._" example:"pump-abuse"`
	Name       string            `json:"name" doc:"As people read it, at most 200 printable characters." example:"Pump abuse"`
	Parent     string            `json:"parent,omitempty" doc:"Node that it belongs under; left out at the top."`
}

// NewTaxonomyProposal is a change of a vocabulary that the members are asked for.
type NewTaxonomyProposal struct {
	Vocabulary string                `json:"vocabulary" example:"ward-threats"`
	Change     string                `json:"change" enum:"add,change,deprecate,import" doc:"add, change: with term. deprecate: with node and successor. import: with imported, for a vocabulary of that kind."`
	Base       int                   `json:"base,omitempty" doc:"What it was decided on: the version since which the node stands as it was read; of an import the vocabulary's version; left out to add a node. When that is another by now, the answer is 409."`
	Term       *TaxonomyTerm         `json:"term,omitempty"`
	Node       string                `json:"node,omitempty" doc:"deprecate: which node."`
	Successor  string                `json:"successor,omitempty" doc:"deprecate: the node to use in its place. It must not be deprecated itself."`
	Imported   *ledger.Imported      `json:"imported,omitempty" doc:"import: SHA-256 of the document, its publisher's name for that version, and the terms in it."`
	Evidence   []ledger.NodeEvidence `json:"evidence,omitempty" doc:"Reports on the ledger (clear or green, and not withdrawn) that it rests on: at most 16, and to add a node at least one."`
	Reason     string                `json:"reason" doc:"For the members to read, at most 200 printable characters. It stays on the ledger: it must name no person." example:"Three reports of this month speak of it."`
	Expires    time.Time             `json:"expires,omitzero" doc:"Until when it can be voted on and adopted: an hour to thirty days from now, in whole milliseconds of UTC. Left out: two weeks."`
}

type proposeTaxonomy struct {
	CommandHeaders
	Body NewTaxonomyProposal
}

type listTaxonomyProposals struct {
	Page
	Vocabulary string `query:"vocabulary" maxLength:"48" doc:"Only those that would change this one."`
	State      string `query:"state" enum:"open,carried,enacted,expired,withdrawn,rejected" doc:"Only those in this state."`
}

func (a *API) taxonomyProposalRoutes() {
	tags := []string{"taxonomies"}
	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "list-taxonomy-proposals", Method: http.MethodGet, Path: "/v1/taxonomy-proposals", Tags: tags,
		Summary: "The changes of vocabularies that the members were asked for, newest first",
	}, func(ctx context.Context, in *listTaxonomyProposals) (*body[List[TaxonomyProposal]], error) {
		f := fact.ProposalFilter{Vocabulary: in.Vocabulary, State: fact.ProposalState(in.State), At: time.Now()}
		got, err := a.Taxonomies.VocabularyChanges(ctx, f, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewTaxonomyProposal), nil
	})

	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "get-taxonomy-proposal", Method: http.MethodGet, Path: "/v1/taxonomy-proposals/{id}", Tags: tags,
		Summary: "A proposed change of a vocabulary, with the members' votes",
	}, func(ctx context.Context, in *PathProposal) (*body[TaxonomyProposal], error) {
		c, err := a.Taxonomies.VocabularyChange(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &body[TaxonomyProposal]{viewTaxonomyProposal(c)}, nil
	})

	register(a.api, auth.TaxonomiesPropose, commandOp[TaxonomyProposal](a.api, huma.Operation{
		OperationID: "propose-taxonomy-change", Method: http.MethodPost, Path: "/v1/taxonomy-proposals", Tags: tags,
		Summary:     "Ask the members to change a vocabulary",
		Description: "That it was proposed says only that it could be carried out now.",
	}), a.proposeTaxonomy)

	register(a.api, auth.ConsortiumGovern, commandOp[TaxonomyProposal](a.api, huma.Operation{
		OperationID: "vote-taxonomy-change", Method: http.MethodPost, Path: "/v1/taxonomy-proposals/{id}/votes", Tags: tags,
		Summary: "Answer a proposed change for the own organisation, for good",
	}), func(ctx context.Context, in *castVote) (*answer, error) {
		return a.changed(ctx, &in.CommandHeaders, in.ID, ledger.RoleRegistrar, ledger.IdentityVote, func(fact.VocabularyChange) (any, error) {
			return ledger.CastVote{Proposal: in.ID, Approve: in.Body.Approve}, nil
		})
	})

	register(a.api, auth.ConsortiumGovern, commandOp[TaxonomyProposal](a.api, huma.Operation{
		OperationID: "adopt-taxonomy-change", Method: http.MethodPost, Path: "/v1/taxonomy-proposals/{id}/adoption", Tags: tags,
		Summary:     "Make the next version of a vocabulary by a change that enough members approved",
		Description: "The votes that this node knows of are named to the ledger, which judges them.",
	}), func(ctx context.Context, in *enact) (*answer, error) {
		return a.changed(ctx, &in.CommandHeaders, in.ID, ledger.RoleRegistrar, ledger.TaxonomyAdopt, func(c fact.VocabularyChange) (any, error) {
			voters, err := carriers(c.Proposal)
			return ledger.AdoptChange{Proposal: in.ID, Voters: voters}, err
		})
	})

	register(a.api, auth.TaxonomiesPropose, commandOp[TaxonomyProposal](a.api, huma.Operation{
		OperationID: "withdraw-taxonomy-change", Method: http.MethodPost, Path: "/v1/taxonomy-proposals/{id}/withdrawal", Tags: tags,
		Summary: "Withdraw a proposed change of the own organisation",
	}), func(ctx context.Context, in *enact) (*answer, error) {
		return a.changed(ctx, &in.CommandHeaders, in.ID, ledger.RoleSharer, ledger.TaxonomyWithdraw, func(fact.VocabularyChange) (any, error) {
			return ledger.WithdrawChange{Proposal: in.ID}, nil
		})
	})

	register(a.api, auth.ConsortiumGovern, commandOp[TaxonomyProposal](a.api, huma.Operation{
		OperationID: "reject-taxonomy-change", Method: http.MethodPost, Path: "/v1/taxonomy-proposals/{id}/rejection", Tags: tags,
		Summary: "Close a proposed change against which so many voted that no majority is left",
	}), func(ctx context.Context, in *enact) (*answer, error) {
		return a.changed(ctx, &in.CommandHeaders, in.ID, ledger.RoleRegistrar, ledger.TaxonomyReject, func(c fact.VocabularyChange) (any, error) {
			voters := c.Refusals()
			if c.Closure != nil {
				voters = c.Closure.Record.Voters // the ledger says that it was done
			} else if left := len(c.Roster.Organisations) - len(voters); left >= c.Roster.Needed() {
				return nil, ledger.Problemf(ledger.CodeDenied, "%d members can still approve it, as far as this node knows: %d are needed", left, c.Roster.Needed())
			}
			return ledger.RejectChange{Proposal: in.ID, Voters: voters}, nil
		})
	})
}

func (a *API) proposeTaxonomy(ctx context.Context, in *proposeTaxonomy) (*answer, error) {
	b := in.Body
	req := ledger.ProposeChange{
		Vocabulary: b.Vocabulary, Change: b.Change, Base: b.Base, Term: (*ledger.Term)(b.Term), Node: b.Node, Successor: b.Successor,
		Imported: b.Imported, Evidence: b.Evidence, Reason: b.Reason, Expires: b.Expires,
	}
	if req.Expires.IsZero() {
		req.Expires = defaultLife(time.Now())
	}
	if err := req.Validate(); err != nil {
		return nil, placed(err)
	}
	return a.made(ctx, &in.CommandHeaders, ledger.RoleSharer, ledger.TaxonomyPropose, req,
		func(ctx context.Context, tx string) (string, any, error) { return a.readTaxonomyProposal(ctx, tx) })
}

func (a *API) readTaxonomyProposal(ctx context.Context, id string) (string, any, error) {
	c, err := a.Taxonomies.VocabularyChange(ctx, id)
	if err != nil {
		return "", nil, err
	}
	return "/v1/taxonomy-proposals/" + id, viewTaxonomyProposal(c), nil
}

// changed sends what is made of a proposed change, and answers with the change as it
// is then.
func (a *API) changed(ctx context.Context, h *CommandHeaders, id string, role ledger.Role, name string, request func(fact.VocabularyChange) (any, error)) (*answer, error) {
	c, err := a.Taxonomies.VocabularyChange(ctx, id)
	if err != nil {
		return nil, err
	}
	req, err := request(c)
	if err != nil {
		return nil, err
	}
	return a.made(ctx, h, role, name, req, func(ctx context.Context, _ string) (string, any, error) { return a.readTaxonomyProposal(ctx, id) })
}
