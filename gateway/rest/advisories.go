package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Advisories finds advisories and which units they concern.
type Advisories interface {
	Advisory(ctx context.Context, id string) (fact.Advisory, error)
	AdvisoryBody(ctx context.Context, id string) (digest string, body []byte, err error)
	Advisories(ctx context.Context, f fact.AdvisoryFilter, page ledger.PageRequest) (fact.AdvisoryPage, error)
	AffectedUnits(ctx context.Context, f fact.AffectedFilter, page ledger.PageRequest) (fact.AffectedPage, error)
	UnitVulnerabilities(ctx context.Context, unit string) ([]fact.UnitVulnerability, error)
	Decisions(ctx context.Context, di string) ([]fact.AdvisoryDecision, error)
}

// Advisor takes advisories in and matches them.
type Advisor interface {
	Import(ctx context.Context, body []byte) ([]ImportedAdvisory, error)
	Decide(ctx context.Context, match string, v Verdict, by, role string) (fact.ReleaseMatch, error)
	PutKEV(ctx context.Context, body []byte) (Taken, error)
	PutEPSS(ctx context.Context, body []byte) (Taken, error)
	// Carry makes the report with which an organisation shares a VEX document.
	Carry(document []byte, sharer, name string) ([]byte, error)
}

// ImportedAdvisory is what became of an advisory that was handed in.
type ImportedAdvisory struct {
	ID       string   `json:"id" doc:"At this node, 32 hexadecimal digits: one of each publisher's tracking id."`
	Tracking string   `json:"tracking" doc:"The publisher's own id." example:"EX-2026-1"`
	Title    string   `json:"title"`
	Outcome  string   `json:"outcome" enum:"added,updated,unchanged" doc:"Unchanged: the same bytes, or an edition that is not newer than the one that is kept."`
	Units    int      `json:"units" doc:"Units of this node that it concerns, or may."`
	Open     int      `json:"open" doc:"Releases about which somebody has to decide."`
	Findings []string `json:"findings" doc:"Mandatory tests of CSAF 2.0 that the document fails without saying anything else of its products."`
}

// Taken is what became of a list that was handed in.
type Taken struct {
	Count int       `json:"count" doc:"Entries of the list."`
	Day   time.Time `json:"day,omitzero" doc:"Of its edition, when it says so."`
}

// The verdicts on a match, and how far they hold.
const (
	VerdictConfirmed = "confirmed"
	VerdictRejected  = "rejected"
	ScopeProduct     = "product"
	ScopeAdvisory    = "advisory"
)

// Verdict is what a person says of a match.
type Verdict struct {
	Verdict string `json:"verdict" enum:"confirmed,rejected" doc:"Whether the advisory's product is this model."`
	Scope   string `json:"scope,omitempty" enum:"product,advisory" doc:"How far it holds: for every advisory on this product of this vendor, or for this one only. Absent: product, unless the match rests on an identifier."`
	Note    string `json:"note,omitempty" maxLength:"500" doc:"Why, for others to read."`
}

// Affected is a unit that an advisory concerns.
type Affected struct {
	Unit            string         `json:"unit" doc:"Unit id."`
	Owner           string         `json:"owner" doc:"MSP id."`
	State           string         `json:"state" doc:"Of the unit."`
	Model           string         `json:"model" doc:"Name of its model."`
	DI              string         `json:"di" doc:"UDI-DI of its model."`
	Release         string         `json:"release" doc:"Version that it runs."`
	Match           string         `json:"match" doc:"Id of the match of its release, 32 hexadecimal digits."`
	MatchState      string         `json:"matchState" enum:"affected,possible,rejected,not_affected" doc:"Affected: by an identifier and a version inside the range, or as a person confirmed. Possible: somebody has to look. Not affected: as the maker says, of every vulnerability."`
	Basis           string         `json:"basis" enum:"purl,cpe,name,model"`
	Confidence      int            `json:"confidence" doc:"Basis points; an order of ours, not a measured probability."`
	Reasons         []string       `json:"reasons" doc:"The strongest first."`
	Vulnerabilities []fact.Concern `json:"vulnerabilities" doc:"With the maker's word, where it says that the release is not affected or has the fix."`
	Actions         []fact.Action  `json:"actions" doc:"What the advisory advises, a fix first."`
}

