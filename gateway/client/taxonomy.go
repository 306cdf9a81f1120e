package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Taxonomy is a vocabulary of the consortium as it is now.
type Taxonomy struct {
	ledger.Vocabulary
	Ledger fact.Origin `json:"ledger"`
}

// TaxonomyVersion is one version of a vocabulary.
type TaxonomyVersion struct {
	ledger.VocabularyVersion
	Ledger fact.Origin `json:"ledger"`
}

// TaxonomyNode is a node as one version made it.
type TaxonomyNode struct {
	ledger.Node
	Ledger fact.Origin `json:"ledger"`
}

// TaxonomyProposal is a proposed change of a vocabulary.
type TaxonomyProposal struct {
	Change   ledger.VocabularyChange `json:"change"`
	Proposal struct {
		ledger.Proposal
		State     fact.ProposalState `json:"state"`
		Overtaken bool               `json:"overtaken"` // what it is about has changed since: it cannot be adopted
		Approvals []string           `json:"approvals"` // MSP ids whose approving votes count now
		Needed    int                `json:"needed"`
	} `json:"proposal"`
}

func taxonomyPath(id string) string { return "/v1/taxonomies/" + url.PathEscape(id) }

// Taxonomies lists the consortium's vocabularies, by id.
func (c *Client) Taxonomies(ctx context.Context) iter.Seq2[Taxonomy, error] {
	return pages[Taxonomy](ctx, c, "/v1/taxonomies", nil)
}

// Taxonomy finds a vocabulary.
func (c *Client) Taxonomy(ctx context.Context, id string) (*Taxonomy, error) {
	var out Taxonomy
	return found(&out, c.get(ctx, taxonomyPath(id), nil, &out))
}

// TaxonomyVersion finds one version of a vocabulary.
func (c *Client) TaxonomyVersion(ctx context.Context, id string, number int) (*TaxonomyVersion, error) {
	var out TaxonomyVersion
	return found(&out, c.get(ctx, taxonomyPath(id)+"/versions/"+strconv.Itoa(number), nil, &out))
}

// TaxonomyNodes lists the nodes of one version of a vocabulary as they were in it, by
// id. 0 is the version that holds.
func (c *Client) TaxonomyNodes(ctx context.Context, id string, number int) iter.Seq2[TaxonomyNode, error] {
	return pages[TaxonomyNode](ctx, c, taxonomyPath(id)+"/nodes", url.Values{"version": {strconv.Itoa(number)}})
}

// TaxonomyProposals lists the proposed changes of a vocabulary, or of all, newest
// first.
func (c *Client) TaxonomyProposals(ctx context.Context, vocabulary string) iter.Seq2[TaxonomyProposal, error] {
	q := url.Values{}
	if vocabulary != "" {
		q.Set("vocabulary", vocabulary)
	}
	return pages[TaxonomyProposal](ctx, c, "/v1/taxonomy-proposals", q)
}

// ProposeTaxonomyChange asks the members to change a vocabulary. Without a time to
// expire at it can be voted on for two weeks. Right: taxonomies:propose.
func (c *Client) ProposeTaxonomyChange(ctx context.Context, change ledger.ProposeChange) (*TaxonomyProposal, error) {
	return c.taxonomyCommand(ctx, "/v1/taxonomy-proposals", change)
}

// VoteTaxonomyChange answers a proposed change for the node's organisation, for good.
// Right: consortium:govern, as AdoptTaxonomyChange.
func (c *Client) VoteTaxonomyChange(ctx context.Context, proposal string, approve bool) (*TaxonomyProposal, error) {
	return c.taxonomyCommand(ctx, "/v1/taxonomy-proposals/"+url.PathEscape(proposal)+"/votes", map[string]bool{"approve": approve})
}

// AdoptTaxonomyChange makes the next version of a vocabulary by a change that enough
// members approved.
func (c *Client) AdoptTaxonomyChange(ctx context.Context, proposal string) (*TaxonomyProposal, error) {
	return c.taxonomyCommand(ctx, "/v1/taxonomy-proposals/"+url.PathEscape(proposal)+"/adoption", nil)
}

// WithdrawTaxonomyChange withdraws a proposed change of the node's organisation.
// Right: taxonomies:propose.
func (c *Client) WithdrawTaxonomyChange(ctx context.Context, proposal string) (*TaxonomyProposal, error) {
	return c.taxonomyCommand(ctx, "/v1/taxonomy-proposals/"+url.PathEscape(proposal)+"/withdrawal", nil)
}

func (c *Client) taxonomyCommand(ctx context.Context, path string, in any) (*TaxonomyProposal, error) {
	r := request{method: http.MethodPost, path: path, header: map[string]string{}}
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encoding a command: %w", err)
		}
		r.media, r.body = mediaJSON, body
	}
	var out TaxonomyProposal
	// The operation does not tell the proposal; asked for once more under its key, the
	// same command does.
	err := c.command(ctx, r, &out, func() error {
		a, err := c.do(ctx, r)
		if err != nil {
			return err
		}
		return a.into(r.call(), &out)
	})
	return found(&out, err)
}
