package rest

import (
	"context"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/sanitise"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Exchange hands sealed reports to those they name.
type Exchange interface {
	Recipients(ctx context.Context, to []string) ([]string, error)
	Prepare(ctx context.Context, s fact.Sealing) (digest string, err error)
	Discard(ctx context.Context, digest string) error
	Body(ctx context.Context, digest string) ([]byte, error)
	Sight(ctx context.Context, digest string, count int, first, last time.Time) error
	Opine(ctx context.Context, digest, opinion string, weight int) error
	Deliveries(ctx context.Context, digest string) ([]fact.Delivered, error)
	Relay(ctx context.Context) (fact.Relay, error)
	WithdrawRelayed(ctx context.Context, req ledger.WithdrawThreat) error
	HandOver(ctx context.Context, r fact.Relaying) (digest string, err error)
	Opening(ctx context.Context, digest string) (ledger.ThreatOpening, error)
	Share(ctx context.Context, digest, asker string) (*ledger.GiveShare, error)
	OpenName(ctx context.Context, digest string) (fact.OpenedName, error)
}

// outgoing is a report that is to be shared, as it leaves.
type outgoing struct {
	report   *cti.Report
	original []byte // nil: it leaves as it came
	changes  *sanitise.Result
	marking  string
	to       []string    // of a sealed one
	relay    *fact.Relay // who shares it for the own organisation; nil: it shares it itself
}

func sharingParams() []*huma.Param {
	all := make([]any, len(ledger.Markings))
	for i, m := range ledger.Markings {
		all[i] = m
	}
	most := ledger.MaxRecipients
	return []*huma.Param{
		{Name: "marking", In: "query", Required: true, Description: "TLP 2.0 marking under which it is shared.", Schema: &huma.Schema{Type: huma.TypeString, Enum: all}},
		queryParam("to", "A member (MSP id) to whom it goes; given again for each further one. Required for amber, amber+strict and red, which go to nobody else; absent for clear and green.",
			&huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}, MaxItems: &most}),
	}
}

// incoming reads what is to be shared, a bundle or an alert, and prepares it.
func (a *API) incoming(c *gin.Context) (*outgoing, error) {
	media, err := contentType(c, ledger.MediaTypeSTIX, cti.MediaTypeEVE)
	if err != nil {
		return nil, err
	}
	text, err := readBody(c)
	if err != nil {
		return nil, err
	}
	return a.outgoing(c, text, media)
}

// outgoing judges how a report is to be shared, and takes out what is not to leave.
func (a *API) outgoing(c *gin.Context, text []byte, media string) (o *outgoing, err error) {
	o = &outgoing{marking: c.Query("marking")}
	if !slices.Contains(ledger.Markings, o.marking) {
		return nil, invalid(ledger.Fault{Field: "query.marking", Detail: "must be one of " + strings.Join(ledger.Markings, ", ")})
	}
	to := c.QueryArray("to")
	switch {
	case ledger.Sealed(o.marking) && len(to) == 0:
		return nil, invalid(ledger.Fault{Field: "query.to", Detail: "must name the members to whom it goes: amber, amber+strict and red go sealed to the named alone"})
	case ledger.Sealed(o.marking):
		if o.to, err = a.Exchange.Recipients(c.Request.Context(), to); err != nil {
			return nil, err
		}
	case len(to) > 0:
		return nil, invalid(ledger.Fault{Field: "query.to", Detail: "must be absent for clear and green, which go to every member"})
	}
	if err := a.relayed(c, o); err != nil {
		return nil, err
	}
	before, err := a.report(media, text, o)
	if err != nil {
		return nil, inBody(err)
	}
	if o.changes, err = a.Sanitise.Apply(before.Body); err != nil {
		return nil, inBody(err)
	}
	if o.report = before; o.changes.Total > 0 {
		o.original = before.Body
		if o.report, err = cti.ParseBundle(o.changes.Body); err != nil {
			return nil, doing("reading a report from which something was taken out", err)
		}
	}
	return o, a.disown(o, before)
}

// Preview is exactly what sharing a report would do.
type Preview struct {
	Marking string             `json:"marking"`
	To      []string           `json:"to" doc:"Members (MSP ids) whose nodes get the body; empty: every member's."`
	Text    string             `json:"text" doc:"The body that leaves, byte for byte."`
	Title   string             `json:"title" doc:"From the body."`
	Changes []sanitise.Removal `json:"changes" doc:"What was taken out of it, the first 1,000. The report as it came stays here."`
	Changed int                `json:"changed" doc:"How many changes there are in all."`
	Learn   []string           `json:"learn" doc:"What those learn who do not get the body."`
}

func (o *outgoing) preview() Preview {
	p := Preview{
		Marking: o.marking, To: slices.Concat([]string{}, o.to), Text: string(o.report.Body), Title: o.report.Title,
		Changes: slices.Concat([]sanitise.Removal{}, o.changes.Changes), Changed: o.changes.Total,
	}
	switch {
	case o.relay != nil:
		p.Learn = o.relayLearns()
	case ledger.Sealed(o.marking):
		p.Learn = []string{
			"Every member learns from the ledger that this organisation shared something marked " + o.marking + ", and when.",
			"Nobody but those named learns what it says, to whom it went or what they said of it. Those named learn who else is.",
		}
	default:
		p.Learn = []string{"Every member gets the body. Nobody outside of the consortium learns of it from the ledger."}
	}
	return p
}

func (a *API) previewThreat(c *gin.Context) error {
	o, err := a.incoming(c)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, o.preview())
}