func viewAffected(u fact.AffectedUnit) Affected {
	m := u.Match
	return Affected{
		Unit: u.Unit, Owner: u.Owner, State: u.State, Model: u.Model, DI: m.DI, Release: m.Version, Match: m.ID, MatchState: m.State,
		Basis: m.Basis, Confidence: m.Confidence, Reasons: m.Reasons, Vulnerabilities: m.Vulnerabilities, Actions: m.Actions,
	}
}

// AdvisoryWithUnits is an advisory with a page of the units that it concerns.
type AdvisoryWithUnits struct {
	fact.Advisory
	Affected List[Affected] `json:"affected" doc:"Units of this node that it concerns, the surest matches first."`
}

// UnitVulnerability is an advisory that concerns a unit.
type UnitVulnerability struct {
	Advisory        string         `json:"advisory" doc:"Its id at this node."`
	Tracking        string         `json:"tracking" doc:"The publisher's own id."`
	Title           string         `json:"title"`
	Publisher       string         `json:"publisher"`
	Score           int            `json:"score" doc:"Highest base score, tenths; 0: none is stated."`
	Exploited       bool           `json:"exploited" doc:"One of its vulnerabilities is in the catalogue of exploited ones."`
	Likelihood      int            `json:"likelihood" doc:"Highest EPSS, parts of a million."`
	Match           string         `json:"match"`
	MatchState      string         `json:"matchState" enum:"affected,possible,rejected,not_affected"`
	Basis           string         `json:"basis" enum:"purl,cpe,name,model"`
	Confidence      int            `json:"confidence"`
	Reasons         []string       `json:"reasons"`
	Vulnerabilities []fact.Concern `json:"vulnerabilities"`
	Actions         []fact.Action  `json:"actions"`
}

func viewUnitVulnerability(v fact.UnitVulnerability) UnitVulnerability {
	a, m := &v.Advisory, &v.Match
	return UnitVulnerability{
		Advisory: a.ID, Tracking: a.Tracking, Title: a.Title, Publisher: a.Publisher, Score: a.Score, Exploited: a.Exploited, Likelihood: a.Likelihood,
		Match: m.ID, MatchState: m.State, Basis: m.Basis, Confidence: m.Confidence, Reasons: m.Reasons, Vulnerabilities: m.Vulnerabilities, Actions: m.Actions,
	}
}

// PathAdvisory names an advisory in the path.
type PathAdvisory struct {
	ID string `path:"id" pattern:"^[0-9a-f]{32}$" patternDescription:"32 lower-case hexadecimal digits" doc:"The advisory's id at this node."`
}

type listAdvisories struct {
	Page
	Sort          string `query:"sort" enum:"rank,updated,score,likelihood" default:"rank" doc:"The order, highest first. Rank: exploited ones, then by likelihood (EPSS), base score and age."`
	Vulnerability string `query:"vulnerability" maxLength:"100" doc:"Only those about this vulnerability." example:"CVE-2026-10001"`
	Matching      bool   `query:"matching" doc:"Only those that concern units of this node, or may."`
	Exploited     bool   `query:"exploited" doc:"Only those with an exploited vulnerability."`
}

type getAdvisory struct {
	PathAdvisory
	Page
	State string `query:"state" enum:"affected,possible,rejected,not_affected" doc:"Only units whose match is in this state; absent: affected and possible ones."`
	Owner string `query:"owner" maxLength:"64" doc:"Only units of this owner (MSP id)."`
	DI    string `query:"di" maxLength:"64" doc:"Only units of this model (UDI-DI)."`
}

type decideMatch struct {
	ID   string `path:"id" pattern:"^[0-9a-f]{32}$" patternDescription:"32 lower-case hexadecimal digits" doc:"The match's id."`
	Body Verdict
}

type listDecisions struct {
	DI string `query:"di" maxLength:"64" doc:"Only those about this model (UDI-DI)."`
}

// Items is a list that is told as a whole.
type Items[T any] struct {
	Items []T `json:"items"`
}

func (a *API) advisoryRoutes() {
	a.advisoryReading()
	a.advisoryWriting()
	a.vexRoute()
}

