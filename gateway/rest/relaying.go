package rest

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

func pseudonymousParam() *huma.Param {
	return queryParam("pseudonymous", "Have an authority share it in its own name. Who is behind it is sealed among all members, more than half of whom can open it together. For clear and green only.",
		&huma.Schema{Type: huma.TypeBoolean})
}

// relayed finds who shares a report for the own organisation, if the request asks for it.
func (a *API) relayed(c *gin.Context, o *outgoing) error {
	said := c.Query("pseudonymous")
	if said == "" {
		return nil
	}
	wanted, err := strconv.ParseBool(said)
	switch {
	case err != nil:
		return invalid(ledger.Fault{Field: "query.pseudonymous", Detail: "must be true or false"})
	case !wanted:
		return nil
	case ledger.Sealed(o.marking):
		return invalid(ledger.Fault{Field: "query.pseudonymous", Detail: "must be absent for amber, amber+strict and red: those who are named fetch such a report from who shares it"})
	}
	relay, err := a.Exchange.Relay(c.Request.Context())
	o.relay = &relay
	return err
}

// disown takes the own organisation out of a report that a relay shares for it.
func (a *API) disown(o *outgoing, before *cti.Report) error {
	if o.relay == nil {
		return nil
	}
	r, err := o.report.Disown(a.author(o.relay), a.OwnNames, a.Sanitise.Seed)
	if err != nil {
		return inBody(err)
	}
	o.report, o.original = r, before.Body
	return nil
}

func (o *outgoing) relayLearns() []string {
	return []string{
		"Every member gets the body, and learns from the ledger that " + o.relay.ID + " shares it for another member.",
		"The node of " + o.relay.ID + " learns which member that is, keeps it nowhere in clear, and seals it among all members.",
		"More than half of the members together can open who it is, once one of them asked for it on the ledger.",
	}
}

// RelayedThreat is a report on its way to the authority that shares it for this
// organisation.
type RelayedThreat struct {
	Digest string `json:"digest" doc:"SHA-256 of the body that leaves: under it the report comes to stand on the ledger."`
	Relay  string `json:"relay" doc:"MSP id of the authority that shares it."`
}

// handOver hands a report to the relay.
func (a *API) handOver(c *gin.Context, o *outgoing) error {
	digest, err := a.Exchange.HandOver(c.Request.Context(), fact.Relaying{Body: o.report.Body, Original: o.original, Marking: o.marking, Relay: o.relay.ID})
	if err != nil {
		return err
	}
	c.Header("Location", "/v1/threats/"+digest+"/deliveries")
	return writeJSON(c, http.StatusAccepted, RelayedThreat{digest, o.relay.ID})
}

// Opening is how far the opening of the name behind a relayed report has come.
type Opening struct {
	Digest   string           `json:"digest" doc:"SHA-256 of the report's body."`
	Relay    string           `json:"relay" doc:"MSP id of the authority that shared it."`
	Members  []string         `json:"members" doc:"Who has a share of the name (MSP ids): all who were members when it was relayed."`
	Needed   int              `json:"needed" doc:"How many shares open it: more than half."`
	Opened   bool             `json:"opened" doc:"So many were given: see get-threat-opening-name."`
	Requests []OpeningRequest `json:"requests" doc:"Who asked for the name, and why. They stay."`
	Given    []GivenShare     `json:"given" doc:"Who gave its share."`
}

// OpeningRequest is a member's request for a name.
type OpeningRequest struct {
	By     string    `json:"by" doc:"MSP id."`
	Reason string    `json:"reason" enum:"harm,false,law" doc:"Patients may come to harm unless the source is asked; the report is held to be false on purpose; a law or a court demands it."`
	Time   time.Time `json:"time"`
}

// GivenShare is a share that a member gave.
type GivenShare struct {
	By   string    `json:"by" doc:"MSP id."`
	For  string    `json:"for" doc:"MSP id of who asked."`
	Time time.Time `json:"time"`
}

func viewOpening(o *ledger.ThreatOpening) Opening {
	v := Opening{
		Digest: o.Escrow.Digest, Relay: o.Escrow.Sharer, Members: o.Escrow.Relay.Members(), Needed: o.Needed, Opened: o.Opened,
		Requests: []OpeningRequest{}, Given: []GivenShare{},
	}
	for _, r := range o.Requests {
		v.Requests = append(v.Requests, OpeningRequest{r.By, r.Reason, r.Time})
	}
	for _, s := range o.Shares {
		v.Given = append(v.Given, GivenShare{s.By, s.For, s.Time})
	}
	return v
}

