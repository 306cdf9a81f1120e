package rest

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Models finds device models.
type Models interface {
	Model(ctx context.Context, di string) (fact.Row[ledger.Model], error)
	Models(ctx context.Context, page ledger.PageRequest) (fact.Page[ledger.Model], error)
}

// Model is a type of device, with its place on the ledger.
type Model struct {
	ledger.Model
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger it stands."`
}

func viewModel(r fact.Row[ledger.Model]) Model { return Model{r.Record, r.Origin} }

// NewModel is what a manufacturer tells of a model.
type NewModel struct {
	DI          string `json:"di" doc:"UDI-DI: letters, digits and -._:/, at most 64." example:"04012345678901"`
	Name        string `json:"name" doc:"At most 200 printable characters." example:"Bedside monitor BM-7"`
	ModelNumber string `json:"modelNumber" example:"BM-7"`
	EMDN        string `json:"emdn,omitempty" doc:"Code in the European Medical Device Nomenclature." example:"Z1203"`
	RiskClass   string `json:"riskClass" doc:"I, IIa, IIb, III (MDR) or A, B, C, D (IVDR)." example:"IIb"`
	BasicUDIDI  string `json:"basicUdiDi,omitempty" doc:"Basic UDI-DI: the model's group." example:"401234567MON1"`
	SRN         string `json:"srn,omitempty" doc:"The maker's single registration number." example:"DE-MF-000012345"`
	SupportEnd  string `json:"supportEnd,omitempty" doc:"Last day of security support." example:"2031-12-31"`
}

// PathDI names a model in the path.
type PathDI struct {
	DI string `path:"di" minLength:"1" maxLength:"64" doc:"UDI-DI of the model; a slash in it is escaped."`
}

type registerModel struct {
	CommandHeaders
	Body NewModel
}

func modelPath(di string) string { return "/v1/models/" + url.PathEscape(di) }

func (a *API) modelRoutes() {
	op := commandOp[Model](a.api, huma.Operation{
		OperationID: "register-model", Method: http.MethodPost, Path: "/v1/models", Tags: []string{"devices"},
		Summary: "Register a device model under the own organisation, its manufacturer",
	})
	register(a.api, auth.DevicesWrite, op, func(ctx context.Context, in *registerModel) (*answer, error) {
		req := ledger.RegisterModel{
			DI: in.Body.DI, Name: in.Body.Name, ModelNumber: in.Body.ModelNumber, EMDN: in.Body.EMDN, RiskClass: in.Body.RiskClass,
			BasicUDIDI: in.Body.BasicUDIDI, SRN: in.Body.SRN, SupportEnd: in.Body.SupportEnd,
		}
		if err := req.Validate(); err != nil {
			return nil, placed(err)
		}
		return a.command(ctx, &in.CommandHeaders, ledger.RoleRegistrar, ledger.DeviceRegisterModel, req, modelPath(req.DI),
			func(ctx context.Context) (any, error) {
				row, err := a.Models.Model(ctx, req.DI)
				return viewModel(row), err
			})
	})

	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "list-models", Method: http.MethodGet, Path: "/v1/models", Tags: []string{"devices"},
		Summary: "The device models of the consortium, by UDI-DI",
	}, func(ctx context.Context, in *Page) (*body[List[Model]], error) {
		got, err := a.Models.Models(ctx, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewModel), nil
	})

	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "get-model", Method: http.MethodGet, Path: "/v1/models/{di}", Tags: []string{"devices"},
		Summary: "A device model",
	}, func(ctx context.Context, in *PathDI) (*body[Model], error) {
		row, err := a.Models.Model(ctx, in.DI)
		if err != nil {
			return nil, err
		}
		return &body[Model]{viewModel(row)}, nil
	})
}
