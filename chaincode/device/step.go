package device

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// load returns a unit in its newest form.
func load(ctx *state.Context, id string) (*ledger.Unit, error) {
	unit, err := state.Units.Get(ctx, ledger.UnitKey(id))
	if err != nil {
		return nil, err
	}
	unit.Upcast()
	return unit, nil
}

// loadOwned returns a unit that the caller's organisation owns.
func loadOwned(ctx *state.Context, id string) (*ledger.Unit, error) {
	unit, err := load(ctx, id)
	if err != nil {
		return nil, err
	}
	if unit.Owner != ctx.Caller().Org {
		return nil, foreign()
	}
	return unit, nil
}

// recalls reads the two recalls that can concern the unit; nil where none stands.
func recalls(ctx *state.Context, unit *ledger.Unit) (lot, release *ledger.Recall, err error) {
	lotKey, releaseKey := unit.RecallKeys()
	found, err := state.Recalls.FindMany(ctx, lotKey, releaseKey)
	if err != nil {
		return nil, nil, err
	}
	return found[0], found[1], nil
}

// notRecalled refuses a step that no recalled unit may make.
func notRecalled(ctx *state.Context, unit *ledger.Unit) error {
	lot, release, err := recalls(ctx, unit)
	if err != nil {
		return err
	}
	if unit.RecalledBy(lot, release) != nil {
		return ledger.Problemf(ledger.CodeDenied, "the unit is recalled")
	}
	return nil
}

// persons wants those who signed for a step of the record.
func persons(ctx *state.Context, key ledger.Key, revision int, credential string, count int) ([]ledger.PersonActed, error) {
	found, err := ctx.Persons(state.Need{Record: key, Revision: revision, CredentialType: credential, Count: count})
	if err != nil {
		return nil, err
	}
	acted := make([]ledger.PersonActed, len(found))
	for i, p := range found {
		acted[i] = ledger.PersonActed{Organisation: p.Organisation, Statement: p.Commitment}
	}
	return acted, nil
}

// record writes the unit as a step left it, and its history.
func record(ctx *state.Context, before, next *ledger.Unit, event ledger.EventKind, note ledger.UnitChange, subjects ...string) (*ledger.Unit, error) {
	next.Revision = before.Revision + 1
	if next.State != before.State {
		next.Since = ctx.Time()
	}
	if err := state.Units.Update(ctx, next); err != nil {
		return nil, err
	}
	if err := state.UnitChanges.Append(ctx, change(ctx, before, next, note)); err != nil {
		return nil, err
	}
	return next, ctx.Emit(event, next.Key(), append(subjects, concerned(next)...)...)
}

// change fills in the row of history of a change; before is nil for a
// registration.
func change(ctx *state.Context, before, next *ledger.Unit, note ledger.UnitChange) *ledger.UnitChange {
	note.V, note.ID, note.Tx, note.By, note.Time = 2, next.ID, ctx.TxID(), ctx.Caller().Org, ctx.Time()
	note.To, note.Revision = next.State, next.Revision
	if before != nil {
		note.From = before.State
	}
	return &note
}

// concerned returns the subjects of a unit's events.
func concerned(unit *ledger.Unit) []string {
	if unit.Owner == "" {
		return []string{unit.ID, unit.Manufacturer}
	}
	return []string{unit.ID, unit.Manufacturer, unit.Owner}
}
