package compliance_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/chaincode/ledger"
)

var now = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

const day = 24 * time.Hour

// good are the facts of a unit about which everything is known and well.
func good() compliance.Facts {
	proof := now.Add(-time.Hour)
	f := compliance.Facts{
		At:      now,
		Unit:    compliance.Unit{ID: ledger.BodyDigest(nil), Lot: "L1", State: ledger.StateRegistered, Signs: true, IDevID: true, LDevID: true},
		Model:   compliance.Model{DI: "04012345678901", BasicUDIDI: "401234567MON1", SRN: "DE-MF-000012345", RiskClass: "IIb", SupportEnd: "2031-12-31"},
		Release: compliance.Release{Version: "1.0.0", SBOMDigest: ledger.BodyDigest([]byte("bill")), Signed: true},
		Bill:    compliance.Bill{State: compliance.BillRead, Version: "1.0.0", Components: 12, Identified: 12},
		Vulnerabilities: &compliance.Vulnerabilities{Lists: []string{ledger.BodyDigest([]byte("list"))}, Known: []compliance.Vulnerability{
			{ID: "CVE-2026-0001", Severity: 98, Exploited: true, Status: compliance.StatusFixed, Published: now.Add(-100 * day)},
		}},
		Attestation: &compliance.Attestation{Verdict: compliance.AttestationAffirming, Time: now.Add(-2 * time.Hour), Digest: ledger.BodyDigest([]byte("eat"))},
		KeyProof:    &proof,
		Readings:    &compliance.Readings{Checked: 100, Verified: 100},
	}
	for _, c := range compliance.BuiltIn().Controls {
		if c.Check == "evidence" {
			f.Evidence = append(f.Evidence, met(c.ID, ledger.PartyAuthority))
		}
	}
	return f
}

func met(control, party string) compliance.Evidence {
	return compliance.Evidence{
		Control: control, SubjectKind: ledger.SubjectModel, Claim: ledger.ClaimMet, Digest: ledger.BodyDigest([]byte(control)),
		By: party, Party: party, Time: now.Add(-day),
	}
}

