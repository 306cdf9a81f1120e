package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/correlate"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// LargeWarninglist is the route whose bodies are larger than others, as auth.Route has
// it.
const LargeWarninglist = "PUT /v1/warninglists"

// Correlator says what values and objects have in common, and with own alerts.
type Correlator interface {
	Observable(ctx context.Context, kind, property, text string) (KnownObservable, error)
	Blocked(ctx context.Context, limit int) ([]fact.Observable, error)
	Matches(ctx context.Context, f fact.MatchFilter, page ledger.PageRequest) (MatchPage, error)
	Sightings(ctx context.Context, report string) (fact.SightingCount, error)
	ToldByHand(ctx context.Context, report string) error
	PutWarninglist(ctx context.Context, body []byte) (TakenWarninglist, error)
	PutDecay(ctx context.Context, body []byte) (TakenDecay, error)
}

// How values have to do with each other, besides what correlate finds.
const (
	HowLinked   = "linked"   // relations of objects lead from one to the other
	HowTogether = "together" // one object names both
	HowNear     = "near"     // the same network, or registrable domain
)

// KnownObservable is what the node knows of a value.
type KnownObservable struct {
	fact.Observable
	Blocked      bool               `json:"blocked" doc:"Too many objects name it for it to say anything: it correlates nothing."`
	Warning      *correlate.Warning `json:"warning,omitempty" doc:"A warninglist has it: matches are suppressed."`
	Objects      []NamingObject     `json:"objects" doc:"That name it, the newest first; at most 50."`
	Known        KnownContext       `json:"known" doc:"What these objects and reference data say of the attack that it belongs to."`
	Correlations []Correlation      `json:"correlations" doc:"Other values that have to do with it; at most 50."`
	Alerts       []int64            `json:"alerts" doc:"Numbers of own alerts that name it, the newest first; at most 50."`
}

// NamingObject is an object that names a value.
type NamingObject struct {
	ID      string         `json:"id" doc:"STIX id."`
	Type    string         `json:"type"`
	Title   string         `json:"title"`
	Labels  []string       `json:"labels"`
	Until   time.Time      `json:"until,omitzero" doc:"When it ends; absent: it says no end."`
	Live    bool           `json:"live" doc:"It stands, has not ended, and is still believed."`
	Score   int            `json:"score" doc:"Of an indicator: what is left of the confidence in it, basis points."`
	Model   string         `json:"model,omitempty" doc:"By which model of decay."`
	Seen    time.Time      `json:"seen,omitzero" doc:"When an own alert last showed it."`
	Reports []fact.Brought `json:"reports" doc:"That brought it."`
}

// KnownContext is what is known of what is named somewhere, from reference data at this
// node.
type KnownContext struct {
	Vulnerabilities []fact.Exploitation `json:"vulnerabilities"`
	Techniques      []fact.KnownTerm    `json:"techniques" doc:"Of ATT&CK."`
	Patterns        []fact.KnownTerm    `json:"patterns" doc:"Of attacks, of CAPEC."`
	Weaknesses      []fact.KnownTerm    `json:"weaknesses" doc:"Of CWE; also those that advisories name for the vulnerabilities."`
}

// MatchPage is a page of own alerts that show what indicators describe.
type MatchPage struct {
	Items []IndicatorMatch
	Next  string
}

// IndicatorMatch is such an alert.
type IndicatorMatch struct {
	fact.IndicatorMatch
	Known KnownContext `json:"known" doc:"What the indicator names, with what reference data say of it."`
}

// Correlation is another value that has to do with one.
type Correlation struct {
	fact.Observable
	How      string `json:"how" enum:"value,network,host,fuzzy,linked,together,near" doc:"Value: another operator on the same. Network: one lies in the other. Host: of the URL. Fuzzy: the files are alike. Linked: by relations of objects. Together: one object names both. Near: the same network of 256 addresses (IPv6: /48) or registrable domain."`
	Likeness int    `json:"likeness,omitempty" doc:"Of files, 0 to 100."`
}

// TakenWarninglist is what became of a warninglist.
type TakenWarninglist struct {
	Name  string `json:"name"`
	Count int    `json:"count" doc:"Entries that count."`
	Left  int    `json:"left" doc:"Entries that mean nothing here: networks that are none, expressions that RE2 does not have."`
}

// TakenDecay is a decaying model that was taken in.
type TakenDecay struct {
	Name string `json:"name"`
}

type getObservable struct {
	Type     string `path:"type" enum:"ipv4-addr,ipv6-addr,domain-name,url,email-addr,file,x509-certificate,mac-addr" doc:"As STIX 2.1 names its cyber-observable objects."`
	Value    string `query:"value" required:"true" minLength:"1" maxLength:"4096" doc:"The value; an address may be a network."`
	Property string `query:"property" enum:"value,MD5,SHA-1,SHA-256,SHA-512,SSDEEP,TLSH,serial_number" default:"value" doc:"Of files and certificates the name of the hash, or serial_number."`
}

