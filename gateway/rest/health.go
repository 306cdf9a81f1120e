package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/gateway/auth"
)

// Health tells which parts of the node work.
type Health interface {
	Parts(ctx context.Context) []Part
}

// Part is a part of the node that must work for the node to be of use, or to be as it
// should.
type Part struct {
	Name   string `json:"name" enum:"ledger,events,outbox,log,readings,member,objects" doc:"Which part."`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty" doc:"Why it is not, in plain words."`
	Aside  bool   `json:"-"` // the node is of use without it
}

// Readiness is the answer of /readyz.
type Readiness struct {
	Ready bool   `json:"ready"`
	Parts []Part `json:"parts"`
}

func (a *API) healthRoutes() {
	ready := schemaOf[Readiness](a.api)
	a.api.stream(auth.Anonymous, huma.Operation{
		OperationID: "livez", Method: http.MethodGet, Path: "/livez", Tags: []string{"node"},
		Summary:   "Whether the process lives",
		Responses: map[string]*huma.Response{"200": {Description: "It does.", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: "string"}}}}},
	}, func(c *gin.Context) error {
		c.Data(http.StatusOK, "text/plain; charset=utf-8", []byte("live\n"))
		return nil
	})

	a.api.stream(auth.Anonymous, huma.Operation{
		OperationID: "readyz", Method: http.MethodGet, Path: "/readyz", Tags: []string{"node"},
		Summary: "Whether the node can do its work now, and what keeps it from it",
		Responses: map[string]*huma.Response{
			"200": {Description: "It can.", Content: map[string]*huma.MediaType{typeJSON: {Schema: ready}}},
			"503": {Description: "It cannot.", Content: map[string]*huma.MediaType{typeJSON: {Schema: ready}}},
		},
	}, func(c *gin.Context) error {
		r := Readiness{Ready: true, Parts: a.Health.Parts(c.Request.Context())}
		for _, p := range r.Parts {
			r.Ready = r.Ready && (p.OK || p.Aside)
		}
		status := http.StatusOK
		if !r.Ready {
			status = http.StatusServiceUnavailable
		}
		return writeJSON(c, status, r)
	})

	a.api.stream(auth.MetricsRead, huma.Operation{
		OperationID: "metrics", Method: http.MethodGet, Path: "/metrics", Tags: []string{"node"},
		Summary:   "Metrics of the node, in the format of Prometheus",
		Responses: map[string]*huma.Response{"200": {Description: "The metrics", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: "string"}}}}},
	}, func(c *gin.Context) error {
		a.Metrics.ServeHTTP(c.Writer, c.Request)
		return nil
	})

	a.api.stream(auth.Anonymous, huma.Operation{
		OperationID: "openapi", Method: http.MethodGet, Path: "/openapi.json", Tags: []string{"node"},
		Summary:   "This document",
		Responses: map[string]*huma.Response{"200": {Description: "OpenAPI 3.1", Content: map[string]*huma.MediaType{"application/openapi+json": {Schema: &huma.Schema{Type: "object"}}}}},
	}, func(c *gin.Context) error {
		c.Data(http.StatusOK, "application/openapi+json", a.text)
		return nil
	})
}
