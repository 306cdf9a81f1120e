package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/analytics/compliance/oscal"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// PublishedCatalogue is a catalogue of controls on the ledger.
type PublishedCatalogue struct {
	ID       string `json:"id" doc:"Name and version, as a proposal to accept it names it." example:"secant-controls/1"`
	Digest   string `json:"digest" doc:"SHA-256 of its document."`
	Controls int    `json:"controls"`
	Critical int    `json:"critical" doc:"Of those: nothing is certified while one of them fails or is unknown."`
}

// NewEvidence says that the organisation has, or looked at, a document that shows
// whether a control is met.
type NewEvidence struct {
	Unit    string     `json:"unit,omitempty" doc:"Unit id; either this or di."`
	DI      string     `json:"di,omitempty" doc:"UDI-DI of the model, for all its devices; either this or unit."`
	Control string     `json:"control" doc:"Of the catalogue in use." example:"CE-1"`
	Claim   string     `json:"claim" enum:"met,partly,not_met" doc:"What the document shows."`
	Digest  string     `json:"digest" doc:"SHA-256 of the document, 64 hexadecimal digits. The document stays where it is."`
	Until   *time.Time `json:"until,omitempty" doc:"It shows nothing from then on; absent: it has no end."`
}

// RecordedEvidence is evidence as it stands on the ledger.
type RecordedEvidence struct {
	V           int        `json:"v"`
	SubjectKind string     `json:"subjectKind" enum:"device,model"`
	Subject     string     `json:"subject"`
	Catalogue   string     `json:"catalogue"`
	Control     string     `json:"control"`
	Claim       string     `json:"claim"`
	Digest      string     `json:"digest"`
	Until       *time.Time `json:"until,omitempty"`
	By          string     `json:"by"`
}

// ExceptionOrder takes a device or a model out of a control for a while.
type ExceptionOrder struct {
	Unit         string    `json:"unit,omitempty" doc:"Unit id; either this or di."`
	DI           string    `json:"di,omitempty" doc:"UDI-DI of the model, for all its devices; either this or unit."`
	Control      string    `json:"control" doc:"Of the catalogue in use." example:"AU-1"`
	Effect       string    `json:"effect" enum:"not_applicable,tolerated" doc:"Not_applicable: the control does not concern it, and is not counted. Tolerated: that it is not met is borne with, and counts half; not for critical controls."`
	ReasonDigest string    `json:"reasonDigest" doc:"SHA-256 of the reason's document, 64 hexadecimal digits. It stays off the ledger."`
	Until        time.Time `json:"until" doc:"It does nothing from then on: at most 366 days ahead."`
}

// ExceptionName names an exception.
type ExceptionName struct {
	Unit         string `json:"unit,omitempty" doc:"Unit id; either this or di."`
	DI           string `json:"di,omitempty" doc:"UDI-DI of the model; either this or unit."`
	Control      string `json:"control"`
	ReasonDigest string `json:"reasonDigest"`
}

type recordEvidence struct {
	CommandHeaders
	Body NewEvidence
}

type grantException struct{ Body ExceptionOrder }

type endException struct {
	CommandHeaders
	Body ExceptionName
}

