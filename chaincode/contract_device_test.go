package chaincode_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

const (
	authority  = "authority"
	otherMaker = "othertech"
	newRelease = "3.0.0"
	badLot     = "L-bad"
)

// devices is what the scene holds of the contract "device": units of north in
// several states, and persons of two organisations.
type devices struct {
	made, held, offered, recalled string // ids
	persons                       []*statetest.Person
	assigned                      ledger.AssignModel // a carried proposal
}

func serial(name string) string { return ledger.Digest("sample-serial", []byte(name)) }

func newDevices(t *testing.T, l *statetest.Ledger) devices {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	submit := func(org string, role ledger.Role, name string, request any) {
		t.Helper()
		must(l.Submit(l.Client(org, role), name, request, nil))
	}
	register := func(name, lot, release, owner string) string {
		t.Helper()
		submit(maker, ledger.RoleRegistrar, ledger.DeviceRegisterUnit, ledger.RegisterUnit{
			SerialMAC: serial(name), DI: statetest.SeededDI, Lot: lot, Release: release, Owner: owner,
		})
		return ledger.UnitID(maker, serial(name))
	}
	submit(maker, ledger.RoleRegistrar, ledger.DevicePublishRelease, ledger.PublishRelease{
		DI: statetest.SeededDI, Version: newRelease, SBOMDigest: ledger.BodyDigest([]byte(newRelease)), SBOMFormat: ledger.FormatCycloneDX,
	})
	d := devices{
		made:     register("made", "L1", "", ""),
		held:     register("held", "L1", statetest.SeededRelease, north),
		offered:  register("offered", "L1", statetest.SeededRelease, north),
		recalled: register("recalled", badLot, statetest.SeededRelease, north),
	}
	submit(north, ledger.RoleCustodian, ledger.DeviceHold, ledger.HoldUnit{ID: d.held, Revision: 1, Reason: ledger.HoldMalfunction})
	submit(north, ledger.RoleCustodian, ledger.DeviceOffer, ledger.OfferUnit{ID: d.offered, Revision: 1, To: south})
	submit(maker, ledger.RoleRegistrar, ledger.DeviceRecall, recallOf(badLot))
	submit(otherMaker, ledger.RoleRegistrar, ledger.DeviceRegisterModel, ledger.RegisterModel{DI: "D-taken", Name: "Pump", ModelNumber: "1", RiskClass: "I"})
	var err error
	d.assigned.Proposal, d.assigned.Voters, err = l.Approve(ledger.Propose{
		Kind: ledger.ProposeAssignModel, Reason: "a sample", Subject: ledger.ProposalSubject{DI: "D-taken", Organisation: maker},
	})
	must(err)
	for _, org := range []string{north, authority} {
		p, err := l.Employ(org, ledger.CredentialReleaser, ledger.CredentialAssessor)
		must(err)
		d.persons = append(d.persons, p)
	}
	return d
}

func recallOf(lot string) ledger.RecallDevices {
	return ledger.RecallDevices{
		DI: statetest.SeededDI, Kind: ledger.RecallLot, Value: lot, Class: ledger.RecallClassII, NoticeDigest: ledger.BodyDigest([]byte(lot)),
	}
}

// agreed is a request about a unit to which persons agree.
func (d *devices) agreed(request any, unit string, revision int, credential string, count int) any {
	return signed{
		Order:   statetest.Order{Request: request, Record: ledger.UnitKey(unit), Revision: revision, Credential: credential},
		persons: d.persons[:count],
	}
}

// holders says who may hold a unit of north.
var holders = []string{"custodian@" + north, "registrar@" + maker, "certifier@" + authority}