func (a *API) advisoryReading() {
	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "list-advisories", Method: http.MethodGet, Path: "/v1/advisories", Tags: []string{"advisories"},
		Summary: "The advisories that this node knows",
	}, func(ctx context.Context, in *listAdvisories) (*body[List[fact.Advisory]], error) {
		f := fact.AdvisoryFilter{Sort: in.Sort, Vulnerability: in.Vulnerability, Matching: in.Matching, Exploited: in.Exploited}
		got, err := a.Advisories.Advisories(ctx, f, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, func(v fact.Advisory) fact.Advisory { return v }), nil
	})

	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "get-advisory", Method: http.MethodGet, Path: "/v1/advisories/{id}", Tags: []string{"advisories"},
		Summary:     "An advisory, with the units that it concerns",
		Description: "Units are those that the organisation owns or made, and that are not retired.",
	}, func(ctx context.Context, in *getAdvisory) (*body[AdvisoryWithUnits], error) {
		v, err := a.Advisories.Advisory(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		got, err := a.Advisories.AffectedUnits(ctx, fact.AffectedFilter{Advisory: in.ID, State: in.State, Owner: in.Owner, DI: in.DI}, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return &body[AdvisoryWithUnits]{AdvisoryWithUnits{v, listed(got.Items, got.Next, viewAffected).Body}}, nil
	})

	a.api.stream(auth.ThreatsRead, huma.Operation{
		OperationID: "get-advisory-body", Method: http.MethodGet, Path: "/v1/advisories/{id}/body", Tags: []string{"advisories"},
		Summary:    "An advisory as it came",
		Parameters: []*huma.Param{pathParam("id", "The advisory's id at this node, 32 lower-case hexadecimal digits.")},
		Responses:  map[string]*huma.Response{"200": {Description: "The document", Content: map[string]*huma.MediaType{typeJSON: {Schema: &huma.Schema{Type: "object"}}}}},
	}, func(c *gin.Context) error {
		digest, text, err := a.Advisories.AdvisoryBody(c.Request.Context(), c.Param("id"))
		if err != nil {
			return err
		}
		serveBytes(c, digest, typeJSON, text)
		return nil
	})

	register(a.api, auth.RiskRead, huma.Operation{
		OperationID: "list-unit-vulnerabilities", Method: http.MethodGet, Path: "/v1/units/{id}/vulnerabilities", Tags: []string{"advisories"},
		Summary:     "The advisories that concern a device",
		Description: "In every state of the match: affected ones first, then by what is exploited, likely and severe. Of devices that the organisation neither owns nor made nothing is known.",
	}, func(ctx context.Context, in *PathUnit) (*body[Items[UnitVulnerability]], error) {
		if _, err := a.Units.Unit(ctx, in.ID); err != nil {
			return nil, err
		}
		got, err := a.Advisories.UnitVulnerabilities(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &body[Items[UnitVulnerability]]{Items[UnitVulnerability]{listed(got, "", viewUnitVulnerability).Body.Items}}, nil
	})

	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "list-match-decisions", Method: http.MethodGet, Path: "/v1/matches/decisions", Tags: []string{"advisories"},
		Summary: "What persons said of matches, which is remembered for later advisories",
	}, func(ctx context.Context, in *listDecisions) (*body[Items[fact.AdvisoryDecision]], error) {
		got, err := a.Advisories.Decisions(ctx, in.DI)
		return &body[Items[fact.AdvisoryDecision]]{Items[fact.AdvisoryDecision]{got}}, err
	})
}

