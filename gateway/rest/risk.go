package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Scores finds risk scores.
type Scores interface {
	Score(ctx context.Context, subject, model, inputDigest string) (fact.Row[ledger.Score], error)
	Scores(ctx context.Context, subject string, page ledger.PageRequest) (fact.Page[ledger.Score], error)
}

// Assessor scores a device from what the node knows now.
type Assessor interface {
	Assess(ctx context.Context, unit string) (*Assessment, error)
}

// Assessment is a score with all that it takes to recompute it.
type Assessment struct {
	Model   string // name and version of the scoring model
	Inputs  []byte // canonical JSON (RFC 8785)
	Value   int    // basis points
	Lower   int    // bound that holds for any dependence between the reasons
	Upper   int    // the same from above
	Reasons []Reason
}

// Reason is one factor of a score.
type Reason struct {
	Text   string `json:"text" doc:"In plain words."`
	Points int    `json:"points" doc:"What it would score alone, in basis points."`
}

// NewScore asks for a device to be scored.
type NewScore struct {
	Subject string `json:"subject" pattern:"^[0-9a-f]{64}$" patternDescription:"64 lower-case hexadecimal digits" doc:"Unit id of an own device."`
}

// Score is a published risk score, with its place on the ledger.
type Score struct {
	ledger.Score
	Lower   int         `json:"lower,omitempty" doc:"In the answer to its publication: bound that holds for any dependence between the reasons."`
	Upper   int         `json:"upper,omitempty" doc:"The same from above."`
	Reasons []Reason    `json:"reasons,omitempty" doc:"In the answer to its publication: why. The inputs tell it again."`
	Ledger  fact.Origin `json:"ledger" doc:"Where on the ledger it stands."`
}

func viewScore(r fact.Row[ledger.Score]) Score { return Score{Score: r.Record, Ledger: r.Origin} }

type publishScore struct {
	CommandHeaders
	Body NewScore
}

type listScores struct {
	Page
	Subject string `query:"subject" required:"true" pattern:"^[0-9a-f]{64}$" patternDescription:"64 lower-case hexadecimal digits" doc:"Unit id."`
}

func (a *API) riskRoutes() {
	op := commandOp[Score](a.api, huma.Operation{
		OperationID: "publish-score", Method: http.MethodPost, Path: "/v1/risk/scores", Tags: []string{"risk"},
		Summary:     "Score an own device from what this node knows, and publish the score",
		Description: "The ledger gets the score and the digest of its inputs. The same inputs are published once: asked again, the answer is 200 with the score that stands there.",
	})
	op.Responses["200"] = &huma.Response{
		Description: "It was published before.",
		Content:     map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[Score](a.api)}},
	}
	register(a.api, auth.RiskWrite, op, a.publishScore)

	register(a.api, auth.RiskRead, huma.Operation{
		OperationID: "list-scores", Method: http.MethodGet, Path: "/v1/risk/scores", Tags: []string{"risk"},
		Summary: "The scores of a device, newest first",
	}, func(ctx context.Context, in *listScores) (*body[List[Score]], error) {
		got, err := a.Scores.Scores(ctx, in.Subject, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewScore), nil
	})

	a.api.stream(auth.MembersRead, huma.Operation{
		OperationID: "get-risk-inputs", Method: http.MethodGet, Path: "/v1/risk/inputs/{digest}", Tags: []string{"risk"},
		Summary:     "The inputs of a score, byte for byte",
		Description: "Canonical JSON. Whoever has it can recompute the score; its digest is the score's inputDigest.",
		Parameters:  []*huma.Param{pathParam("digest", "Digest of the inputs, 64 lower-case hexadecimal digits.")},
		Responses:   map[string]*huma.Response{"200": {Description: "The inputs", Content: map[string]*huma.MediaType{typeJSON: {Schema: &huma.Schema{Type: "object"}}}}},
	}, func(c *gin.Context) error {
		return a.serveDocument(c, fact.DocumentRiskInputs, c.Param("digest"))
	})
}

func (a *API) publishScore(ctx context.Context, in *publishScore) (*answer, error) {
	unit, err := a.Units.Unit(ctx, in.Body.Subject)
	if err != nil {
		return nil, err
	}
	if unit.Record.Owner != a.Organisation {
		return nil, ledger.Problemf(ledger.CodeDenied, "only the unit's owner scores it")
	}
	got, err := a.Assessor.Assess(ctx, in.Body.Subject)
	if err != nil {
		return nil, doing("scoring the unit", err)
	}
	req := ledger.PublishScore{
		Subject: in.Body.Subject, Model: got.Model, InputDigest: fact.DocumentRiskInputs.Digest(got.Inputs), Value: got.Value,
		Bounds: &ledger.ScoreBounds{Lower: got.Lower, Upper: got.Upper}, // the model looks no particular time ahead: no horizon
	}
	if err := req.Validate(); err != nil {
		return nil, placed(err)
	}
	// The inputs first: a score that nobody can recompute is worth nothing.
	d := fact.Document{Kind: fact.DocumentRiskInputs, Digest: req.InputDigest, MediaType: typeJSON, Body: got.Inputs}
	if err := a.Documents.PutDocument(ctx, d); err != nil {
		return nil, doing("keeping the inputs", err)
	}
	read := func(ctx context.Context) (any, error) {
		row, err := a.Scores.Score(ctx, req.Subject, req.Model, req.InputDigest)
		v := viewScore(row)
		v.Lower, v.Upper, v.Reasons = got.Lower, got.Upper, got.Reasons
		return v, err
	}
	location := "/v1/risk/scores?subject=" + req.Subject
	if v, err := read(ctx); err == nil {
		return &answer{http.StatusOK, location, v}, nil
	}
	return a.command(ctx, &in.CommandHeaders, ledger.RoleScorer, ledger.RiskPublish, req, location, read)
}
