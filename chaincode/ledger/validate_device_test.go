package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// deviceRequests holds a valid one of each request of the contract that can be wrong.
var deviceRequests = map[string]func() validator{
	"model": func() validator {
		return &RegisterModel{
			DI: "04012345678901", Name: "Infusion pump", ModelNumber: "IP 7/b", EMDN: "Z12030102", RiskClass: "IIb",
			BasicUDIDI: "04012345IP7XY", SRN: "DE-MF-000012345", SupportEnd: "2028-02-29",
		}
	},
	"assignment": func() validator {
		return &AssignModel{Proposal: hex32(1), Voters: []string{"hospital-north", "hospital-south", "authority"}}
	},
	"release": func() validator {
		return &PublishRelease{
			DI: "04012345678901", Version: "2.1.0-rc.1", SBOMDigest: hex32(2), SBOMFormat: FormatCycloneDX,
			Fixes: []string{"CVE-2026-0001"}, Signature: "e30.e30.AA",
			Measurements: []Measurement{{Name: "firmware.bin", Alg: HashSHA256, Digest: hex32(7)}},
		}
	},
	"unit": func() validator {
		return &RegisterUnit{
			SerialMAC: hex32(3), DI: "04012345678901", Lot: "L42", Release: "2.1.0", Owner: "hospital-north", PublicKey: hex32(4), IDevID: hex32(5),
		}
	},
	"units": func() validator {
		return &RegisterUnits{
			DI: "04012345678901", Lot: "L42", Release: "2.1.0", Owner: "hospital-north", Units: []NewUnit{{SerialMAC: hex32(3)}},
		}
	},
	"completion": func() validator {
		return &CompleteUnit{ID: hex32(5), Revision: 1, Release: "2.1.0", Owner: "hospital-north", PublicKey: hex32(4), IDevID: hex32(6)}
	},
	"certification": func() validator {
		return &CertifyUnit{
			ID: hex32(5), Revision: 1, Catalogue: "secant-controls/1", Score: 9000, Verdict: VerdictCertified, ResultDigest: hex32(6), ValidTo: at,
		}
	},
	"refusal": func() validator {
		return &CertifyUnit{ID: hex32(5), Revision: 1, Catalogue: "secant-controls/1", Verdict: VerdictRefused, ResultDigest: hex32(6)}
	},
	"service": func() validator { return &PutIntoService{ID: hex32(5)} },
	"hold": func() validator {
		return &HoldUnit{ID: hex32(5), Revision: 1, Reason: HoldMalfunction, Evidence: hex32(6)}
	},
	"quarantine": func() validator {
		return &QuarantineUnit{ID: hex32(5), Revision: 1, Reason: HoldStolen, Evidence: hex32(6)}
	},
	"end of a hold":   func() validator { return &ReleaseUnit{ID: hex32(5), Revision: 1, Evidence: hex32(6)} },
	"update":          func() validator { return &UpdateUnit{ID: hex32(5), Revision: 1, Release: "2.2.0"} },
	"offer":           func() validator { return &OfferUnit{ID: hex32(5), Revision: 1, To: "hospital-south"} },
	"end of an offer": func() validator { return &EndOffer{ID: hex32(5), Revision: 1} },
	"acceptance":      func() validator { return &AcceptUnit{ID: hex32(5), Revision: 1} },
	"retirement":      func() validator { return &RetireUnit{ID: hex32(5), Revision: 1, WipeDigest: hex32(6)} },
	"recall": func() validator {
		return &RecallDevices{DI: "04012345678901", Kind: RecallLot, Value: "L42", Class: RecallClassI, NoticeDigest: hex32(7)}
	},
	"end of a recall": func() validator {
		return &LiftRecall{DI: "04012345678901", Kind: RecallRelease, Value: "2.1.0~rc1", Revision: 1}
	},
	"clearance": func() validator {
		return &ClearUnit{ID: hex32(5), Revision: 1, Kind: RecallLot, Recall: 1, Evidence: hex32(6)}
	},
}

