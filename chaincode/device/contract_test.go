package device_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

const (
	north = "hospital-north"
	south = "hospital-south"
	maker = "medtech"
)

func model(l *statetest.Ledger, di string) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(maker, ledger.RoleRegistrar), Name: ledger.DeviceRegisterModel, Request: ledger.RegisterModel{
		DI: di, Name: "Ventilator", ModelNumber: "V1", RiskClass: "IIb", EMDN: "Z1203",
	}}
}

func release(l *statetest.Ledger, di, version string) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(maker, ledger.RoleRegistrar), Name: ledger.DevicePublishRelease, Request: ledger.PublishRelease{
		DI: di, Version: version, SBOMDigest: ledger.BodyDigest([]byte(version)), SBOMFormat: ledger.FormatCycloneDX,
	}}
}

func unit(l *statetest.Ledger, serial, owner string) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(maker, ledger.RoleRegistrar), Name: ledger.DeviceRegisterUnit, Request: ledger.RegisterUnit{
		SerialMAC: ledger.BodyDigest([]byte(serial)), DI: statetest.SeededDI, Lot: "L2", Release: statetest.SeededRelease, Owner: owner,
	}}
}

func service(l *statetest.Ledger, org, id string) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(org, ledger.RoleCustodian), Name: ledger.DevicePutIntoService, Request: ledger.PutIntoService{ID: id}}
}