func (a *API) catalogueOfControlsRoutes(tags []string) {
	object := &huma.MediaType{Schema: &huma.Schema{Type: "object"}}
	a.api.stream(auth.DevicesRead, huma.Operation{
		OperationID: "get-controls", Method: http.MethodGet, Path: "/v1/compliance/catalogue", Tags: tags,
		Summary:     "The catalogue of controls by which devices are judged",
		Description: "The one that the members accepted last; the program's own as long as they accepted none. The header Secant-Catalogue-In-Use says which.",
		Parameters:  []*huma.Param{queryParam("format", "Absent: as its document is. Or oscal: an OSCAL 1.1.3 catalog.", &huma.Schema{Type: "string", Enum: []any{"oscal"}})},
		Responses:   map[string]*huma.Response{"200": {Description: "The catalogue", Content: map[string]*huma.MediaType{typeJSON: object, oscal.MediaType: object}}},
	}, a.serveControls)
	a.api.stream(auth.MembersRead, huma.Operation{
		OperationID: "get-controls-document", Method: http.MethodGet, Path: "/v1/compliance/catalogues/{digest}", Tags: tags,
		Summary:    "The document of a catalogue of controls, byte for byte",
		Parameters: []*huma.Param{pathParam("digest", "SHA-256 of the document, 64 lower-case hexadecimal digits.")},
		Responses:  map[string]*huma.Response{"200": {Description: "The document", Content: map[string]*huma.MediaType{typeJSON: object}}},
	}, func(c *gin.Context) error {
		if own := compliance.BuiltIn(); c.Param("digest") == own.Digest() {
			serveNamed(c, own.Digest(), typeJSON, own.Document())
			return nil
		}
		return a.serveDocument(c, fact.DocumentCatalogue, c.Param("digest"))
	})
	a.api.stream(auth.ConsortiumGovern, commandOp[PublishedCatalogue](a.api, huma.Operation{
		OperationID: "publish-controls", Method: http.MethodPost, Path: "/v1/compliance/catalogue", Tags: tags,
		Summary: "Publish a catalogue of controls on the ledger",
		Description: "The body is the catalogue's document, as GET serves it; without a body it is the program's own. " +
			"Nothing is judged by it on the ledger before the members accept it: POST /v1/proposals with the kind accept_catalogue, votes, and its enactment.",
		Parameters:  commandParams(),
		RequestBody: &huma.RequestBody{Content: map[string]*huma.MediaType{typeJSON: object}},
	}), a.publishControls)
	register(a.api, auth.ComplianceWrite, commandOp[RecordedEvidence](a.api, huma.Operation{
		OperationID: "record-evidence", Method: http.MethodPost, Path: "/v1/compliance/evidence", Tags: tags,
		Summary: "Record evidence of a control, of a device or of a model",
		Description: "The device's owner may, or its maker, by a registrar's token; an authority by a certifier's. " +
			"The catalogue says whose evidence counts for which control.",
	}), a.recordEvidence)
}

func (a *API) exceptionRoutes(tags []string) {
	register(a.api, auth.DevicesCertify, huma.Operation{
		OperationID: "grant-exception", Method: http.MethodPost, Path: "/v1/compliance/exceptions", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary:     "Ask an assessor to sign an exception from a control, which ends by itself",
		Description: byPersons + "One, with a DeviceAssessor. An authority's node submits it.",
	}, a.grantException)
	register(a.api, auth.DevicesCertify, commandOp[ExceptionName](a.api, huma.Operation{
		OperationID: "end-exception", Method: http.MethodPost, Path: "/v1/compliance/exceptions/end", Tags: tags,
		Summary: "End an exception before its time, for good",
	}), a.endException)
}

func (a *API) serveControls(c *gin.Context) error {
	ctx := c.Request.Context()
	catalogue, used, err := a.Compliance.InUse(ctx)
	if err != nil {
		return err
	}
	since, inUse := time.Unix(0, 0), "false"
	if used != nil {
		since, inUse = used.Since, "true"
	}
	c.Header("Secant-Catalogue-In-Use", inUse)
	switch c.Query("format") {
	case "":
		serveBytes(c, catalogue.Digest(), typeJSON, catalogue.Document())
		return nil
	case "oscal":
		b, err := oscal.Catalog(catalogue, since)
		if err != nil {
			return err
		}
		c.Data(http.StatusOK, oscal.MediaType, b)
		return nil
	}
	return invalid(ledger.Fault{Field: "query.format", Detail: "must be oscal, or absent"})
}

func (a *API) publishControls(c *gin.Context) error {
	ctx := c.Request.Context()
	headers, err := readCommandHeaders(c)
	if err != nil {
		return err
	}
	text, err := readBody(c)
	if err != nil {
		return err
	}
	catalogue := compliance.BuiltIn()
	if len(text) > 0 {
		if _, err := contentType(c, typeJSON); err != nil {
			return err
		}
		if catalogue, err = compliance.ParseCatalogue(text); err != nil {
			return inBody(err)
		}
	}
	d := fact.Document{Kind: fact.DocumentCatalogue, Digest: catalogue.Digest(), MediaType: typeJSON, Body: catalogue.Document()}
	if err := a.Documents.PutDocument(ctx, d); err != nil {
		return doing("keeping a catalogue", err)
	}
	v := PublishedCatalogue{ID: catalogue.ID(), Digest: catalogue.Digest(), Controls: len(catalogue.Controls)}
	for _, of := range catalogue.Controls {
		if of.Critical {
			v.Critical++
		}
	}
	done, err := a.command(ctx, headers, ledger.RoleRegistrar, ledger.CompliancePublishCatalogue, catalogue.Publication(),
		"/v1/compliance/catalogues/"+v.Digest, func(context.Context) (any, error) { return v, nil })
	if err != nil {
		return err
	}
	return writeAnswer(c, done)
}

