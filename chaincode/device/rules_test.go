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
	want := &ledger.Model{V: 2, DI: "1", Name: "Pump", ModelNumber: "P", Manufacturer: "medtech", EMDN: "Z12", RiskClass: "I", Registered: now}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestAReleaseIsItsMakers(t *testing.T) {
	t.Parallel()
	model := &ledger.Model{DI: "1", Manufacturer: "medtech"}
	if err := owns("other", model); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("another organisation has the model: %v", err)
	}
	req := ledger.PublishRelease{
		DI: "1", Version: "2", SBOMDigest: "d", SBOMFormat: ledger.FormatCycloneDX, Fixes: []string{"CVE-2026-0001"},
		Measurements: []ledger.Measurement{{Name: "firmware.bin", Alg: ledger.HashSHA256, Digest: "d"}},
	}
	got, err := publishRelease(model, nil, nil, req, now)
	want := &ledger.Release{
		V: 3, DI: "1", Version: "2", SBOMDigest: "d", SBOMFormat: ledger.FormatCycloneDX, Published: now,
		Publisher: "medtech", Fixes: []string{"CVE-2026-0001"}, Measurements: req.Measurements,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := publishRelease(model, got, nil, req, now); ledger.CodeOf(err) != ledger.CodeAlreadyExists {
		t.Errorf("a release was published twice: %v", err)
	}
	if _, err := publishRelease(model, &ledger.Release{V: 1}, nil, req, now); ledger.CodeOf(err) != ledger.CodeAlreadyExists {
		t.Errorf("a release of the first form was published again: %v", err)
	}
	assigned := &ledger.Model{DI: "1", Manufacturer: "medtech", Assigned: &ledger.ModelAssigned{From: "squatter"}}
	for _, before := range []*ledger.Release{{V: 1}, {V: 2, Publisher: "squatter"}} {
		if _, err := publishRelease(assigned, before, nil, req, now); ledger.CodeOf(err) != ledger.CodeAlreadyExists {
			t.Errorf("a release of whoever had the model before was replaced: %v", err)
		}
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
		V: 2, Revision: 1, ID: ledger.UnitID("medtech", "u"), DI: "1", Lot: "L", Release: "2", Manufacturer: "medtech", Owner: "north", PublicKey: "k",
		State: ledger.StateRegistered, Certification: ledger.CertificationNone, Since: now,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestAModelGoesToRegisteredManufacturersOnly(t *testing.T) {
	t.Parallel()
	before := &ledger.Model{V: 1, DI: "1", Manufacturer: "squatter"}
	for _, to := range []*ledger.Organisation{nil, {ID: "north", Kind: ledger.KindHospital}, {ID: "authority", Kind: ledger.KindAuthority}} {
		if _, err := assignModel(before, to, "p", now); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%v has the model: %v", to, err)
		}
	}
	if _, err := assignModel(before, &ledger.Organisation{ID: "squatter", Kind: ledger.KindManufacturer}, "p", now); ledger.CodeOf(err) != ledger.CodeAlreadyExists {
		t.Errorf("it was assigned to whose it is: %v", err)
	}
	got, err := assignModel(before, &ledger.Organisation{ID: "medtech", Kind: ledger.KindManufacturer}, "p", now)
	want := &ledger.Model{V: 2, DI: "1", Manufacturer: "medtech", Assigned: &ledger.ModelAssigned{From: "squatter", Proposal: "p", Time: now}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if before.Manufacturer != "squatter" {
		t.Error("the earlier record was changed in place")
	}
}
