package ledger

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

type validator interface{ Validate() error }

// requests holds a valid one of each request that can be wrong.
func requests() map[string]func() validator {
	return map[string]func() validator{
		"organisation": func() validator {
			return &RegisterOrganisation{Name: "North Hospital", Kind: KindHospital, Endpoint: "https://north.example:8443/api", TokenKey: hex32(1), Revision: 1}
		},
		"model": func() validator {
			return &RegisterModel{DI: "04012345678901", Name: "Infusion pump", ModelNumber: "IP 7/b", EMDN: "Z12030102", RiskClass: "IIb"}
		},
		"release": func() validator {
			return &PublishRelease{DI: "04012345678901", Version: "2.1.0-rc.1", SBOMDigest: hex32(2), SBOMFormat: FormatCycloneDX}
		},
		"unit": func() validator {
			return &RegisterUnit{SerialMAC: hex32(3), DI: "04012345678901", Lot: "L42", Release: "2.1.0", Owner: "hospital-north", PublicKey: hex32(4)}
		},
		"service": func() validator { return &PutIntoService{ID: hex32(5)} },
		"stream":  func() validator { return &OpenStream{Verifier: "north+00000000+AQ"} },
		"anchor": func() validator {
			return &CommitAnchor{Stream: hex32(6), Checkpoint: "note", Proof: []string{hex32(7)}}
		},
		"equivocation": func() validator { return &ReportEquivocation{Stream: hex32(8), First: "a", Second: "b"} },
		"threat": func() validator {
			return &ShareThreat{Digest: hex32(9), Marking: TLPClear, MediaType: MediaTypeSTIX, Size: 1}
		},
		"score": func() validator {
			return &PublishScore{Subject: hex32(1), Model: "secant-exposure/1", InputDigest: hex32(2)}
		},
	}
}

func TestValidRequestsPass(t *testing.T) {
	t.Parallel()
	for name, r := range requests() {
		if err := r().Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFaultyFieldsAreNamed changes one field of a valid request at a time.
func TestFaultyFieldsAreNamed(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", MaxName+1)
	upper := strings.ToUpper(hex32(1))
	bad := map[string]map[string][]any{
		"organisation": {
			"name":     {"", " padded", "tab\tinside", "\xff", long, "zero\u200bwidth"},
			"kind":     {"", "Hospital", "clinic"},
			"endpoint": {"", "north.example", "ftp://north.example", "https://", "https://u:p@north.example", "https://north.example?q", "https://north.example/#f", "https://" + long, "http://[::1", "https://north.example/\x7f"},
			"tokenKey": {"", upper, hex32(1)[2:], hex32(1) + "00", strings.Repeat("zz", 32)},
			"revision": {0, -1},
		},
		"model": {
			"di":          {"", strings.Repeat("1", 65), "0401 2345", "ü", "a\x00b", "a|b"},
			"name":        {"", long},
			"modelNumber": {"", "\n"},
			"emdn":        {strings.Repeat("Z", 17), "Z 12"},
			"riskClass":   {"", "iib", "IV"},
		},
		"release": {
			"di": {""}, "version": {"", "1 0"}, "sbomDigest": {"", upper}, "sbomFormat": {"", "SPDX"},
		},
		"unit": {
			"serialMac": {"", "ab", upper}, "di": {""}, "lot": {"", "L 42"}, "release": {""}, "owner": {"", "hospital north"}, "publicKey": {"ab", upper},
		},
		"service": {"id": {"", upper}},
		"stream":  {"verifier": {"", long, "a\nb"}},
		"anchor": {
			"stream": {"", upper}, "sequence": {MaxSequence + 1}, "checkpoint": {"", strings.Repeat("x", MaxCheckpoint+1)},
			"proof": {[]string{"ab"}, []string{upper}, slices.Repeat([]string{hex32(1)}, MaxProof+1)},
		},
		"equivocation": {"stream": {""}, "first": {"", strings.Repeat("x", MaxCheckpoint+1)}, "second": {""}},
		"threat": {
			"digest": {"", upper}, "marking": {"", "amber", "red", "GREEN"}, "mediaType": {"", "application/json"}, "size": {0, -1, MaxThreatBody + 1},
		},
		"score": {
			"subject": {""}, "model": {"", "a b", strings.Repeat("m", 65)}, "inputDigest": {""}, "value": {-1, MaxScore + 1},
		},
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
