package check

import (
	"errors"
	"fmt"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Step names the check that a credential did not pass. The names are stable:
// software may act on them, and metrics count by them.
type Step string

// The steps, in the order in which they are judged.
const (
	StepFormat  Step = "format"  // the token cannot be read, or is of no format that is asked for
	StepType    Step = "type"    // it is not of exactly one type that is asked for
	StepIssuer  Step = "issuer"  // the members do not take the issuer's word for this type, or for what it says
	StepKey     Step = "key"     // no key of the issuer's, for assertions, at that time
	StepProof   Step = "proof"   // no proof, or one that the key did not make
	StepTime    Step = "time"    // it has ended, not begun, or lasts longer than its type may
	StepBinding Step = "binding" // it is not the holder who shows it, or not to whom and for what was asked
	StepStatus  Step = "status"  // revoked, suspended, or nobody can tell
	StepSchema  Step = "schema"  // the claims are not what the type has
	StepSubject Step = "subject" // it is about another kind of subject than the type
	StepClaims  Step = "claims"  // a claim that was asked for is not shown
)

// Steps lists every step, in the order in which they are judged.
var Steps = []Step{
	StepFormat, StepType, StepIssuer, StepKey, StepProof, StepTime, StepBinding, StepStatus, StepSchema, StepSubject, StepClaims,
}

// Refusal says which check a credential did not pass. Its text repeats nothing of
// what was presented, so that it can be logged and answered with. The Problem's
// code is unavailable where a source did not answer, so that another try may help.
type Refusal struct { //nolint:errname // it is a verdict, and not only an error
	Step    Step
	Problem *ledger.Problem

	cause error // what a source said, which may name what was presented
}

// Error returns "step: [code] detail".
func (r *Refusal) Error() string { return fmt.Sprintf("%s: %s", r.Step, r.Problem) }

// Unwrap returns the Problem, and what a source said, for errors.Is. The latter's
// text may repeat what was presented.
func (r *Refusal) Unwrap() []error {
	if r.cause == nil {
		return []error{r.Problem}
	}
	return []error{r.Problem, r.cause}
}

// refuse makes a refusal in the package's own words.
func refuse(step Step, code ledger.Code, format string, args ...any) *Refusal {
	return &Refusal{Step: step, Problem: ledger.Problemf(code, format, args...)}
}

// fault makes a refusal of what a verifying package found, whose Problems repeat
// nothing.
func fault(step Step, err error) *Refusal {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r
	}
	if p, ok := errors.AsType[*ledger.Problem](err); ok {
		return &Refusal{Step: step, Problem: p}
	}
	return &Refusal{Step: step, Problem: ledger.Problemf(ledger.CodeInvalid, "the presentation cannot be judged"), cause: err}
}

// unanswered makes a refusal of what a source answered instead of yes: no, in the
// given words, or nothing that helps. What the source said is not repeated.
func unanswered(step Step, err error, no string) *Refusal {
	switch ledger.CodeOf(err) {
	case ledger.CodeInvalid, ledger.CodeNotFound, ledger.CodeDenied, ledger.CodeGone, ledger.CodeTooLarge:
		return &Refusal{Step: step, Problem: ledger.Problemf(ledger.CodeDenied, "%s", no), cause: err}
	}
	return &Refusal{Step: step, Problem: ledger.Problemf(ledger.CodeUnavailable, "whether it holds cannot be told now"), cause: err}
}
