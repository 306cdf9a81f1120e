package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/analytics/compliance/oscal"
	"github.com/secant-platform/secant/analytics/compliance/report"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Compliance judges devices by controls.
type Compliance interface {
	// InUse returns the catalogue that the members use, with its row; or the
	// program's own, and nil, as long as they accepted none. It fails with an
	// unavailable problem while the catalogue's document is not here yet.
	InUse(ctx context.Context) (*compliance.Catalogue, *ledger.CatalogueInUse, error)
	// CatalogueInUse returns which version of the catalogue of a name the members use,
	// and false when they accepted none.
	CatalogueInUse(ctx context.Context, name string) (fact.Row[ledger.CatalogueInUse], bool, error)
	// Judge judges a device from what this node knows now. With fetch it waits a
	// moment for documents that other members' nodes hold.
	Judge(ctx context.Context, unit string, fetch bool) (*Judged, error)
	ControlAssessment(ctx context.Context, unit, result, assessor string) (fact.Row[ledger.ControlAssessment], error)
	ControlAssessments(ctx context.Context, unit string, page ledger.PageRequest) (fact.Page[ledger.ControlAssessment], error)
	ControlExceptions(ctx context.Context, unit, di string, limit int) ([]fact.Row[ledger.Exception], error)
}

// Judged is a judgement of a device, with what it was judged by.
type Judged struct {
	Unit       fact.Row[ledger.Unit]
	Model      ledger.Model
	Catalogue  *compliance.Catalogue
	InUse      *ledger.CatalogueInUse // nil: the members accepted none
	Assessment *compliance.Assessment
}

// UnitAssessment is what came of judging a device by controls.
type UnitAssessment struct {
	Unit         string                    `json:"unit"`
	Catalogue    string                    `json:"catalogue" example:"secant-controls/1"`
	InUse        bool                      `json:"inUse" doc:"The members have accepted the catalogue. Otherwise this is a preview, which cannot be put on the ledger."`
	Score        int                       `json:"score" doc:"Basis points of the weight of the controls that apply, 0 to 10000."`
	Verdict      string                    `json:"verdict" enum:"certified,conditional,refused,not_certifiable" doc:"What the score and the critical controls come to. It certifies nothing: an authority does, for which a person signs."`
	ValidTo      *time.Time                `json:"validTo,omitempty" doc:"Until when a certification by it could stand."`
	Results      []ControlResult           `json:"results" doc:"In the catalogue's order."`
	InputDigest  string                    `json:"inputDigest" doc:"Of the facts' canonical JSON (RFC 8785)."`
	ResultDigest string                    `json:"resultDigest" doc:"SHA-256 of the results' document, which GET /v1/compliance/assessments/{digest} serves once it is on the ledger."`
	Facts        json.RawMessage           `json:"facts" doc:"All that the judgement rests on. Whoever has it gets the same results."`
	Record       *ledger.ControlAssessment `json:"record,omitempty" doc:"As it stands on the ledger: in the answer to its publication."`
	Ledger       *fact.Origin              `json:"ledger,omitempty"`
}

// ControlResult is what came of one control.
type ControlResult struct {
	Control   string   `json:"control" example:"ID-1"`
	Title     string   `json:"title"`
	Area      string   `json:"area"`
	Weight    int      `json:"weight"`
	Critical  bool     `json:"critical"`
	Result    string   `json:"result" enum:"pass,partial,fail,unknown,not_applicable,tolerated" doc:"Partial and tolerated count half; fail and unknown nothing; not_applicable not at all."`
	Reason    string   `json:"reason" doc:"In plain words."`
	Evidence  []string `json:"evidence" doc:"Digests of the documents by which it stands."`
	Exception string   `json:"exception,omitempty" doc:"Digest of the reason of the exception by which it stands."`
}

func viewJudged(j *Judged) UnitAssessment {
	a := j.Assessment
	v := UnitAssessment{
		Unit: a.Facts.Unit.ID, Catalogue: a.Catalogue, InUse: j.InUse != nil, Score: a.Score, Verdict: a.Verdict,
		InputDigest: a.InputDigest(), ResultDigest: a.Digest(), Facts: a.Inputs(), Results: make([]ControlResult, len(a.Results)),
	}
	if !a.ValidTo.IsZero() {
		v.ValidTo = &a.ValidTo
	}
	for i, r := range a.Results {
		c := &j.Catalogue.Controls[i]
		v.Results[i] = ControlResult{c.ID, c.Title, c.Area, c.Weight, c.Critical, r.Result, r.Reason, r.Evidence, r.Exception}
	}
	return v
}