// NewOpening asks for the name behind a relayed report.
type NewOpening struct {
	Reason string `json:"reason" enum:"harm,false,law" doc:"Harm: patients may come to harm unless the source is asked. False: the report is held to be false on purpose. Law: a law or a court demands it."`
}

// NewShare gives the own share of a name.
type NewShare struct {
	For string `json:"for,omitempty" maxLength:"64" doc:"Whose request it answers (MSP id); default: the only one there is."`
}

type askOpening struct {
	PathDigest
	CommandHeaders
	Body NewOpening
}

type giveShare struct {
	PathDigest
	CommandHeaders
	Body NewShare
}

func (a *API) openingRoutes() {
	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "get-threat-opening", Method: http.MethodGet, Path: "/v1/threats/{digest}/opening", Tags: []string{"threats"},
		Summary: "How far the members are with opening who is behind a report that an authority shared for another",
	}, func(ctx context.Context, in *PathDigest) (*body[Opening], error) {
		o, err := a.Exchange.Opening(ctx, in.Digest)
		if err != nil {
			return nil, err
		}
		return &body[Opening]{viewOpening(&o)}, nil
	})

	register(a.api, auth.ThreatsShare, commandOp[Opening](a.api, huma.Operation{
		OperationID: "ask-threat-opening", Method: http.MethodPost, Path: "/v1/threats/{digest}/opening", Tags: []string{"threats"},
		Summary: "Ask the members to open who is behind a relayed report", Description: "Every member sees who asked, and why, for ever.",
	}), func(ctx context.Context, in *askOpening) (*answer, error) {
		o, err := a.Exchange.Opening(ctx, in.Digest)
		if err != nil {
			return nil, err
		}
		req := ledger.RequestOpening{Digest: in.Digest, Sharer: o.Escrow.Sharer, Reason: in.Body.Reason}
		if err := req.Validate(); err != nil {
			return nil, placed(err, "digest")
		}
		return a.command(ctx, &in.CommandHeaders, ledger.RoleSharer, ledger.ThreatRequestOpening, req, openingPath(in.Digest), a.openingNow(in.Digest))
	})

	register(a.api, auth.ConsortiumGovern, commandOp[Opening](a.api, huma.Operation{
		OperationID: "give-threat-opening-share", Method: http.MethodPost, Path: "/v1/threats/{digest}/opening/shares", Tags: []string{"threats"},
		Summary:     "Give this organisation's share of the name, for a request that another or this one made",
		Description: "It cannot be taken back. It tells nothing as long as others are missing; with the last that is needed every member can open the name.",
	}), func(ctx context.Context, in *giveShare) (*answer, error) {
		if in.Body.For == "" {
			o, err := a.Exchange.Opening(ctx, in.Digest)
			if err != nil {
				return nil, err
			}
			if len(o.Requests) > 1 {
				return nil, invalid(ledger.Fault{Field: "body.for", Detail: "must say whose request it answers: several asked"})
			}
		}
		req, err := a.Exchange.Share(ctx, in.Digest, in.Body.For)
		if err != nil {
			return nil, err
		}
		return a.command(ctx, &in.CommandHeaders, ledger.RoleSharer, ledger.ThreatGiveShare, *req, openingPath(in.Digest), a.openingNow(in.Digest))
	})

	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "get-threat-opening-name", Method: http.MethodGet, Path: "/v1/threats/{digest}/opening/name", Tags: []string{"threats"},
		Summary:     "Who is behind a relayed report, once more than half of the members gave their shares",
		Description: "Until then the answer is 409.",
	}, func(ctx context.Context, in *PathDigest) (*body[fact.OpenedName], error) {
		name, err := a.Exchange.OpenName(ctx, in.Digest)
		if err != nil {
			return nil, err
		}
		return &body[fact.OpenedName]{name}, nil
	})
}

func openingPath(digest string) string { return "/v1/threats/" + digest + "/opening" }

func (a *API) openingNow(digest string) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		o, err := a.Exchange.Opening(ctx, digest)
		return viewOpening(&o), err
	}
}