// subject is the device or the model that a request names, with its owner and its
// maker.
func (a *API) subject(ctx context.Context, unit, di string) (kind, id, owner, maker string, err error) {
	switch {
	case (unit == "") == (di == ""):
		return "", "", "", "", invalid(ledger.Fault{Field: "body.unit", Detail: "must be given, or else di, and not both"})
	case unit != "":
		row, err := a.Units.Unit(ctx, unit)
		return ledger.SubjectDevice, unit, row.Record.Owner, row.Record.Manufacturer, err
	}
	row, err := a.Models.Model(ctx, di)
	return ledger.SubjectModel, di, "", row.Record.Manufacturer, err
}

// used names the catalogue in use.
func (a *API) used(ctx context.Context) (string, error) {
	_, used, err := a.Compliance.InUse(ctx)
	if err != nil {
		return "", err
	}
	if used == nil {
		return "", ledger.Problemf(ledger.CodeConflict, "the members have accepted no catalogue of controls")
	}
	return used.ID(), nil
}

func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func (a *API) recordEvidence(ctx context.Context, in *recordEvidence) (*answer, error) {
	b := &in.Body
	kind, id, owner, maker, err := a.subject(ctx, b.Unit, b.DI)
	if err != nil {
		return nil, err
	}
	role, err := a.as(ctx, owner, maker)
	if err != nil {
		return nil, err
	}
	catalogue, err := a.used(ctx)
	if err != nil {
		return nil, err
	}
	req := ledger.RecordEvidence{SubjectKind: kind, Subject: id, Catalogue: catalogue, Control: b.Control, Claim: b.Claim, Digest: b.Digest}
	v := RecordedEvidence{V: 1, SubjectKind: kind, Subject: id, Catalogue: catalogue, Control: b.Control, Claim: b.Claim, Digest: b.Digest, By: a.Organisation}
	if b.Until != nil {
		req.Until = whole(*b.Until)
		v.Until = &req.Until
	}
	if err := req.Validate(); err != nil {
		return nil, named(placed(err), "body.subject", "body.unit")
	}
	return a.command(ctx, &in.CommandHeaders, role, ledger.ComplianceRecordEvidence, req, "/v1/compliance/evidence",
		func(context.Context) (any, error) { return v, nil })
}

func (a *API) grantException(ctx context.Context, in *grantException) (*prepared, error) {
	b := &in.Body
	kind, id, _, _, err := a.subject(ctx, b.Unit, b.DI)
	if err != nil {
		return nil, err
	}
	catalogue, err := a.used(ctx)
	if err != nil {
		return nil, err
	}
	return a.prepare(ctx, ledger.RoleCertifier, ledger.ComplianceGrantException, &ledger.GrantException{
		SubjectKind: kind, Subject: id, Catalogue: catalogue, Control: b.Control, Effect: b.Effect, ReasonDigest: b.ReasonDigest, Until: whole(b.Until),
	})
}

func (a *API) endException(ctx context.Context, in *endException) (*answer, error) {
	b := in.Body
	kind, id, _, _, err := a.subject(ctx, b.Unit, b.DI)
	if err != nil {
		return nil, err
	}
	req := ledger.EndException{SubjectKind: kind, Subject: id, Control: b.Control, ReasonDigest: b.ReasonDigest}
	if err := req.Validate(); err != nil {
		return nil, placed(err)
	}
	return a.command(ctx, &in.CommandHeaders, ledger.RoleCertifier, ledger.ComplianceEndException, req, "/v1/compliance/exceptions",
		func(context.Context) (any, error) { return b, nil })
}
