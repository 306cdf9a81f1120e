package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/gateway/auth"
)

// Knower says what reference data at this node say of what is named by an id.
type Knower interface {
	// Known returns one context for each of names.
	Known(ctx context.Context, names ...cti.Names) ([]KnownContext, error)
}

type getKnown struct {
	ID string `path:"id" maxLength:"30" pattern:"^(CVE-[0-9]{4}-[0-9]{4,19}|T[0-9]{4}([.][0-9]{3})?|CAPEC-[1-9][0-9]{0,3}|CWE-[1-9][0-9]{0,4})$" patternDescription:"an id of CVE, ATT&CK (a technique), CAPEC or CWE" example:"T1059"`
}

func (a *API) knownRoutes() {
	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "get-known", Method: http.MethodGet, Path: "/v1/known/{id}", Tags: []string{"intelligence"},
		Summary:     "What reference data at this node say of a vulnerability, a technique, an attack pattern or a weakness",
		Description: "From the vocabularies that were imported, the catalogue of exploited vulnerabilities, EPSS and advisories; nobody else is asked. Of what is not known there is the id alone.",
	}, func(ctx context.Context, in *getKnown) (*body[KnownContext], error) {
		got, err := a.Knower.Known(ctx, cti.NamesIn(1, in.ID))
		if err != nil {
			return nil, err
		}
		return &body[KnownContext]{got[0]}, nil
	})
}
