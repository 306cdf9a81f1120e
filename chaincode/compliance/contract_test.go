package compliance_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

const (
	north     = "hospital-north"
	south     = "hospital-south"
	maker     = "medtech"
	authority = "authority"
	catalogue = "secant-controls/1"
)

// office is a seeded ledger with a catalogue in use and an assessor.
type office struct {
	*statetest.Ledger
	t        *testing.T
	unit     string
	assessor *statetest.Person
}

func publication(version string) ledger.PublishCatalogue {
	return ledger.PublishCatalogue{Name: "secant-controls", Version: version, Digest: ledger.BodyDigest([]byte(version)), Controls: []ledger.CatalogueControl{
		{ID: "ID-1", Weight: 5, Critical: true}, {ID: "ID-3", Weight: 3}, {ID: "UP-2", Weight: 4},
	}}
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{Ledger: statetest.NewSeeded(t), t: t, unit: statetest.SeededUnit(north)}
	o.accept("1")
	var err error
	if o.assessor, err = o.Employ(authority, ledger.CredentialAssessor); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) by(org string, role ledger.Role, name string, request any) statetest.Proposal {
	return statetest.Proposal{Client: o.Client(org, role), Name: name, Request: request}
}

func (o *office) want(code ledger.Code, p statetest.Proposal) {
	o.t.Helper()
	statetest.Want(o.t, code, o.Submitted(o.t, p, nil))
}

func (o *office) accept(version string) {
	o.t.Helper()
	o.want("", o.by(authority, ledger.RoleRegistrar, ledger.CompliancePublishCatalogue, publication(version)))
	proposal, voters, err := o.Approve(ledger.Propose{
		Kind: ledger.ProposeAcceptCatalogue, Reason: "a sample", Subject: ledger.ProposalSubject{Catalogue: "secant-controls/" + version},
	})
	if err != nil {
		o.t.Fatal(err)
	}
	o.want("", o.by(authority, ledger.RoleRegistrar, ledger.ComplianceAcceptCatalogue, ledger.AcceptCatalogue{Proposal: proposal, Voters: voters}))
}

// assess is an assessment with these results, valid for so long where it is at all.
func (o *office) assess(org string, role ledger.Role, results string, life time.Duration, excepted ...ledger.GrantException) statetest.Proposal {
	req := ledger.AssessControls{
		Unit: o.unit, Release: statetest.SeededRelease, Catalogue: catalogue, Results: results,
		InputDigest: ledger.Digest("compliance-facts", []byte(results)), ResultDigest: ledger.BodyDigest([]byte(results)),
	}
	if life > 0 {
		req.ValidTo = o.Now().UTC().Add(life)
	}
	for _, e := range excepted {
		req.Exceptions = append(req.Exceptions, ledger.UsedException{Control: e.Control, SubjectKind: e.SubjectKind, ReasonDigest: e.ReasonDigest})
	}
	return o.by(org, role, ledger.ComplianceAssess, req)
}

func (o *office) exception(control, effect string, life time.Duration) ledger.GrantException {
	return ledger.GrantException{
		SubjectKind: ledger.SubjectDevice, Subject: o.unit, Catalogue: catalogue, Control: control, Effect: effect,
		ReasonDigest: ledger.BodyDigest([]byte(control + effect)), Until: o.Now().UTC().Add(life),
	}
}

// granted is a proposal that the assessor signed.
func (o *office) granted(e ledger.GrantException) statetest.Proposal {
	p := o.by(authority, ledger.RoleCertifier, ledger.ComplianceGrantException, e)
	p.Transient = o.Agreed(statetest.Order{Name: p.Name, Request: e, Record: e.Key(), Credential: ledger.CredentialAssessor}, o.assessor)
	return p
}

const month = 30 * 24 * time.Hour

