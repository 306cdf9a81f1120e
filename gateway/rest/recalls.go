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

// Recalls finds recalls.
type Recalls interface {
	Recall(ctx context.Context, di, kind, value string) (fact.Row[ledger.Recall], error)
	// Recalls lists those of a model, or of all with an empty di.
	Recalls(ctx context.Context, di string, page ledger.PageRequest) (fact.Page[ledger.Recall], error)
}

// Recall is a recall of all devices of a lot or of a release, with its place on
// the ledger.
type Recall struct {
	ledger.Recall
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger its latest change stands."`
}

func viewRecall(r fact.Row[ledger.Recall]) Recall { return Recall{r.Record, r.Origin} }

// NewRecall is what a manufacturer, or an authority, tells of a recall.
type NewRecall struct {
	DI           string `json:"di" doc:"UDI-DI of the model." example:"04012345678901"`
	Lot          string `json:"lot,omitempty" doc:"The lot that is recalled; either this or release." example:"L2026-11"`
	Release      string `json:"release,omitempty" doc:"The release that is recalled, on whatever device runs it; either this or lot." example:"4.2.1"`
	Class        string `json:"class" doc:"How grave it is: I may cause serious harm or death, II harm that passes, III is not likely to cause harm." example:"I"`
	NoticeDigest string `json:"noticeDigest" doc:"SHA-256 of the notice to the devices' owners, 64 hexadecimal digits. The notice stays off the ledger."`
	Revision     int    `json:"revision,omitempty" minimum:"0" doc:"Of the recall that this one changes, as read; absent: of the one that this node knows, if any."`
}

type issueRecall struct {
	CommandHeaders
	Body NewRecall
}

type listRecalls struct {
	Page
	DI string `query:"di" maxLength:"64" doc:"Only those of this model (UDI-DI)."`
}

func (a *API) recallRoutes() {
	op := commandOp[Recall](a.api, huma.Operation{
		OperationID: "recall-devices", Method: http.MethodPost, Path: "/v1/recalls", Tags: []string{"devices"},
		Summary: "Recall all devices of a lot or of a release",
		Description: "One record on the ledger: each device's state follows from it at once, at every member, however many they are. " +
			"The model's manufacturer may, by a registrar's token, or an authority, by a certifier's. Issued again it states another class or notice, and recalls those that were cleared.",
	})
	register(a.api, auth.RecallsWrite, op, a.issueRecall)

	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "list-recalls", Method: http.MethodGet, Path: "/v1/recalls", Tags: []string{"devices"},
		Summary: "The recalls of the consortium, lifted ones too", Description: "The devices themselves are found with GET /v1/units?state=recalled.",
	}, func(ctx context.Context, in *listRecalls) (*body[List[Recall]], error) {
		got, err := a.Recalls.Recalls(ctx, in.DI, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewRecall), nil
	})
}

func (a *API) issueRecall(ctx context.Context, in *issueRecall) (*answer, error) {
	b := &in.Body
	if (b.Lot == "") == (b.Release == "") {
		return nil, invalid(ledger.Fault{Field: "body.lot", Detail: "must be given, or else release, and not both"})
	}
	req := ledger.RecallDevices{
		DI: b.DI, Kind: ledger.RecallLot, Value: b.Lot, Class: b.Class, NoticeDigest: b.NoticeDigest, Revision: b.Revision,
	}
	if b.Release != "" {
		req.Kind, req.Value = ledger.RecallRelease, b.Release
	}
	if err := req.Validate(); err != nil {
		return nil, named(placed(err), "body.value", "body."+req.Kind)
	}
	if _, err := a.Models.Model(ctx, req.DI); err != nil {
		return nil, err
	}
	if req.Revision == 0 {
		before, err := a.Recalls.Recall(ctx, req.DI, req.Kind, req.Value)
		switch {
		case err == nil:
			req.Revision = before.Record.Revision
		case ledger.CodeOf(err) != ledger.CodeNotFound:
			return nil, err
		}
	}
	return a.command(ctx, &in.CommandHeaders, recallRole(ctx), ledger.DeviceRecall, req, "/v1/recalls?di="+url.QueryEscape(req.DI),
		func(ctx context.Context) (any, error) {
			row, err := a.Recalls.Recall(ctx, req.DI, req.Kind, req.Value)
			return viewRecall(row), err
		})
}

// recallRole is as whom the node acts: it follows from the caller's own role, never
// from the model. A registrar's token does not lend what an authority's certifier
// may. Who made the model and who is an authority, the ledger knows.
func recallRole(ctx context.Context) ledger.Role {
	if auth.CallerOf(ctx).Role == auth.RoleCertifier {
		return ledger.RoleCertifier
	}
	return ledger.RoleRegistrar
}