// What a step's id and revision do not take.
var (
	wrongIDs       = []any{"", upperHex}
	wrongRevisions = []any{0, -1, MaxRevision + 1}
)

// deviceFaults holds, for each of their fields, values that it does not take.
var deviceFaults = map[string]map[string][]any{
	"model": {
		"di":          {"", strings.Repeat("1", 65), "0401 2345", "ü", "a\x00b", "a|b"},
		"name":        {"", longText},
		"modelNumber": {"", "\n"},
		"emdn":        {strings.Repeat("Z", 17), "Z 12"},
		"riskClass":   {"", "iib", "IV"},
		"basicUdiDi":  {strings.Repeat("1", 65), "a b"},
		"srn":         {"DE-MF-12345", "de-mf-000012345", "DE-MF-000012345 "},
		"supportEnd":  {"2027-02-29", "2027-2-1", "31.12.2027", "2027-12-31T00:00:00Z"},
	},
	"assignment": {
		"proposal": {"", upperHex}, "voters": {[]string{}},
	},
	"release": {
		"di": {""}, "version": {"", "1 0"}, "sbomDigest": {"", upperHex}, "sbomFormat": {"", "SWID"},
		"fixes":     {slices.Repeat([]string{"CVE-2026-0001"}, MaxFixes+1)},
		"signature": {"e30.e30", "e30.e30.", "e30.e30.A=", "e30..AA", "e30." + strings.Repeat("A", MaxReleaseSignature) + ".AA"},
	},
	"unit": {
		"serialMac": {"", "ab", upperHex}, "di": {""}, "lot": {"", "L 42"}, "release": {"2 1"}, "owner": {"", "hospital north"},
		"publicKey": {"ab", upperHex}, "iDevId": {"ab", upperHex},
	},
	"units": {
		"di": {""}, "lot": {"", "L 42"}, "release": {"", "2 1"}, "owner": {"", "hospital north"},
		"units": {[]NewUnit{}, make([]NewUnit, MaxUnits+1)},
	},
	"completion": {
		"id": wrongIDs, "revision": wrongRevisions, "release": {"", "2 1"}, "owner": {"hospital north"}, "publicKey": {"ab"}, "iDevId": {"ab"},
	},
	"certification": {
		"id": wrongIDs, "revision": wrongRevisions, "catalogue": {"", "a b", strings.Repeat("c", 65)}, "score": {-1, ScoreCertified - 1, MaxScore + 1},
		"resultDigest": {"", upperHex},
		"validTo":      {time.Time{}, at.Add(time.Microsecond), at.In(time.FixedZone("", 3600))},
	},
	"refusal": {
		"verdict": {"", "passed", "Refused"}, "validTo": {at}, "score": {-1},
	},
	"service":         {"id": wrongIDs, "revision": {-1, MaxRevision + 1}, "lDevId": {"ab", upperHex}},
	"hold":            {"id": wrongIDs, "revision": wrongRevisions, "reason": {"", "because", HoldAssessment}, "evidence": {"ab", upperHex}},
	"quarantine":      {"id": wrongIDs, "revision": wrongRevisions, "reason": {"", "because", HoldAssessment}, "evidence": {"ab", upperHex}},
	"end of a hold":   {"id": wrongIDs, "revision": wrongRevisions, "evidence": {"ab", upperHex}},
	"update":          {"id": wrongIDs, "revision": wrongRevisions, "release": {"", "2 1"}},
	"offer":           {"id": wrongIDs, "revision": wrongRevisions, "to": {"", "hospital south"}},
	"end of an offer": {"id": wrongIDs, "revision": wrongRevisions},
	"acceptance":      {"id": wrongIDs, "revision": wrongRevisions},
	"retirement":      {"id": wrongIDs, "revision": wrongRevisions, "wipeDigest": {"", upperHex}},
	"recall": {
		"di": {"", "a b"}, "kind": {"", "model", "Lot"}, "value": {"", "L 42", "1~2"}, "class": {"", "IV", "i"}, "noticeDigest": {"", upperHex},
		"revision": {-1, MaxRevision + 1},
	},
	"end of a recall": {"di": {"", "a b"}, "kind": {""}, "value": {"", "L 42"}, "revision": wrongRevisions},
	"clearance": {
		"id": wrongIDs, "revision": wrongRevisions, "kind": {"", "model"}, "recall": wrongRevisions, "evidence": {"ab", upperHex},
	},
}

