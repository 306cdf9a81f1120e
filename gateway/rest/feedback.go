package rest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// NewSighting says that this organisation saw what a report warns of.
type NewSighting struct {
	Sharer string    `json:"sharer,omitempty" maxLength:"64" doc:"Whose report (MSP id); default: who shared it first."`
	Count  int       `json:"count" minimum:"1" maximum:"999999999" doc:"How often."`
	First  time.Time `json:"first" doc:"The first time."`
	Last   time.Time `json:"last" doc:"The last time."`
}

// NewOpinion says what this organisation thinks of a report.
type NewOpinion struct {
	Sharer   string `json:"sharer,omitempty" maxLength:"64" doc:"Whose report (MSP id); default: who shared it first."`
	Opinion  string `json:"opinion" enum:"strongly-disagree,disagree,neutral,agree,strongly-agree" doc:"STIX 2.1, opinion-enum."`
	Weight   int    `json:"weight" minimum:"1" maximum:"100" doc:"How sure this organisation is."`
	Revision int    `json:"revision,omitempty" minimum:"1" doc:"The revision that this makes, of what is said on the ledger; default 1. Of sealed reports the newest holds."`
}

// NewWithdrawal says that this organisation no longer stands by its report.
type NewWithdrawal struct {
	Reason       string `json:"reason" enum:"false_positive,error,outdated,superseded"`
	SupersededBy string `json:"supersededBy,omitempty" maxLength:"64" doc:"Digest of the own report that takes its place; present just when the reason is superseded."`
}

type sightThreat struct {
	PathDigest
	CommandHeaders
	Body NewSighting
}

type opineThreat struct {
	PathDigest
	CommandHeaders
	Body NewOpinion
}

type withdrawThreat struct {
	PathDigest
	CommandHeaders
	Body NewWithdrawal
}

func (a *API) feedbackRoutes() {
	const sealed = " What is said of a sealed report goes sealed to all who hold it, and not to the ledger."
	register(a.api, auth.ThreatsShare, commandOp[Threat](a.api, huma.Operation{
		OperationID: "sight-threat", Method: http.MethodPost, Path: "/v1/threats/{digest}/sightings", Tags: []string{"threats"},
		Summary: "Say that what a report warns of was seen here", Description: "It counts for the sharer. What own alerts showed until now is then not told by itself any more: see count-report-sightings." + sealed,
	}), func(ctx context.Context, in *sightThreat) (*answer, error) {
		share, err := a.shareOf(ctx, in.Digest, in.Body.Sharer)
		if err != nil {
			return nil, err
		}
		req := ledger.SightThreat{Digest: in.Digest, Sharer: share.Sharer, Count: in.Body.Count, First: in.Body.First, Last: in.Body.Last}
		if err := req.Validate(); err != nil {
			return nil, placed(err, "digest")
		}
		var out *answer
		if ledger.Sealed(share.Marking) {
			out, err = a.told(ctx, in.Digest, a.Exchange.Sight(ctx, in.Digest, req.Count, req.First, req.Last))
		} else {
			out, err = a.command(ctx, &in.CommandHeaders, ledger.RoleSharer, ledger.ThreatSight, req, "/v1/threats/"+in.Digest, a.threatNow(in.Digest))
		}
		if err != nil {
			return nil, err
		}
		return out, doing("noting what was told", a.Correlator.ToldByHand(ctx, in.Digest))
	})

	register(a.api, auth.ThreatsShare, commandOp[Threat](a.api, huma.Operation{
		OperationID: "opine-threat", Method: http.MethodPost, Path: "/v1/threats/{digest}/opinions", Tags: []string{"threats"},
		Summary: "Say what this organisation thinks of a report", Description: "It counts for or against the sharer." + sealed,
	}), func(ctx context.Context, in *opineThreat) (*answer, error) {
		share, err := a.shareOf(ctx, in.Digest, in.Body.Sharer)
		if err != nil {
			return nil, err
		}
		req := ledger.OpineThreat{Digest: in.Digest, Sharer: share.Sharer, Opinion: in.Body.Opinion, Weight: in.Body.Weight, Revision: max(in.Body.Revision, 1)}
		if err := req.Validate(); err != nil {
			return nil, placed(err, "digest")
		}
		if ledger.Sealed(share.Marking) {
			return a.told(ctx, in.Digest, a.Exchange.Opine(ctx, in.Digest, req.Opinion, req.Weight))
		}
		return a.command(ctx, &in.CommandHeaders, ledger.RoleSharer, ledger.ThreatOpine, req, "/v1/threats/"+in.Digest, a.threatNow(in.Digest))
	})

	register(a.api, auth.ThreatsShare, commandOp[Threat](a.api, huma.Operation{
		OperationID: "withdraw-threat", Method: http.MethodPost, Path: "/v1/threats/{digest}/withdrawal", Tags: []string{"threats"},
		Summary:     "Withdraw an own report for ever",
		Description: "Every member learns of it. What a sealed report said is erased here and wherever it was taken, by destroying its key, and each who was named signs that: see list-threat-deliveries. One that an authority shared is withdrawn by that one, and it is told.",
	}), func(ctx context.Context, in *withdrawThreat) (*answer, error) {
		req := ledger.WithdrawThreat{Digest: in.Digest, Reason: in.Body.Reason, SupersededBy: in.Body.SupersededBy}
		if err := req.Validate(); err != nil {
			return nil, placed(err, "digest")
		}
		if err := a.Exchange.WithdrawRelayed(ctx, req); ledger.CodeOf(err) != ledger.CodeNotFound {
			return a.told(ctx, in.Digest, err)
		}
		return a.command(ctx, &in.CommandHeaders, ledger.RoleSharer, ledger.ThreatWithdraw, req, "/v1/threats/"+in.Digest, a.threatNow(in.Digest))
	})
}

// shareOf finds one organisation's sharing of a report; of the first on the ledger when
// none is named.
func (a *API) shareOf(ctx context.Context, digest, sharer string) (*fact.Share, error) {
	r, err := a.Reports.Report(ctx, digest)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(r.Sharers, func(s fact.Share) bool { return s.Sharer == sharer || sharer == "" })
	if i < 0 {
		return nil, ledger.Problemf(ledger.CodeNotFound, "that organisation did not share the report")
	}
	return &r.Sharers[i], nil
}

func (a *API) threatNow(digest string) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		r, err := a.Reports.Report(ctx, digest)
		return viewThreat(r), err
	}
}

// told answers what was said of a sealed report, which is on its way.
func (a *API) told(ctx context.Context, digest string, err error) (*answer, error) {
	if err != nil {
		return nil, err
	}
	view, err := a.threatNow(digest)(ctx)
	if err != nil {
		return nil, err
	}
	return &answer{http.StatusCreated, "/v1/threats/" + digest, view}, nil
}
