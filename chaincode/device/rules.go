package device

import (
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// registerModel makes a model; maker is the caller's organisation, nil when it
// is not registered.
func registerModel(maker *ledger.Organisation, req ledger.RegisterModel, now time.Time) (*ledger.Model, error) {
	if maker == nil || maker.Kind != ledger.KindManufacturer {
		return nil, ledger.Problemf(ledger.CodeDenied, "only a registered manufacturer registers models")
	}
	return &ledger.Model{
		V: 1, DI: req.DI, Name: req.Name, ModelNumber: req.ModelNumber, Manufacturer: maker.ID,
		EMDN: req.EMDN, RiskClass: req.RiskClass, Registered: now,
	}, nil
}

// owns refuses whoever did not register the model. That the organisation is a
// manufacturer was checked then, and its kind cannot change.
func owns(org string, model *ledger.Model) error {
	if model.Manufacturer != org {
		return ledger.Problemf(ledger.CodeDenied, "the model is another manufacturer's")
	}
	return nil
}

func publishRelease(model *ledger.Model, req ledger.PublishRelease, org string, now time.Time) (*ledger.Release, error) {
	if err := owns(org, model); err != nil {
		return nil, err
	}
	return &ledger.Release{
		V: 1, DI: model.DI, Version: req.Version,
		SBOMDigest: req.SBOMDigest, SBOMFormat: req.SBOMFormat, Published: now,
	}, nil
}

// registerUnit makes a unit of a model that the caller owns; owner is nil when
// that organisation is not registered.
func registerUnit(model *ledger.Model, owner *ledger.Organisation, req ledger.RegisterUnit, now time.Time) (*ledger.Unit, error) {
	if owner == nil || owner.Kind != ledger.KindHospital {
		return nil, &ledger.Problem{
			Code: ledger.CodeInvalid, Detail: "the unit is not valid",
			Faults: []ledger.Fault{{Field: "owner", Detail: "must be a registered hospital"}},
		}
	}
	return &ledger.Unit{
		V: 1, ID: ledger.UnitID(model.Manufacturer, req.SerialMAC), DI: model.DI, Lot: req.Lot, Release: req.Release,
		Manufacturer: model.Manufacturer, Owner: owner.ID, PublicKey: req.PublicKey,
		State: ledger.StateRegistered, Certification: ledger.CertificationNone, Since: now,
	}, nil
}

func putIntoService(unit *ledger.Unit, org string, now time.Time) (*ledger.Unit, error) {
	switch {
	case unit.Owner != org:
		return nil, ledger.Problemf(ledger.CodeDenied, "the unit is another organisation's")
	case unit.State != ledger.StateRegistered:
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "the unit was put into service before")
	}
	next := *unit
	next.State, next.Since = ledger.StateInService, now
	return &next, nil
}

// unitChange is the history row of a change that led to unit's state.
func unitChange(unit *ledger.Unit, from, by, tx string, now time.Time) *ledger.UnitChange {
	return &ledger.UnitChange{V: 1, ID: unit.ID, Tx: tx, From: from, To: unit.State, By: by, Time: now}
}