func (a *API) advisoryWriting() {
	object := map[string]*huma.MediaType{typeJSON: {Schema: &huma.Schema{Type: "object"}}}
	a.api.stream(auth.AdvisoriesWrite, huma.Operation{
		OperationID: "import-advisories", Method: http.MethodPost, Path: "/v1/advisories", Tags: []string{"advisories"},
		Summary: "Import an advisory, and see which units it concerns",
		Description: "The body is a CSAF 2.0 document, an OSV record or several, or an answer of NVD's CVE API 2.0. " +
			"Importing again changes nothing, unless the edition is newer; what persons decided stays.",
		RequestBody: &huma.RequestBody{Required: true, Content: object},
		Responses: map[string]*huma.Response{"200": {
			Description: "What became of each", Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[Items[ImportedAdvisory]](a.api)}},
		}},
	}, func(c *gin.Context) error {
		text, err := a.jsonBody(c)
		if err != nil {
			return err
		}
		got, err := a.Advisor.Import(c.Request.Context(), text)
		if err != nil {
			return inBody(err)
		}
		return writeJSON(c, http.StatusOK, Items[ImportedAdvisory]{got})
	})

	register(a.api, auth.AdvisoriesWrite, huma.Operation{
		OperationID: "decide-match", Method: http.MethodPost, Path: "/v1/matches/{id}/confirmation", Tags: []string{"advisories"},
		Summary:     "Say whether an advisory's product is a model",
		Description: "It is remembered for later advisories on the product of the vendor, and can be said anew.",
	}, func(ctx context.Context, in *decideMatch) (*body[fact.ReleaseMatch], error) {
		caller := auth.CallerOf(ctx)
		m, err := a.Advisor.Decide(ctx, in.ID, in.Body, caller.Subject, string(caller.Role))
		return &body[fact.ReleaseMatch]{m}, err
	})

	taken := map[string]*huma.Response{"200": {
		Description: "It was taken in", Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[Taken](a.api)}},
	}}
	a.api.stream(auth.AdvisoriesWrite, huma.Operation{
		OperationID: "put-kev", Method: http.MethodPut, Path: "/v1/exploitation/kev", Tags: []string{"advisories"},
		Summary:     "Take in CISA's catalogue of known exploited vulnerabilities, in place of the one before",
		RequestBody: &huma.RequestBody{Required: true, Content: object}, Responses: taken,
	}, func(c *gin.Context) error {
		text, err := a.jsonBody(c)
		if err != nil {
			return err
		}
		got, err := a.Advisor.PutKEV(c.Request.Context(), text)
		if err != nil {
			return inBody(err)
		}
		return writeJSON(c, http.StatusOK, got)
	})
	file := &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
	a.api.stream(auth.AdvisoriesWrite, huma.Operation{
		OperationID: "put-epss", Method: http.MethodPut, Path: "/v1/exploitation/epss", Tags: []string{"advisories"},
		Summary:     "Take in a day's EPSS scores (FIRST)",
		Description: "The file as it is published, or unpacked.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{typeCSV: file, typeGzip: file}},
		Responses: map[string]*huma.Response{"200": {
			Description: "It was taken in", Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[Taken](a.api)}},
		}},
	}, func(c *gin.Context) error {
		if _, err := contentType(c, typeCSV, typeGzip); err != nil {
			return err
		}
		text, err := readBody(c)
		if err != nil {
			return err
		}
		got, err := a.Advisor.PutEPSS(c.Request.Context(), text)
		if err != nil {
			return inBody(err)
		}
		return writeJSON(c, http.StatusOK, got)
	})
}

const (
	typeCSV  = "text/csv"
	typeGzip = "application/gzip"
)

// jsonBody reads a body in JSON, which whoever reads it judges.
func (a *API) jsonBody(c *gin.Context) ([]byte, error) {
	if _, err := contentType(c, typeJSON); err != nil {
		return nil, err
	}
	return readBody(c)
}

func (a *API) vexRoute() {
	share := commandOp[Threat](a.api, huma.Operation{
		OperationID: "share-vex", Method: http.MethodPost, Path: "/v1/vex", Tags: []string{"advisories"},
		Summary: "Share statements on exploitability of own devices with the consortium",
		Description: "The body is a CSAF 2.0 document of the profile VEX, OpenVEX, or CycloneDX (JSON) with analyses of the vulnerabilities of the product in its metadata. It is shared as a report that carries it. " +
			"At every member's node a statement not_affected or fixed takes effect for releases of models whose manufacturer shared it, and for no others.",
		Parameters:  append(sharingParams(), commandParams()...),
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{typeJSON: {Schema: &huma.Schema{Type: "object"}}}},
	})
	a.api.stream(auth.ThreatsShare, share, func(c *gin.Context) error {
		text, err := a.jsonBody(c)
		if err != nil {
			return err
		}
		bundle, err := a.Advisor.Carry(text, a.Organisation, a.DisplayName)
		if err != nil {
			return inBody(err)
		}
		headers, err := readCommandHeaders(c)
		if err != nil {
			return err
		}
		o, err := a.outgoing(c, bundle, ledger.MediaTypeSTIX)
		if err != nil {
			return err
		}
		return a.share(c, headers, o)
	})
}
