package device

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var now = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

func TestOnlyRegisteredManufacturersRegisterModels(t *testing.T) {
	t.Parallel()
	req := ledger.RegisterModel{DI: "1", Name: "Pump", ModelNumber: "P", RiskClass: "I", EMDN: "Z12"}
	for _, maker := range []*ledger.Organisation{nil, {ID: "n", Kind: ledger.KindHospital}, {ID: "a", Kind: ledger.KindAuthority}, {ID: "x"}} {
		if _, err := registerModel(maker, req, now); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%v registered a model: %v", maker, err)
		}
	}
	got, err := registerModel(&ledger.Organisation{ID: "medtech", Kind: ledger.KindManufacturer}, req, now)
	want := &ledger.Model{V: 1, DI: "1", Name: "Pump", ModelNumber: "P", Manufacturer: "medtech", EMDN: "Z12", RiskClass: "I", Registered: now}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestOnlyTheMakerPublishesReleases(t *testing.T) {
	t.Parallel()
	model := &ledger.Model{DI: "1", Manufacturer: "medtech"}
	req := ledger.PublishRelease{DI: "1", Version: "2", SBOMDigest: "d", SBOMFormat: ledger.FormatCycloneDX}
	if _, err := publishRelease(model, req, "other", now); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("another organisation published a release: %v", err)
	}
	got, err := publishRelease(model, req, "medtech", now)
	want := &ledger.Release{V: 1, DI: "1", Version: "2", SBOMDigest: "d", SBOMFormat: ledger.FormatCycloneDX, Published: now}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestOnlyRegisteredHospitalsOwnUnits(t *testing.T) {
	t.Parallel()
	model := &ledger.Model{DI: "1", Manufacturer: "medtech"}
	req := ledger.RegisterUnit{SerialMAC: "u", DI: "1", Lot: "L", Release: "2", Owner: "north", PublicKey: "k"}
	for _, owner := range []*ledger.Organisation{nil, {ID: "north", Kind: ledger.KindManufacturer}, {ID: "north", Kind: ledger.KindAuthority}} {
		if _, err := registerUnit(model, owner, req, now); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%v owns a unit: %v", owner, err)
		}
	}
	got, err := registerUnit(model, &ledger.Organisation{ID: "north", Kind: ledger.KindHospital}, req, now)
	want := &ledger.Unit{
		V: 1, ID: ledger.UnitID("medtech", "u"), DI: "1", Lot: "L", Release: "2", Manufacturer: "medtech", Owner: "north", PublicKey: "k",
		State: ledger.StateRegistered, Certification: ledger.CertificationNone, Since: now,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestOnlyTheOwnerPutsARegisteredUnitIntoService(t *testing.T) {
	t.Parallel()
	unit := &ledger.Unit{ID: "u", Owner: "north", State: ledger.StateRegistered, Certification: ledger.CertificationNone}
	if _, err := putIntoService(unit, "south", now); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("another hospital put it into service: %v", err)
	}
	got, err := putIntoService(unit, "north", now)
	if err != nil || got.State != ledger.StateInService || got.Certification != ledger.CertificationNone || !got.Since.Equal(now) {
		t.Errorf("it became %+v, %v", got, err)
	}
	if unit.State != ledger.StateRegistered {
		t.Error("the earlier record was changed in place")
	}
	if _, err := putIntoService(got, "north", now); ledger.CodeOf(err) != ledger.CodeAlreadyExists {
		t.Errorf("twice into service: %v", err)
	}
	// Ownership first: others do not learn the state from the answer.
	if _, err := putIntoService(got, "south", now); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("another hospital put it into service: %v", err)
	}
}
