package ledger

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
)

type validator interface{ Validate() error }

// requests holds a valid one of each request that can be wrong.
func requests() map[string]func() validator {
	all := map[string]func() validator{}
	for _, part := range []map[string]func() validator{identityRequests, deviceRequests, anchorRequests, threatRequests, riskRequests, complianceRequests, taxonomyRequests} {
		maps.Copy(all, part)
	}
	return all
}

func TestValidRequestsPass(t *testing.T) {
	t.Parallel()
	for name, r := range requests() {
		if err := r().Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What no field takes.
var (
	longText = strings.Repeat("x", MaxName+1)
	upperHex = strings.ToUpper(hex32(1))
)

// TestFaultyFieldsAreNamed changes one field of a valid request at a time.
func TestFaultyFieldsAreNamed(t *testing.T) {
	t.Parallel()
	bad := map[string]map[string][]any{}
	for _, part := range []map[string]map[string][]any{identityFaults, deviceFaults, anchorFaults, threatFaults, riskFaults, complianceFaults, taxonomyFaults} {
		maps.Copy(bad, part)
	}
	for name, fields := range bad {
		for field, values := range fields {
			for _, v := range values {
				r := requests()[name]()
				set(t, r, field, v)
				p, ok := errors.AsType[*Problem](r.Validate())
				if !ok || p.Code != CodeInvalid || len(p.Faults) != 1 || p.Faults[0].Field != field {
					t.Errorf("%s with a wrong %s: %v", name, field, p)
					continue
				}
				if s, text := v.(string); text && len(s) > 3 && strings.Contains(p.Error(), s) {
					t.Errorf("%s: the problem repeats the %s", name, field)
				}
			}
		}
	}
}

func set(t *testing.T, r validator, field string, value any) {
	t.Helper()
	if s, ok := value.(string); ok && s == "\xff" { // JSON cannot carry it
		if o, ok := r.(*RegisterOrganisation); ok {
			o.Name = s
			return
		}
	}
	b, err := json.Marshal(map[string]any{field: value})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, r); err != nil {
		t.Fatalf("setting %s: %v", field, err)
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	p, ok := errors.AsType[*Problem]((&RegisterModel{}).Validate())
	if !ok || len(p.Faults) != 4 {
		t.Errorf("an empty model has the faults of di, name, modelNumber and riskClass: %v", p)
	}
}

// A lot is of GS1 character set 82, a version may have a tilde besides.
func TestLotsAndVersionsOfCharacterSet82(t *testing.T) {
	t.Parallel()
	const all = "!\"%&'()*+,-./09:;<=>?AZ_az"
	unit, ok := requests()["unit"]().(*RegisterUnit)
	if !ok {
		t.Fatal("no unit")
	}
	unit.Lot, unit.Release = all, all+"~"
	release, ok := requests()["release"]().(*PublishRelease)
	if !ok {
		t.Fatal("no release")
	}
	release.Version = all + "~"
	for _, r := range []validator{unit, release} {
		if err := r.Validate(); err != nil {
			t.Error(err)
		}
	}
	for _, wrong := range []string{"~", "#", " ", "$", "@", "\\", "^", "`", "{", "ü", "\x00"} {
		unit.Lot = wrong
		if unit.Validate() == nil {
			t.Errorf("the lot %q is taken", wrong)
		}
		release.Version = wrong
		if wrong != "~" && release.Validate() == nil {
			t.Errorf("the version %q is taken", wrong)
		}
	}
}

func TestLongNamesAreCountedInCharacters(t *testing.T) {
	t.Parallel()
	r := &RegisterModel{DI: "1", Name: strings.Repeat("ü", MaxName), ModelNumber: "1", RiskClass: "I"}
	if err := r.Validate(); err != nil {
		t.Error(err)
	}
}

func TestKeysInRecordsAreDecodedOrNil(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{hex32(1): 32, "": 0, "ab": 0, hex32(1)[:62] + "zz": 0} {
		if got := len((&Unit{PublicKey: text}).SigningKey()); got != want {
			t.Errorf("%q is a signing key of %d bytes", text, got)
		}
		if got := len((&Organisation{TokenKey: text}).PublicTokenKey()); got != want {
			t.Errorf("%q is a token key of %d bytes", text, got)
		}
	}
}
