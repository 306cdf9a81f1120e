package e2e

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestControlsOnTheLedger has a catalogue accepted on the live ledger, a unit judged
// by it, and the certification refused that says something else.
func TestControlsOnTheLedger(t *testing.T) {
	n := live(t)
	maker, north, south, authority := n.member(t, "medtech"), n.member(t, "hospital-north"), n.member(t, "hospital-south"), n.member(t, "authority")
	assessor, _, _, _ := n.persons(t, authority, north, south)
	di, name := "CTRL-"+rand.Text()[:10], "e2e-"+rand.Text()[:8]
	do[ledger.Model](t, maker, ledger.RoleRegistrar, ledger.DeviceRegisterModel, ledger.RegisterModel{DI: di, Name: "Pump", ModelNumber: "P", RiskClass: "IIb"})
	do[ledger.Release](t, maker, ledger.RoleRegistrar, ledger.DevicePublishRelease, ledger.PublishRelease{DI: di, Version: "1.0", SBOMDigest: ledger.BodyDigest(nil), SBOMFormat: ledger.FormatCycloneDX})
	unit := do[ledger.Unit](t, maker, ledger.RoleRegistrar, ledger.DeviceRegisterUnit, ledger.RegisterUnit{
		SerialMAC: ledger.BodyDigest([]byte(rand.Text())), DI: di, Lot: "A", Release: "1.0", Owner: "hospital-north",
	})
	do[ledger.Catalogue](t, authority, ledger.RoleRegistrar, ledger.CompliancePublishCatalogue, ledger.PublishCatalogue{
		Name: name, Version: "1", Digest: ledger.BodyDigest([]byte(name)), Controls: []ledger.CatalogueControl{{ID: "A-1", Weight: 5, Critical: true}, {ID: "B-1", Weight: 4}},
	})
	assess := ledger.AssessControls{
		Unit: unit.ID, Release: "1.0", Catalogue: name + "/1", Results: "pp", InputDigest: ledger.BodyDigest([]byte("facts")),
		ResultDigest: ledger.BodyDigest([]byte("results")), ValidTo: time.Now().UTC().Add(300 * 24 * time.Hour).Truncate(time.Millisecond),
	}
	fails(t, ledger.CodeDenied, north, ledger.RoleCustodian, ledger.ComplianceAssess, assess)
	proposal := do[ledger.Proposal](t, authority, ledger.RoleRegistrar, ledger.IdentityPropose, ledger.Propose{
		Kind: ledger.ProposeAcceptCatalogue, Reason: "a test", Subject: ledger.ProposalSubject{Catalogue: name + "/1"},
	})
	accept := ledger.AcceptCatalogue{Proposal: proposal.ID}
	for _, m := range []*member{authority, north, south} {
		do[ledger.Vote](t, m, ledger.RoleRegistrar, ledger.IdentityVote, ledger.CastVote{Proposal: proposal.ID, Approve: true})
		accept.Voters = append(accept.Voters, m.org)
	}
	do[ledger.CatalogueInUse](t, south, ledger.RoleRegistrar, ledger.ComplianceAcceptCatalogue, accept)

	got := do[ledger.ControlAssessment](t, authority, ledger.RoleCertifier, ledger.ComplianceAssess, assess)
	if got.Score != ledger.MaxScore || got.Verdict != ledger.VerdictCertified || got.Party != ledger.PartyAuthority {
		t.Fatalf("the ledger counted %+v", got)
	}
	fails(t, ledger.CodeAlreadyExists, authority, ledger.RoleCertifier, ledger.ComplianceAssess, assess)
	grant := ledger.GrantException{
		SubjectKind: ledger.SubjectDevice, Subject: unit.ID, Catalogue: name + "/1", Control: "B-1", Effect: ledger.ExceptTolerated,
		ReasonDigest: ledger.BodyDigest([]byte("why")), Until: time.Now().UTC().Add(time.Hour).Truncate(time.Millisecond),
	}
	fails(t, ledger.CodeDenied, authority, ledger.RoleCertifier, ledger.ComplianceGrantException, grant)
	exception := do[ledger.Exception](t, authority, ledger.RoleCertifier, ledger.ComplianceGrantException, grant,
		agree(t, ledger.ComplianceGrantException, grant, grant.Key(), 0, assessor))
	if len(exception.Persons) != 1 {
		t.Fatalf("the exception is %+v", exception)
	}

	certify := ledger.CertifyUnit{
		ID: unit.ID, Revision: unit.Revision, Catalogue: name + "/1", Score: got.Score, Verdict: got.Verdict, ResultDigest: got.ResultDigest, ValidTo: got.ValidTo,
	}
	key := ledger.UnitKey(unit.ID)
	wrong := certify
	wrong.Score = 9000
	fails(t, ledger.CodeInvalid, authority, ledger.RoleCertifier, ledger.DeviceCertify, wrong, agree(t, ledger.DeviceCertify, wrong, key, unit.Revision, assessor))
	unit = do[ledger.Unit](t, authority, ledger.RoleCertifier, ledger.DeviceCertify, certify, agree(t, ledger.DeviceCertify, certify, key, unit.Revision, assessor))
	if unit.State != ledger.StateCertified {
		t.Errorf("the unit is %s", unit.State)
	}
}