type assessUnit struct {
	PathUnit
	CommandHeaders
}

const typeHTML = "text/html; charset=utf-8"

func (a *API) complianceRoutes() {
	tags := []string{"compliance"}
	a.catalogueOfControlsRoutes(tags)
	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "get-unit-assessment", Method: http.MethodGet, Path: "/v1/units/{id}/assessment", Tags: tags,
		Summary:     "Judge a device by the controls in use, from what this node knows now",
		Description: "Nothing is put on the ledger. What nothing shows is unknown, and counts as not met. A device's own node knows most of it.",
	}, func(ctx context.Context, in *PathUnit) (*body[UnitAssessment], error) {
		j, err := a.Compliance.Judge(ctx, in.ID, false)
		if err != nil {
			return nil, err
		}
		return &body[UnitAssessment]{viewJudged(j)}, nil
	})

	op := commandOp[UnitAssessment](a.api, huma.Operation{
		OperationID: "assess-unit", Method: http.MethodPost, Path: "/v1/units/{id}/assessments", Tags: tags,
		Summary: "Judge a device by the controls in use, and put what came of it on the ledger",
		Description: "Its owner may, its maker, by a registrar's token, or an authority, by a certifier's. The ledger counts score and verdict itself. " +
			"The same facts give the same assessment: asked again, the answer is 200. " +
			"An authority's is what its assessor then signs: POST /v1/units/{id}/certification with its catalogue, score, verdict, resultDigest and validTo.",
	})
	op.Responses["200"] = &huma.Response{
		Description: "It stands on the ledger already.",
		Content:     map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[UnitAssessment](a.api)}},
	}
	register(a.api, auth.ComplianceWrite, op, a.assessUnit)

	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "list-unit-assessments", Method: http.MethodGet, Path: "/v1/units/{id}/assessments", Tags: tags,
		Summary: "The assessments of a device by controls that stand on the ledger, newest first",
	}, func(ctx context.Context, in *listHistory) (*body[List[RecordedAssessment]], error) {
		got, err := a.Compliance.ControlAssessments(ctx, in.ID, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, func(r fact.Row[ledger.ControlAssessment]) RecordedAssessment {
			return RecordedAssessment{r.Record, r.Origin}
		}), nil
	})

	unit := []*huma.Param{pathParam("id", "The unit's id, 64 lower-case hexadecimal digits.")}
	a.api.stream(auth.DevicesRead, huma.Operation{
		OperationID: "get-unit-assessment-oscal", Method: http.MethodGet, Path: "/v1/units/{id}/assessment.oscal", Tags: tags,
		Summary: "The judgement of a device as OSCAL 1.1.3 assessment results", Parameters: unit,
		Responses: map[string]*huma.Response{"200": {Description: "Assessment results", Content: map[string]*huma.MediaType{oscal.MediaType: {Schema: &huma.Schema{Type: "object"}}}}},
	}, a.serveResults)
	a.api.stream(auth.DevicesRead, huma.Operation{
		OperationID: "get-unit-report", Method: http.MethodGet, Path: "/v1/units/{id}/report", Tags: tags,
		Summary:     "The judgement of a device as a page to read and print",
		Description: "One HTML document with pictures: score, controls by area, states and scores over time. No scripts, nothing from elsewhere.", Parameters: unit,
		Responses: map[string]*huma.Response{"200": {Description: "The page", Content: map[string]*huma.MediaType{"text/html": {Schema: &huma.Schema{Type: "string"}}}}},
	}, a.serveReport)

	a.api.stream(auth.MembersRead, huma.Operation{
		OperationID: "get-assessment-document", Method: http.MethodGet, Path: "/v1/compliance/assessments/{digest}", Tags: tags,
		Summary:     "The results' document of an assessment, byte for byte",
		Description: "Canonical JSON, at the node that made it. Whoever has it and the catalogue can judge again; its digest is the assessment's resultDigest.",
		Parameters:  []*huma.Param{pathParam("digest", "SHA-256 of the document, 64 lower-case hexadecimal digits.")},
		Responses:   map[string]*huma.Response{"200": {Description: "The document", Content: map[string]*huma.MediaType{typeJSON: {Schema: &huma.Schema{Type: "object"}}}}},
	}, func(c *gin.Context) error { return a.serveDocument(c, fact.DocumentAssessment, c.Param("digest")) })
	a.exceptionRoutes(tags)
}

