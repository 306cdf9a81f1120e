package ledger

import (
	"strings"
	"testing"
	"time"
)

// complianceRequests holds a valid one of each request of the contract that can be
// wrong.
var complianceRequests = map[string]func() validator{
	"catalogue": func() validator {
		return &PublishCatalogue{Name: "secant-controls", Version: "1", Digest: hex32(1), Controls: []CatalogueControl{{ID: "ID-1", Weight: MaxControlWeight}}}
	},
	"catalogue's acceptance": func() validator { return &AcceptCatalogue{Proposal: hex32(1), Voters: []string{"a"}} },
	"evidence": func() validator {
		return &RecordEvidence{SubjectKind: SubjectModel, Subject: "D1", Catalogue: "c/1", Control: "ID-1", Claim: ClaimMet, Digest: hex32(1)}
	},
	"unit's evidence": func() validator {
		return &RecordEvidence{SubjectKind: SubjectDevice, Subject: hex32(1), Catalogue: "c/1", Control: "ID-1", Claim: ClaimMet, Digest: hex32(1), Until: at}
	},
	"exception": func() validator {
		return &GrantException{SubjectKind: SubjectModel, Subject: "D1", Catalogue: "c/1", Control: "ID-1", Effect: ExceptTolerated, ReasonDigest: hex32(1), Until: at}
	},
	"exception's end": func() validator {
		return &EndException{SubjectKind: SubjectDevice, Subject: hex32(1), Control: "ID-1", ReasonDigest: hex32(1)}
	},
	"control assessment": func() validator {
		return &AssessControls{
			Unit: hex32(1), Release: "1", Catalogue: "c/1", Results: "t", InputDigest: hex32(1), ResultDigest: hex32(1), ValidTo: at,
			Exceptions: []UsedException{{Control: "ID-1", SubjectKind: SubjectModel, ReasonDigest: hex32(1)}},
		}
	},
}

// complianceFaults holds, for each of their fields, values that it does not take.
var complianceFaults = map[string]map[string][]any{
	"catalogue": {
		"name": {"", "a/b", strings.Repeat("x", 49)}, "version": {"", "1/2", strings.Repeat("1", 16)}, "digest": {"", upperHex},
		"controls": {[]CatalogueControl{}, make([]CatalogueControl, MaxControls+1)},
	},
	"catalogue's acceptance": {"proposal": {"", upperHex}, "voters": {[]string{}}},
	"evidence": {
		"subjectKind": {"", "ward"}, "subject": {"", "a b"}, "catalogue": {"", "c", "c/", "/1", "c/1/2", "c/ü"}, "control": {"", "a_b", strings.Repeat("x", 33)},
		"claim": {"", "passed"}, "digest": {"", upperHex}, "until": {at.Add(time.Microsecond), at.In(time.FixedZone("x", 3600))},
	},
	"unit's evidence": {"subject": {"", "D1", upperHex}},
	"exception": {
		"subjectKind": {"", "ward"}, "subject": {"", "a b"}, "catalogue": {"", "c"}, "control": {""}, "effect": {"", "waived"},
		"reasonDigest": {"", upperHex}, "until": {time.Time{}, at.Add(time.Microsecond)},
	},
	"exception's end": {"subjectKind": {"", "ward"}, "subject": {"", "D1"}, "control": {""}, "reasonDigest": {""}},
	"control assessment": {
		"unit": {"", upperHex}, "release": {"", "a b"}, "catalogue": {"", "c"}, "results": {"", strings.Repeat("p", MaxControls+1)},
		"inputDigest": {""}, "resultDigest": {""}, "validTo": {at.Add(time.Microsecond)},
		"exceptions": {make([]UsedException, MaxControls+1)},
	},
}

