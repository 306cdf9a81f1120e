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

// LogStatus is how far the organisation's integrity log and its anchoring are.
type LogStatus struct {
	Stream      string    `json:"stream" doc:"Id of its stream on the ledger; empty until it was opened."`
	Verifier    string    `json:"verifier,omitempty" doc:"Its public key, as a signed-note verifier key."`
	Origin      string    `json:"origin,omitempty" doc:"First line of its checkpoints."`
	Opened      time.Time `json:"opened,omitzero"`
	Size        uint64    `json:"size" doc:"Durable entries."`
	Anchored    uint64    `json:"anchored" doc:"Of these, entries under an anchor."`
	Anchor      *Anchor   `json:"anchor,omitempty" doc:"The newest anchor."`
	Equivocated bool      `json:"equivocated" doc:"It was shown to have signed two histories: nothing that it anchored later is to be trusted."`
}

// Anchor is a checkpoint that the consortium witnessed, with its place on the
// ledger.
type Anchor struct {
	ledger.Anchor
	Ledger fact.Origin `json:"ledger"`
}

func viewAnchor(r fact.Row[ledger.Anchor]) Anchor { return Anchor{r.Record, r.Origin} }

type listAnchors struct {
	PathMember
	Page
}

func (a *API) logRoutes() {
	register(a.api, auth.StatusRead, huma.Operation{
		OperationID: "get-log", Method: http.MethodGet, Path: "/v1/log", Tags: []string{"consortium"},
		Summary: "The organisation's integrity log",
	}, func(ctx context.Context, _ *struct{}) (*body[LogStatus], error) {
		v, err := a.logStatus(ctx)
		if err != nil {
			return nil, err
		}
		return &body[LogStatus]{*v}, nil
	})

	register(a.api, auth.StatusRead, huma.Operation{
		OperationID: "list-anchors", Method: http.MethodGet, Path: "/v1/organisations/{id}/anchors", Tags: []string{"consortium"},
		Summary: "The anchors of a member's integrity log, newest first",
	}, func(ctx context.Context, in *listAnchors) (*body[List[Anchor]], error) {
		stream, err := a.Streams.StreamOf(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		got, err := a.Anchors.Anchors(ctx, stream.Record.ID, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewAnchor), nil
	})
}

func (a *API) logStatus(ctx context.Context) (*LogStatus, error) {
	size, err := a.Log.Size(ctx)
	if err != nil {
		return nil, doing("reading the log's size", err)
	}
	v := &LogStatus{Size: size}
	stream, err := a.Streams.StreamOf(ctx, a.Organisation)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	s := stream.Record
	v.Stream, v.Verifier, v.Origin, v.Opened = s.ID, s.Verifier, s.Origin, s.Opened
	if _, v.Equivocated, err = a.Streams.Equivocation(ctx, s.ID); err != nil {
		return nil, err
	}
	last, ok, err := a.Anchors.LastAnchor(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	if ok {
		anchor := viewAnchor(last)
		v.Anchor, v.Anchored = &anchor, last.Record.Size
	}
	return v, nil
}
