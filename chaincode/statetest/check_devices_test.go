package statetest_test

import (
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// deviceHistory plays a unit's life, a recall and its end, and a model that
// changed hands, on a ledger with a second manufacturer.
func deviceHistory(t *testing.T, l *statetest.Ledger) {
	t.Helper()
	const north, south, maker, squatter, authority = "hospital-north", "hospital-south", "medtech", "othertech", "authority"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do := func(org string, role ledger.Role, name string, request any) {
		t.Helper()
		must(l.Submit(l.Client(org, role), name, request, nil))
	}
	nurse, err := l.Employ(north, ledger.CredentialReleaser)
	must(err)
	expert, err := l.Employ(authority, ledger.CredentialReleaser, ledger.CredentialAssessor)
	must(err)
	agreed := func(org string, role ledger.Role, o statetest.Order, persons ...*statetest.Person) {
		t.Helper()
		p := statetest.Proposal{Client: l.Client(org, role), Name: o.Name, Request: o.Request, Transient: l.Agreed(o, persons...)}
		must(l.Submitted(t, p, nil))
	}
	id := statetest.SeededUnit(north)
	do(maker, ledger.RoleRegistrar, ledger.DeviceRegisterUnits, ledger.RegisterUnits{
		DI: statetest.SeededDI, Lot: "L2", Release: statetest.SeededRelease, Owner: south,
		Units: []ledger.NewUnit{{SerialMAC: ledger.BodyDigest(nil), IDevID: ledger.BodyDigest([]byte("identity"))}},
	})
	agreed(authority, ledger.RoleCertifier, statetest.Order{
		Name: ledger.DeviceCertify, Record: ledger.UnitKey(id), Revision: 1, Credential: ledger.CredentialAssessor,
		Request: ledger.CertifyUnit{
			ID: id, Revision: 1, Catalogue: "c/1", Score: 9000, Verdict: ledger.VerdictCertified,
			ResultDigest: ledger.BodyDigest(nil), ValidTo: statetest.Start.AddDate(0, 1, 0),
		},
	}, expert)
	do(north, ledger.RoleCustodian, ledger.DevicePutIntoService, ledger.PutIntoService{ID: id, Revision: 2})
	do(maker, ledger.RoleRegistrar, ledger.DeviceHold, ledger.HoldUnit{ID: id, Revision: 3, Reason: ledger.HoldMalfunction})
	agreed(north, ledger.RoleCustodian, statetest.Order{
		Name: ledger.DeviceRelease, Record: ledger.UnitKey(id), Revision: 4, Credential: ledger.CredentialReleaser,
		Request: ledger.ReleaseUnit{ID: id, Revision: 4},
	}, nurse, expert)
	do(north, ledger.RoleCustodian, ledger.DeviceOffer, ledger.OfferUnit{ID: id, Revision: 5, To: south})
	do(south, ledger.RoleCustodian, ledger.DeviceAccept, ledger.AcceptUnit{ID: id, Revision: 6})
	do(south, ledger.RoleCustodian, ledger.DeviceRetire, ledger.RetireUnit{ID: id, Revision: 7, WipeDigest: ledger.BodyDigest(nil)})
	do(authority, ledger.RoleCertifier, ledger.DeviceRecall, ledger.RecallDevices{
		DI: statetest.SeededDI, Kind: ledger.RecallLot, Value: "L2", Class: ledger.RecallClassI, NoticeDigest: ledger.BodyDigest(nil),
	})
	agreed(authority, ledger.RoleCertifier, statetest.Order{
		Name: ledger.DeviceLiftRecall, Record: ledger.RecallKey(statetest.SeededDI, ledger.RecallLot, "L2"), Revision: 1, Credential: ledger.CredentialReleaser,
		Request: ledger.LiftRecall{DI: statetest.SeededDI, Kind: ledger.RecallLot, Value: "L2", Revision: 1},
	}, nurse, expert)
	do(squatter, ledger.RoleRegistrar, ledger.DeviceRegisterModel, ledger.RegisterModel{DI: "D-taken", Name: "Pump", ModelNumber: "1", RiskClass: "I"})
	proposal, voters, err := l.Approve(ledger.Propose{
		Kind: ledger.ProposeAssignModel, Reason: "a sample", Subject: ledger.ProposalSubject{DI: "D-taken", Organisation: maker},
	})
	must(err)
	do(north, ledger.RoleRegistrar, ledger.DeviceAssignModel, ledger.AssignModel{Proposal: proposal, Voters: voters})
}

// TestCheckFindsEveryDamageOfDevices plays the history with one damage each.
func TestCheckFindsEveryDamageOfDevices(t *testing.T) {
	t.Parallel()
	l, err := statetest.Open(statetest.Options{Organisations: append(statetest.Organisations(), "othertech")})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Seed(); err != nil {
		t.Fatal(err)
	}
	deviceHistory(t, l)
	if err := l.Check(); err != nil {
		t.Fatal(err)
	}
	txs := story(t, l)
	for name, c := range map[string]damage{
		"a recall that is stored":        {edit(ledger.TypeUnit, `"state":"in_service"`, `"state":"recalled"`), "is stored as recalled"},
		"a hold for no reason":           {edit(ledger.TypeUnit, `"holds":["malfunction"],`, ``), "is held without a reason"},
		"a hold twice":                   {edit(ledger.TypeUnit, `["malfunction"]`, `["malfunction","malfunction"]`), "is held too often"},
		"a unit that was never wiped":    {edit(ledger.TypeUnit, `"wipeDigest"`, `"wipe"`), "was wiped and is not retired"},
		"a certificate of nobody":        {edit(ledger.TypeUnit, `"verdict":"certified"`, `"verdict":"refused"`), "is certified by nobody"},
		"a key that another unit has":    {edit(ledger.TypeUnitIDevID, `"unit":"`, `"unit":"0`), "has a key that is not claimed for it"},
		"a key that no unit has":         {edit(ledger.TypeUnit, `"iDevId"`, `"iDev"`), "is claimed for a unit that never had it"},
		"a unit that forgot an owner":    {edit(ledger.TypeUnit, `"former"`, `"formerly"`), "forgot an owner"},
		"a unit that never served":       {edit(ledger.TypeUnit, `,"served":true`, ``), "never served, and is in service"},
		"a unit that became another":     {edit(ledger.TypeUnit, `"state":"held","certification":"certified"`, `"state":"held","certification":"certified","iDevId":"x"`), "became another"},
		"a unit that changed hands":      {edit(ledger.TypeUnit, `"owner":"hospital-north","publicKey":"","state":"held"`, `"owner":"hospital-south","publicKey":"","state":"held"`), "changed hands on its way"},
		"a revision left out":            {edit(ledger.TypeUnit, `"revision":3`, `"revision":4`), "revision 4 follows"},
		"a step that leads elsewhere":    {edit(ledger.TypeUnitHistory, `"step":"device:Hold"`, `"step":"device:Offer"`), "led from"},
		"a certification by nobody":      {edit(ledger.TypeUnitHistory, `"persons"`, `"people"`), "persons signed for it"},
		"a person who signed nothing":    {edit(ledger.TypeUnitHistory, `"statement":"`, `"statement":"0`), "a person's statement served nothing"},
		"two persons of one":             {edit(ledger.TypeUnitHistory, `{"organisation":"authority"`, `{"organisation":"hospital-north"`), "its persons are of one organisation"},
		"a hold by another":              {by(ledger.DeviceHold, "hospital-east"), "is not by who may make it"},
		"a certification by a hospital":  {by(ledger.DeviceCertify, "hospital-north"), "is not by who may make it"},
		"a transfer by another":          {by(ledger.DeviceAccept, "hospital-east"), "is not by who may make it"},
		"a recall by another":            {by(ledger.DeviceRecall, "hospital-east"), "is not by who may recall"},
		"a recall's revision twice":      {edit(ledger.TypeRecall, `"revision":2`, `"revision":1`), "version 1 has revision 1"},
		"a recall that was never there":  {edit(ledger.TypeRecall, `"ended":false`, `"ended":true`), "ends what is not there"},
		"a recall that two did not lift": {edit(ledger.TypeRecall, `"persons"`, `"people"`), "0 persons signed for it"},
		"a model that changed hands":     {edit(ledger.TypeModel, `"from":"othertech"`, `"from":"medtech"`), "changed hands without a vote"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := replay(t, txs, c.change).Check()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Check says %v, want %q", err, c.want)
			}
		})
	}
}
