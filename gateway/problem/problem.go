// Package problem turns errors into problem documents (RFC 9457). It is the one
// place in the gateway that knows error status codes, and it never tells a
// caller what it does not understand itself.
package problem

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MediaType is the media type of a problem document (RFC 9457, section 6.1).
const MediaType = "application/problem+json"

// RequestID is the response header with the id under which the request stands
// in the log.
const RequestID = "X-Request-Id"

// Document is a problem document. It repeats nothing that the caller submitted.
type Document struct {
	Type    string  `json:"type" doc:"Always about:blank: the code says what kind of problem it is." example:"about:blank"`
	Title   string  `json:"title" doc:"The status in words." example:"Unprocessable Entity"`
	Status  int     `json:"status" doc:"The HTTP status." example:"422"`
	Code    Code    `json:"code" doc:"What kind of problem it is, for programs. The list is closed." enum:"invalid,not_found,already_exists,denied,conflict,gone,too_large,busy,unavailable,internal,unauthenticated,malformed,method,media_type,not_acceptable,timeout,headers,rate"`
	Detail  string  `json:"detail" doc:"What is wrong, for people." example:"the model is not valid"`
	Request string  `json:"request,omitempty" doc:"The request's id in the node's log." example:"1f0c7d6a9be24c51"`
	Errors  []Fault `json:"errors,omitempty" doc:"Each fault of the request."`

	// RetryAfter tells when to try again; zero: never by itself. It travels as a
	// header (RFC 9110, section 10.2.3), in whole seconds.
	RetryAfter time.Duration `json:"-"`
}

// Fault is one thing that is wrong with one part of a request.
type Fault struct {
	Location string `json:"location" doc:"The part of the request: body, path, query or header, then the field." example:"body.riskClass"`
	Detail   string `json:"detail" doc:"What is expected there." example:"must be one of I, IIa, IIb, III"`
}

// Code is a ledger.Code, or one of those that only HTTP knows.
type Code string

// The codes that only HTTP knows.
const (
	CodeUnauthenticated Code = "unauthenticated" // no token, or one that does not hold
	CodeMalformed       Code = "malformed"       // the body or the query is not in the form that it claims
	CodeMethod          Code = "method"          // the path exists, the method does not
	CodeMediaType       Code = "media_type"      // the body's Content-Type or Content-Encoding is not taken
	CodeNotAcceptable   Code = "not_acceptable"  // no answer in a media type that the caller accepts
	CodeTimeout         Code = "timeout"         // the request took too long to arrive
	CodeHeaders         Code = "headers"         // the request's line and headers are too large
	CodeRate            Code = "rate"            // too many requests without a token
)

// retrySoon is when to come back for what is busy or away.
const retrySoon = time.Second

// Error is an error that exists in HTTP only.
type Error struct {
	Code   Code
	Detail string
	Faults []Fault
}

// Malformed is the answer to what cannot be read at all.
func Malformed(location, detail string) error {
	return &Error{Code: CodeMalformed, Detail: "the request cannot be read", Faults: []Fault{{location, detail}}}
}

// Error returns the detail.
func (e *Error) Error() string { return e.Detail }

// Unauthenticated is the one answer to every caller that could not be made out.
func Unauthenticated() error {
	return &Error{Code: CodeUnauthenticated, Detail: "a valid token is needed: Authorization: Bearer TOKEN, or for a token that is bound to a key DPoP TOKEN with its proof"}
}

// NoRoute is the answer to an unknown path.
func NoRoute() error { return ledger.Problemf(ledger.CodeNotFound, "nothing lives under this path") }

// Method is the answer to an unknown method of a known path.
func Method() error { return &Error{Code: CodeMethod, Detail: "this path does not have this method"} }

// MediaTypes is the answer to a body whose Content-Type is none of those taken.
func MediaTypes(taken ...string) error {
	return &Error{Code: CodeMediaType, Detail: "the Content-Type must be " + strings.Join(taken, " or ")}
}

