package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Code says what kind of problem a caller has. The list is closed; HTTP status
// codes are derived from it in one place of the gateway.
type Code string

// The codes that cross rooms.
const (
	CodeInvalid       Code = "invalid"        // the request can never succeed as it is
	CodeNotFound      Code = "not_found"      // the record does not exist
	CodeAlreadyExists Code = "already_exists" // a create-only record exists
	CodeDenied        Code = "denied"         // the caller may not do this
	CodeConflict      Code = "conflict"       // another write came first; read again and retry
	CodeGone          Code = "gone"           // the record was erased or ended for good
	CodeTooLarge      Code = "too_large"      // a bound on size, depth or count was crossed
	CodeBusy          Code = "busy"           // retry soon, nothing was done
	CodeUnavailable   Code = "unavailable"    // a needed part does not answer; the outcome may be unknown
	CodeInternal      Code = "internal"       // a fault of ours
)

var codes = []Code{
	CodeInvalid, CodeNotFound, CodeAlreadyExists, CodeDenied, CodeConflict,
	CodeGone, CodeTooLarge, CodeBusy, CodeUnavailable, CodeInternal,
}

// Fault is one thing that is wrong with one field of a request. It never
// repeats the submitted value.
type Fault struct {
	Field  string `json:"field"`  // path of the field, as in "components[3].name"
	Detail string `json:"detail"` // what is expected
}

// Problem is the error that crosses rooms: a code that software acts on, and a
// detail that a person reads. Neither repeats a submitted value.
type Problem struct { //nolint:errname // it is what RFC 9457 calls it, and not only an error
	Code   Code
	Detail string
	Faults []Fault // for CodeInvalid: every fault found, in order of the fields
}

// faultSeparator stands before each fault of the text form.
const faultSeparator = "; "

// Error renders the text form that survives a peer, which passes errors on as
// strings only: "[code] detail; field: fault; ...".
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%s] %s", p.Code, p.Detail)
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "%s%s: %s", faultSeparator, f.Field, f.Detail)
	}
	return b.String()
}

// Is reports whether target is a Problem with the same code, so that
// errors.Is(err, &Problem{Code: CodeNotFound}) works.
func (p *Problem) Is(target error) bool {
	t, ok := target.(*Problem)
	return ok && t.Code == p.Code && t.Detail == ""
}

// Problemf makes a Problem with a formatted detail.
func Problemf(code Code, format string, args ...any) *Problem {
	return &Problem{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of the first Problem in err's chain, CodeInternal for
// any other error and the empty code for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Code
	}
	return CodeInternal
}

// ParseProblem finds the text form of a Problem in s, which may carry a prefix
// that a peer put before it. It reports false when s holds none. The text form
// of what it returns is what it found.
func ParseProblem(s string) (*Problem, bool) {
	for rest := s; ; {
		start := strings.IndexByte(rest, '[')
		if start < 0 {
			return nil, false
		}
		rest = rest[start+1:]
		code, detail, found := strings.Cut(rest, "] ")
		if found && slices.Contains(codes, Code(code)) {
			return problemOf(Code(code), strings.TrimSpace(detail)), true
		}
	}
}

// problemOf takes the faults off the end of a detail, as far as they look like
// faults.
func problemOf(code Code, detail string) *Problem {
	p := &Problem{Code: code}
	for {
		at := strings.LastIndex(detail, faultSeparator)
		if at < 0 {
			break
		}
		field, text, found := strings.Cut(detail[at+len(faultSeparator):], ": ")
		if !found || !isFieldPath(field) {
			break
		}
		p.Faults = append(p.Faults, Fault{Field: field, Detail: text})
		detail = detail[:at]
	}
	slices.Reverse(p.Faults)
	p.Detail = detail
	return p
}

// isFieldPath reports whether s looks like "components[3].name".
func isFieldPath(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._[]", r))
	})
}
