package rest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Care keeps what an organisation does for patients, and on what that relies.
type Care interface {
	PutCareService(ctx context.Context, c fact.CareService) error
	DeleteCareService(ctx context.Context, id string) error
	CareService(ctx context.Context, id string) (fact.CareService, error)
	CareServices(ctx context.Context, after string, limit int) ([]fact.CareService, error)
	CareServicesOf(ctx context.Context, unit string) ([]fact.CareService, error)
}

// NewCareService is what an organisation tells of a care service.
type NewCareService struct {
	Name     string   `json:"name" doc:"At most 200 printable characters." example:"Dialysis"`
	Units    []string `json:"units" maxItems:"1000" doc:"Ids of the own units that it relies on, each once."`
	Services []string `json:"services" maxItems:"64" doc:"Ids of the care services that it relies on, each once."`
	Without  int      `json:"withoutMinutes" minimum:"0" maximum:"525600" doc:"How long it can do without what it relies on, in minutes." example:"30"`
}

// CareService is something that the organisation does for patients.
type CareService struct {
	ID string `json:"id"`
	NewCareService
	Updated time.Time `json:"updated"`
}

func viewCare(c fact.CareService) CareService {
	return CareService{c.ID, NewCareService{c.Name, c.Units, c.Services, c.Without}, c.Updated}
}

// PathCare names a care service in the path.
type PathCare struct {
	ID string `path:"id" pattern:"^[a-z0-9][a-z0-9-]{0,63}$" patternDescription:"lower-case letters, digits and hyphens" doc:"The care service's id, of the organisation's own choice."`
}

type putCare struct {
	PathCare
	Body NewCareService
}

func (a *API) careRoutes() {
	const path = "/v1/care-services"
	register(a.api, auth.DevicesWrite, huma.Operation{
		OperationID: "put-care-service", Method: http.MethodPut, Path: path + "/{id}", Tags: []string{"care"},
		Summary:     "Tell what a care service of the own organisation relies on",
		Description: "It stays at this node, and takes the place of what was told before.",
	}, a.putCare)
	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "get-care-service", Method: http.MethodGet, Path: path + "/{id}", Tags: []string{"care"},
		Summary: "A care service of the own organisation",
	}, func(ctx context.Context, in *PathCare) (*body[CareService], error) {
		c, err := a.Care.CareService(ctx, in.ID)
		return &body[CareService]{viewCare(c)}, err
	})
	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "list-care-services", Method: http.MethodGet, Path: path, Tags: []string{"care"},
		Summary: "The care services of the own organisation, by id",
	}, func(ctx context.Context, in *Page) (*body[List[CareService]], error) {
		got, err := a.Care.CareServices(ctx, in.Cursor, in.Size+1)
		if err != nil {
			return nil, doing("listing care services", err)
		}
		next := ""
		if len(got) > in.Size {
			got = got[:in.Size]
			next = got[in.Size-1].ID
		}
		return listed(got, next, viewCare), nil
	})
	register(a.api, auth.DevicesWrite, huma.Operation{
		OperationID: "delete-care-service", Method: http.MethodDelete, Path: path + "/{id}", Tags: []string{"care"},
		Summary: "Forget a care service of the own organisation", DefaultStatus: http.StatusNoContent,
	}, func(ctx context.Context, in *PathCare) (*struct{}, error) {
		return nil, a.Care.DeleteCareService(ctx, in.ID)
	})
}

func (a *API) putCare(ctx context.Context, in *putCare) (*body[CareService], error) {
	faults := textFaults("name", in.Body.Name)
	for i, id := range in.Body.Units {
		at := fmt.Sprintf("units[%d]", i)
		if slices.Contains(in.Body.Units[:i], id) {
			faults = append(faults, ledger.Fault{Field: at, Detail: "stands twice"})
			continue
		}
		row, err := a.Units.Unit(ctx, id)
		switch {
		case ledger.CodeOf(err) == ledger.CodeNotFound || err == nil && row.Record.Owner != a.Organisation:
			faults = append(faults, ledger.Fault{Field: at, Detail: "must be a unit of the own organisation"})
		case err != nil:
			return nil, err
		}
	}
	for i, id := range in.Body.Services {
		at := fmt.Sprintf("services[%d]", i)
		if id == in.ID || slices.Contains(in.Body.Services[:i], id) {
			faults = append(faults, ledger.Fault{Field: at, Detail: "must not be the service itself, or stand twice"})
			continue
		}
		switch _, err := a.Care.CareService(ctx, id); {
		case ledger.CodeOf(err) == ledger.CodeNotFound:
			faults = append(faults, ledger.Fault{Field: at, Detail: "must be a care service that is there"})
		case err != nil:
			return nil, err
		}
	}
	if len(faults) > 0 {
		return nil, placed(invalid(faults...))
	}
	c := fact.CareService{
		ID: in.ID, Name: in.Body.Name, Without: in.Body.Without,
		Units: slices.Concat([]string{}, in.Body.Units), Services: slices.Concat([]string{}, in.Body.Services),
	}
	if err := a.Care.PutCareService(ctx, c); err != nil {
		return nil, doing("keeping a care service", err)
	}
	c, err := a.Care.CareService(ctx, in.ID)
	return &body[CareService]{viewCare(c)}, err
}

// ReliesOn is a care service that relies on a unit.
type ReliesOn struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Without int    `json:"withoutMinutes" doc:"How long it can do without, in minutes."`
}