// TestTheLedgerCounts: whoever answers for the unit states results, and never what
// they come to.
func TestTheLedgerCounts(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for org, c := range map[string]struct {
		role  ledger.Role
		party string
	}{
		north: {ledger.RoleCustodian, ledger.PartyOwner}, maker: {ledger.RoleRegistrar, ledger.PartyMaker}, authority: {ledger.RoleCertifier, ledger.PartyAuthority},
	} {
		p := o.assess(org, c.role, "phu", 0)
		statetest.Want(t, "", o.Submitted(t, p, nil))
		var got ledger.ControlAssessment
		key := ledger.GetAssessment{Unit: o.unit, ResultDigest: ledger.BodyDigest([]byte("phu")), Assessor: org}
		statetest.Want(t, "", o.Evaluate(o.Client(south, ""), ledger.ComplianceGetAssessment, key, &got))
		want := ledger.ControlAssessment{
			V: 1, Unit: o.unit, Release: statetest.SeededRelease, Catalogue: catalogue, Results: "phu", Score: 5416, Verdict: ledger.VerdictRefused,
			InputDigest: ledger.Digest("compliance-facts", []byte("phu")), ResultDigest: key.ResultDigest, Assessor: org, Party: c.party, Time: statetest.Start,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		o.want(ledger.CodeAlreadyExists, p)
	}
	var page ledger.AssessmentPage
	statetest.Want(t, "", o.Evaluate(o.Client(south, ""), ledger.ComplianceListAssessments, ledger.ListAssessments{Unit: o.unit}, &page))
	if len(page.Items) != 3 {
		t.Errorf("%d assessments are listed", len(page.Items))
	}
}

// TestWhoAndWhatIsRefused: strangers, other catalogues, other releases, a validity
// that the results do not give.
func TestWhoAndWhatIsRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	change := func(f func(*ledger.AssessControls)) statetest.Proposal {
		p := o.assess(north, ledger.RoleCustodian, "ppp", month)
		req, ok := p.Request.(ledger.AssessControls)
		if !ok {
			t.Fatal("the request is of another type")
		}
		f(&req)
		p.Request = req
		return p
	}
	for name, c := range map[string]struct {
		p    statetest.Proposal
		want ledger.Code
	}{
		"another hospital":           {o.assess(south, ledger.RoleCustodian, "ppp", month), ledger.CodeDenied},
		"the owner's registrar":      {o.assess(north, ledger.RoleRegistrar, "ppp", month), ledger.CodeDenied},
		"the owner's scorer":         {o.assess(north, ledger.RoleScorer, "ppp", month), ledger.CodeDenied},
		"a hospital as an authority": {o.assess(south, ledger.RoleCertifier, "ppp", month), ledger.CodeDenied},
		"results of another length":  {o.assess(north, ledger.RoleCustodian, "pp", month), ledger.CodeInvalid},
		"results of no letters":      {o.assess(north, ledger.RoleCustodian, "pp!", month), ledger.CodeInvalid},
		"certified for too long":     {o.assess(north, ledger.RoleCustodian, "ppp", ledger.MaxCertified+time.Hour), ledger.CodeInvalid},
		"conditional for too long":   {o.assess(north, ledger.RoleCustodian, "phh", ledger.MaxConditional+time.Hour), ledger.CodeInvalid},
		"certified for no time":      {o.assess(north, ledger.RoleCustodian, "ppp", 0), ledger.CodeInvalid},
		"failed, with a validity":    {o.assess(north, ledger.RoleCustodian, "fpp", month), ledger.CodeInvalid},
		"unknown, with a validity":   {o.assess(north, ledger.RoleCustodian, "upp", month), ledger.CodeInvalid},
		"an exception of nobody's":   {o.assess(north, ledger.RoleCustodian, "ppn", month), ledger.CodeDenied},
		"a critical one borne with":  {o.assess(north, ledger.RoleCustodian, "tpp", month), ledger.CodeInvalid},
		"another release":            {change(func(r *ledger.AssessControls) { r.Release = "9" }), ledger.CodeConflict},
		"an unknown catalogue":       {change(func(r *ledger.AssessControls) { r.Catalogue = "other/1" }), ledger.CodeDenied},
		"an unknown version":         {change(func(r *ledger.AssessControls) { r.Catalogue = "secant-controls/2" }), ledger.CodeDenied},
		"an unknown unit":            {change(func(r *ledger.AssessControls) { r.Unit = ledger.BodyDigest(nil) }), ledger.CodeNotFound},
	} {
		if err := o.Submitted(t, c.p, nil); ledger.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	o.want("", change(func(*ledger.AssessControls) {}))
}

// TestACatalogueIsAcceptedByVote: published is not accepted, and the one that is
// accepted ends the one before.
func TestACatalogueIsAcceptedByVote(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.want("", o.by(maker, ledger.RoleRegistrar, ledger.CompliancePublishCatalogue, publication("2")))
	o.want(ledger.CodeAlreadyExists, o.by(north, ledger.RoleRegistrar, ledger.CompliancePublishCatalogue, publication("2")))
	second := o.assess(north, ledger.RoleCustodian, "ppp", month)
	req, ok := second.Request.(ledger.AssessControls)
	if !ok {
		t.Fatal("the request is of another type")
	}
	req.Catalogue = "secant-controls/2"
	second.Request = req
	o.want(ledger.CodeDenied, second)
	ask := ledger.Propose{Kind: ledger.ProposeAcceptCatalogue, Reason: "a sample", Subject: ledger.ProposalSubject{Catalogue: "secant-controls/2"}}
	proposal, voters, err := o.Approve(ask)
	if err != nil {
		t.Fatal(err)
	}
	stale, _, err := o.Approve(ask)
	if err != nil {
		t.Fatal(err)
	}
	accept := func(proposal string, voters ...string) statetest.Proposal {
		return o.by(south, ledger.RoleRegistrar, ledger.ComplianceAcceptCatalogue, ledger.AcceptCatalogue{Proposal: proposal, Voters: voters})
	}
	o.want(ledger.CodeDenied, accept(proposal, voters[:2]...))
	o.want(ledger.CodeNotFound, accept(proposal, voters[0], voters[1], authority))
	o.want(ledger.CodeInvalid, o.by(south, ledger.RoleRegistrar, ledger.IdentityEnact, ledger.Enact{Proposal: proposal, Voters: voters}))
	o.want("", accept(proposal, voters...))
	o.want(ledger.CodeAlreadyExists, accept(proposal, voters...))
	o.want(ledger.CodeAlreadyExists, accept(stale, voters...))
	var used ledger.CatalogueInUse
	statetest.Want(t, "", o.Evaluate(o.Client(north, ""), ledger.ComplianceGetInUse, ledger.GetCatalogueInUse{Name: "secant-controls"}, &used))
	if used.Version != "2" || used.Revision != 2 || used.Proposal != proposal {
		t.Errorf("in use is %+v", used)
	}
	o.want("", second)
	o.want(ledger.CodeDenied, o.assess(north, ledger.RoleCustodian, "ppp", month))
	o.want(ledger.CodeNotFound, o.by(north, ledger.RoleRegistrar, ledger.IdentityPropose, ledger.Propose{
		Kind: ledger.ProposeAcceptCatalogue, Reason: "a sample", Subject: ledger.ProposalSubject{Catalogue: "secant-controls/3"},
	}))
}

// TestExceptionsAreSignedAndEnd: what stands by an exception stands no longer than
// it, and not after it was ended.
func TestExceptionsAreSignedAndEnd(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	tolerated, none := o.exception("ID-3", ledger.ExceptTolerated, 48*time.Hour), o.exception("ID-1", ledger.ExceptNotApplicable, month)
	unsigned := o.granted(tolerated)
	unsigned.Transient = nil
	o.want(ledger.CodeDenied, unsigned)
	critical := o.exception("ID-1", ledger.ExceptTolerated, month)
	o.want(ledger.CodeDenied, o.granted(critical))
	long := o.exception("ID-3", ledger.ExceptTolerated, ledger.MaxException+time.Hour)
	o.want(ledger.CodeInvalid, o.granted(long))
	past := o.exception("ID-3", ledger.ExceptTolerated, -time.Hour)
	o.want(ledger.CodeInvalid, o.granted(past))
	o.want(ledger.CodeNotFound, o.granted(o.exception("ZZ-9", ledger.ExceptTolerated, month)))
	good := o.granted(tolerated)
	o.want("", good)
	o.want(ledger.CodeAlreadyExists, good) // its statement has served
	o.want("", o.granted(none))

	o.want(ledger.CodeInvalid, o.assess(north, ledger.RoleCustodian, "ptp", month, tolerated)) // longer than the exception
	o.want(ledger.CodeInvalid, o.assess(north, ledger.RoleCustodian, "ppp", month, tolerated)) // of no use
	o.want(ledger.CodeDenied, o.assess(north, ledger.RoleCustodian, "pnp", time.Hour, tolerated))
	o.want(ledger.CodeNotFound, o.assess(north, ledger.RoleCustodian, "ptp", time.Hour, o.exception("ID-3", ledger.ExceptNotApplicable, month)))
	var got ledger.ControlAssessment
	statetest.Want(t, "", o.Submitted(t, o.assess(north, ledger.RoleCustodian, "ntp", 24*time.Hour, none, tolerated), &got))
	if got.Verdict != ledger.VerdictRefused && got.Verdict != ledger.VerdictConditional {
		t.Errorf("with something borne with it is %s", got.Verdict)
	}
	var listed ledger.ExceptionPage
	statetest.Want(t, "", o.Evaluate(o.Client(south, ""), ledger.ComplianceListExceptions, ledger.ListExceptions{SubjectKind: ledger.SubjectDevice, Subject: o.unit}, &listed))
	if len(listed.Items) != 2 || len(listed.Items[0].Persons) != 1 || listed.Items[0].Persons[0].Organisation != authority {
		t.Errorf("listed are %+v", listed.Items)
	}

	o.Advance(48 * time.Hour)
	o.want(ledger.CodeDenied, o.assess(north, ledger.RoleCustodian, "pth", time.Hour, tolerated)) // over
	end := ledger.EndException{SubjectKind: none.SubjectKind, Subject: none.Subject, Control: none.Control, ReasonDigest: none.ReasonDigest}
	o.want(ledger.CodeDenied, o.by(north, ledger.RoleCustodian, ledger.ComplianceEndException, end))
	o.want("", o.assess(north, ledger.RoleCustodian, "npp", time.Hour, none))
	o.want("", o.by(authority, ledger.RoleCertifier, ledger.ComplianceEndException, end))
	o.want(ledger.CodeGone, o.assess(north, ledger.RoleCustodian, "nph", time.Hour, none))
}

// TestARecalledUnitIsNotFit: it can be judged, and not found fit.
func TestARecalledUnitIsNotFit(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.want("", o.by(maker, ledger.RoleRegistrar, ledger.DeviceRecall, ledger.RecallDevices{
		DI: statetest.SeededDI, Kind: ledger.RecallRelease, Value: statetest.SeededRelease, Class: ledger.RecallClassII, NoticeDigest: ledger.BodyDigest(nil),
	}))
	o.want(ledger.CodeDenied, o.assess(north, ledger.RoleCustodian, "ppp", month))
	o.want("", o.assess(north, ledger.RoleCustodian, "fpp", 0))
}

// TestACertificationIsWhatTheAssessmentCameTo: under the name of a catalogue in use,
// the person who signs cannot say anything else than was counted.
func TestACertificationIsWhatTheAssessmentCameTo(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.want("", o.assess(authority, ledger.RoleCertifier, "ppp", month))
	o.want("", o.assess(north, ledger.RoleCustodian, "pph", month))
	certify := func(f func(*ledger.CertifyUnit)) statetest.Proposal {
		req := ledger.CertifyUnit{
			ID: o.unit, Revision: 1, Catalogue: catalogue, Score: ledger.MaxScore, Verdict: ledger.VerdictCertified,
			ResultDigest: ledger.BodyDigest([]byte("ppp")), ValidTo: statetest.Start.Add(month),
		}
		f(&req)
		p := o.by(authority, ledger.RoleCertifier, ledger.DeviceCertify, req)
		p.Transient = o.Agreed(statetest.Order{Name: p.Name, Request: req, Record: ledger.UnitKey(o.unit), Revision: 1, Credential: ledger.CredentialAssessor}, o.assessor)
		return p
	}
	for name, c := range map[string]struct {
		change func(*ledger.CertifyUnit)
		want   ledger.Code
	}{
		"another score":        {func(r *ledger.CertifyUnit) { r.Score = 9999 }, ledger.CodeInvalid},
		"another verdict":      {func(r *ledger.CertifyUnit) { r.Verdict = ledger.VerdictConditional }, ledger.CodeInvalid},
		"a longer validity":    {func(r *ledger.CertifyUnit) { r.ValidTo = r.ValidTo.Add(time.Hour) }, ledger.CodeInvalid},
		"results of nobody's":  {func(r *ledger.CertifyUnit) { r.ResultDigest = ledger.BodyDigest(nil) }, ledger.CodeNotFound},
		"results of the owner": {func(r *ledger.CertifyUnit) { r.ResultDigest = ledger.BodyDigest([]byte("pph")) }, ledger.CodeNotFound},
		"another version":      {func(r *ledger.CertifyUnit) { r.Catalogue = "secant-controls/0" }, ledger.CodeDenied},
	} {
		if err := o.Submitted(t, certify(c.change), nil); ledger.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	o.want("", certify(func(r *ledger.CertifyUnit) { r.ValidTo = r.ValidTo.Add(-time.Hour) }))
	o.Advance(ledger.MaxAssessmentAge + time.Hour)
	o.want(ledger.CodeGone, certify(func(r *ledger.CertifyUnit) { r.Revision = 2 }))
}

// TestNothingIsCertifiedByWhatNoLongerHolds: not after a recall, the end of an
// exception or a refusal that came after the assessment.
func TestNothingIsCertifiedByWhatNoLongerHolds(t *testing.T) {
	t.Parallel()
	none := ledger.GrantException{}
	for name, c := range map[string]struct {
		since func(o *office, certify func(string, int) statetest.Proposal)
		rev   int
		want  ledger.Code
	}{
		"nothing": {func(*office, func(string, int) statetest.Proposal) {}, 1, ""},
		"a recall": {func(o *office, _ func(string, int) statetest.Proposal) {
			o.want("", o.by(maker, ledger.RoleRegistrar, ledger.DeviceRecall, ledger.RecallDevices{
				DI: statetest.SeededDI, Kind: ledger.RecallRelease, Value: statetest.SeededRelease, Class: ledger.RecallClassII, NoticeDigest: ledger.BodyDigest(nil),
			}))
		}, 1, ledger.CodeDenied},
		"the end of its exception": {func(o *office, _ func(string, int) statetest.Proposal) {
			o.want("", o.by(authority, ledger.RoleCertifier, ledger.ComplianceEndException, ledger.EndException{
				SubjectKind: none.SubjectKind, Subject: none.Subject, Control: none.Control, ReasonDigest: none.ReasonDigest,
			}))
		}, 1, ledger.CodeGone},
		"a refusal": {func(o *office, certify func(string, int) statetest.Proposal) {
			o.Advance(time.Hour)
			o.want("", o.assess(authority, ledger.RoleCertifier, "fpp", 0))
			o.want("", certify("fpp", 1))
		}, 2, ledger.CodeGone},
	} {
		o := newOffice(t)
		none = o.exception("ID-3", ledger.ExceptNotApplicable, 2*month)
		o.want("", o.granted(none))
		o.want("", o.assess(authority, ledger.RoleCertifier, "pnp", month, none))
		certify := func(results string, revision int) statetest.Proposal {
			req := ledger.CertifyUnit{
				ID: o.unit, Revision: revision, Catalogue: catalogue, Score: ledger.MaxScore, Verdict: ledger.VerdictCertified,
				ResultDigest: ledger.BodyDigest([]byte(results)), ValidTo: statetest.Start.Add(month),
			}
			if results == "fpp" {
				req.Score, req.Verdict, req.ValidTo = 5833, ledger.VerdictNotCertifiable, time.Time{}
			}
			p := o.by(authority, ledger.RoleCertifier, ledger.DeviceCertify, req)
			p.Transient = o.Agreed(statetest.Order{Name: p.Name, Request: req, Record: ledger.UnitKey(o.unit), Revision: revision, Credential: ledger.CredentialAssessor}, o.assessor)
			return p
		}
		c.since(o, certify)
		if err := o.Submitted(t, certify("pnp", c.rev), nil); ledger.CodeOf(err) != c.want {
			t.Errorf("after %s: %v, want %q", name, err, c.want)
		}
	}
}

func TestEvidenceIsOfWhoHasIt(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	of := func(kind, subject, control string, until time.Time) ledger.RecordEvidence {
		return ledger.RecordEvidence{
			SubjectKind: kind, Subject: subject, Catalogue: catalogue, Control: control, Claim: ledger.ClaimMet,
			Digest: ledger.BodyDigest([]byte(control)), Until: until,
		}
	}
	unit, model := of(ledger.SubjectDevice, o.unit, "ID-1", time.Time{}), of(ledger.SubjectModel, statetest.SeededDI, "ID-1", o.Now().UTC().Add(month))
	o.want(ledger.CodeDenied, o.by(south, ledger.RoleCustodian, ledger.ComplianceRecordEvidence, unit))
	o.want(ledger.CodeDenied, o.by(north, ledger.RoleCustodian, ledger.ComplianceRecordEvidence, model)) // no model is a hospital's
	o.want(ledger.CodeNotFound, o.by(north, ledger.RoleCustodian, ledger.ComplianceRecordEvidence, of(ledger.SubjectDevice, o.unit, "ZZ-1", time.Time{})))
	o.want(ledger.CodeInvalid, o.by(north, ledger.RoleCustodian, ledger.ComplianceRecordEvidence, of(ledger.SubjectDevice, o.unit, "ID-1", o.Now().UTC())))
	o.want("", o.by(north, ledger.RoleCustodian, ledger.ComplianceRecordEvidence, unit))
	o.want("", o.by(authority, ledger.RoleCertifier, ledger.ComplianceRecordEvidence, model))
	o.want("", o.by(maker, ledger.RoleRegistrar, ledger.ComplianceRecordEvidence, model))
	o.want(ledger.CodeAlreadyExists, o.by(maker, ledger.RoleRegistrar, ledger.ComplianceRecordEvidence, model))
	var page ledger.EvidencePage
	statetest.Want(t, "", o.Evaluate(o.Client(south, ""), ledger.ComplianceListEvidence, ledger.ListEvidence{SubjectKind: ledger.SubjectModel, Subject: statetest.SeededDI}, &page))
	if len(page.Items) != 2 || page.Items[0].Party != ledger.PartyAuthority || page.Items[1].Party != ledger.PartyMaker {
		t.Errorf("the evidence of the model is %+v", page.Items)
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	retire := func(o *office) statetest.Proposal {
		return o.by(north, ledger.RoleCustodian, ledger.DeviceHold, ledger.HoldUnit{ID: o.unit, Revision: 1, Reason: ledger.HoldControl})
	}
	same := func(o *office) statetest.Proposal { return o.assess(north, ledger.RoleCustodian, "ppp", month) }
	for _, c := range []struct {
		name  string
		a, b  func(*office) statetest.Proposal
		valid []bool
	}{
		{"one assessment twice: the second loses", same, same, []bool{true, false}},
		{
			"assessments by two: neither loses", same,
			func(o *office) statetest.Proposal { return o.assess(maker, ledger.RoleRegistrar, "ppp", month) },
			[]bool{true, true},
		},
		{"a step of the unit, then an assessment: the assessment loses", retire, same, []bool{true, false}},
		{"an assessment, then a step of the unit: neither loses", same, retire, []bool{true, true}},
		{
			"an exception ends while something stands by it: that loses",
			func(o *office) statetest.Proposal {
				e := o.exception("ID-3", ledger.ExceptNotApplicable, month)
				return o.by(authority, ledger.RoleCertifier, ledger.ComplianceEndException,
					ledger.EndException{SubjectKind: e.SubjectKind, Subject: e.Subject, Control: e.Control, ReasonDigest: e.ReasonDigest})
			},
			func(o *office) statetest.Proposal {
				return o.assess(north, ledger.RoleCustodian, "pnp", time.Hour, o.exception("ID-3", ledger.ExceptNotApplicable, month))
			},
			[]bool{true, false},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.want("", o.granted(o.exception("ID-3", ledger.ExceptNotApplicable, month)))
			if diff := cmp.Diff(c.valid, o.Race(t, c.a(o), c.b(o))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestADocumentServesUnderTheNextVersion: what was said under a catalogue that is no
// longer in use is said again under the one that is, once; an exception that was ended
// stays so.
func TestADocumentServesUnderTheNextVersion(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	evidence := ledger.RecordEvidence{
		SubjectKind: ledger.SubjectDevice, Subject: o.unit, Catalogue: catalogue, Control: "ID-1", Claim: ledger.ClaimMet, Digest: ledger.BodyDigest(nil),
	}
	record := func() statetest.Proposal {
		return o.by(north, ledger.RoleCustodian, ledger.ComplianceRecordEvidence, evidence)
	}
	kept, ended := o.exception("ID-1", ledger.ExceptNotApplicable, month), o.exception("ID-3", ledger.ExceptNotApplicable, month)
	for _, version := range []string{"", "2"} {
		want := ledger.Code("")
		if version != "" {
			o.accept(version)
			evidence.Catalogue, want = "secant-controls/"+version, ledger.CodeGone
			kept.Catalogue, ended.Catalogue = evidence.Catalogue, evidence.Catalogue
		}
		o.want("", record())
		o.want(ledger.CodeAlreadyExists, record())
		o.want("", o.granted(kept))
		o.want(ledger.CodeAlreadyExists, o.granted(kept))
		o.want(want, o.granted(ended))
		if version == "" {
			o.want("", o.by(authority, ledger.RoleCertifier, ledger.ComplianceEndException, ledger.EndException{
				SubjectKind: ended.SubjectKind, Subject: ended.Subject, Control: ended.Control, ReasonDigest: ended.ReasonDigest,
			}))
		}
	}
	var page ledger.EvidencePage
	statetest.Want(t, "", o.Evaluate(o.Client(south, ""), ledger.ComplianceListEvidence, ledger.ListEvidence{SubjectKind: ledger.SubjectDevice, Subject: o.unit}, &page))
	if len(page.Items) != 1 || page.Items[0].Catalogue != "secant-controls/2" {
		t.Errorf("%+v", page.Items)
	}
}
