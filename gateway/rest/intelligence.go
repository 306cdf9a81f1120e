package rest

import (
	"context"
	"encoding/hex"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Alerts finds what the tools of the organisation said.
type Alerts interface {
	Alert(ctx context.Context, seq int64) (fact.Alert, error)
	Alerts(ctx context.Context, f fact.AlertFilter, page ledger.PageRequest) (fact.AlertPage, error)
}

// Intelligence is what takes it in.
type Intelligence interface {
	// Take reads a document in a named format, or in the one that it looks like.
	Take(ctx context.Context, source, format string, document []byte) (TakenIn, error)
	Sources(ctx context.Context) ([]IntelligenceSource, error)
}

// TakenIn is what became of a document that was handed in.
type TakenIn struct {
	Format  string   `json:"format" doc:"In which it was read." example:"eve"`
	New     int      `json:"new" doc:"Things that were not here."`
	Known   int      `json:"known" doc:"Things of this source that are here already, byte for byte."`
	Refused int      `json:"refused" doc:"Things that could not be read."`
	Reasons []string `json:"reasons" doc:"Why: of the first twenty."`
}

// IntelligenceSource is a source and how it fares.
type IntelligenceSource struct {
	Name       string    `json:"name"`
	Way        string    `json:"way" enum:"file,directory,http,syslog,taxii,misp,push" doc:"Push: it is not in the configuration, and things are handed in under its name."`
	Format     string    `json:"format,omitempty" doc:"By the configuration."`
	State      string    `json:"state" enum:"waiting,read,failing" doc:"Waiting: it was not read yet."`
	Success    time.Time `json:"lastSuccess,omitzero" doc:"When it was last read to its end."`
	Failing    time.Time `json:"failingSince,omitzero"`
	Failure    string    `json:"failure,omitempty" doc:"Why it fails, and what to do."`
	New        int64     `json:"new" doc:"Things that were new."`
	Known      int64     `json:"known" doc:"Things that came again."`
	Refused    int64     `json:"refused" doc:"Things that could not be read."`
	Reason     string    `json:"reason,omitempty" doc:"Why the last one could not."`
	Checkpoint string    `json:"checkpoint,omitempty" doc:"How far it was read, in the words of its way."`
}

// AlertObservable is a value that was seen.
type AlertObservable struct {
	Type     string `json:"type" doc:"Of the STIX cyber-observable object." example:"ipv4-addr"`
	Property string `json:"property" example:"value"`
	Value    string `json:"value"`
	Role     string `json:"role,omitempty" enum:"source,destination"`
}

// AlertAsset is the machine that a finding is about, as the scanner names it.
type AlertAsset struct {
	Address  string `json:"address,omitempty"`
	Name     string `json:"name,omitempty"`
	Protocol string `json:"protocol,omitempty"`
	Port     int    `json:"port,omitempty"`
	Product  string `json:"product,omitempty"`
	Version  string `json:"version,omitempty"`
	CPE      string `json:"cpe,omitempty"`
	PURL     string `json:"purl,omitempty"`
}

// ToolAlert is one thing that a security tool said; an alert of a device is another.
type ToolAlert struct {
	ID          string            `json:"id" doc:"At this node; it rises in the order in which they came."`
	Source      string            `json:"source"`
	Kind        string            `json:"kind" enum:"alert,scan,report"`
	Format      string            `json:"format" doc:"In which it was read."`
	Digest      string            `json:"digest" doc:"SHA-256 of it as it came, hexadecimal."`
	Received    time.Time         `json:"received"`
	Time        time.Time         `json:"time" doc:"As the tool says; received, where it does not."`
	Severity    int               `json:"severity" doc:"Basis points."`
	Title       string            `json:"title"`
	Rule        string            `json:"rule,omitempty" doc:"What found it, as the tool names it." example:"suricata:1:2100498"`
	Observables []AlertObservable `json:"observables"`
	CVEs        []string          `json:"cves"`
	Techniques  []string          `json:"techniques" doc:"Of ATT&CK."`
	Asset       *AlertAsset       `json:"asset,omitempty"`
}

// AlertWithOriginal is an alert and what it was read from.
type AlertWithOriginal struct {
	ToolAlert
	Known    KnownContext `json:"known" doc:"What reference data say of what it names."`
	Original []byte       `json:"original,omitempty" doc:"As it came, up to 64 KiB; the whole is at /v1/alerts/{id}/original."`
}

// maxInline bounds an original that stands in an answer, in bytes.
const maxInline = 64 << 10

func viewAlert(a fact.Alert) ToolAlert {
	v := ToolAlert{
		ID: strconv.FormatInt(a.Seq, 10), Source: a.Source, Kind: string(a.Kind), Format: a.Format, Digest: hex.EncodeToString(a.Digest[:]),
		Received: a.Received, Time: a.Time, Severity: a.Severity, Title: a.Title, Rule: a.Rule,
		Observables: make([]AlertObservable, len(a.Observables)), CVEs: append([]string{}, a.CVEs...), Techniques: append([]string{}, a.Techniques...),
	}
	for i, o := range a.Observables {
		v.Observables[i] = AlertObservable(o)
	}
	if a.Asset != (adapt.Asset{}) {
		asset := AlertAsset(a.Asset)
		v.Asset = &asset
	}
	return v
}

// PathAlert names an alert in the path.
type PathAlert struct {
	ID string `path:"id" pattern:"^[1-9][0-9]{0,17}$" patternDescription:"a number" doc:"The alert's id at this node."`
}

func (p *PathAlert) seq() int64 {
	n, _ := strconv.ParseInt(p.ID, 10, 64) // by its pattern it is one
	return n
}

type listAlerts struct {
	Page
	From     time.Time `query:"from" doc:"Only those of this time or later."`
	To       time.Time `query:"to" doc:"Only those of before this time."`
	Severity int       `query:"severity" minimum:"0" maximum:"10000" doc:"Only those of at least this severity, basis points."`
	Source   string    `query:"source" maxLength:"64" doc:"Only those of this source."`
	Kind     string    `query:"kind" enum:"alert,scan,report" doc:"Only those of this kind; absent: alerts and scans."`
	Rule     string    `query:"rule" maxLength:"200" doc:"Only those that this rule found."`
	Value    string    `query:"value" maxLength:"512" doc:"Only those with this value among their observables, in its canonical form." example:"198.51.100.7"`
}

// sourceName is what a source may be called.
var sourceName = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// PushIntelligence is the route by which things are handed in; its bodies are larger.
const PushIntelligence = "POST /v1/intelligence/:source"

func (a *API) intelligenceRoutes() {
	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "list-alerts", Method: http.MethodGet, Path: "/v1/alerts", Tags: []string{"intelligence"},
		Summary: "What the security tools of the organisation said, the newest first",
	}, func(ctx context.Context, in *listAlerts) (*body[List[ToolAlert]], error) {
		f := fact.AlertFilter{From: in.From, To: in.To, Severity: in.Severity, Source: in.Source, Kind: adapt.Kind(in.Kind), Rule: in.Rule, Value: in.Value}
		got, err := a.Alerts.Alerts(ctx, f, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewAlert), nil
	})

	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "get-alert", Method: http.MethodGet, Path: "/v1/alerts/{id}", Tags: []string{"intelligence"},
		Summary: "What a security tool said, with what it was read from",
	}, func(ctx context.Context, in *PathAlert) (*body[AlertWithOriginal], error) {
		got, err := a.Alerts.Alert(ctx, in.seq())
		if err != nil {
			return nil, err
		}
		known, err := a.Knower.Known(ctx, cti.Names{CVEs: got.CVEs, Techniques: got.Techniques})
		if err != nil {
			return nil, err
		}
		v := AlertWithOriginal{ToolAlert: viewAlert(got), Known: known[0]}
		if len(got.Original) <= maxInline {
			v.Original = got.Original
		}
		return &body[AlertWithOriginal]{v}, nil
	})

	binary := map[string]*huma.MediaType{typeBinary: {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
	a.api.stream(auth.ThreatsRead, huma.Operation{
		OperationID: "get-alert-original", Method: http.MethodGet, Path: "/v1/alerts/{id}/original", Tags: []string{"intelligence"},
		Summary:    "What a security tool said, byte for byte",
		Parameters: []*huma.Param{pathParam("id", "The alert's id at this node.")},
		Responses:  map[string]*huma.Response{"200": {Description: "What was read", Content: binary}},
	}, func(c *gin.Context) error {
		got, err := a.alert(c)
		if err != nil {
			return err
		}
		serveBytes(c, hex.EncodeToString(got.Digest[:]), typeBinary, got.Original)
		return nil
	})

	a.api.stream(auth.ThreatsRead, huma.Operation{
		OperationID: "get-alert-stix", Method: http.MethodGet, Path: "/v1/alerts/{id}/stix", Tags: []string{"intelligence"},
		Summary:     "What a security tool said as a STIX 2.1 bundle, to be shared",
		Description: "It names nothing that lies inside the own network, and is the same each time. It is what preview-threat and share-threat take; whoever shares it marks it. A report has none: its objects are in the node's own TAXII collection.",
		Parameters:  []*huma.Param{pathParam("id", "The alert's id at this node.")},
		Responses:   map[string]*huma.Response{"200": {Description: "The bundle", Content: map[string]*huma.MediaType{ledger.MediaTypeSTIX: {Schema: &huma.Schema{Type: "object"}}}}},
	}, a.alertBundle)

	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "list-sources", Method: http.MethodGet, Path: "/v1/sources", Tags: []string{"intelligence"},
		Summary: "The sources of intelligence, and how they fare",
	}, func(ctx context.Context, _ *struct{}) (*body[Items[IntelligenceSource]], error) {
		got, err := a.Intelligence.Sources(ctx)
		return &body[Items[IntelligenceSource]]{Items[IntelligenceSource]{got}}, err
	})
	a.pushRoute(binary)
}