// deviceRights is who may call the contract "device".
var deviceRights = map[string]right{
	ledger.DeviceRegisterModel: {ledger.RoleRegistrar, []string{maker}, func(*scene) any {
		return ledger.RegisterModel{DI: "D9", Name: "Pump", ModelNumber: "9", RiskClass: "I"}
	}},
	ledger.DeviceAssignModel: {ledger.RoleRegistrar, nil, func(s *scene) any { return s.assigned }},
	ledger.DevicePublishRelease: {ledger.RoleRegistrar, []string{maker}, func(*scene) any {
		return ledger.PublishRelease{DI: statetest.SeededDI, Version: "9", SBOMDigest: ledger.BodyDigest(nil), SBOMFormat: ledger.FormatCycloneDX}
	}},
	ledger.DeviceRegisterUnit: {ledger.RoleRegistrar, []string{maker}, func(*scene) any {
		return ledger.RegisterUnit{SerialMAC: ledger.BodyDigest(nil), DI: statetest.SeededDI, Lot: "9", Release: statetest.SeededRelease, Owner: north}
	}},
	ledger.DeviceRegisterUnits: {ledger.RoleRegistrar, []string{maker}, func(*scene) any {
		return ledger.RegisterUnits{
			DI: statetest.SeededDI, Lot: "9", Release: statetest.SeededRelease, Owner: north, Units: []ledger.NewUnit{{SerialMAC: ledger.BodyDigest(nil)}},
		}
	}},
	ledger.DeviceCompleteUnit: {ledger.RoleRegistrar, []string{maker}, func(s *scene) any {
		return ledger.CompleteUnit{ID: s.made, Revision: 1, Release: statetest.SeededRelease, Owner: north}
	}},
	ledger.DeviceCertify: {ledger.RoleCertifier, []string{authority}, func(s *scene) any {
		id := statetest.SeededUnit(north)
		return s.agreed(assessment(id, 1, s.Ledger), id, 1, ledger.CredentialAssessor, 1)
	}},
	ledger.DevicePutIntoService: {ledger.RoleCustodian, []string{north}, func(*scene) any {
		return ledger.PutIntoService{ID: statetest.SeededUnit(north)}
	}},
	ledger.DeviceHold: {several, holders, func(*scene) any {
		return ledger.HoldUnit{ID: statetest.SeededUnit(north), Revision: 1, Reason: ledger.HoldAttestation}
	}},
	ledger.DeviceQuarantine: {several, holders, func(s *scene) any {
		return ledger.QuarantineUnit{ID: s.held, Revision: 2, Reason: ledger.HoldStolen}
	}},
	ledger.DeviceRelease: {ledger.RoleCustodian, []string{north}, func(s *scene) any {
		return s.agreed(ledger.ReleaseUnit{ID: s.held, Revision: 2}, s.held, 2, ledger.CredentialReleaser, 2)
	}},
	ledger.DeviceUpdateRelease: {ledger.RoleCustodian, []string{north}, func(*scene) any {
		return ledger.UpdateUnit{ID: statetest.SeededUnit(north), Revision: 1, Release: newRelease}
	}},
	ledger.DeviceOffer: {ledger.RoleCustodian, []string{north}, func(*scene) any {
		return ledger.OfferUnit{ID: statetest.SeededUnit(north), Revision: 1, To: south}
	}},
	ledger.DeviceEndOffer: {ledger.RoleCustodian, []string{north, south}, func(s *scene) any {
		return ledger.EndOffer{ID: s.offered, Revision: 2}
	}},
	ledger.DeviceAccept: {ledger.RoleCustodian, []string{south}, func(s *scene) any {
		return ledger.AcceptUnit{ID: s.offered, Revision: 2}
	}},
	ledger.DeviceRetire: {ledger.RoleCustodian, []string{north}, func(s *scene) any {
		return ledger.RetireUnit{ID: s.held, Revision: 2, WipeDigest: ledger.BodyDigest(nil)}
	}},
	ledger.DeviceRecall: {several, []string{"registrar@" + maker, "certifier@" + authority}, func(*scene) any { return recallOf("L1") }},
	ledger.DeviceLiftRecall: {ledger.RoleRegistrar, []string{maker}, func(s *scene) any {
		lift := ledger.LiftRecall{DI: statetest.SeededDI, Kind: ledger.RecallLot, Value: badLot, Revision: 1}
		return signed{
			Order: statetest.Order{
				Request: lift, Record: ledger.RecallKey(lift.DI, lift.Kind, lift.Value), Revision: 1, Credential: ledger.CredentialReleaser,
			},
			persons: s.persons,
		}
	}},
	ledger.DeviceClear: {ledger.RoleCustodian, []string{north}, func(s *scene) any {
		req := ledger.ClearUnit{ID: s.recalled, Revision: 1, Kind: ledger.RecallLot, Recall: 1}
		return s.agreed(req, s.recalled, 1, ledger.CredentialReleaser, 2)
	}},
	ledger.DeviceGetModel:   {"", nil, func(*scene) any { return ledger.GetModel{DI: statetest.SeededDI} }},
	ledger.DeviceGetRelease: {"", nil, func(*scene) any { return ledger.GetRelease{DI: statetest.SeededDI, Version: statetest.SeededRelease} }},
	ledger.DeviceGetUnit:    {"", nil, func(*scene) any { return ledger.GetUnit{ID: statetest.SeededUnit(north)} }},
	ledger.DeviceListUnits:  {"", nil, func(*scene) any { return ledger.PageRequest{} }},
	ledger.DeviceGetRecall: {"", nil, func(*scene) any {
		return ledger.GetRecall{DI: statetest.SeededDI, Kind: ledger.RecallLot, Value: badLot}
	}},
	ledger.DeviceListRecalls: {"", nil, func(*scene) any { return ledger.ListRecalls{DI: statetest.SeededDI} }},
}