type listMatches struct {
	Page
	Indicator  string `query:"indicator" maxLength:"100" doc:"Only those of this indicator (STIX id)."`
	Report     string `query:"report" maxLength:"64" doc:"Only those of indicators that this report brought (digest)."`
	Suppressed bool   `query:"suppressed" doc:"Also those that a warninglist suppresses."`
}

type listBlocked struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func (a *API) correlationRoutes() {
	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "get-observable", Method: http.MethodGet, Path: "/v1/observables/{type}", Tags: []string{"intelligence"},
		Summary:     "What this node knows of an address, a domain, a hash, ...",
		Description: "Of one that it never heard of, too: whether a warninglist has it, and what is near it.",
	}, func(ctx context.Context, in *getObservable) (*body[KnownObservable], error) {
		got, err := a.Correlator.Observable(ctx, in.Type, in.Property, in.Value)
		if err != nil {
			return nil, err
		}
		return &body[KnownObservable]{got}, nil
	})

	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "list-indicator-matches", Method: http.MethodGet, Path: "/v1/matches", Tags: []string{"intelligence"},
		Summary:     "Own alerts that show what indicators describe, the newest first",
		Description: "An indicator that comes is looked for in the alerts that are stored, and each alert that comes is compared with all indicators. What ended, was withdrawn or is not believed any more matches nothing.",
	}, func(ctx context.Context, in *listMatches) (*body[List[IndicatorMatch]], error) {
		got, err := a.Correlator.Matches(ctx, fact.MatchFilter{Indicator: in.Indicator, Report: in.Report, Suppressed: in.Suppressed}, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, func(m IndicatorMatch) IndicatorMatch { return m }), nil
	})

	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "list-blocked-values", Method: http.MethodGet, Path: "/v1/correlations/blocked", Tags: []string{"intelligence"},
		Summary: "Values that too many objects name for them to correlate anything, the most frequent first",
	}, func(ctx context.Context, in *listBlocked) (*body[Items[fact.Observable]], error) {
		got, err := a.Correlator.Blocked(ctx, in.Limit)
		return &body[Items[fact.Observable]]{Items[fact.Observable]{got}}, err
	})

	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "count-report-sightings", Method: http.MethodGet, Path: "/v1/threats/{digest}/seen", Tags: []string{"intelligence"},
		Summary: "How often own alerts showed what a report describes", Description: "Of a report that another member shared, what next says goes to that member by itself, as a sighting (exchange.sightings in the node's configuration says how often at most): how many alerts, the first and the last time, and nothing else. Who tells it of them before has told it of all that were seen until then.",
	}, func(ctx context.Context, in *PathDigest) (*body[fact.SightingCount], error) {
		got, err := a.Correlator.Sightings(ctx, in.Digest)
		return &body[fact.SightingCount]{got}, err
	})
	a.correlationWriting()
}

func (a *API) correlationWriting() {
	object := map[string]*huma.MediaType{typeJSON: {Schema: &huma.Schema{Type: "object"}}}
	a.api.stream(auth.AdvisoriesWrite, huma.Operation{
		OperationID: "put-warninglist", Method: http.MethodPut, Path: "/v1/warninglists", Tags: []string{"intelligence"},
		Summary:     "Take in a list of values that raise false alarms, in place of the one of that name",
		Description: "In the format of MISP's warninglists. Matches of what it has are suppressed, with the reason.",
		RequestBody: &huma.RequestBody{Required: true, Content: object},
		Responses:   map[string]*huma.Response{"200": {Description: "It was taken in", Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[TakenWarninglist](a.api)}}}},
	}, taking(a, func(ctx context.Context, b []byte) (TakenWarninglist, error) {
		return a.Correlator.PutWarninglist(ctx, b)
	}))

	a.api.stream(auth.AdvisoriesWrite, huma.Operation{
		OperationID: "put-decaying-model", Method: http.MethodPut, Path: "/v1/decaying-models", Tags: []string{"intelligence"},
		Summary:     "Take in a model of how confidence in indicators fades, in place of the one of that name",
		Description: "In the format of MISP's decaying models, with its polynomial formula. Of several the first by name that is for a kind of value holds for it.",
		RequestBody: &huma.RequestBody{Required: true, Content: object},
		Responses:   map[string]*huma.Response{"200": {Description: "It was taken in", Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[TakenDecay](a.api)}}}},
	}, taking(a, func(ctx context.Context, b []byte) (TakenDecay, error) { return a.Correlator.PutDecay(ctx, b) }))
}

// taking hands a document in and answers with what became of it.
func taking[T any](a *API, put func(ctx context.Context, body []byte) (T, error)) func(*gin.Context) error {
	return func(c *gin.Context) error {
		text, err := a.jsonBody(c)
		if err != nil {
			return err
		}
		got, err := put(c.Request.Context(), text)
		if err != nil {
			return inBody(err)
		}
		return writeJSON(c, http.StatusOK, got)
	}
}