// faultsOf returns the fields that a request is refused for.
func faultsOf(t *testing.T, r validator) []string {
	t.Helper()
	var fields []string
	if p, ok := errors.AsType[*Problem](r.Validate()); ok {
		for _, f := range p.Faults {
			fields = append(fields, f.Field)
		}
	}
	return fields
}

func TestFaultsOfListedUnitsSayWhich(t *testing.T) {
	t.Parallel()
	good := NewUnit{SerialMAC: hex32(1), PublicKey: hex32(4), IDevID: hex32(2)}
	for name, c := range map[string]struct {
		units []NewUnit
		want  []string
	}{
		"all wrong": {[]NewUnit{good, {PublicKey: "ab", IDevID: "ab"}}, []string{"units[1].serialMac", "units[1].publicKey", "units[1].iDevId"}},
		"twice":     {[]NewUnit{good, {SerialMAC: hex32(1)}}, []string{"units[1].serialMac"}},
	} {
		r := &RegisterUnits{DI: "1", Lot: "L", Release: "1", Owner: "n", Units: c.units}
		if diff := cmp.Diff(c.want, faultsOf(t, r)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	many := make([]NewUnit, MaxUnits)
	got := faultsOf(t, &RegisterUnits{DI: "", Lot: "L", Release: "1", Owner: "n", Units: many})
	if len(got) != 2+maxUnitFaults || got[0] != "di" || got[len(got)-1] != "units" {
		t.Errorf("of a thousand faults these are told: %v", got)
	}
}

func TestFixesAreCVEsAndEachOnce(t *testing.T) {
	t.Parallel()
	for fix, want := range map[string]int{
		"CVE-2026-0001": 0, "CVE-2026-123456789012": 0, "CVE-2026-001": 1, "cve-2026-0001": 1, "GHSA-0000": 1, "": 1, "CVE-2026-0001 ": 1,
	} {
		r := &PublishRelease{DI: "1", Version: "1", SBOMDigest: hex32(1), SBOMFormat: FormatCycloneDX, Fixes: []string{fix}}
		if got := faultsOf(t, r); len(got) != want {
			t.Errorf("%q has the faults %v", fix, got)
		}
		r.Fixes = []string{fix, fix}
		if got := faultsOf(t, r); !slices.Contains(got, "fixes[1]") {
			t.Errorf("%q twice has the faults %v", fix, got)
		}
	}
}

func TestAnOwnerIsNeededWithARelease(t *testing.T) {
	t.Parallel()
	r := &RegisterUnit{SerialMAC: hex32(1), DI: "1", Lot: "L"}
	if got := faultsOf(t, r); got != nil {
		t.Errorf("a manufactured unit has the faults %v", got)
	}
	r.Release = "1"
	if got := faultsOf(t, r); !slices.Equal(got, []string{"owner"}) {
		t.Errorf("a registered unit without an owner has the faults %v", got)
	}
}

// TestAThousandUnitsFit: the largest chunk, with everything that a unit can have.
func TestAThousandUnitsFit(t *testing.T) {
	t.Parallel()
	r := RegisterUnits{DI: strings.Repeat("d", 64), Lot: strings.Repeat("&", 64), Release: strings.Repeat("<", 64), Owner: strings.Repeat("o", 64)}
	for i := range MaxUnits {
		d := BodyDigest(fmt.Append(nil, i))
		r.Units = append(r.Units, NewUnit{SerialMAC: d, PublicKey: d[:62] + "00", IDevID: d})
	}
	if got := faultsOf(t, &r); got != nil {
		t.Fatalf("the chunk has the faults %v", got)
	}
	b, err := json.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > MaxRequestOf(DeviceRegisterUnits) {
		t.Errorf("it has %d bytes, and %d are taken", len(b), MaxRequestOf(DeviceRegisterUnits))
	}
	if MaxRequestOf(DeviceRegisterUnit) != MaxRequest {
		t.Error("other requests are larger than they were")
	}
}

// TestAReleaseIsSignedAsPublished: the bytes that its maker signs are the same
// for the request and for the record, and tell any two releases apart.
func TestAReleaseIsSignedAsPublished(t *testing.T) {
	t.Parallel()
	req := PublishRelease{DI: "1", Version: "2", SBOMDigest: hex32(1), SBOMFormat: FormatCycloneDX}
	const want = `{"v":1,"di":"1","version":"2","sbomDigest":"%s","sbomFormat":"CycloneDX","fixes":[]}`
	if got := string(req.Statement()); got != fmt.Sprintf(want, hex32(1)) {
		t.Errorf("the statement is %s", got)
	}
	rec := Release{DI: "1", Version: "2", SBOMDigest: hex32(1), SBOMFormat: FormatCycloneDX}
	if string(rec.Statement()) != string(req.Statement()) {
		t.Error("the record's statement is another than the request's")
	}
	req.Fixes = []string{"CVE-2026-0001"}
	if string(rec.Statement()) == string(req.Statement()) {
		t.Error("what it fixes is not signed")
	}
	before := string(req.Statement())
	req.Measurements = []Measurement{{Name: "a", Alg: HashSHA256, Digest: hex32(1)}}
	if got := string(req.Statement()); got == before || !strings.HasPrefix(got, `{"v":2,`) {
		t.Errorf("with measurements the statement is %s", got)
	}
	rec.Fixes, rec.Measurements = req.Fixes, req.Measurements
	if string(rec.Statement()) != string(req.Statement()) {
		t.Error("the record's statement is another than the request's")
	}
}

func TestMeasurementsAreWhole(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0", 128)
	many := make([]Measurement, MaxMeasurements+1)
	for i := range many {
		many[i] = Measurement{Name: strconv.Itoa(i), Alg: HashSHA256, Digest: hex32(1)}
	}
	for name, c := range map[string]struct {
		list []Measurement
		want []string
	}{
		"none":                 {nil, nil},
		"of each algorithm":    {[]Measurement{{"a", HashSHA256, hex32(1)}, {"a", HashSHA384, long[:96]}, {"a", HashSHA512, long}}, nil},
		"as many as there may": {many[1:], nil},
		"too many":             {many, []string{"measurements"}},
		"twice":                {[]Measurement{{"a", HashSHA256, hex32(1)}, {"a", HashSHA256, hex32(2)}}, []string{"measurements[1].name"}},
		"without a name":       {[]Measurement{{"", HashSHA256, hex32(1)}}, []string{"measurements[0].name"}},
		"with space":           {[]Measurement{{"a b", HashSHA256, hex32(1)}}, []string{"measurements[0].name"}},
		"by MD5":               {[]Measurement{{"a", "md5", long[:32]}}, []string{"measurements[0].alg"}},
		"cut off":              {[]Measurement{{"a", HashSHA512, hex32(1)}}, []string{"measurements[0].digest"}},
		"in capitals":          {[]Measurement{{"a", HashSHA256, strings.Repeat("AB", 32)}}, []string{"measurements[0].digest"}},
	} {
		r := &PublishRelease{DI: "1", Version: "1", SBOMDigest: hex32(1), SBOMFormat: FormatCycloneDX, Measurements: c.list}
		if got := faultsOf(t, r); !slices.Equal(got, c.want) {
			t.Errorf("%s: the faults are %v", name, got)
		}
	}
}

func TestWhoPublishedARelease(t *testing.T) {
	t.Parallel()
	own, assigned := &Model{Manufacturer: "a"}, &Model{Manufacturer: "b", Assigned: &ModelAssigned{From: "a"}}
	for _, c := range []struct {
		release *Release
		model   *Model
		want    string
	}{
		{&Release{}, own, "a"}, {&Release{}, assigned, "a"}, {&Release{Publisher: "b"}, assigned, "b"}, {&Release{Publisher: "x"}, own, "x"},
	} {
		if got := c.release.PublishedBy(c.model); got != c.want {
			t.Errorf("%+v of %+v was published by %q", c.release, c.model, got)
		}
	}
}

func TestUnitsOfTheFirstFormHaveARevision(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]int{StateRegistered: 1, StateInService: 2} {
		u := &Unit{V: 1, State: state}
		if u.Upcast(); u.V != 2 || u.Revision != want {
			t.Errorf("a unit that is %s has version %d and revision %d", state, u.V, u.Revision)
		}
	}
	u := Unit{V: 2, State: StateInService, Revision: 7}
	if again := u; func() bool { again.Upcast(); return !cmp.Equal(again, u) }() {
		t.Error("a unit of the newest form was changed")
	}
}

// TestARecallAppliesUntilItIsOverOrTheUnitWasCleared walks what a unit's state
// follows from.
func TestARecallAppliesUntilItIsOverOrTheUnitWasCleared(t *testing.T) {
	t.Parallel()
	lot := &Recall{Kind: RecallLot, Value: "L", Revision: 2, Class: RecallClassI, By: "medtech", Since: at}
	release := &Recall{Kind: RecallRelease, Value: "1", Revision: 1}
	ended := &Recall{Kind: RecallLot, Revision: 3, Ended: true}
	for _, c := range []struct {
		name         string
		state        string
		cleared      *Cleared
		lot, release *Recall
		want         *Recall
	}{
		{"none", StateInService, nil, nil, nil, nil},
		{"its lot's", StateInService, nil, lot, nil, lot},
		{"its release's", StateCertified, nil, nil, release, release},
		{"both: the lot's is named", StateRegistered, nil, lot, release, lot},
		{"a lifted one", StateInService, nil, ended, nil, nil},
		{"a lifted one and another", StateInService, nil, ended, release, release},
		{"cleared of it", StateInService, &Cleared{Lot: 2}, lot, nil, nil},
		{"cleared of an earlier revision", StateInService, &Cleared{Lot: 1}, lot, nil, lot},
		{"cleared of the lot's alone", StateInService, &Cleared{Lot: 2}, lot, release, release},
		{"cleared of the other kind", StateInService, &Cleared{Release: 2}, lot, release, lot},
		{"held", StateHeld, nil, lot, nil, lot},
		{"quarantined", StateQuarantined, nil, lot, nil, lot},
		{"not complete", StateManufactured, nil, lot, release, nil},
		{"retired", StateRetired, nil, lot, release, nil},
	} {
		u := &Unit{V: 2, Revision: 1, State: c.state, Cleared: c.cleared}
		if got := u.RecalledBy(c.lot, c.release); got != c.want {
			t.Errorf("%s: the recall that applies is %+v", c.name, got)
		}
		u.Derive(c.lot, c.release)
		switch {
		case c.want == nil && (u.State != c.state || u.Recall != nil):
			t.Errorf("%s: it shows as %s with %+v", c.name, u.State, u.Recall)
		case c.want != nil && (u.State != StateRecalled || u.Recall == nil || u.Recall.State != c.state || u.Recall.Revision != c.want.Revision):
			t.Errorf("%s: it shows as %s with %+v", c.name, u.State, u.Recall)
		}
	}
}

func TestACertificationRunsOut(t *testing.T) {
	t.Parallel()
	u := &Unit{Certification: CertificationConditional, Assessment: &Assessment{ValidTo: at}}
	for _, c := range []struct {
		unit *Unit
		at   time.Time
		want string
	}{
		{u, at.Add(-time.Millisecond), CertificationConditional},
		{u, at, CertificationNone},
		{&Unit{Certification: CertificationNone, Assessment: &Assessment{ValidTo: at}}, at.Add(-time.Hour), CertificationNone},
		{&Unit{Certification: CertificationNone}, at, CertificationNone},
	} {
		if got := c.unit.CertifiedAt(c.at); got != c.want {
			t.Errorf("%+v is %s at %s", c.unit, got, c.at)
		}
	}
}