func assessment(id string, revision int, l *statetest.Ledger) ledger.CertifyUnit {
	return ledger.CertifyUnit{
		ID: id, Revision: revision, Catalogue: "secant-controls/1", Score: 9000, Verdict: ledger.VerdictCertified,
		ResultDigest: ledger.BodyDigest([]byte("results")), ValidTo: l.Now().AddDate(0, 6, 0),
	}
}

// revised draws a unit, mostly one that fits, and mostly the revision that it has.
func (p *play) revised(fits func(*ledger.Unit) bool) (id string, revision int) {
	var page ledger.UnitPage
	if err := p.l.Evaluate(p.l.Client(north, ""), ledger.DeviceListUnits, ledger.PageRequest{Size: ledger.MaxPageSize}, &page); err != nil {
		p.t.Fatal(err)
	}
	all := page.Items
	some := slices.DeleteFunc(slices.Clone(all), func(u ledger.Unit) bool { return !fits(&u) })
	if len(some) == 0 || rapid.IntRange(0, 9).Draw(p.t, "unfit") == 0 {
		some = all
	}
	u := rapid.SampledFrom(some).Draw(p.t, "unit")
	if rapid.IntRange(0, 9).Draw(p.t, "stale") == 0 {
		return u.ID, rapid.IntRange(1, 4).Draw(p.t, "revision")
	}
	return u.ID, u.Revision
}

// What a step asks of a unit, as far as plays aim at it.

func anyUnit(*ledger.Unit) bool { return true }

func own(org string) func(*ledger.Unit) bool {
	return func(u *ledger.Unit) bool { return u.Owner == org && u.State != ledger.StateRetired }
}

func made(u *ledger.Unit) bool { return u.State == ledger.StateManufactured }

func heldBy(org string) func(*ledger.Unit) bool {
	return func(u *ledger.Unit) bool { return u.Owner == org && len(u.Holds) > 0 }
}

func offered(to string) func(*ledger.Unit) bool {
	return func(u *ledger.Unit) bool { return u.Offer != nil && (to == "" || u.Offer.To == to) }
}

func recalledOf(org string) func(*ledger.Unit) bool {
	return func(u *ledger.Unit) bool { return u.Owner == org && u.Recall != nil }
}

// persons draws persons, mostly of so many organisations.
func (p *play) persons(count int) []*statetest.Person {
	orgs := []string{north, authority}[:count]
	if rapid.IntRange(0, 5).Draw(p.t, "alike") == 0 {
		orgs = []string{north, north}
	}
	var out []*statetest.Person
	for _, org := range orgs {
		person := p.staff[org]
		if person == nil {
			var err error
			if person, err = p.l.Employ(org, ledger.CredentialReleaser, ledger.CredentialAssessor); err != nil {
				// The plays have voted on the organisation, or against the issuer.
				person = &statetest.Person{
					Issuer: ledger.IssuerDID(statetest.Network, org, "care"), IssuerKey: statetest.NewDIDKey("key-1", org), Key: statetest.NewDIDKey("holder", org),
				}
			}
			if p.staff == nil {
				p.staff = map[string]*statetest.Person{}
			}
			p.staff[org] = person
		}
		out = append(out, person)
	}
	return out
}

