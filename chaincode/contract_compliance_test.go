package chaincode_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

const sceneControls = "scene-controls"

// assessments is what the scene holds of the contract "compliance": a catalogue in
// use, the next one approved, and an exception of a unit of north.
type assessments struct {
	next    ledger.AcceptCatalogue
	excused ledger.GrantException
	known   ledger.GetAssessment
}

func controls(version string) ledger.PublishCatalogue {
	return ledger.PublishCatalogue{
		Name: sceneControls, Version: version, Digest: ledger.BodyDigest([]byte(version)),
		Controls: []ledger.CatalogueControl{{ID: "A-1", Weight: 5, Critical: true}, {ID: "B-1", Weight: 3}},
	}
}

func newAssessments(t *testing.T, l *statetest.Ledger, d devices) assessments {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	registrar := l.Client(authority, ledger.RoleRegistrar)
	accept := func(version string) ledger.AcceptCatalogue {
		t.Helper()
		must(l.Submit(registrar, ledger.CompliancePublishCatalogue, controls(version), nil))
		proposal, voters, err := l.Approve(ledger.Propose{
			Kind: ledger.ProposeAcceptCatalogue, Reason: "a sample", Subject: ledger.ProposalSubject{Catalogue: ledger.CatalogueID(sceneControls, version)},
		})
		must(err)
		return ledger.AcceptCatalogue{Proposal: proposal, Voters: voters}
	}
	must(l.Submit(registrar, ledger.ComplianceAcceptCatalogue, accept("1"), nil))
	c := assessments{next: accept("2"), excused: exception(l, "granted")}
	must(l.Submitted(t, statetest.Proposal{
		Client: l.Client(authority, ledger.RoleCertifier), Name: ledger.ComplianceGrantException, Request: c.excused,
		Transient: l.Agreed(orderOf(c.excused), d.persons[1]),
	}, nil))
	a := controlAssessment(l, "hp")
	must(l.Submit(l.Client(north, ledger.RoleCustodian), ledger.ComplianceAssess, a, nil))
	c.known = ledger.GetAssessment{Unit: a.Unit, ResultDigest: a.ResultDigest, Assessor: north}
	return c
}

// controlAssessment is an assessment of a unit of north with these results.
func controlAssessment(l *statetest.Ledger, results string) ledger.AssessControls {
	r := ledger.AssessControls{
		Unit: statetest.SeededUnit(north), Release: statetest.SeededRelease, Catalogue: sceneControls + "/1", Results: results,
		InputDigest: ledger.BodyDigest(nil), ResultDigest: ledger.BodyDigest([]byte(results)),
	}
	if results == "pp" {
		r.ValidTo = l.Now().UTC().AddDate(0, 1, 0)
	}
	return r
}

// exception bears with it that a unit of north fails a control, until tomorrow.
func exception(l *statetest.Ledger, reason string) ledger.GrantException {
	return ledger.GrantException{
		SubjectKind: ledger.SubjectDevice, Subject: statetest.SeededUnit(north), Catalogue: sceneControls + "/1", Control: "B-1",
		Effect: ledger.ExceptTolerated, ReasonDigest: ledger.BodyDigest([]byte(reason)), Until: l.Now().UTC().Add(24 * time.Hour),
	}
}

func orderOf(e ledger.GrantException) statetest.Order {
	return statetest.Order{Name: ledger.ComplianceGrantException, Request: e, Record: e.Key(), Credential: ledger.CredentialAssessor}
}

// complianceRights is who may call the contract "compliance".
var complianceRights = map[string]right{
	ledger.CompliancePublishCatalogue: {ledger.RoleRegistrar, nil, func(*scene) any { return controls("3") }},
	ledger.ComplianceAcceptCatalogue:  {ledger.RoleRegistrar, nil, func(s *scene) any { return s.next }},
	ledger.ComplianceRecordEvidence: {several, holders, func(*scene) any {
		return ledger.RecordEvidence{
			SubjectKind: ledger.SubjectDevice, Subject: statetest.SeededUnit(north), Catalogue: sceneControls + "/1", Control: "A-1",
			Claim: ledger.ClaimMet, Digest: ledger.BodyDigest(nil),
		}
	}},
	ledger.ComplianceAssess: {several, holders, func(s *scene) any { return controlAssessment(s.Ledger, "pp") }},
	ledger.ComplianceGrantException: {ledger.RoleCertifier, []string{authority}, func(s *scene) any {
		e := exception(s.Ledger, "another")
		return signed{orderOf(e), s.persons[:1]}
	}},
	ledger.ComplianceEndException: {ledger.RoleCertifier, []string{authority}, func(s *scene) any {
		e := s.excused
		return ledger.EndException{SubjectKind: e.SubjectKind, Subject: e.Subject, Control: e.Control, ReasonDigest: e.ReasonDigest}
	}},
	ledger.ComplianceGetCatalogue:    {"", nil, func(*scene) any { return ledger.GetCatalogue{Name: sceneControls, Version: "1"} }},
	ledger.ComplianceListCatalogues:  {"", nil, func(*scene) any { return ledger.ListCatalogues{} }},
	ledger.ComplianceGetInUse:        {"", nil, func(*scene) any { return ledger.GetCatalogueInUse{Name: sceneControls} }},
	ledger.ComplianceGetAssessment:   {"", nil, func(s *scene) any { return s.known }},
	ledger.ComplianceListAssessments: {"", nil, func(*scene) any { return ledger.ListAssessments{Unit: statetest.SeededUnit(north)} }},
	ledger.ComplianceListEvidence: {"", nil, func(*scene) any {
		return ledger.ListEvidence{SubjectKind: ledger.SubjectModel, Subject: statetest.SeededDI}
	}},
	ledger.ComplianceListExceptions: {"", nil, func(*scene) any {
		return ledger.ListExceptions{SubjectKind: ledger.SubjectDevice, Subject: statetest.SeededUnit(north)}
	}},
}