// Encoding is the answer to a body whose Content-Encoding is not taken.
func Encoding() error {
	return &Error{Code: CodeMediaType, Detail: "this Content-Encoding is not taken here"}
}

// Headers is the answer to a request whose line and headers are too large.
func Headers() error {
	return &Error{Code: CodeHeaders, Detail: "the request's address and headers are too large"}
}

// Rate is the answer to too many requests of callers without a token (RFC 6585,
// section 4).
func Rate(after time.Duration) error {
	return Later(&Error{Code: CodeRate, Detail: "too many requests; try again later"}, after)
}

// NotAcceptable is the answer to a caller that accepts no media type of ours.
func NotAcceptable() error {
	return &Error{Code: CodeNotAcceptable, Detail: "the answer has no media type that is accepted"}
}

// later is an error with a time at which to try again.
type later struct {
	error
	after time.Duration
}

// Unwrap returns the error.
func (l *later) Unwrap() error { return l.error }

// Later says when a caller that meets err should try again.
func Later(err error, after time.Duration) error { return &later{err, after} }

// Of is the one function that turns an error into a status and a body.
func Of(err error) *Document {
	d := known(err)
	d.Type = "about:blank"
	d.Status = status(d.Code)
	d.Title = http.StatusText(d.Status)
	if d.Code == Code(ledger.CodeBusy) || d.Code == Code(ledger.CodeUnavailable) {
		d.RetryAfter = retrySoon
	}
	if l, ok := errors.AsType[*later](err); ok {
		d.RetryAfter = l.after
	}
	return d
}

func known(err error) *Document {
	if p, ok := errors.AsType[*ledger.Problem](err); ok && p.Code != ledger.CodeInternal {
		d := &Document{Code: Code(p.Code), Detail: p.Detail}
		for _, f := range p.Faults {
			d.Errors = append(d.Errors, Fault{Location: f.Field, Detail: f.Detail})
		}
		return d
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return &Document{Code: e.Code, Detail: e.Detail, Errors: e.Faults}
	}
	if m, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &Document{Code: Code(ledger.CodeTooLarge), Detail: "the body must have at most " + strconv.FormatInt(m.Limit, 10) + " bytes"}
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Document{Code: CodeTimeout, Detail: "the request took too long to arrive"}
	case errors.Is(err, context.DeadlineExceeded):
		return &Document{Code: Code(ledger.CodeUnavailable), Detail: "it took too long; the outcome may be unknown"}
	}
	return &Document{Code: Code(ledger.CodeInternal), Detail: "something went wrong here; the log tells more under the request's id"}
}

func status(c Code) int {
	switch c {
	case Code(ledger.CodeInvalid):
		return http.StatusUnprocessableEntity
	case CodeMalformed:
		return http.StatusBadRequest
	case Code(ledger.CodeNotFound):
		return http.StatusNotFound
	case Code(ledger.CodeAlreadyExists), Code(ledger.CodeConflict):
		return http.StatusConflict
	case Code(ledger.CodeDenied):
		return http.StatusForbidden
	case Code(ledger.CodeGone):
		return http.StatusGone
	case Code(ledger.CodeTooLarge):
		return http.StatusRequestEntityTooLarge
	case Code(ledger.CodeBusy), Code(ledger.CodeUnavailable):
		return http.StatusServiceUnavailable
	case CodeUnauthenticated:
		return http.StatusUnauthorized
	case CodeMethod:
		return http.StatusMethodNotAllowed
	case CodeMediaType:
		return http.StatusUnsupportedMediaType
	case CodeNotAcceptable:
		return http.StatusNotAcceptable
	case CodeHeaders:
		return http.StatusRequestHeaderFieldsTooLarge
	case CodeTimeout:
		return http.StatusRequestTimeout
	case CodeRate:
		return http.StatusTooManyRequests
	}
	return http.StatusInternalServerError
}
