package statetest_test

import (
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// complianceHistory is the part of a ledger in which everything happened once.
func complianceHistory(t *testing.T, l *statetest.Ledger) []statetest.Proposal {
	t.Helper()
	const north, authority = "hospital-north", "authority"
	unit := statetest.SeededUnit(north)
	registrar := l.Client(authority, ledger.RoleRegistrar)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.Submit(registrar, ledger.CompliancePublishCatalogue, ledger.PublishCatalogue{
		Name: "c", Version: "1", Digest: ledger.BodyDigest(nil), Controls: []ledger.CatalogueControl{{ID: "A", Weight: 1}, {ID: "B", Weight: 1}},
	}, nil))
	proposal, voters, err := l.Approve(ledger.Propose{Kind: ledger.ProposeAcceptCatalogue, Reason: "a sample", Subject: ledger.ProposalSubject{Catalogue: "c/1"}})
	must(err)
	assessor, err := l.Employ(authority, ledger.CredentialAssessor)
	must(err)
	grant := ledger.GrantException{
		SubjectKind: ledger.SubjectDevice, Subject: unit, Catalogue: "c/1", Control: "B", Effect: ledger.ExceptTolerated,
		ReasonDigest: ledger.BodyDigest(nil), Until: l.Now().UTC().Add(time.Hour),
	}
	return []statetest.Proposal{
		{Client: registrar, Name: ledger.ComplianceAcceptCatalogue, Request: ledger.AcceptCatalogue{Proposal: proposal, Voters: voters}},
		{Client: l.Client(north, ledger.RoleCustodian), Name: ledger.ComplianceRecordEvidence, Request: ledger.RecordEvidence{
			SubjectKind: ledger.SubjectDevice, Subject: unit, Catalogue: "c/1", Control: "A", Claim: ledger.ClaimMet, Digest: ledger.BodyDigest(nil),
		}},
		{Client: l.Client(north, ledger.RoleCustodian), Name: ledger.ComplianceAssess, Request: ledger.AssessControls{
			Unit: unit, Release: statetest.SeededRelease, Catalogue: "c/1", Results: "pf", InputDigest: ledger.BodyDigest(nil), ResultDigest: ledger.BodyDigest(nil),
		}},
		{
			Client: l.Client(authority, ledger.RoleCertifier), Name: ledger.ComplianceGrantException, Request: grant,
			Transient: l.Agreed(statetest.Order{Name: ledger.ComplianceGrantException, Request: grant, Record: grant.Key(), Credential: ledger.CredentialAssessor}, assessor),
		},
		{Client: l.Client(authority, ledger.RoleCertifier), Name: ledger.ComplianceEndException, Request: ledger.EndException{
			SubjectKind: grant.SubjectKind, Subject: unit, Control: "B", ReasonDigest: grant.ReasonDigest,
		}},
	}
}

// complianceDamages are damages of it.
var complianceDamages = map[string]damage{
	"a catalogue by another":        {by(ledger.CompliancePublishCatalogue, "medtech"), "catalogue {cat"},
	"a catalogue nobody published":  {lose(ledger.TypeCatalogue), "was not published"},
	"a catalogue nobody voted for":  {lose(ledger.TypeEnactment), "is not what was enacted"},
	"an assessment by another":      {by(ledger.ComplianceAssess, "medtech"), "assessment {cas"},
	"an assessment that lies":       {edit(ledger.TypeControlAssessment, `"score":5000`, `"score":5001`), "counts as 5000"},
	"an assessment of no catalogue": {lose(ledger.TypeCatalogueInUse), "by a catalogue that was not in use"},
	"evidence by another":           {by(ledger.ComplianceRecordEvidence, "medtech"), "evidence {evi"},
	"an exception by another":       {by(ledger.ComplianceGrantException, "medtech"), "exception {exc"},
	"an exception without end":      {edit(ledger.TypeException, `"until":"2026`, `"until":"2029`), "does not end in time"},
	"an end of no exception":        {lose(ledger.TypeException), "of none"},
	"an end by another":             {by(ledger.ComplianceEndException, "medtech"), "end of an exception"},
}