func TestAUnitGoesFromItsMakerIntoService(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	statetest.Want(t, "", l.Submitted(t, model(l, "D1"), nil))
	statetest.Want(t, "", l.Submitted(t, release(l, "D1", "1.0"), nil))
	statetest.Want(t, "", l.Submitted(t, unit(l, "u1", north), nil))
	l.Advance(time.Minute)
	var got ledger.Unit
	id := ledger.UnitID(maker, ledger.BodyDigest([]byte("u1")))
	statetest.Want(t, "", l.Submitted(t, service(l, north, id), nil))
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.DeviceGetUnit, ledger.GetUnit{ID: id}, &got))
	want := ledger.Unit{
		V: 2, Revision: 2, ID: id, DI: statetest.SeededDI, Lot: "L2", Release: statetest.SeededRelease, Manufacturer: maker, Owner: north,
		State: ledger.StateInService, Served: true, Certification: ledger.CertificationNone, Since: statetest.Start.Add(time.Minute),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestNobodyOccupiesAUnit: another manufacturer that is first with a serial's
// HMAC gets another unit.
func TestNobodyOccupiesAUnit(t *testing.T) {
	t.Parallel()
	const squatter = "othertech"
	l, err := statetest.Open(statetest.Options{Organisations: append(statetest.Organisations(), squatter)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Seed(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, org := range []string{squatter, maker} {
		as, di := l.Client(org, ledger.RoleRegistrar), "D-"+org
		for _, p := range []statetest.Proposal{model(l, di), release(l, di, "1"), unit(l, "u1", north)} {
			p.Client = as
			if req, ok := p.Request.(ledger.RegisterUnit); ok {
				req.DI, req.Release = di, "1"
				p.Request = req
			}
			var got ledger.Unit
			statetest.Want(t, "", l.Submitted(t, p, &got))
			if p.Name == ledger.DeviceRegisterUnit {
				ids = append(ids, got.ID)
			}
		}
	}
	if ids[0] == ids[1] {
		t.Error("one unit has two manufacturers")
	}
	if err := l.Check(); err != nil {
		t.Error(err)
	}
}

func TestGoingIntoServiceIsARowOfHistoryAndAnEvent(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	id := statetest.SeededUnit(north)
	before := l.Height()
	statetest.Want(t, "", l.Submitted(t, service(l, north, id), nil))
	tx := l.Blocks(before)[0].Txs[0]
	var history ledger.UnitChange
	for _, w := range tx.Writes {
		if w.Key.Type == ledger.TypeUnitHistory {
			if err := json.Unmarshal(w.Value, &history); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := ledger.UnitChange{
		V: 2, ID: id, Tx: tx.ID, From: ledger.StateRegistered, To: ledger.StateInService, By: north, Time: statetest.Start,
		Step: ledger.DevicePutIntoService, Revision: 2,
	}
	if diff := cmp.Diff(want, history); diff != "" {
		t.Error(diff)
	}
	event := &ledger.Event{V: 1, Kind: ledger.EventUnitPutIntoService, Key: []string{"dev", id}, Tx: tx.ID, Subjects: []string{north, maker, id}}
	slices.Sort(event.Subjects)
	if diff := cmp.Diff(event, tx.Event); diff != "" {
		t.Error(diff)
	}
}

func TestWhatADeviceRefersToMustExist(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	statetest.Want(t, ledger.CodeNotFound, l.Submitted(t, release(l, "unknown", "1"), nil))
	for name, change := range map[string]struct {
		change func(*ledger.RegisterUnit)
		code   ledger.Code
	}{
		"model":           {func(r *ledger.RegisterUnit) { r.DI = "unknown" }, ledger.CodeNotFound},
		"release":         {func(r *ledger.RegisterUnit) { r.Release = "9.9" }, ledger.CodeNotFound},
		"owner":           {func(r *ledger.RegisterUnit) { r.Owner = "hospital-west" }, ledger.CodeInvalid},
		"owner that owns": {func(r *ledger.RegisterUnit) { r.Owner = "authority" }, ledger.CodeInvalid},
	} {
		p := unit(l, "u", north)
		req, ok := p.Request.(ledger.RegisterUnit)
		if !ok {
			t.Fatal("the request is of another type")
		}
		change.change(&req)
		p.Request = req
		if err := l.Submitted(t, p, nil); ledger.CodeOf(err) != change.code {
			t.Errorf("a unit without its %s: %v", name, err)
		}
	}
	statetest.Want(t, ledger.CodeNotFound, l.Submitted(t, service(l, north, ledger.BodyDigest(nil)), nil))
}

func TestAnUnregisteredManufacturerRegistersNothing(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	statetest.Want(t, ledger.CodeDenied, l.Submitted(t, model(l, "D1"), nil))
}

func TestWhatExistsIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	for _, p := range []statetest.Proposal{model(l, "D1"), release(l, "D1", "1.0"), unit(l, "u1", north), service(l, north, statetest.SeededUnit(north))} {
		statetest.Want(t, "", l.Submitted(t, p, nil))
		statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, p, nil))
	}
}

func TestUnitsAreListedInPages(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	var first, second ledger.UnitPage
	reader := l.Client(south, "")
	statetest.Want(t, "", l.Evaluate(reader, ledger.DeviceListUnits, ledger.PageRequest{Size: 2}, &first))
	statetest.Want(t, "", l.Evaluate(reader, ledger.DeviceListUnits, ledger.PageRequest{Size: 2, Bookmark: first.Next}, &second))
	if len(first.Items) != 2 || len(second.Items) != 1 || second.Next != "" || first.Items[1].ID >= second.Items[0].ID {
		t.Errorf("three units are listed as %v, then %v", first, second)
	}
	var m ledger.Model
	statetest.Want(t, "", l.Evaluate(reader, ledger.DeviceGetModel, ledger.GetModel{DI: statetest.SeededDI}, &m))
	var r ledger.Release
	statetest.Want(t, "", l.Evaluate(reader, ledger.DeviceGetRelease, ledger.GetRelease{DI: m.DI, Version: statetest.SeededRelease}, &r))
	if m.Manufacturer != maker || r.SBOMDigest != ledger.BodyDigest([]byte("sbom")) {
		t.Errorf("the unit's model is %+v, its release %+v", m, r)
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	type proposal func(*statetest.Ledger) statetest.Proposal
	northRow := func(l *statetest.Ledger) statetest.Proposal {
		req := statetest.Registration(north)
		req.Revision = 2
		return statetest.Proposal{Client: l.Client(north, ledger.RoleRegistrar), Name: ledger.IdentityRegister, Request: req}
	}
	for _, c := range []struct {
		name  string
		a, b  proposal
		valid []bool
	}{
		{
			"one model twice: the second loses",
			func(l *statetest.Ledger) statetest.Proposal { return model(l, "D1") },
			func(l *statetest.Ledger) statetest.Proposal { return model(l, "D1") },
			[]bool{true, false},
		},
		{
			"two models: neither loses",
			func(l *statetest.Ledger) statetest.Proposal { return model(l, "D1") },
			func(l *statetest.Ledger) statetest.Proposal { return model(l, "D2") },
			[]bool{true, true},
		},
		{
			"two releases of one model: neither loses",
			func(l *statetest.Ledger) statetest.Proposal { return release(l, statetest.SeededDI, "3") },
			func(l *statetest.Ledger) statetest.Proposal { return release(l, statetest.SeededDI, "4") },
			[]bool{true, true},
		},
		{
			"two units of one model for one hospital: neither loses",
			func(l *statetest.Ledger) statetest.Proposal { return unit(l, "u1", north) },
			func(l *statetest.Ledger) statetest.Proposal { return unit(l, "u2", north) },
			[]bool{true, true},
		},
		{
			"one unit twice: the second loses",
			func(l *statetest.Ledger) statetest.Proposal { return unit(l, "u1", north) },
			func(l *statetest.Ledger) statetest.Proposal { return unit(l, "u1", south) },
			[]bool{true, false},
		},
		{
			"one unit into service twice: the second loses",
			func(l *statetest.Ledger) statetest.Proposal { return service(l, north, statetest.SeededUnit(north)) },
			func(l *statetest.Ledger) statetest.Proposal { return service(l, north, statetest.SeededUnit(north)) },
			[]bool{true, false},
		},
		{
			"two units into service: neither loses",
			func(l *statetest.Ledger) statetest.Proposal { return service(l, north, statetest.SeededUnit(north)) },
			func(l *statetest.Ledger) statetest.Proposal { return service(l, south, statetest.SeededUnit(south)) },
			[]bool{true, true},
		},
		{
			"the owner's row changes, then a unit for it: the unit loses",
			northRow,
			func(l *statetest.Ledger) statetest.Proposal { return unit(l, "u1", north) },
			[]bool{true, false},
		},
		{
			"a unit, then its owner's row changes: neither loses",
			func(l *statetest.Ledger) statetest.Proposal { return unit(l, "u1", north) },
			northRow,
			[]bool{true, true},
		},
		{
			"the owner's row changes while a unit goes into service: neither loses",
			northRow,
			func(l *statetest.Ledger) statetest.Proposal { return service(l, north, statetest.SeededUnit(north)) },
			[]bool{true, true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := statetest.NewSeeded(t)
			if diff := cmp.Diff(c.valid, l.Race(t, c.a(l), c.b(l))); diff != "" {
				t.Error(diff)
			}
		})
	}
}