func evaluate(t *testing.T, f compliance.Facts) *compliance.Assessment {
	t.Helper()
	a, err := compliance.Evaluate(compliance.BuiltIn(), f)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func resultOf(t *testing.T, a *compliance.Assessment, control string) compliance.Result {
	t.Helper()
	i := slices.IndexFunc(a.Results, func(r compliance.Result) bool { return r.Control == control })
	if i < 0 {
		t.Fatalf("nothing is said of %s", control)
	}
	return a.Results[i]
}

func TestAllWellIsCertifiedForAYear(t *testing.T) {
	t.Parallel()
	a := evaluate(t, good())
	if a.Score != ledger.MaxScore || a.Verdict != ledger.VerdictCertified || !a.ValidTo.Equal(now.Add(365*day)) || strings.Trim(a.Letters(), "p") != "" {
		t.Errorf("it is %d, %s until %s: %s", a.Score, a.Verdict, a.ValidTo, a.Letters())
		for _, r := range a.Results {
			if r.Result != "pass" {
				t.Log(r.Control, r.Result, r.Reason)
			}
		}
	}
	if reason, why := a.Hold(compliance.BuiltIn()); reason != "" || len(a.Conditions(compliance.BuiltIn())) != 0 {
		t.Errorf("it would be held for %s: %s", reason, why)
	}
	request := a.Request()
	if err := request.Validate(); err != nil || request.ResultDigest != a.Digest() {
		t.Error(err)
	}
}

// TestNothingKnownIsNothingMet, and holds nothing.
func TestNothingKnownIsNothingMet(t *testing.T) {
	t.Parallel()
	a := evaluate(t, compliance.Facts{
		At: now, Unit: compliance.Unit{ID: ledger.BodyDigest(nil)}, Model: compliance.Model{DI: "04012345678901"}, Bill: compliance.Bill{State: compliance.BillAbsent},
	})
	if a.Verdict != ledger.VerdictNotCertifiable || !a.ValidTo.IsZero() || a.Score > 1000 {
		t.Errorf("it is %d, %s until %s", a.Score, a.Verdict, a.ValidTo)
	}
	if reason, _ := a.Hold(compliance.BuiltIn()); reason != "" {
		t.Errorf("it is held for %s", reason)
	}
}

// TestEachControl changes one fact of a good unit at a time.
func TestEachControl(t *testing.T) {
	t.Parallel()
	long := now.Add(-31 * day)
	for _, c := range []struct {
		what, control, want string
		change              func(*compliance.Facts)
		hold                string
	}{
		{"a wrong check digit", "ID-1", "fail", func(f *compliance.Facts) { f.Model.DI = "04012345678907" }, ledger.HoldControl},
		{"an identifier of nobody's form", "ID-1", "fail", func(f *compliance.Facts) { f.Model.DI = "DI-1" }, ledger.HoldControl},
		{"a GTIN of 13 digits", "ID-1", "pass", func(f *compliance.Facts) { f.Model.DI = "2004100000012" }, ""},
		{"a GTIN of 11 digits", "ID-1", "fail", func(f *compliance.Facts) { f.Model.DI = "04012345678" }, ledger.HoldControl},
		{"HIBCC's example", "ID-1", "pass", func(f *compliance.Facts) { f.Model.DI = "+A123BJC5D6E71G" }, ""},
		{"HIBCC's example, altered", "ID-1", "fail", func(f *compliance.Facts) { f.Model.DI = "+A123BJC5D6E72G" }, ledger.HoldControl},
		{"an ISBT 128 identifier", "ID-1", "pass", func(f *compliance.Facts) { f.Model.DI = "=/A9999XYZ100T0944" }, ""},
		{"no group", "ID-1", "partial", func(f *compliance.Facts) { f.Model.BasicUDIDI = "" }, ""},
		{"no registration number", "ID-1", "partial", func(f *compliance.Facts) { f.Model.SRN = "" }, ""},
		{"no key", "ID-2", "unknown", func(f *compliance.Facts) { f.Unit.Signs = false }, ""},
		{"never signed", "ID-2", "unknown", func(f *compliance.Facts) { f.KeyProof = nil }, ""},
		{"signed long ago", "ID-2", "unknown", func(f *compliance.Facts) { f.KeyProof = &long }, ""},
		{"no identity certificate", "ID-2", "partial", func(f *compliance.Facts) { f.Unit.IDevID = false }, ""},
		{"no local identity", "ID-3", "unknown", func(f *compliance.Facts) { f.Unit.LDevID = false }, ""},
		{"no bill", "SB-1", "unknown", func(f *compliance.Facts) { f.Bill = compliance.Bill{State: compliance.BillAbsent} }, ""},
		{"an unreadable bill", "SB-1", "fail", func(f *compliance.Facts) { f.Bill = compliance.Bill{State: compliance.BillUnreadable} }, ledger.HoldControl},
		{"an empty bill", "SB-1", "fail", func(f *compliance.Facts) { f.Bill = compliance.Bill{State: compliance.BillRead} }, ledger.HoldControl},
		{"the bill of another version", "SB-1", "fail", func(f *compliance.Facts) { f.Bill.Version = "0.9" }, ledger.HoldControl},
		{"the bill with a v before its version", "SB-1", "pass", func(f *compliance.Facts) { f.Bill.Version = "v1.0.0" }, ""},
		{"the release with a V before its version", "SB-1", "pass", func(f *compliance.Facts) { f.Release.Version = "V1.0.0" }, ""},
		{"the bill with space around its version", "SB-1", "pass", func(f *compliance.Facts) { f.Bill.Version = " 1.0.0 " }, ""},
		{"the bill of a shorter version", "SB-1", "fail", func(f *compliance.Facts) { f.Bill.Version = "1.0" }, ledger.HoldControl},
		{"the bill of a version that only begins with v", "SB-1", "fail", func(f *compliance.Facts) { f.Bill.Version = "version1.0.0" }, ledger.HoldControl},
		{"a bill without version", "SB-1", "partial", func(f *compliance.Facts) { f.Bill.Version = "" }, ""},
		{"components without names", "SB-1", "partial", func(f *compliance.Facts) { f.Bill.Identified-- }, ""},
		{"no list of exploited ones", "SB-2", "unknown", func(f *compliance.Facts) { f.Vulnerabilities.Lists = nil }, ""},
		{"nobody looked", "SB-2", "unknown", func(f *compliance.Facts) { f.Vulnerabilities = nil }, ""},
		{"an exploited one", "SB-2", "fail", func(f *compliance.Facts) { f.Vulnerabilities.Known[0].Status = compliance.StatusAffected }, ledger.HoldVulnerability},
		{"an exploited one that does not matter", "SB-2", "pass", func(f *compliance.Facts) { f.Vulnerabilities.Known[0].Status = compliance.StatusNotAffected }, ""},
		{"no answer", "SB-3", "fail", func(f *compliance.Facts) {
			f.Vulnerabilities.Known[0].Status, f.Vulnerabilities.Known[0].Exploited = "", false
		}, ""},
		{"a late mending", "SB-3", "partial", func(f *compliance.Facts) {
			f.Vulnerabilities.Known[0].Status, f.Vulnerabilities.Known[0].Exploited = compliance.StatusAffected, false
		}, ""},
		{"an unsigned release", "UP-1", "unknown", func(f *compliance.Facts) { f.Release.Signed = false }, ""},
		{"a signed release, not attested", "UP-1", "partial", func(f *compliance.Facts) { f.Attestation = nil }, ""},
		{"another measurement", "UP-1", "fail", func(f *compliance.Facts) { f.Attestation.Verdict = compliance.AttestationContraindicated }, ledger.HoldAttestation},
		{"another start", "UP-3", "fail", func(f *compliance.Facts) { f.Attestation.Verdict = compliance.AttestationContraindicated }, ledger.HoldAttestation},
		{"an attestation of nothing", "UP-3", "unknown", func(f *compliance.Facts) { f.Attestation.Verdict = compliance.AttestationUnknown }, ""},
		{"an attestation of nothing, and the release", "UP-1", "partial", func(f *compliance.Facts) { f.Attestation.Verdict = compliance.AttestationUnknown }, ""},
		{"an old attestation", "UP-3", "partial", func(f *compliance.Facts) { f.Attestation.Time = now.Add(-25 * time.Hour) }, ""},
		{"one of last year", "UP-3", "unknown", func(f *compliance.Facts) { f.Attestation.Time = now.AddDate(-1, 0, 0) }, ""},
		{"one of last year, and the release", "UP-1", "partial", func(f *compliance.Facts) { f.Attestation.Time = now.AddDate(-1, 0, 0) }, ""},
		{"no end of support", "UP-2", "unknown", func(f *compliance.Facts) { f.Model.SupportEnd = "" }, ""},
		{"the last day of support", "UP-2", "partial", func(f *compliance.Facts) { f.Model.SupportEnd = "2026-03-02" }, ""},
		{"support that ended", "UP-2", "fail", func(f *compliance.Facts) { f.Model.SupportEnd = "2026-03-01" }, ""},
		{"readings that do not verify", "DI-1", "fail", func(f *compliance.Facts) { f.Readings.Verified-- }, ledger.HoldSignatures},
		{"gaps", "DI-1", "fail", func(f *compliance.Facts) { f.Readings.Gaps = 1 }, ledger.HoldSignatures},
		{"readings that nobody counted", "DI-1", "unknown", func(f *compliance.Facts) { f.Readings = nil }, ""},
		{"unsigned readings beside", "DI-1", "unknown", func(f *compliance.Facts) { f.Readings.Unsigned = f.KeyProof }, ""},
		{"unsigned readings long ago", "DI-1", "pass", func(f *compliance.Facts) { f.Readings.Unsigned = &long }, ""},
		{"a unit that cannot sign", "DI-1", "unknown", func(f *compliance.Facts) { f.Unit.Signs = false }, ""},
		{"a recall", "CE-2", "fail", func(f *compliance.Facts) {
			f.Recalls = []compliance.Recall{{Kind: ledger.RecallLot, Revision: 1, Class: ledger.RecallClassII}}
		}, ledger.HoldControl},
		{"a certificate that ran out", "CE-1", "unknown", func(f *compliance.Facts) { set(f, "CE-1", func(e *compliance.Evidence) { e.Until = now }) }, ""},
		{"a certificate by the maker's word", "CE-1", "unknown", func(f *compliance.Facts) {
			set(f, "CE-1", func(e *compliance.Evidence) { e.Party = ledger.PartyMaker })
		}, ""},
		{"a certificate that was withdrawn", "CE-1", "fail", func(f *compliance.Facts) {
			set(f, "CE-1", func(e *compliance.Evidence) { e.Claim = ledger.ClaimNotMet })
		}, ""},
		{"a certificate that was withdrawn, of this unit", "CE-1", "fail", func(f *compliance.Facts) {
			set(f, "CE-1", func(e *compliance.Evidence) { e.Claim, e.SubjectKind = ledger.ClaimNotMet, ledger.SubjectDevice })
		}, ledger.HoldControl},
		{"met in part", "AC-1", "partial", func(f *compliance.Facts) {
			set(f, "AC-1", func(e *compliance.Evidence) { e.Claim = ledger.ClaimPartly })
		}, ""},
		{"the worst of two", "AC-1", "fail", func(f *compliance.Facts) {
			e := met("AC-1", ledger.PartyOwner)
			e.Claim = ledger.ClaimNotMet
			f.Evidence = append(f.Evidence, e)
		}, ""},
		{"the newest of one", "AC-1", "pass", func(f *compliance.Facts) {
			e := met("AC-1", ledger.PartyAuthority)
			e.Claim, e.Time, e.Digest = ledger.ClaimNotMet, now.Add(-9*day), ledger.BodyDigest(nil)
			f.Evidence = append(f.Evidence, e)
		}, ""},
		{"the newest of one, which ran out", "AC-1", "unknown", func(f *compliance.Facts) {
			e := met("AC-1", ledger.PartyAuthority)
			e.Claim, e.Time, e.Until, e.Digest = ledger.ClaimNotMet, now.Add(-day/2), now, ledger.BodyDigest(nil)
			f.Evidence = append(f.Evidence, e)
		}, ""},
		{"an authority where facts show nothing", "ID-2", "pass", func(f *compliance.Facts) {
			f.KeyProof, f.Evidence = nil, append(f.Evidence, met("ID-2", ledger.PartyAuthority))
		}, ""},
		{"an authority against the facts", "ID-2", "fail", func(f *compliance.Facts) {
			e := met("ID-2", ledger.PartyAuthority)
			e.Claim = ledger.ClaimNotMet
			f.Evidence = append(f.Evidence, e)
		}, ""},
		{"evidence against what facts show to fail", "ID-1", "fail", func(f *compliance.Facts) {
			f.Model.DI, f.Evidence = "DI-1", append(f.Evidence, met("ID-1", ledger.PartyAuthority))
		}, ledger.HoldControl},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			f := good()
			c.change(&f)
			a := evaluate(t, f)
			if got := resultOf(t, a, c.control); got.Result != c.want || got.Reason == "" {
				t.Errorf("%s is %s: %s", c.control, got.Result, got.Reason)
			}
			if reason, why := a.Hold(compliance.BuiltIn()); reason != c.hold {
				t.Errorf("it is held for %q (%s), want %q", reason, why, c.hold)
			}
		})
	}
}