// RecordedAssessment is an assessment that stands on the ledger.
type RecordedAssessment struct {
	ledger.ControlAssessment
	Ledger fact.Origin `json:"ledger"`
}

// as says as whom the node acts for a device: its owner, or its maker, by a
// registrar's token; an authority by a certifier's. The ledger decides who is one.
func (a *API) as(ctx context.Context, owner, maker string) (ledger.Role, error) {
	switch {
	case auth.CallerOf(ctx).Role == auth.RoleCertifier:
		return ledger.RoleCertifier, nil
	case owner == a.Organisation:
		return ledger.RoleCustodian, nil
	case maker == a.Organisation:
		return ledger.RoleRegistrar, nil
	}
	return "", ledger.Problemf(ledger.CodeDenied, "the device is another organisation's")
}

func (a *API) assessUnit(ctx context.Context, in *assessUnit) (*answer, error) {
	j, err := a.Compliance.Judge(ctx, in.ID, true)
	if err != nil {
		return nil, err
	}
	role, err := a.as(ctx, j.Unit.Record.Owner, j.Unit.Record.Manufacturer)
	if err != nil {
		return nil, err
	}
	if j.InUse == nil {
		return nil, ledger.Problemf(ledger.CodeConflict, "the members have accepted no catalogue of controls: publish one, propose it, and have it voted on")
	}
	req := j.Assessment.Request()
	if err := req.Validate(); err != nil {
		return nil, doing("assessing a device", err)
	}
	// The document first: an assessment that nobody can check is worth nothing.
	d := fact.Document{Kind: fact.DocumentAssessment, Digest: req.ResultDigest, MediaType: typeJSON, Body: j.Assessment.Document()}
	if err := a.Documents.PutDocument(ctx, d); err != nil {
		return nil, doing("keeping an assessment", err)
	}
	read := func(ctx context.Context) (any, error) {
		row, err := a.Compliance.ControlAssessment(ctx, req.Unit, req.ResultDigest, a.Organisation)
		v := viewJudged(j)
		v.Record, v.Ledger = &row.Record, &row.Origin
		return v, err
	}
	location := unitPath(in.ID) + "/assessments"
	if v, err := read(ctx); err == nil {
		return &answer{http.StatusOK, location, v}, nil
	}
	return a.command(ctx, &in.CommandHeaders, role, ledger.ComplianceAssess, req, location, read)
}

// judged judges the device in the path.
func (a *API) judged(c *gin.Context) (*Judged, error) {
	return a.Compliance.Judge(c.Request.Context(), c.Param("id"), false)
}

func (a *API) serveResults(c *gin.Context) error {
	j, err := a.judged(c)
	if err != nil {
		return err
	}
	b, err := oscal.Results(j.Catalogue, j.Assessment)
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, oscal.MediaType, b)
	return nil
}

// Of a report's tables, how many rows they have at most.
const (
	reportChanges     = 100
	reportAssessments = 50
	reportExceptions  = 50
)

func (a *API) serveReport(c *gin.Context) error {
	ctx := c.Request.Context()
	j, err := a.judged(c)
	if err != nil {
		return err
	}
	unit := &j.Unit.Record
	in := report.Input{
		Catalogue: j.Catalogue, Assessment: j.Assessment, Unit: *unit, ModelName: j.Model.Name, Maker: unit.Manufacturer, Owner: unit.Owner,
		Node: a.Organisation, Written: time.Now().UTC(),
	}
	changes, err := a.Units.UnitHistory(ctx, unit.ID, ledger.PageRequest{Size: reportChanges})
	if err != nil {
		return err
	}
	for _, r := range changes.Items {
		in.Changes = append(in.Changes, r.Record)
	}
	recorded, err := a.Compliance.ControlAssessments(ctx, unit.ID, ledger.PageRequest{Size: reportAssessments})
	if err != nil {
		return err
	}
	for _, r := range recorded.Items {
		in.Assessments = append(in.Assessments, r.Record)
	}
	exceptions, err := a.Compliance.ControlExceptions(ctx, unit.ID, unit.DI, reportExceptions)
	if err != nil {
		return err
	}
	for _, r := range exceptions {
		in.Exceptions = append(in.Exceptions, r.Record)
	}
	b, err := report.HTML(in)
	if err != nil {
		return err
	}
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Cache-Control", "private, no-store")
	c.Data(http.StatusOK, typeHTML, b)
	return nil
}
