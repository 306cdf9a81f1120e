package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/problem"
)

// outcome is an OperationOutcome (FHIR R4, section 2.28.10).
type outcome struct {
	Type   string  `json:"resourceType"`
	Issues []issue `json:"issue"`
}

type issue struct {
	Severity    string   `json:"severity"`
	Code        string   `json:"code"`
	Diagnostics string   `json:"diagnostics,omitempty"`
	Expression  []string `json:"expression,omitempty"`
}

// issueTypes are the types of issues (FHIR R4, section 4.2.47) for what is wrong.
var issueTypes = map[problem.Code]string{
	problem.Code(ledger.CodeInvalid):       "invalid",
	problem.Code(ledger.CodeNotFound):      "not-found",
	problem.Code(ledger.CodeAlreadyExists): "duplicate",
	problem.Code(ledger.CodeDenied):        "forbidden",
	problem.Code(ledger.CodeConflict):      "conflict",
	problem.Code(ledger.CodeGone):          "deleted",
	problem.Code(ledger.CodeTooLarge):      "too-long",
	problem.Code(ledger.CodeBusy):          "transient",
	problem.Code(ledger.CodeUnavailable):   "transient",
	problem.CodeUnauthenticated:            "login",
	problem.CodeMalformed:                  "structure",
	problem.CodeMethod:                     "not-supported",
	problem.CodeMediaType:                  "not-supported",
	problem.CodeNotAcceptable:              "not-supported",
	problem.CodeTimeout:                    "timeout",
	problem.CodeHeaders:                    "too-long",
	problem.CodeRate:                       "throttled",
}

// Shape is how errors are said below Path.
func Shape() problem.Shape {
	return problem.Shape{Path: Path, MediaType: MediaType, Body: func(d *problem.Document) []byte { return encode(outcomeOf(d)) }}
}

func outcomeOf(d *problem.Document) outcome {
	code := issueTypes[d.Code]
	if code == "" {
		code = "exception"
	}
	o := outcome{Type: "OperationOutcome"}
	for _, f := range d.Errors {
		i := issue{Severity: "error", Code: code, Diagnostics: d.Detail + ": " + f.Detail}
		if f.Location != "" {
			i.Expression = []string{f.Location}
		}
		o.Issues = append(o.Issues, i)
	}
	if len(o.Issues) == 0 {
		o.Issues = []issue{{Severity: "error", Code: code, Diagnostics: d.Detail}}
	}
	return o
}

// refused is an error that FHIR gives a status of its own.
type refused struct {
	status int
	code   string // of the issue
	detail string
	at     string // FHIRPath; empty: none
}

// Error returns the detail.
func (r *refused) Error() string { return r.detail }

func (r *refused) outcome() outcome {
	i := issue{Severity: "error", Code: r.code, Diagnostics: r.detail}
	if r.at != "" {
		i.Expression = []string{r.at}
	}
	return outcome{"OperationOutcome", []issue{i}}
}

// handler answers with what is refused as FHIR says it.
func handler(h func(*gin.Context) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		err := h(c)
		r, ok := errors.AsType[*refused](err)
		if !ok {
			return err
		}
		_ = c.Error(ledger.Problemf(ledger.CodeInvalid, "%s", r.detail)) // the caller's fault, for the log
		c.Data(r.status, MediaType, encode(r.outcome()))
		return nil
	}
}

// said tells status and outcome of an error.
func said(err error) (int, outcome) {
	if r, ok := errors.AsType[*refused](err); ok {
		return r.status, r.outcome()
	}
	d := problem.Of(err)
	return d.Status, outcomeOf(d)
}

// unknownType is the answer to a type that is not taken.
func unknownType() error {
	return &refused{http.StatusNotFound, "not-supported", "resources of this type are not taken here: " + strings.Join(fhir.Types, ", "), ""}
}

func badQuery(detail string) error { return &refused{http.StatusBadRequest, "invalid", detail, ""} }

func precondition(detail, at string) error {
	return &refused{http.StatusPreconditionFailed, "conflict", detail, at}
}

// within places the faults of an entry's resource.
func within(place string, err error) error {
	if r, ok := errors.AsType[*refused](err); ok {
		moved := *r
		moved.at = place + moved.at
		return &moved
	}
	p, ok := errors.AsType[*ledger.Problem](err)
	if !ok {
		return err
	}
	moved := &ledger.Problem{Code: p.Code, Detail: p.Detail}
	for _, f := range p.Faults {
		field := place
		if _, rest, deep := strings.Cut(f.Field, "."); deep {
			field = place + "." + rest
		}
		moved.Faults = append(moved.Faults, ledger.Fault{Field: field, Detail: f.Detail})
	}
	if len(moved.Faults) == 0 {
		moved.Faults = []ledger.Fault{{Field: place, Detail: p.Detail}}
	}
	return moved
}

// encode writes JSON as it reads best: addresses with their &, and no line feed.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // strings, numbers and lists of ours
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