func TestControlsAreNamedAndOrdered(t *testing.T) {
	t.Parallel()
	for name, controls := range map[string][]CatalogueControl{
		"twice":        {{ID: "A", Weight: 1}, {ID: "A", Weight: 1}},
		"weightless":   {{ID: "A"}},
		"too heavy":    {{ID: "A", Weight: MaxControlWeight + 1}},
		"without name": {{Weight: 1}},
	} {
		r := &PublishCatalogue{Name: "c", Version: "1", Digest: hex32(1), Controls: controls}
		if CodeOf(r.Validate()) != CodeInvalid {
			t.Errorf("a catalogue with a control %s is taken", name)
		}
	}
	of := func(controls ...string) *AssessControls {
		r := &AssessControls{Unit: hex32(1), Release: "1", Catalogue: "c/1", Results: "nn", InputDigest: hex32(1), ResultDigest: hex32(1)}
		for _, c := range controls {
			r.Exceptions = append(r.Exceptions, UsedException{Control: c, SubjectKind: SubjectDevice, ReasonDigest: hex32(1)})
		}
		return r
	}
	if err := of("A", "B").Validate(); err != nil {
		t.Error(err)
	}
	for _, r := range []*AssessControls{of("B", "A"), of("A", "A")} {
		if CodeOf(r.Validate()) != CodeInvalid {
			t.Errorf("exceptions %v are taken", r.Exceptions)
		}
	}
}

// TestJudge: the same count for everybody, in whole numbers, rounded down.
func TestJudge(t *testing.T) {
	t.Parallel()
	c := &Catalogue{Name: "c", Version: "1", Controls: []CatalogueControl{
		{ID: "A", Weight: 5, Critical: true}, {ID: "B", Weight: 3}, {ID: "C", Weight: 2}, {ID: "D", Weight: 1},
	}}
	for _, row := range []struct {
		results string
		score   int
		verdict string
	}{
		{"pppp", 10_000, VerdictCertified},
		{"pphp", 9_090, VerdictCertified},
		{"pppf", 9_090, VerdictCertified},
		{"pppt", 9_545, VerdictConditional}, // borne with
		{"pppn", 10_000, VerdictCertified},
		{"hppp", 7_727, VerdictConditional}, // a critical control in part
		{"ppup", 8_181, VerdictConditional},
		{"pufp", 5_454, VerdictRefused},
		{"fppp", 5_454, VerdictNotCertifiable},
		{"uppp", 5_454, VerdictNotCertifiable},
		{"nppp", 10_000, VerdictCertified},
		{"nnnn", 0, VerdictNotCertifiable},
		{"uuuu", 0, VerdictNotCertifiable},
	} {
		score, verdict, err := c.Judge(row.results)
		if err != nil || score != row.score || verdict != row.verdict {
			t.Errorf("%s: %d %s (%v), want %d %s", row.results, score, verdict, err, row.score, row.verdict)
		}
	}
	for _, wrong := range []string{"", "ppp", "ppppp", "tppp", "pppx", "PPPP", "ppp\x00"} {
		if _, _, err := c.Judge(wrong); CodeOf(err) != CodeInvalid {
			t.Errorf("%q is counted (%v)", wrong, err)
		}
	}
}

func TestAnExceptionCoversWhatItNames(t *testing.T) {
	t.Parallel()
	e := &Exception{SubjectKind: SubjectModel, Subject: "D1", Catalogue: "c/1", Control: "A", Effect: ExceptNotApplicable, Until: at}
	early := at.Add(-time.Millisecond)
	if !e.Covers("u", "D1", "c/1", "A", ResultNotApplicable, early) {
		t.Error("it covers nothing")
	}
	unit := *e
	unit.SubjectKind, unit.Subject = SubjectDevice, "u"
	if !unit.Covers("u", "D1", "c/1", "A", ResultNotApplicable, early) {
		t.Error("it does not cover its unit")
	}
	for name, covers := range map[string]bool{
		"another model":     e.Covers("u", "D2", "c/1", "A", ResultNotApplicable, early),
		"a unit so named":   e.Covers("D1", "x", "c/1", "A", ResultNotApplicable, early),
		"another unit":      unit.Covers("v", "D1", "c/1", "A", ResultNotApplicable, early),
		"another catalogue": e.Covers("u", "D1", "c/2", "A", ResultNotApplicable, early),
		"another control":   e.Covers("u", "D1", "c/1", "B", ResultNotApplicable, early),
		"another effect":    e.Covers("u", "D1", "c/1", "A", ResultTolerated, early),
		"a plain result":    e.Covers("u", "D1", "c/1", "A", ResultPass, early),
		"the end":           e.Covers("u", "D1", "c/1", "A", ResultNotApplicable, at),
	} {
		if covers {
			t.Errorf("it covers %s", name)
		}
	}
}
