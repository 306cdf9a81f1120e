package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Members finds the organisations of the consortium.
type Members interface {
	Organisation(ctx context.Context, id string) (fact.Row[ledger.Organisation], error)
	Organisations(ctx context.Context, page ledger.PageRequest) (fact.Page[ledger.Organisation], error)
	Standing(ctx context.Context, id string) (fact.Standing, error)
}

// Organisation is a member of the consortium, with its place on the ledger.
type Organisation struct {
	ledger.Organisation
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger its latest change stands."`
}

func viewOrganisation(r fact.Row[ledger.Organisation]) Organisation {
	return Organisation{r.Record, r.Origin}
}

// PathMember names an organisation in the path.
type PathMember struct {
	ID string `path:"id" minLength:"1" maxLength:"64" doc:"MSP id." example:"hospital-north"`
}

func (a *API) memberRoutes() {
	register(a.api, auth.StatusRead, huma.Operation{
		OperationID: "list-organisations", Method: http.MethodGet, Path: "/v1/organisations", Tags: []string{"consortium"},
		Summary: "The members of the consortium, by id",
	}, func(ctx context.Context, in *Page) (*body[List[Organisation]], error) {
		got, err := a.Members.Organisations(ctx, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewOrganisation), nil
	})

	register(a.api, auth.StatusRead, huma.Operation{
		OperationID: "get-organisation", Method: http.MethodGet, Path: "/v1/organisations/{id}", Tags: []string{"consortium"},
		Summary: "A member of the consortium",
	}, func(ctx context.Context, in *PathMember) (*body[Organisation], error) {
		row, err := a.Members.Organisation(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &body[Organisation]{viewOrganisation(row)}, nil
	})

	register(a.api, auth.StatusRead, huma.Operation{
		OperationID: "get-standing", Method: http.MethodGet, Path: "/v1/organisations/{id}/standing", Tags: []string{"consortium"},
		Summary: "How a member's threat reports have fared",
		Description: "What other members said of its reports on the ledger, in one number: (1 + for) / (2 + for + against) in basis points, of evidence counted in reports. " +
			"For each report another member gives one for it when it sighted it, else its opinion's weight when it strongly agrees and half of that when it agrees; likewise against it. " +
			"One member gives ten reports' worth at most. A report withdrawn as a false positive or an error counts one against, or what was said against it when that is more. Sealed reports bring evidence only where they are held, by what their holders told each other under seal. 5000: nobody has said anything.",
	}, func(ctx context.Context, in *PathMember) (*body[fact.Standing], error) {
		s, err := a.Members.Standing(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &body[fact.Standing]{s}, nil
	})
}
