package e2e

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// persons has the members accept an assessor's and two releasers' issuers.
func (n *network) persons(t *testing.T, authority, north, south *member) (assessor, mine, colleague, other *person) {
	t.Helper()
	vouch := func(i *issuer, kind string) {
		version := rand.Text()[:8]
		do[ledger.Schema](t, authority, ledger.RoleRegistrar, ledger.IdentityPublishSchema,
			ledger.PublishSchema{CredentialType: kind, Version: version, Digest: ledger.BodyDigest([]byte(kind))})
		n.decide(t, ledger.ProposeAcceptIssuer, ledger.ProposalSubject{Issuer: i.did, CredentialType: kind, Schema: version}, authority, north, south)
	}
	notified, hospital := n.issuer(t, authority, ledger.CurveP256), n.issuer(t, north, ledger.CurveEd25519)
	vouch(notified, ledger.CredentialAssessor)
	vouch(notified, ledger.CredentialReleaser)
	vouch(hospital, ledger.CredentialReleaser)
	return notified.hire(t, ledger.CredentialAssessor), hospital.hire(t, ledger.CredentialReleaser),
		hospital.hire(t, ledger.CredentialReleaser), notified.hire(t, ledger.CredentialReleaser)
}

// TestTheLifeOfADevice leads units through every state on the live ledger, with
// the persons that it takes.
func TestTheLifeOfADevice(t *testing.T) {
	n := live(t)
	maker, north, south, authority := n.member(t, "medtech"), n.member(t, "hospital-north"), n.member(t, "hospital-south"), n.member(t, "authority")
	assessor, mine, colleague, other := n.persons(t, authority, north, south)
	di := "LIFE-" + rand.Text()[:10]
	do[ledger.Model](t, maker, ledger.RoleRegistrar, ledger.DeviceRegisterModel, ledger.RegisterModel{
		DI: di, Name: "Infusion pump", ModelNumber: "IP-9", RiskClass: "IIb", SupportEnd: "2034-12-31",
	})
	for _, version := range []string{"1.0", "1.1"} {
		do[ledger.Release](t, maker, ledger.RoleRegistrar, ledger.DevicePublishRelease, ledger.PublishRelease{
			DI: di, Version: version, SBOMDigest: ledger.BodyDigest([]byte(version)), SBOMFormat: ledger.FormatCycloneDX,
		})
	}
	// One is manufactured first and completed later; two come in bulk, of another lot.
	made := do[ledger.Unit](t, maker, ledger.RoleRegistrar, ledger.DeviceRegisterUnit, ledger.RegisterUnit{SerialMAC: ledger.BodyDigest([]byte(rand.Text())), DI: di, Lot: "A"})
	one := do[ledger.Unit](t, maker, ledger.RoleRegistrar, ledger.DeviceCompleteUnit, ledger.CompleteUnit{ID: made.ID, Revision: made.Revision, Release: "1.0", Owner: "hospital-north"})
	bulk := ledger.RegisterUnits{DI: di, Lot: "B", Release: "1.0", Owner: "hospital-north", Units: []ledger.NewUnit{
		{SerialMAC: ledger.BodyDigest([]byte(rand.Text()))}, {SerialMAC: ledger.BodyDigest([]byte(rand.Text()))},
	}}
	if got := do[ledger.UnitsRegistered](t, maker, ledger.RoleRegistrar, ledger.DeviceRegisterUnits, bulk); got.Registered != 2 {
		t.Fatalf("of two units %+v", got)
	}
	fails(t, ledger.CodeAlreadyExists, maker, ledger.RoleRegistrar, ledger.DeviceRegisterUnits, bulk)
	two := get[ledger.Unit](t, north, ledger.DeviceGetUnit, ledger.GetUnit{ID: ledger.UnitID("medtech", bulk.Units[0].SerialMAC)})
	if made.State != ledger.StateManufactured || one.State != ledger.StateRegistered || two.State != ledger.StateRegistered {
		t.Fatalf("the units are %s, %s, %s", made.State, one.State, two.State)
	}

	// Certified by a person of the authority's issuer, and by nobody else.
	certify := ledger.CertifyUnit{
		ID: one.ID, Revision: one.Revision, Catalogue: "notified-body/1", Score: 9100, Verdict: ledger.VerdictCertified,
		ResultDigest: ledger.BodyDigest([]byte("results")), ValidTo: time.Now().UTC().Add(300 * 24 * time.Hour).Truncate(time.Millisecond),
	}
	key := ledger.UnitKey(one.ID)
	fails(t, ledger.CodeDenied, authority, ledger.RoleCertifier, ledger.DeviceCertify, certify)
	fails(t, ledger.CodeDenied, authority, ledger.RoleCertifier, ledger.DeviceCertify, certify, agree(t, ledger.DeviceCertify, certify, key, one.Revision, mine))
	fails(t, ledger.CodeDenied, north, ledger.RoleCertifier, ledger.DeviceCertify, certify, agree(t, ledger.DeviceCertify, certify, key, one.Revision, assessor))
	one = do[ledger.Unit](t, authority, ledger.RoleCertifier, ledger.DeviceCertify, certify, agree(t, ledger.DeviceCertify, certify, key, one.Revision, assessor))
	one = do[ledger.Unit](t, north, ledger.RoleCustodian, ledger.DevicePutIntoService, ledger.PutIntoService{ID: one.ID, Revision: one.Revision})
	if one.State != ledger.StateInService || one.Certification != ledger.CertificationFull {
		t.Fatalf("the unit is %s, %s", one.State, one.Certification)
	}

	// Quarantined by the authority; released by two persons of two organisations.
	one = do[ledger.Unit](t, authority, ledger.RoleCertifier, ledger.DeviceQuarantine, ledger.QuarantineUnit{ID: one.ID, Revision: one.Revision, Reason: ledger.HoldVulnerability})
	release := ledger.ReleaseUnit{ID: one.ID, Revision: one.Revision, Evidence: ledger.BodyDigest([]byte("patched"))}
	for _, c := range []struct {
		what    string
		persons []*person
		code    ledger.Code
	}{
		{"one person", []*person{mine}, ledger.CodeInvalid},
		{"two persons of one organisation", []*person{mine, colleague}, ledger.CodeDenied},
		{"an assessor among them", []*person{mine, assessor}, ledger.CodeDenied},
		{"one person twice", []*person{mine, mine}, ledger.CodeDenied},
	} {
		t.Log("released by " + c.what)
		fails(t, c.code, north, ledger.RoleCustodian, ledger.DeviceRelease, release, agree(t, ledger.DeviceRelease, release, key, one.Revision, c.persons...))
	}
	fails(t, ledger.CodeInvalid, north, ledger.RoleCustodian, ledger.DeviceRelease, release, agree(t, ledger.DeviceRelease, release, key, one.Revision-1, mine, other))
	both := agree(t, ledger.DeviceRelease, release, key, one.Revision, mine, other)
	one = do[ledger.Unit](t, north, ledger.RoleCustodian, ledger.DeviceRelease, release, both)
	if one.State != ledger.StateInService {
		t.Fatalf("the released unit is %s", one.State)
	}
	fails(t, ledger.CodeConflict, north, ledger.RoleCustodian, ledger.DeviceRelease, release, both)

	// A recall of the other lot is one record; both its units follow, this one does not.
	recall := do[ledger.Recall](t, maker, ledger.RoleRegistrar, ledger.DeviceRecall, ledger.RecallDevices{
		DI: di, Kind: ledger.RecallLot, Value: "B", Class: ledger.RecallClassI, NoticeDigest: ledger.BodyDigest([]byte("stop using")),
	})
	state := func(id string) string {
		return get[ledger.Unit](t, north, ledger.DeviceGetUnit, ledger.GetUnit{ID: id}).State
	}
	if a, b := state(one.ID), state(two.ID); a != ledger.StateInService || b != ledger.StateRecalled {
		t.Errorf("after the recall of lot B: lot A %s, lot B %s", a, b)
	}
	fails(t, ledger.CodeDenied, north, ledger.RoleCustodian, ledger.DevicePutIntoService, ledger.PutIntoService{ID: two.ID, Revision: two.Revision})
	cleared := ledger.ClearUnit{ID: two.ID, Revision: two.Revision, Kind: ledger.RecallLot, Recall: recall.Revision}
	do[ledger.Unit](t, north, ledger.RoleCustodian, ledger.DeviceClear, cleared, agree(t, ledger.DeviceClear, cleared, ledger.UnitKey(two.ID), two.Revision, colleague, other))
	third := ledger.UnitID("medtech", bulk.Units[1].SerialMAC)
	if b, c := state(two.ID), state(third); b != ledger.StateRegistered || c != ledger.StateRecalled {
		t.Errorf("after one unit was cleared: %s and %s", b, c)
	}
	lift := ledger.LiftRecall{DI: di, Kind: ledger.RecallLot, Value: "B", Revision: recall.Revision}
	do[ledger.Recall](t, maker, ledger.RoleRegistrar, ledger.DeviceLiftRecall, lift, agree(t, ledger.DeviceLiftRecall, lift, recall.Key(), recall.Revision, mine, other))
	if c := state(third); c != ledger.StateRegistered {
		t.Errorf("after the recall was lifted: %s", c)
	}

	// To another hospital, and to its end.
	one = do[ledger.Unit](t, north, ledger.RoleCustodian, ledger.DeviceOffer, ledger.OfferUnit{ID: one.ID, Revision: one.Revision, To: "hospital-south"})
	fails(t, ledger.CodeDenied, authority, ledger.RoleCustodian, ledger.DeviceAccept, ledger.AcceptUnit{ID: one.ID, Revision: one.Revision})
	one = do[ledger.Unit](t, south, ledger.RoleCustodian, ledger.DeviceAccept, ledger.AcceptUnit{ID: one.ID, Revision: one.Revision})
	retire := ledger.RetireUnit{ID: one.ID, Revision: one.Revision, WipeDigest: ledger.BodyDigest([]byte("wiped"))}
	fails(t, ledger.CodeDenied, north, ledger.RoleCustodian, ledger.DeviceRetire, retire)
	one = do[ledger.Unit](t, south, ledger.RoleCustodian, ledger.DeviceRetire, retire)
	if one.Owner != "hospital-south" || one.State != ledger.StateRetired {
		t.Errorf("in the end it is %s, of %s", one.State, one.Owner)
	}
	fails(t, ledger.CodeGone, south, ledger.RoleCustodian, ledger.DeviceOffer, ledger.OfferUnit{ID: one.ID, Revision: one.Revision, To: "hospital-north"})
}
