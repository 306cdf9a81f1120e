package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/catalogue"
)

// CredentialType is a type of the consortium's catalogue.
type CredentialType struct {
	Name          string            `json:"name" doc:"The vct of an SD-JWT VC, the last type of a W3C credential, and the credentialType of the trust registry." example:"StaffRole"`
	Version       string            `json:"version" doc:"Of its schema." example:"1.0.0"`
	SchemaDigest  string            `json:"schemaDigest" doc:"SHA-256 of its schema's bytes, as the ledger has it once a member published it."`
	Subject       string            `json:"subject" enum:"person,device"`
	Issuers       []string          `json:"issuers" doc:"Kinds of organisation that may issue it."`
	Formats       []string          `json:"formats" doc:"By the names of OpenID4VCI 1.0, appendix A."`
	DocType       string            `json:"docType,omitempty" doc:"Its name as an mdoc."`
	MaxLifeInDays int               `json:"maxLifeInDays" doc:"For how long it is issued at most."`
	Display       CredentialDisplay `json:"display"`
	Claims        []CredentialClaim `json:"claims" doc:"In the order in which they are shown."`
}

// CredentialDisplay says how wallets show a credential.
type CredentialDisplay struct {
	Name       map[string]string `json:"name" doc:"By language (BCP 47)."`
	Background string            `json:"background" example:"#2f4858"`
	Foreground string            `json:"foreground" example:"#ffffff"`
}

// CredentialClaim is one top-level claim of a type.
type CredentialClaim struct {
	Name  string            `json:"name"`
	Open  bool              `json:"open" doc:"Everyone sees it who sees the credential; the holder shows or keeps each of the others."`
	Label map[string]string `json:"label" doc:"By language (BCP 47)."`
}

func (a *API) catalogueRoutes() {
	types := make([]CredentialType, 0, len(catalogue.Types()))
	for _, t := range catalogue.Types() {
		types = append(types, viewType(t))
	}
	register(a.api, auth.Anonymous, huma.Operation{
		OperationID: "list-credential-types", Method: http.MethodGet, Path: "/v1/credential-types", Tags: []string{"consortium"},
		Summary:     "The credential types of the consortium: what each says, by whom it may be issued, and how wallets show it",
		Description: "It is part of the program and grants nothing: whom the members believe stands in the trust registry.",
	}, func(context.Context, *struct{}) (*body[List[CredentialType]], error) {
		return &body[List[CredentialType]]{List[CredentialType]{Items: types}}, nil
	})

	a.api.stream(auth.Anonymous, huma.Operation{
		OperationID: "get-credential-type-schema", Method: http.MethodGet, Path: "/v1/credential-types/{type}/schema", Tags: []string{"consortium"},
		Summary:    "The schema of a credential type of the catalogue, byte for byte",
		Parameters: []*huma.Param{pathParam("type", "The type's name in the catalogue.")},
		Responses: map[string]*huma.Response{"200": {Description: "The schema", Content: map[string]*huma.MediaType{
			typeSchema: {Schema: &huma.Schema{Type: "object"}},
		}}},
	}, func(c *gin.Context) error {
		t, ok := catalogue.Find(c.Param("type"))
		if !ok {
			return ledger.Problemf(ledger.CodeNotFound, "the catalogue has no such credential type")
		}
		serveBytes(c, ledger.BodyDigest(t.Schema()), typeSchema, t.Schema())
		return nil
	})
}

func viewType(t *catalogue.Type) CredentialType {
	v := CredentialType{
		Name: t.Name, Version: t.Version, SchemaDigest: ledger.BodyDigest(t.Schema()), Subject: string(t.Subject), Issuers: t.Issuers,
		DocType: t.DocType, MaxLifeInDays: int(t.MaxLife.Hours() / 24),
		Display: CredentialDisplay{inAll(t.Display.Name), t.Display.Background, t.Display.Foreground},
	}
	for _, f := range t.Formats {
		v.Formats = append(v.Formats, string(f))
	}
	for _, c := range t.Claims {
		v.Claims = append(v.Claims, CredentialClaim{c.Name, c.Open, inAll(c.Label)})
	}
	return v
}

func inAll(t catalogue.Text) map[string]string {
	all := map[string]string{}
	for _, l := range catalogue.Locales {
		all[l] = t.In(l)
	}
	return all
}