// alert reads the alert that the path of a stream names.
func (a *API) alert(c *gin.Context) (fact.Alert, error) {
	seq, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return fact.Alert{}, ledger.Problemf(ledger.CodeNotFound, "the alert is not known here")
	}
	return a.Alerts.Alert(c.Request.Context(), seq)
}

func (a *API) alertBundle(c *gin.Context) error {
	got, err := a.alert(c)
	if err != nil {
		return err
	}
	if got.Kind == adapt.KindReport {
		return ledger.Problemf(ledger.CodeInvalid, "a report is not made into a bundle: its objects are in the node's own TAXII collection")
	}
	r := got.Record()
	bundle, err := r.STIX(a.sharer())
	if err != nil {
		return doing("making STIX of an alert", err)
	}
	serveBytes(c, ledger.BodyDigest(bundle), ledger.MediaTypeSTIX, bundle)
	return nil
}

func (a *API) pushRoute(binary map[string]*huma.MediaType) {
	a.api.stream(auth.IntelligenceWrite, huma.Operation{
		OperationID: "push-intelligence", Method: http.MethodPost, Path: "/v1/intelligence/{source}", Tags: []string{"intelligence"},
		Summary: "Hand in what a security tool says, or a report",
		Description: "The body is what the tool writes, as it is, of up to 64 MiB; its media type does not matter. What is here already is counted and not repeated, " +
			"so that it may be handed in again.",
		Parameters: []*huma.Param{
			pathParam("source", "What the source is called: one to 64 of a to z, 0 to 9 and -. It is none that the configuration reads."),
			{Name: "format", In: "query", Description: "The format, as `secant import intelligence` calls it. Absent: the one that the body looks like.", Schema: &huma.Schema{Type: "string"}},
		},
		RequestBody: &huma.RequestBody{Required: true, Content: binary},
		Responses: map[string]*huma.Response{"200": {
			Description: "What became of it", Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[TakenIn](a.api)}},
		}},
	}, func(c *gin.Context) error {
		source := c.Param("source")
		if !sourceName.MatchString(source) {
			return invalid(ledger.Fault{Field: "path.source", Detail: "must be one to 64 of a to z, 0 to 9 and -"})
		}
		text, err := readBody(c)
		if err != nil {
			return err
		}
		got, err := a.Intelligence.Take(c.Request.Context(), source, c.Query("format"), text)
		if err != nil {
			return inBody(err)
		}
		return writeJSON(c, http.StatusOK, got)
	})
}

const typeBinary = "application/octet-stream"
