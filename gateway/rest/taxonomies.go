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

// Taxonomies finds vocabularies, their versions and what is proposed to them.
type Taxonomies interface {
	Vocabularies(ctx context.Context, page ledger.PageRequest) (fact.Page[ledger.Vocabulary], error)
	Vocabulary(ctx context.Context, id string) (fact.Row[ledger.Vocabulary], error)
	VocabularyVersion(ctx context.Context, id string, number int) (fact.Row[ledger.VocabularyVersion], error)
	VocabularyVersions(ctx context.Context, id string, page ledger.PageRequest) (fact.Page[ledger.VocabularyVersion], error)
	// VocabularyNodes lists the nodes of one version as they were in it.
	VocabularyNodes(ctx context.Context, id string, number int, page ledger.PageRequest) (fact.Page[ledger.Node], error)
	VocabularyChange(ctx context.Context, proposal string) (fact.VocabularyChange, error)
	VocabularyChanges(ctx context.Context, f fact.ProposalFilter, page ledger.PageRequest) (fact.VocabularyChangePage, error)
}

// Taxonomy is a vocabulary as it is now, with its place on the ledger.
type Taxonomy struct {
	ledger.Vocabulary
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger it stands."`
}

func viewTaxonomy(r fact.Row[ledger.Vocabulary]) Taxonomy { return Taxonomy{r.Record, r.Origin} }

// TaxonomyVersion is one version of a vocabulary, with its place on the ledger.
type TaxonomyVersion struct {
	ledger.VocabularyVersion
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger it stands."`
}

func viewTaxonomyVersion(r fact.Row[ledger.VocabularyVersion]) TaxonomyVersion {
	return TaxonomyVersion{r.Record, r.Origin}
}

// TaxonomyNode is a node as one version made it, with its place on the ledger.
type TaxonomyNode struct {
	ledger.Node
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger it stands."`
}

// PathTaxonomy names a vocabulary in the path.
type PathTaxonomy struct {
	ID string `path:"id" pattern:"^[-._0-9A-Za-z]{1,48}$" patternDescription:"1 to 48 letters, digits and -._" doc:"The vocabulary's id." example:"ward-threats"`
}

type createTaxonomy struct {
	CommandHeaders
	Body struct {
		ID    string `json:"id" doc:"For ever: 1 to 48 letters, digits and -._" example:"ward-threats"`
		Title string `json:"title" doc:"At most 200 printable characters." example:"Threats to wards"`
		Kind  string `json:"kind" enum:"nodes,imported" doc:"nodes: they stand on the ledger and the members vote on each. imported: each version is a document from elsewhere, of which the ledger has the digest."`
	}
}

type getTaxonomyVersion struct {
	PathTaxonomy
	Number int `path:"number" minimum:"1" maximum:"999999" doc:"Number of the version."`
}

type listTaxonomyVersions struct {
	PathTaxonomy
	Page
}

type listTaxonomyNodes struct {
	PathTaxonomy
	Page
	Version int `query:"version" minimum:"0" maximum:"999999" doc:"Number of the version; 0, or left out: the one that holds."`
}

func taxonomyPath(id string) string { return "/v1/taxonomies/" + id }

func (a *API) taxonomyRoutes() {
	tags := []string{"taxonomies"}
	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "list-taxonomies", Method: http.MethodGet, Path: "/v1/taxonomies", Tags: tags,
		Summary: "The consortium's vocabularies, by id",
	}, func(ctx context.Context, in *Page) (*body[List[Taxonomy]], error) {
		got, err := a.Taxonomies.Vocabularies(ctx, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewTaxonomy), nil
	})

	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "get-taxonomy", Method: http.MethodGet, Path: "/v1/taxonomies/{id}", Tags: tags,
		Summary: "A vocabulary as it is now",
	}, func(ctx context.Context, in *PathTaxonomy) (*body[Taxonomy], error) {
		r, err := a.Taxonomies.Vocabulary(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &body[Taxonomy]{viewTaxonomy(r)}, nil
	})

	register(a.api, auth.ConsortiumGovern, commandOp[Taxonomy](a.api, huma.Operation{
		OperationID: "create-taxonomy", Method: http.MethodPost, Path: "/v1/taxonomies", Tags: tags,
		Summary:     "Create a vocabulary in which nothing stands yet",
		Description: "What comes into it the members decide by vote, whoever created it.",
	}), func(ctx context.Context, in *createTaxonomy) (*answer, error) {
		req := ledger.CreateVocabulary{ID: in.Body.ID, Title: in.Body.Title, Kind: in.Body.Kind}
		if err := req.Validate(); err != nil {
			return nil, placed(err)
		}
		return a.command(ctx, &in.CommandHeaders, ledger.RoleRegistrar, ledger.TaxonomyCreate, req, taxonomyPath(req.ID),
			func(ctx context.Context) (any, error) {
				r, err := a.Taxonomies.Vocabulary(ctx, req.ID)
				return viewTaxonomy(r), err
			})
	})

	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "list-taxonomy-versions", Method: http.MethodGet, Path: "/v1/taxonomies/{id}/versions", Tags: tags,
		Summary: "The versions of a vocabulary, newest first",
	}, func(ctx context.Context, in *listTaxonomyVersions) (*body[List[TaxonomyVersion]], error) {
		got, err := a.Taxonomies.VocabularyVersions(ctx, in.ID, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewTaxonomyVersion), nil
	})

	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "get-taxonomy-version", Method: http.MethodGet, Path: "/v1/taxonomies/{id}/versions/{number}", Tags: tags,
		Summary:     "One version of a vocabulary",
		Description: "Its digest covers the digest of each node and that of the version before, so that the last version vouches for all.",
	}, func(ctx context.Context, in *getTaxonomyVersion) (*body[TaxonomyVersion], error) {
		r, err := a.Taxonomies.VocabularyVersion(ctx, in.ID, in.Number)
		if err != nil {
			return nil, err
		}
		return &body[TaxonomyVersion]{viewTaxonomyVersion(r)}, nil
	})

	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "list-taxonomy-nodes", Method: http.MethodGet, Path: "/v1/taxonomies/{id}/nodes", Tags: tags,
		Summary: "The nodes of one version of a vocabulary as they were in it, by id",
	}, a.taxonomyNodes)
}

func (a *API) taxonomyNodes(ctx context.Context, in *listTaxonomyNodes) (*body[List[TaxonomyNode]], error) {
	number := in.Version
	if number == 0 {
		now, err := a.Taxonomies.Vocabulary(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		number = now.Record.Version
	} else if _, err := a.Taxonomies.VocabularyVersion(ctx, in.ID, number); err != nil {
		return nil, err
	}
	got, err := a.Taxonomies.VocabularyNodes(ctx, in.ID, number, in.request())
	if err != nil {
		return nil, cursored(err)
	}
	return listed(got.Items, got.Next, func(r fact.Row[ledger.Node]) TaxonomyNode { return TaxonomyNode{r.Record, r.Origin} }), nil
}

// defaultLife is how long a change can be voted on when whoever proposes it says
// nothing else: to the end of the fourteenth day from today, so that a request that is
// repeated is the same.
func defaultLife(now time.Time) time.Time {
	const day = 24 * time.Hour
	return now.UTC().Truncate(day).Add(15 * day)
}
