package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Registry finds who decides, and what the members decided about issuers and what
// issuers committed themselves to.
type Registry interface {
	Roster(ctx context.Context) (fact.Row[ledger.Roster], error)
	TrustRows(ctx context.Context, f fact.TrustFilter, page ledger.PageRequest) (fact.Page[ledger.TrustRow], error)
	Schema(ctx context.Context, credentialType, version string) (fact.Row[ledger.Schema], error)
	// Schemas lists those of a credential type, or of all with an empty one.
	Schemas(ctx context.Context, credentialType string, page ledger.PageRequest) (fact.Page[ledger.Schema], error)
	DIDs(ctx context.Context, f fact.DIDFilter, page ledger.PageRequest) (fact.Page[ledger.DID], error)
	// StatusLists lists those of an issuer, or of all with an empty one.
	StatusLists(ctx context.Context, issuer string, page ledger.PageRequest) (fact.Page[ledger.StatusList], error)
}

// Roster is whose votes count, with its place on the ledger.
type Roster struct {
	ledger.Roster
	Needed int         `json:"needed" doc:"How many members carry a proposal."`
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger its latest change stands."`
}

// TrustRow says whether the members take an issuer's credentials of one type, with
// its place on the ledger.
type TrustRow struct {
	ledger.TrustRow
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger its latest change stands."`
}

// DID is the current document of a DID, with its place on the ledger.
type DID struct {
	ledger.DID
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger its latest change stands."`
}

// StatusList is what an issuer committed itself to, with its place on the ledger.
type StatusList struct {
	ledger.StatusList
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger it stands."`
}

type listTrust struct {
	Page
	Issuer string `query:"issuer" maxLength:"200" doc:"Only this issuer's (DID)."`
	Type   string `query:"type" maxLength:"128" doc:"Only those for this credential type."`
	State  string `query:"state" enum:"accepted,struck" doc:"Only those in this state."`
}

type listDIDs struct {
	Page
	Organisation string `query:"organisation" maxLength:"64" doc:"Only those whose current document this organisation wrote (MSP id)."`
	Kind         string `query:"kind" enum:"organisation,issuer,device" doc:"Only those of this kind of subject."`
}

type listStatusLists struct {
	Page
	Issuer string `query:"issuer" maxLength:"200" doc:"Only this issuer's (DID)."`
}

func (a *API) registryRoutes() {
	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "get-roster", Method: http.MethodGet, Path: "/v1/roster", Tags: []string{"consortium"},
		Summary: "Whose votes count",
	}, func(ctx context.Context, _ *struct{}) (*body[Roster], error) {
		row, err := a.Registry.Roster(ctx)
		if err != nil {
			return nil, err
		}
		return &body[Roster]{Roster{row.Record, row.Record.Needed(), row.Origin}}, nil
	})

	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "list-trust", Method: http.MethodGet, Path: "/v1/trust", Tags: []string{"consortium"},
		Summary: "Whose credentials of which type the members take, by issuer and type", Description: "It changes by enacted proposals only.",
	}, func(ctx context.Context, in *listTrust) (*body[List[TrustRow]], error) {
		got, err := a.Registry.TrustRows(ctx, fact.TrustFilter{Issuer: in.Issuer, CredentialType: in.Type, State: in.State}, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, func(r fact.Row[ledger.TrustRow]) TrustRow { return TrustRow{r.Record, r.Origin} }), nil
	})

	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "list-dids", Method: http.MethodGet, Path: "/v1/dids", Tags: []string{"consortium"},
		Summary: "The DIDs of members, issuers and devices, each with its current document, by DID",
	}, func(ctx context.Context, in *listDIDs) (*body[List[DID]], error) {
		got, err := a.Registry.DIDs(ctx, fact.DIDFilter{Organisation: in.Organisation, Kind: in.Kind}, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, func(r fact.Row[ledger.DID]) DID { return DID{r.Record, r.Origin} }), nil
	})

	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "list-status-lists", Method: http.MethodGet, Path: "/v1/status-lists", Tags: []string{"consortium"},
		Summary: "To which version of each of its status lists an issuer is committed, by issuer and list",
	}, func(ctx context.Context, in *listStatusLists) (*body[List[StatusList]], error) {
		got, err := a.Registry.StatusLists(ctx, in.Issuer, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, func(r fact.Row[ledger.StatusList]) StatusList { return StatusList{r.Record, r.Origin} }), nil
	})
}
