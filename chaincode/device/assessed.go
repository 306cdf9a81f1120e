package device

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// assessed refuses a certification that says something else than the caller's own
// assessment by the controls of a catalogue that the members have in use. Under
// the name of any other catalogue the person's word stands alone, as it did before
// there were any.
func assessed(ctx *state.Context, unit *ledger.Unit, req ledger.CertifyUnit) error {
	name, version, ok := ledger.SplitCatalogue(req.Catalogue)
	if !ok {
		return nil
	}
	used, found, err := state.CataloguesInUse.Find(ctx, ledger.CatalogueInUseKey(name))
	if err != nil || !found {
		return err
	}
	if used.Version != version {
		return ledger.Problemf(ledger.CodeDenied, "another version of the catalogue is in use")
	}
	a, err := state.ControlAssessments.Get(ctx, ledger.ControlAssessmentKey(unit.ID, req.ResultDigest, ctx.Caller().Org))
	if err != nil {
		return err
	}
	if err := matches(a, unit, req, ctx.Time()); err != nil || a.ValidTo.IsZero() {
		return err
	}
	if err := excepted(ctx, unit, a); err != nil {
		return err
	}
	return notRecalled(ctx, unit)
}

// excepted refuses to rest a certification on exceptions that were ended since the
// assessment. That none has run out follows from how long the assessment stands.
func excepted(ctx *state.Context, unit *ledger.Unit, a *ledger.ControlAssessment) error {
	if len(a.Exceptions) == 0 {
		return nil
	}
	keys := make([]ledger.Key, len(a.Exceptions))
	for i, e := range a.Exceptions {
		subject := unit.ID
		if e.SubjectKind == ledger.SubjectModel {
			subject = unit.DI
		}
		keys[i] = ledger.ExceptionEndKey(e.SubjectKind, subject, e.Control, e.ReasonDigest)
	}
	ends, err := state.ExceptionEnds.FindMany(ctx, keys...)
	if err != nil {
		return err
	}
	for _, end := range ends {
		if end != nil {
			return ledger.Problemf(ledger.CodeGone, "an exception by which the assessment stands was ended")
		}
	}
	return nil
}
