package rest

import (
	"context"
	"net/http"
	"net/netip"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Reports finds threat reports.
type Reports interface {
	Report(ctx context.Context, digest string) (fact.Report, error)
	Reports(ctx context.Context, f fact.ReportFilter, page ledger.PageRequest) (fact.ReportPage, error)
}

// SharerNetworks are the public networks of the own organisation, which reports
// that the node makes never name.
type SharerNetworks []netip.Prefix

// Threat is a threat report, with what this node made of it. The record is that
// of the sharer that stands first on the ledger.
type Threat struct {
	ledger.Threat
	Sharers []fact.Share `json:"sharers" doc:"All who shared this body, the earliest on the ledger first: marking, time of the ledger, whether it was held back, what members said of it and whether it was withdrawn."`
	Late    bool         `json:"late" doc:"It was held back: it stands on the ledger more than five minutes after the time that it claims."`
	Held    bool         `json:"held" doc:"The body is here, and its digest was checked."`
	Title   string       `json:"title" doc:"From the body; empty until this node has read it."`
	Hits    string       `json:"hits" doc:"In one sentence, what of the own it concerns; empty while the body is not here."`
	Matches []fact.Match `json:"matches" doc:"Own devices that it concerns."`
	Ledger  fact.Origin  `json:"ledger" doc:"Where on the ledger it stands."`
}

func viewThreat(r fact.Report) Threat {
	matches := r.Matches
	if matches == nil {
		matches = []fact.Match{}
	}
	return Threat{Threat: r.Record, Sharers: slices.Concat([]fact.Share{}, r.Sharers), Late: r.Origin.Late, Held: r.Held, Title: r.Title, Hits: r.Hits(), Matches: matches, Ledger: r.Origin}
}

// PathDigest names a report in the path.
type PathDigest struct {
	Digest string `path:"digest" pattern:"^[0-9a-f]{64}$" patternDescription:"64 lower-case hexadecimal digits" doc:"SHA-256 of the body's bytes."`
}

type listThreats struct {
	Page
	Sharer  string `query:"sharer" maxLength:"64" doc:"Only those shared by this organisation (MSP id)."`
	Marking string `query:"marking" enum:"clear,green,amber,amber+strict,red" doc:"Only those with this marking. Of sealed ones (amber, amber+strict, red) the ledger tells that something was shared, by whom and when."`
}

func (a *API) threatRoutes() {
	bundle := &huma.MediaType{Schema: &huma.Schema{Type: "object"}}
	share := commandOp[Threat](a.api, huma.Operation{
		OperationID: "share-threat", Method: http.MethodPost, Path: "/v1/threats", Tags: []string{"threats"},
		Summary: "Share a threat report with the consortium",
		Description: "The body is a STIX 2.1 bundle, or one Suricata EVE alert, of which a bundle is made that tells nothing of the own network. " +
			"What the node's rules say is taken out first: see preview-threat. Under clear and green the ledger gets its digest, and every member's node may fetch the body. " +
			"Under amber, amber+strict and red it goes sealed to the members named by to, and the ledger gets a commitment that tells neither what nor to whom. " +
			"With pseudonymous an authority shares it in its own name, the answer is 202, and list-threat-deliveries tells when it did.",
		Parameters:  append(append(sharingParams(), pseudonymousParam()), commandParams()...),
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{ledger.MediaTypeSTIX: bundle, cti.MediaTypeEVE: bundle}},
	})
	a.api.stream(auth.ThreatsShare, share, a.shareThreat)

	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "list-threats", Method: http.MethodGet, Path: "/v1/threats", Tags: []string{"threats"},
		Summary: "The threat reports of the consortium, newest first",
	}, func(ctx context.Context, in *listThreats) (*body[List[Threat]], error) {
		got, err := a.Reports.Reports(ctx, fact.ReportFilter{Sharer: in.Sharer, Marking: in.Marking}, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewThreat), nil
	})

	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "get-threat", Method: http.MethodGet, Path: "/v1/threats/{digest}", Tags: []string{"threats"},
		Summary: "A threat report, with the own devices that it concerns",
	}, func(ctx context.Context, in *PathDigest) (*body[Threat], error) {
		r, err := a.Reports.Report(ctx, in.Digest)
		if err != nil {
			return nil, err
		}
		return &body[Threat]{viewThreat(r)}, nil
	})

	a.api.stream(auth.MembersRead, huma.Operation{
		OperationID: "get-threat-body", Method: http.MethodGet, Path: "/v1/threats/{digest}/body", Tags: []string{"threats"},
		Summary: "A report's STIX bundle, byte for byte", Description: "Any member's node may fetch it from a sharer's node. Its SHA-256 is its digest on the ledger.",
		Parameters: []*huma.Param{pathParam("digest", "SHA-256 of the body's bytes, 64 lower-case hexadecimal digits.")},
		Responses:  map[string]*huma.Response{"200": {Description: "The bundle", Content: map[string]*huma.MediaType{ledger.MediaTypeSTIX: bundle}}},
	}, a.threatBody)
}

// threatBody serves the body of a report that stands on the ledger: to other
// members what the own organisation shared, so that a body which it only keeps,
// before or without sharing it, stays here. A member that saw the block before
// this node did asks again.
func (a *API) threatBody(c *gin.Context) error {
	ctx, digest := c.Request.Context(), c.Param("digest")
	r, err := a.Reports.Report(ctx, digest)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(r.Sharers, func(s fact.Share) bool { return ledger.Sealed(s.Marking) }) {
		return a.sealedBody(c, digest)
	}
	own := slices.ContainsFunc(r.Sharers, func(s fact.Share) bool { return s.Sharer == a.Organisation })
	if !own && auth.CallerOf(ctx).Organisation != a.Organisation {
		return ledger.Problemf(ledger.CodeNotFound, "this organisation did not share the report")
	}
	return a.serveDocument(c, fact.DocumentReport, digest)
}

func (a *API) shareThreat(c *gin.Context) error {
	headers, err := readCommandHeaders(c)
	if err != nil {
		return err
	}
	o, err := a.incoming(c)
	if err != nil {
		return err
	}
	if o.relay != nil {
		return a.handOver(c, o)
	}
	return a.share(c, headers, o)
}

// sharer is the own organisation as the author of reports that the node makes.
func (a *API) sharer() cti.Sharer {
	return cti.Sharer{ID: a.Organisation, Name: a.DisplayName, Networks: a.Sharer}
}

// author is whose report one that the node makes is: the own organisation's, or the
// relay's that shares it for that one.
func (a *API) author(relay *fact.Relay) cti.Sharer {
	s := a.sharer()
	if relay != nil {
		s.ID, s.Name = relay.ID, relay.Name
	}
	return s
}

// report reads a bundle, or makes one of an alert.
func (a *API) report(media string, text []byte, o *outgoing) (*cti.Report, error) {
	if media == cti.MediaTypeEVE {
		alert, err := cti.ParseEVE(text)
		if err != nil {
			return nil, err
		}
		return cti.FromEVE(alert, a.author(o.relay), o.marking)
	}
	r, err := cti.ParseBundle(text)
	if err != nil {
		return nil, err
	}
	return r, r.Permits(o.marking)
}
