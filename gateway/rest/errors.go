package rest

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/problem"
)

const problemType = problem.MediaType

// document is a problem document as huma writes it.
type document struct{ problem.Document }

// Error returns the detail.
func (d *document) Error() string { return d.Detail }

// GetStatus returns the HTTP status.
func (d *document) GetStatus() int { return d.Status }

// ContentType is the media type of problem documents, whatever was negotiated.
func (*document) ContentType(string) string { return problemType }

// Schema makes the document's schema that of problem.Document.
func (*document) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[problem.Document](), true, "")
}

// newError is huma's way to make an error without a request: huma calls it only
// to learn the type.
func newError(_ int, _ string, errs ...error) huma.StatusError {
	return &document{*problem.Of(errors.Join(errs...))}
}

// newErrorWithContext turns what huma found wrong, or what a handler returned,
// into a problem document. Nothing that huma says is passed on unread: its
// details carry the submitted values.
func newErrorWithContext(ctx huma.Context, _ int, _ string, errs ...error) huma.StatusError {
	c := humagin.Unwrap(ctx)
	err := readErrors(ctx.Operation(), errs)
	_ = c.Error(err)
	d := problem.Of(err)
	d.Request = c.Writer.Header().Get(problem.RequestID)
	d.SetHeaders(c.Writer.Header())
	return &document{*d}
}

// readErrors makes one error of those that huma collected.
func readErrors(op *huma.Operation, errs []error) error {
	p := &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the request is not valid"}
	for _, err := range errs {
		detail, ok := err.(*huma.ErrorDetail) //nolint:errorlint // huma adds its details bare; anything else is a handler's error
		if !ok {
			return err
		}
		f := readDetail(op, detail)
		if !slices.Contains(p.Faults, f) {
			p.Faults = append(p.Faults, f)
		}
	}
	slices.SortStableFunc(p.Faults, func(a, b ledger.Fault) int { return strings.Compare(a.Field, b.Field) })
	return p
}

// readDetail keeps of a detail what was not submitted: the known part of the
// place, and the words of huma's own that hold no value.
func readDetail(op *huma.Operation, d *huma.ErrorDetail) ledger.Fault {
	names, _ := op.Metadata[namesKey].(*names)
	place := names.known(d.Location)
	if d.Message != validation.MsgUnexpectedProperty {
		return ledger.Fault{Field: place, Detail: plain(d.Message)}
	}
	if place == "body" {
		return ledger.Fault{Field: place, Detail: "must have no properties but " + strings.Join(names.body, ", ")}
	}
	return ledger.Fault{Field: place, Detail: "must have no other properties than those that are documented"}
}

// plainMessages begin those of huma's messages that hold nothing but its own
// words and those of our schemas.
var plainMessages = []string{
	"expected boolean", "expected number", "expected integer", "expected string", "expected array", "expected object",
	"expected length", "expected required property", "expected value to be one of", "expected value to match",
	"invalid integer", "invalid float", "invalid boolean", "required ", "request body is required",
}

func plain(message string) string {
	for _, begin := range plainMessages {
		if strings.HasPrefix(message, begin) && !strings.Contains(message, ": ") {
			return message
		}
	}
	return "is not valid"
}

func unknownQuery(op *huma.Operation) ledger.Fault {
	names := queryNames(op)
	if len(names) == 0 {
		return ledger.Fault{Field: "query", Detail: "must be empty"}
	}
	return ledger.Fault{Field: "query", Detail: "must have no parameters but " + strings.Join(names, ", ")}
}

// knownQuery refuses query parameters that the operation does not name, or that
// come twice, and those that cannot be read.
func knownQuery(c *gin.Context, op *huma.Operation) error {
	values, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return problem.Malformed("query", "must be well formed")
	}
	var faults []ledger.Fault
	known := queryNames(op)
	for name, v := range values {
		switch {
		case !slices.Contains(known, name):
			faults = append(faults, unknownQuery(op))
		case len(v) > 1 && !repeatable(op, name):
			faults = append(faults, ledger.Fault{Field: "query." + name, Detail: "must be given once"})
		}
	}
	if len(faults) == 0 {
		return nil
	}
	slices.SortFunc(faults, func(a, b ledger.Fault) int { return strings.Compare(a.Field+a.Detail, b.Field+b.Detail) })
	return invalid(slices.Compact(faults)...)
}

// repeatable reports whether a parameter of the query may be given several times.
func repeatable(op *huma.Operation, name string) bool {
	return slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool {
		return p.In == "query" && p.Name == name && p.Schema != nil && p.Schema.Type == huma.TypeArray
	})
}

func invalid(faults ...ledger.Fault) error {
	return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the request is not valid", Faults: faults}
}

// placed says where in the HTTP request the fields of a ledger request stand:
// those named in path in the path, all others in the body.
func placed(err error, path ...string) error {
	p, ok := errors.AsType[*ledger.Problem](err)
	if !ok || len(p.Faults) == 0 {
		return err
	}
	placed := &ledger.Problem{Code: p.Code, Detail: p.Detail}
	for _, f := range p.Faults {
		part := "body"
		if slices.Contains(path, f.Field) {
			part = "path"
		}
		placed.Faults = append(placed.Faults, ledger.Fault{Field: part + "." + f.Field, Detail: f.Detail})
	}
	return placed
}

// doing adds to an error what was being done.
func doing(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func asProblem(err error) (*ledger.Problem, bool) { return errors.AsType[*ledger.Problem](err) }
