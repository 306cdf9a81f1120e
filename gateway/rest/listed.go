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

// Listed lists the readings that were taken.
type Listed interface {
	ReadingsOf(ctx context.Context, f fact.ReadingFilter, req ledger.PageRequest) (fact.ReadingPage, error)
}

// Sequences tell what the numbers came to that senders give to their requests.
type Sequences interface {
	SequencesOf(ctx context.Context, unit string, req ledger.PageRequest) (fact.SequencePage, error)
}

type listSequences struct {
	PathUnit
	Page
}

type listReadings struct {
	PathUnit
	Page
	MediaType string    `query:"mediaType" enum:"application/json,application/fhir+json,application/hl7-v2,application/edf,application/vnd.secant.wfdb+zip,application/xml" doc:"Of one record. Default: any."`
	Since     time.Time `query:"since" doc:"Received then or later."`
	Until     time.Time `query:"until" doc:"Received before."`
}

// listedRoutes registers the list of a device's readings.
func (a *API) listedRoutes() {
	register(a.api, auth.ReadingsRead, huma.Operation{
		OperationID: "list-unit-readings", Method: http.MethodGet, Path: "/v1/units/{id}/readings", Tags: []string{"readings"},
		Summary:     "The readings of a device that this node has taken, newest first",
		Description: "Each item is the receipt of a request. A request stands here within a second of its answer; one that was erased does not.",
	}, func(ctx context.Context, in *listReadings) (*body[fact.ReadingPage], error) {
		got, err := a.Listed.ReadingsOf(ctx, fact.ReadingFilter{
			Unit: in.ID, MediaType: in.MediaType, Since: in.Since, Until: in.Until,
		}, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return &body[fact.ReadingPage]{got}, nil
	})

	register(a.api, auth.ReadingsRead, huma.Operation{
		OperationID: "list-unit-sequences", Method: http.MethodGet, Path: "/v1/units/{id}/sequence", Tags: []string{"readings"},
		Summary: "What of a device's own count is missing, late, back or twice",
		Description: "Of each who counts the device's requests: the device, an edge box, or, without a signer, whoever claimed a number that nobody signed. Of an edge box also what it counts for others. " +
			"A number that has not come may be on its way: a gap that stands for ten seconds is an event (sequence.gap), and its end (sequence.closed). " +
			"Two readings under one number are an incident (sequence.conflict). What is lost behind the last number that came is seen with the next one.",
	}, func(ctx context.Context, in *listSequences) (*body[fact.SequencePage], error) {
		got, err := a.Sequences.SequencesOf(ctx, in.ID, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return &body[fact.SequencePage]{got}, nil
	})
}