// compliancePlays draws its requests.
var compliancePlays = map[string]func(p *play, org string) any{
	ledger.CompliancePublishCatalogue: func(p *play, _ string) any {
		r := controls(p.pick("version", "1", "2"))
		r.Name = p.pick("name", sceneControls, "other")
		return r
	},
	ledger.ComplianceAcceptCatalogue: func(p *play, _ string) any {
		r := ledger.AcceptCatalogue{Proposal: p.proposed(), Voters: statetest.Organisations()[:rapid.IntRange(1, 5).Draw(p.t, "voters")]}
		if rapid.IntRange(0, 3).Draw(p.t, "unapproved") > 0 {
			_ = p.l.Submit(p.l.Client(maker, ledger.RoleRegistrar), ledger.CompliancePublishCatalogue, controls(p.pick("version", "1", "2")), nil)
			ask := ledger.Propose{Kind: ledger.ProposeAcceptCatalogue, Reason: "a play", Subject: p.subject(ledger.ProposeAcceptCatalogue)}
			if id, voters, err := p.l.Approve(ask); err == nil {
				r.Proposal, r.Voters = id, voters
			}
		}
		return r
	},
	ledger.ComplianceRecordEvidence: func(p *play, _ string) any {
		kind, subject := p.assessed()
		return ledger.RecordEvidence{
			SubjectKind: kind, Subject: subject, Catalogue: p.catalogue(), Control: p.pick("control", "A-1", "B-1"),
			Claim: p.pick("claim", ledger.ClaimMet, ledger.ClaimPartly, ledger.ClaimNotMet), Digest: p.id("evidence"),
		}
	},
	ledger.ComplianceAssess: func(p *play, _ string) any {
		r := controlAssessment(p.l, p.pick("results", "pp", "pf", "pt", "fp", "np"))
		r.Unit, r.Catalogue = p.unit(), p.catalogue()
		if rapid.Bool().Draw(p.t, "excepted") {
			e := exception(p.l, p.pick("reason", "a", "b"))
			r.Exceptions = []ledger.UsedException{{Control: e.Control, SubjectKind: e.SubjectKind, ReasonDigest: e.ReasonDigest}}
			r.ValidTo = p.l.Now().UTC().Add(time.Hour)
		}
		return r
	},
	ledger.ComplianceGrantException: func(p *play, _ string) any {
		e := exception(p.l, p.pick("reason", "a", "b"))
		e.SubjectKind, e.Subject = p.assessed()
		e.Control = p.pick("control", "A-1", "B-1")
		return signed{orderOf(e), p.persons(1)}
	},
	ledger.ComplianceEndException: func(p *play, _ string) any {
		e := exception(p.l, p.pick("reason", "a", "b"))
		return ledger.EndException{SubjectKind: e.SubjectKind, Subject: e.Subject, Control: e.Control, ReasonDigest: e.ReasonDigest}
	},
	ledger.ComplianceGetCatalogue:   func(p *play, _ string) any { return ledger.GetCatalogue{Name: sceneControls, Version: "1"} },
	ledger.ComplianceListCatalogues: func(*play, string) any { return ledger.ListCatalogues{Name: sceneControls} },
	ledger.ComplianceGetInUse:       func(*play, string) any { return ledger.GetCatalogueInUse{Name: sceneControls} },
	ledger.ComplianceGetAssessment: func(p *play, org string) any {
		return ledger.GetAssessment{Unit: p.unit(), ResultDigest: ledger.BodyDigest([]byte("pp")), Assessor: org}
	},
	ledger.ComplianceListAssessments: func(p *play, _ string) any { return ledger.ListAssessments{Unit: p.unit()} },
	ledger.ComplianceListEvidence: func(p *play, _ string) any {
		kind, subject := p.assessed()
		return ledger.ListEvidence{SubjectKind: kind, Subject: subject}
	},
	ledger.ComplianceListExceptions: func(p *play, _ string) any {
		kind, subject := p.assessed()
		return ledger.ListExceptions{SubjectKind: kind, Subject: subject}
	},
}

// assessed is a unit or a model.
func (p *play) assessed() (kind, subject string) {
	if rapid.Bool().Draw(p.t, "of a model") {
		return ledger.SubjectModel, p.di()
	}
	return ledger.SubjectDevice, p.unit()
}

// catalogue is mostly one that is in use.
func (p *play) catalogue() string {
	id := ledger.CatalogueID(sceneControls, p.pick("version", "1", "1", "2"))
	if rapid.IntRange(0, 4).Draw(p.t, "unaccepted") > 0 {
		registrar := p.l.Client(maker, ledger.RoleRegistrar)
		_ = p.l.Submit(registrar, ledger.CompliancePublishCatalogue, controls("1"), nil)
		proposal, voters, err := p.l.Approve(ledger.Propose{
			Kind: ledger.ProposeAcceptCatalogue, Reason: "a play", Subject: ledger.ProposalSubject{Catalogue: sceneControls + "/1"},
		})
		if err == nil { // whatever comes of it: it may be in use
			_ = p.l.Submit(registrar, ledger.ComplianceAcceptCatalogue, ledger.AcceptCatalogue{Proposal: proposal, Voters: voters}, nil)
		}
	}
	return id
}