// share shares a report under the marking that the request names. The body is kept
// first: a digest on the ledger whose body nobody has is worthless.
func (a *API) share(c *gin.Context, headers *CommandHeaders, o *outgoing) error {
	ctx := c.Request.Context()
	req := ledger.ShareThreat{Marking: o.marking}
	var err error
	if ledger.Sealed(o.marking) {
		s := fact.Sealing{Body: o.report.Body, Original: o.original, Marking: o.marking, To: o.to}
		if headers.Key != "" {
			caller := auth.CallerOf(ctx)
			name := sha256.Sum256([]byte(strings.Join([]string{string(caller.Role), caller.Subject, headers.Key}, "\x00")))
			s.Name = name[:]
		}
		req.Digest, err = a.Exchange.Prepare(ctx, s)
	} else {
		req.Digest, req.MediaType, req.Size = ledger.BodyDigest(o.report.Body), ledger.MediaTypeSTIX, int64(len(o.report.Body))
		err = a.keepReport(ctx, o)
	}
	if err != nil {
		return doing("keeping the report", err)
	}
	if err := req.Validate(); err != nil {
		return placed(err)
	}
	done, err := a.command(ctx, headers, ledger.RoleSharer, ledger.ThreatShare, req, "/v1/threats/"+req.Digest,
		func(ctx context.Context) (any, error) {
			r, err := a.Reports.Report(ctx, req.Digest)
			v := viewThreat(r)
			if v.Title == "" {
				v.Title = o.report.Title // the worker has not come to it yet
			}
			return v, err
		})
	if err != nil {
		if code := ledger.CodeOf(err); ledger.Sealed(o.marking) && (code == ledger.CodeDenied || code == ledger.CodeInvalid) {
			if err := a.Exchange.Discard(ctx, req.Digest); err != nil {
				return doing("forgetting a report that the ledger refused", err)
			}
		}
		return err
	}
	return writeAnswer(c, done)
}

// keepReport keeps a body that every member may fetch, and the one of which it was made.
func (a *API) keepReport(ctx context.Context, o *outgoing) error {
	for _, body := range [][]byte{o.original, o.report.Body} {
		if body == nil {
			continue
		}
		d := fact.Document{Kind: fact.DocumentReport, Digest: ledger.BodyDigest(body), MediaType: ledger.MediaTypeSTIX, Body: body}
		if err := a.Documents.PutDocument(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// sealedBody serves a sealed report to those of the own organisation who may read reports.
// For everybody else there is none.
func (a *API) sealedBody(c *gin.Context, digest string) error {
	caller := auth.CallerOf(c.Request.Context())
	if caller.Organisation != a.Organisation || !caller.Role.Has(auth.ThreatsRead) {
		return ledger.Problemf(ledger.CodeNotFound, "this organisation did not share the report")
	}
	text, err := a.Exchange.Body(c.Request.Context(), digest)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store") // it may be withdrawn
	c.Data(http.StatusOK, ledger.MediaTypeSTIX, text)
	return nil
}

// ThreatDelivery is what became of a sealed report at one whom it names.
type ThreatDelivery struct {
	Member   string              `json:"member" doc:"MSP id."`
	Kind     string              `json:"kind" enum:"report,withdrawal,relay,relay-withdrawal" doc:"The report, or that it was withdrawn; of a report that an authority shares for this organisation, that it is to share it, or to withdraw it."`
	Attempts int                 `json:"attempts" doc:"How often the member was told so far."`
	Next     time.Time           `json:"next,omitzero" doc:"When it is told again, unless it took it."`
	Taken    time.Time           `json:"taken,omitzero" doc:"When it had taken it; absent: not yet."`
	Receipt  *fact.SealedReceipt `json:"receipt,omitempty" doc:"What the member signed."`
}

func viewDelivery(d fact.Delivered) ThreatDelivery {
	v := ThreatDelivery{Member: d.Member, Kind: d.Kind, Attempts: d.Attempts, Taken: d.Taken, Receipt: d.Says}
	if d.Taken.IsZero() {
		v.Next = d.Next
	}
	return v
}

func (a *API) sharingRoutes() {
	bundle := &huma.MediaType{Schema: &huma.Schema{Type: "object"}}
	a.api.stream(auth.ThreatsShare, huma.Operation{
		OperationID: "preview-threat", Method: http.MethodPost, Path: "/v1/threats/preview", Tags: []string{"threats"},
		Summary:     "See exactly what sharing a report would make leave",
		Description: "Takes what share-threat takes, keeps nothing and tells nobody. It answers the body as it would leave, what was taken out of it, who would get it and what others would learn.",
		Parameters:  append(sharingParams(), pseudonymousParam()),
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{ledger.MediaTypeSTIX: bundle, cti.MediaTypeEVE: bundle}},
		Responses:   map[string]*huma.Response{"200": {Description: "What would leave", Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[Preview](a.api)}}}},
	}, a.previewThreat)

	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "list-threat-deliveries", Method: http.MethodGet, Path: "/v1/threats/{digest}/deliveries", Tags: []string{"threats"},
		Summary:     "What became of an own sealed report at each member that it names, or of an own one at the authority that shares it",
		Description: "A member signs that it has the report once it compared it with the ledger, and that it erased it once it was withdrawn. Until then it is told again.",
	}, func(ctx context.Context, in *PathDigest) (*body[List[ThreatDelivery]], error) {
		all, err := a.Exchange.Deliveries(ctx, in.Digest)
		if err != nil {
			return nil, err
		}
		return listed(all, "", viewDelivery), nil
	})
	a.feedbackRoutes()
	a.openingRoutes()
}
