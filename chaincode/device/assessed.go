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
	return matches(a, unit, req, ctx.Time())
}