// TestWordsOfAWholeModelAreAPersonsToDecide: what somebody says of a model fails the
// control, and holds no unit by itself; facts, and what is said of the unit, do.
func TestWordsOfAWholeModelAreAPersonsToDecide(t *testing.T) {
	t.Parallel()
	against := func(kind string) compliance.Evidence {
		e := met("CE-1", ledger.PartyAuthority)
		e.Claim, e.SubjectKind, e.By = ledger.ClaimNotMet, kind, "authority-2"
		return e
	}
	for name, c := range map[string]struct {
		change func(*compliance.Facts)
		decide []string
		hold   string
	}{
		"nothing":      {func(*compliance.Facts) {}, nil, ""},
		"of the model": {func(f *compliance.Facts) { f.Evidence = append(f.Evidence, against(ledger.SubjectModel)) }, []string{"CE-1"}, ""},
		"of the unit":  {func(f *compliance.Facts) { f.Evidence = append(f.Evidence, against(ledger.SubjectDevice)) }, nil, ledger.HoldControl},
		"of both": {func(f *compliance.Facts) {
			f.Evidence = append(f.Evidence, against(ledger.SubjectModel), against(ledger.SubjectDevice))
		}, nil, ledger.HoldControl},
		"of the model, and a recall": {func(f *compliance.Facts) {
			f.Evidence = append(f.Evidence, against(ledger.SubjectModel))
			f.Recalls = []compliance.Recall{{Kind: ledger.RecallLot, Revision: 1, Class: ledger.RecallClassII}}
		}, []string{"CE-1"}, ledger.HoldControl},
	} {
		f := good()
		c.change(&f)
		a := evaluate(t, f)
		if got := a.ToDecide(compliance.BuiltIn()); !slices.Equal(got, c.decide) {
			t.Errorf("%s: left to a person is %v", name, got)
		}
		if reason, _ := a.Hold(compliance.BuiltIn()); reason != c.hold {
			t.Errorf("%s: it is held for %q", name, reason)
		}
		if len(c.decide) > 0 && a.Verdict != ledger.VerdictNotCertifiable {
			t.Errorf("%s: it comes to %s", name, a.Verdict)
		}
	}
}