// agreed is a request to which persons agree; all of one play's have their own
// nonces.
func (p *play) agreed(request any, record ledger.Key, revision int, credential string, count int) any {
	return signed{
		Order: statetest.Order{
			Request: request, Record: record, Revision: revision, Credential: credential, Occasion: int(p.l.Height()),
		},
		persons: p.persons(count),
	}
}

func (p *play) reason() string {
	return p.pick("reason", ledger.HoldMalfunction, ledger.HoldLost, ledger.HoldSignatures)
}

// recalled draws what a recall names and, mostly, the revision that it has.
func (p *play) recalled() (kind, value string, revision int) {
	kind, value = ledger.RecallLot, p.pick("lot", "L", "L1")
	if rapid.Bool().Draw(p.t, "release") {
		kind, value = ledger.RecallRelease, p.pick("version", statetest.SeededRelease, "1")
	}
	if rapid.IntRange(0, 9).Draw(p.t, "stale") == 0 {
		return kind, value, rapid.IntRange(0, 3).Draw(p.t, "revision")
	}
	var r ledger.Recall
	req := ledger.GetRecall{DI: statetest.SeededDI, Kind: kind, Value: value}
	if p.l.Evaluate(p.l.Client(north, ""), ledger.DeviceGetRecall, req, &r) != nil {
		return kind, value, 0
	}
	return kind, value, r.Revision
}

