package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Error is what a node answered instead of what was asked for: a problem document
// (RFC 9457), or as much of one as came.
type Error struct {
	Call    string         // method and path
	Status  int            // of HTTP; 0 for an operation that failed
	Code    string         // a ledger.Code, or one that only HTTP has, as unauthenticated; empty: another program answered
	Detail  string         // for people
	Request string         // id under which the call stands in the node's log
	Faults  []ledger.Fault // each fault of the request: body, query, path or header, then the field
	After   time.Duration  // when to try again; 0: not by itself
}

// Error says what was asked and why it was refused.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", e.Call)
	if e.Status != 0 {
		fmt.Fprintf(&b, "the node answered %d: ", e.Status)
	}
	b.WriteString(e.Detail)
	for _, f := range e.Faults {
		fmt.Fprintf(&b, "; %s %s", f.Field, f.Detail)
	}
	if e.Request != "" {
		fmt.Fprintf(&b, " (request %s)", e.Request)
	}
	return b.String()
}

// Reason says what is wrong, without the call.
func (e *Error) Reason() string {
	if len(e.Faults) == 0 {
		return e.Detail
	}
	texts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		texts[i] = strings.TrimSpace(f.Field + " " + f.Detail)
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the error as a *ledger.Problem, which has fewer codes.
func (e *Error) Unwrap() error {
	return &ledger.Problem{Code: e.code(), Detail: e.Detail, Faults: e.Faults}
}

func (e *Error) code() ledger.Code {
	switch e.Code {
	case "":
		return codeOf(e.Status)
	case "unauthenticated":
		return ledger.CodeDenied
	case "malformed", "method", "media_type", "not_acceptable", "headers":
		return ledger.CodeInvalid
	case "timeout", "rate":
		return ledger.CodeBusy
	}
	return ledger.Code(e.Code)
}

// codeOf judges an answer that is no problem document, as of a proxy.
func codeOf(status int) ledger.Code {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return ledger.CodeDenied
	case http.StatusNotFound:
		return ledger.CodeNotFound
	case http.StatusConflict:
		return ledger.CodeConflict
	case http.StatusGone:
		return ledger.CodeGone
	case http.StatusRequestEntityTooLarge:
		return ledger.CodeTooLarge
	case http.StatusTooManyRequests:
		return ledger.CodeBusy
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return ledger.CodeUnavailable
	}
	if status >= 400 && status < 500 {
		return ledger.CodeInvalid
	}
	return ledger.CodeInternal
}

// UnreachedError says that the node did not answer.
type UnreachedError struct {
	Sent  bool // the request may have arrived
	cause error
}

// Error says so, and why.
func (u *UnreachedError) Error() string { return "the node does not answer: " + u.cause.Error() }

// Unwrap returns the cause, and an unavailable *ledger.Problem.
func (u *UnreachedError) Unwrap() []error {
	return []error{u.cause, ledger.Problemf(ledger.CodeUnavailable, "the node does not answer")}
}

// unreached wraps an error of the transport. What could not even connect was not sent.
func unreached(err error, writes bool) error {
	var dial *net.OpError
	sent := writes && !(errors.As(err, &dial) && dial.Op == "dial")
	return &UnreachedError{Sent: sent, cause: err}
}

// Unknown reports whether a call that failed with err may have been done all the same.
func Unknown(err error) bool {
	if u, ok := errors.AsType[*UnreachedError](err); ok {
		return u.Sent
	}
	e, ok := errors.AsType[*Error](err)
	return ok && e.code() == ledger.CodeUnavailable || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

const (
	maxProblem = 1 << 20 // bytes of an error's body
	maxDetail  = 300     // bytes of text that is no problem document
	maxAfter   = time.Minute
)

// document is a problem document.
type document struct {
	Code    string  `json:"code"`
	Detail  string  `json:"detail"`
	Request string  `json:"request"`
	Errors  []fault `json:"errors"`
}

type fault struct {
	Location string `json:"location"`
	Detail   string `json:"detail"`
}

func faultsOf(list []fault) []ledger.Fault {
	var out []ledger.Fault
	for _, f := range list {
		out = append(out, ledger.Fault{Field: f.Location, Detail: f.Detail})
	}
	return out
}

// refusal reads an answer that is an error.
func refusal(call string, res *http.Response, text []byte) *Error {
	e := &Error{Call: call, Status: res.StatusCode, Request: res.Header.Get("X-Request-Id"), After: retryAfter(res.Header)}
	var d document
	if json.Unmarshal(text, &d) == nil && d.Detail != "" {
		e.Code, e.Detail, e.Faults = d.Code, d.Detail, faultsOf(d.Errors)
		return e
	}
	var outcome struct { // FHIR's shape
		Issue []struct{ Diagnostics string }
	}
	if json.Unmarshal(text, &outcome) == nil && len(outcome.Issue) > 0 && outcome.Issue[0].Diagnostics != "" {
		e.Detail = outcome.Issue[0].Diagnostics
		return e
	}
	e.Detail = http.StatusText(res.StatusCode)
	return e
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxAfter)
}

// oauthError reads an error of the token endpoint (RFC 6749, section 5.2).
func oauthError(res *http.Response, text []byte) *Error {
	e := refusal("POST "+tokenPath, res, text)
	var said struct {
		Code   string `json:"error"`
		Detail string `json:"error_description"`
	}
	if json.Unmarshal(text, &said) == nil && said.Code != "" {
		e.Detail = strings.TrimSpace(said.Code + ": " + said.Detail)
		e.Detail = e.Detail[:min(len(e.Detail), maxDetail)]
	}
	return e
}