// set changes the evidence of a control.
func set(f *compliance.Facts, control string, change func(*compliance.Evidence)) {
	for i := range f.Evidence {
		if f.Evidence[i].Control == control {
			change(&f.Evidence[i])
		}
	}
}

func except(control, effect string, until time.Time) compliance.Exception {
	return compliance.Exception{
		Control: control, SubjectKind: ledger.SubjectModel, Effect: effect, ReasonDigest: ledger.BodyDigest([]byte(control)), By: "authority", Until: until,
	}
}

// TestVerdicts: what results come to, and for how long it stands.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	without := func(f *compliance.Facts, controls ...string) {
		f.Evidence = slices.DeleteFunc(f.Evidence, func(e compliance.Evidence) bool { return slices.Contains(controls, e.Control) })
	}
	for name, c := range map[string]struct {
		change  func(*compliance.Facts)
		verdict string
		until   time.Duration
	}{
		"a few gaps":     {func(f *compliance.Facts) { without(f, "AC-1", "AU-1", "NW-1") }, ledger.VerdictCertified, 365 * day},
		"many gaps":      {func(f *compliance.Facts) { without(f, "AC-1", "AU-1", "NW-1", "CR-1", "PR-1") }, ledger.VerdictConditional, 90 * day},
		"too many gaps":  {func(f *compliance.Facts) { without(f, "AC-1", "AC-2", "AC-3", "AU-1", "NW-1", "CR-1", "CR-2", "PR-1") }, ledger.VerdictRefused, 0},
		"a critical gap": {func(f *compliance.Facts) { without(f, "CE-1") }, ledger.VerdictNotCertifiable, 0},
		"evidence's end": {func(f *compliance.Facts) {
			set(f, "CE-1", func(e *compliance.Evidence) { e.Until = now.Add(40 * day) })
		}, ledger.VerdictCertified, 40 * day},
		"borne with": {func(f *compliance.Facts) {
			without(f, "AU-1")
			f.Exceptions = []compliance.Exception{except("AU-1", ledger.ExceptTolerated, now.Add(20*day))}
		}, ledger.VerdictConditional, 20 * day},
		"borne with, over": {func(f *compliance.Facts) {
			without(f, "AU-1")
			f.Exceptions = []compliance.Exception{except("AU-1", ledger.ExceptTolerated, now)}
		}, ledger.VerdictCertified, 365 * day},
		"a critical one borne with": {
			func(f *compliance.Facts) {
				without(f, "CE-1")
				f.Exceptions = []compliance.Exception{except("CE-1", ledger.ExceptTolerated, now.Add(day))}
			},
			ledger.VerdictNotCertifiable, 0,
		},
		"a critical one that does not apply": {
			func(f *compliance.Facts) {
				without(f, "CE-1")
				f.Exceptions = []compliance.Exception{except("CE-1", ledger.ExceptNotApplicable, now.Add(30*day))}
			},
			ledger.VerdictCertified, 30 * day,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := good()
			c.change(&f)
			a := evaluate(t, f)
			want := time.Time{}
			if c.until > 0 {
				want = now.Add(c.until)
			}
			if a.Verdict != c.verdict || !a.ValidTo.Equal(want) {
				t.Errorf("%s (%d) until %s, want %s until %s", a.Verdict, a.Score, a.ValidTo, c.verdict, want)
			}
		})
	}
}

func BenchmarkEvaluate(b *testing.B) {
	c, facts := compliance.BuiltIn(), good()
	for b.Loop() {
		if _, err := compliance.Evaluate(c, facts); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "assessments/s")
}
