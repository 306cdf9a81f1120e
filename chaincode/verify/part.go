package verify

import (
	"errors"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Part names what of a presentation does not hold.
type Part string

// The parts.
const (
	PartKey       Part = "key"       // it is not the issuer's
	PartSignature Part = "signature" // the issuer's, on the credential
	PartTime      Part = "time"      // the credential has ended or not begun
	PartBinding   Part = "binding"   // the holder's key, its signature, or what that binds
)

// PartError is a Problem with the part of a presentation that it is about. Its text
// is the Problem's.
type PartError struct {
	Part    Part
	Problem *ledger.Problem
}

// Error returns the Problem's text.
func (e *PartError) Error() string { return e.Problem.Error() }

// Unwrap returns the Problem.
func (e *PartError) Unwrap() error { return e.Problem }

// InPart says which part a Problem is about: the outermost word holds. Any other
// error stays as it is.
func InPart(part Part, err error) error {
	if p, ok := errors.AsType[*ledger.Problem](err); ok {
		return &PartError{Part: part, Problem: p}
	}
	return err
}