// devicePlays draws its requests.
var devicePlays = map[string]func(p *play, org string) any{
	ledger.DeviceRegisterModel: func(p *play, _ string) any {
		return ledger.RegisterModel{DI: p.di(), Name: "Pump", ModelNumber: "1", RiskClass: "I"}
	},
	ledger.DeviceAssignModel: func(p *play, _ string) any {
		return ledger.AssignModel{Proposal: p.proposed(), Voters: statetest.Organisations()[:rapid.IntRange(1, 5).Draw(p.t, "voters")]}
	},
	ledger.DevicePublishRelease: func(p *play, _ string) any {
		return ledger.PublishRelease{
			DI: p.pick("di", statetest.SeededDI, statetest.SeededDI, "D1"), Version: p.pick("version", "1", "2"), SBOMDigest: p.id("sbom"), SBOMFormat: ledger.FormatCycloneDX,
			Measurements: []ledger.Measurement{{Name: "firmware", Alg: ledger.HashSHA256, Digest: p.id("firmware")}},
		}
	},
	ledger.DeviceRegisterUnit: func(p *play, _ string) any {
		return ledger.RegisterUnit{
			SerialMAC: p.id("serial"), DI: p.pick("di", statetest.SeededDI, statetest.SeededDI, "D1"), Lot: "L",
			Release: p.pick("release", statetest.SeededRelease, "1", ""), Owner: p.pick("owner", north, south, maker),
			IDevID: p.pick("identity", "", ledger.BodyDigest([]byte("a")), ledger.BodyDigest([]byte("b"))),
		}
	},
	ledger.DeviceRegisterUnits: func(p *play, _ string) any {
		return ledger.RegisterUnits{
			DI: statetest.SeededDI, Lot: "L", Release: statetest.SeededRelease, Owner: p.pick("owner", north, south),
			Units: []ledger.NewUnit{{SerialMAC: ledger.BodyDigest([]byte("a"))}, {SerialMAC: ledger.BodyDigest([]byte(p.pick("second", "b", "c")))}},
		}
	},
	ledger.DeviceCompleteUnit: func(p *play, _ string) any {
		id, revision := p.revised(made)
		return ledger.CompleteUnit{ID: id, Revision: revision, Release: p.pick("release", statetest.SeededRelease, "1"), Owner: p.pick("owner", north, "")}
	},
	ledger.DeviceCertify: func(p *play, _ string) any {
		id, revision := p.revised(anyUnit)
		req := assessment(id, revision, p.l)
		if rapid.IntRange(0, 2).Draw(p.t, "against") == 0 {
			req = ledger.CertifyUnit{
				ID: id, Revision: revision, Catalogue: req.Catalogue, Score: 10, Verdict: ledger.VerdictRefused, ResultDigest: req.ResultDigest,
			}
		}
		return p.agreed(req, ledger.UnitKey(id), revision, ledger.CredentialAssessor, 1)
	},
	ledger.DevicePutIntoService: func(p *play, _ string) any { return ledger.PutIntoService{ID: p.unit()} },
	ledger.DeviceHold: func(p *play, _ string) any {
		id, revision := p.revised(anyUnit)
		return ledger.HoldUnit{ID: id, Revision: revision, Reason: p.reason()}
	},
	ledger.DeviceQuarantine: func(p *play, _ string) any {
		id, revision := p.revised(anyUnit)
		return ledger.QuarantineUnit{ID: id, Revision: revision, Reason: p.reason()}
	},
	ledger.DeviceRelease: func(p *play, org string) any {
		id, revision := p.revised(heldBy(org))
		return p.agreed(ledger.ReleaseUnit{ID: id, Revision: revision}, ledger.UnitKey(id), revision, ledger.CredentialReleaser, 2)
	},
	ledger.DeviceUpdateRelease: func(p *play, org string) any {
		id, revision := p.revised(own(org))
		return ledger.UpdateUnit{ID: id, Revision: revision, Release: p.pick("release", statetest.SeededRelease, "1", "2")}
	},
	ledger.DeviceOffer: func(p *play, org string) any {
		id, revision := p.revised(own(org))
		return ledger.OfferUnit{ID: id, Revision: revision, To: p.pick("to", north, south)}
	},
	ledger.DeviceEndOffer: func(p *play, _ string) any {
		id, revision := p.revised(offered(""))
		return ledger.EndOffer{ID: id, Revision: revision}
	},
	ledger.DeviceAccept: func(p *play, org string) any {
		id, revision := p.revised(offered(org))
		return ledger.AcceptUnit{ID: id, Revision: revision}
	},
	ledger.DeviceRetire: func(p *play, org string) any {
		id, revision := p.revised(own(org))
		return ledger.RetireUnit{ID: id, Revision: revision, WipeDigest: ledger.BodyDigest(nil)}
	},
	ledger.DeviceRecall: func(p *play, _ string) any {
		kind, value, revision := p.recalled()
		return ledger.RecallDevices{
			DI: statetest.SeededDI, Kind: kind, Value: value, Class: p.pick("class", ledger.RecallClassI, ledger.RecallClassII),
			NoticeDigest: ledger.BodyDigest(nil), Revision: revision,
		}
	},
	ledger.DeviceLiftRecall: func(p *play, _ string) any {
		kind, value, revision := p.recalled()
		lift := ledger.LiftRecall{DI: statetest.SeededDI, Kind: kind, Value: value, Revision: revision}
		return p.agreed(lift, ledger.RecallKey(lift.DI, kind, value), revision, ledger.CredentialReleaser, 2)
	},
	ledger.DeviceClear: func(p *play, org string) any {
		id, revision := p.revised(recalledOf(org))
		kind, _, recall := p.recalled()
		var u ledger.Unit
		if err := p.l.Evaluate(p.l.Client(north, ""), ledger.DeviceGetUnit, ledger.GetUnit{ID: id}, &u); err == nil && u.Recall != nil {
			kind, recall = u.Recall.Kind, u.Recall.Revision
		}
		req := ledger.ClearUnit{ID: id, Revision: revision, Kind: kind, Recall: max(recall, 1)}
		return p.agreed(req, ledger.UnitKey(id), revision, ledger.CredentialReleaser, 2)
	},
	ledger.DeviceGetModel:   func(p *play, _ string) any { return ledger.GetModel{DI: p.di()} },
	ledger.DeviceGetRelease: func(p *play, _ string) any { return ledger.GetRelease{DI: p.di(), Version: "1"} },
	ledger.DeviceGetUnit:    func(p *play, _ string) any { return ledger.GetUnit{ID: p.unit()} },
	ledger.DeviceListUnits:  func(p *play, _ string) any { return p.page() },
	ledger.DeviceGetRecall: func(p *play, _ string) any {
		kind, value, _ := p.recalled()
		return ledger.GetRecall{DI: statetest.SeededDI, Kind: kind, Value: value}
	},
	ledger.DeviceListRecalls: func(p *play, _ string) any { return ledger.ListRecalls{DI: p.di(), Page: p.page()} },
}
