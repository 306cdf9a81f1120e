package phd

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// others is where the data of others is, if it is.
var others = filepath.Join("..", "..", "..", "shared", "data", "health")

const unit = "1111111111111111111111111111111111111111111111111111111111111111"

// said is what a value says, in short: code, value with unit or reason, and parts.
func said(o *Observation) string {
	parts := []string{code(o.Code) + value(o.Value)}
	for _, c := range o.Component {
		parts = append(parts, code(c.Code)+value(c.Value))
	}
	return strings.Join(parts, "; ")
}

func code(c Concept) string {
	if len(c.Coding) == 0 {
		return c.Text
	}
	return c.Coding[0].Code
}

func value(v Value) string {
	switch {
	case v.Absent != nil:
		return "!" + v.Absent.Coding[0].Code
	case v.Quantity != nil:
		return "=" + v.Quantity.Value.String() + " " + v.Quantity.Code
	case v.Concept != nil:
		return "=" + code(*v.Concept)
	case v.Boolean != nil && *v.Boolean:
		return "=true"
	case v.Boolean != nil:
		return "=false"
	case v.Integer != nil:
		b, _ := json.Marshal(*v.Integer)
		return "=" + string(b)
	}
	return ""
}

// text is a record of a value; more are members of it.
func text(characteristic, value string, more ...string) string {
	return `{"characteristic":"` + characteristic + `","value":"` + value + `","received":"2026-11-30T10:00:00+01:00"` + strings.Join(more, "") + `}`
}

func read(t *testing.T, record string) *Bundle {
	t.Helper()
	m, err := Read([]byte(record))
	if err != nil {
		p, _ := errors.AsType[*ledger.Problem](err)
		t.Fatalf("%s: %+v", record, p)
	}
	b := m.Bundle(unit)
	judge(t, b)
	return b
}

func observations(b *Bundle) []*Observation {
	var list []*Observation
	for _, e := range b.Entry {
		if o, ok := e.Resource.(*Observation); ok {
			list = append(list, o)
		}
	}
	return list
}

// judge judges by FHIR's schema where that is at hand, and by the rules of
// analytics/fhir elsewhere.
func judge(t *testing.T, b *Bundle) {
	t.Helper()
	for i, e := range b.Entry {
		text, err := json.Marshal(e.Resource)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fhir.NewJudge(schema(t), fhir.Limits{Bytes: 1 << 20, Depth: 32, Values: 20_000}).Read(text); err != nil {
			p, _ := errors.AsType[*ledger.Problem](err)
			t.Errorf("entry %d: %+v\n%s", i, p, text)
		}
	}
}

var loaded *fhir.Schema

func schema(t *testing.T) *fhir.Schema {
	t.Helper()
	if loaded != nil {
		return loaded
	}
	text, err := os.ReadFile(filepath.Join(others, "fhir-r4.schema.json"))
	if err != nil {
		return nil
	}
	if loaded, err = fhir.ReadSchema(text); err != nil {
		t.Fatal(err)
	}
	return loaded
}

// TestValuesAreWhatTheServicesSay: values put together by hand from the services'
// specifications.
func TestValuesAreWhatTheServicesSay(t *testing.T) {
	for name, c := range map[string]struct {
		characteristic, value string
		want                  []string
	}{
		"a heart rate of one byte, with nothing else": {"2a37", "0048", []string{"147842=72 /min"}},
		"a heart rate of two bytes, with contact, energy and two intervals": {
			"2a37", "1f4800" + "0a00" + "0004" + "ff03",
			[]string{"147842=72 /min; Sensor contact=true", "8454263=10 kJ", "147240=1000.0000000 ms", "147240=999.0234375 ms"},
		},
		"a heart rate without contact": {"2a37", "0448", []string{"147842=72 /min; Sensor contact=false"}},
		"a blood pressure in mmHg, no mean": {
			"2a35", "007800" + "5000" + "ff07",
			[]string{"150020; 150021=120 mm[Hg]; 150022=80 mm[Hg]; 150023!not-a-number"},
		},
		"a blood pressure in kPa with time, pulse, user and status": {
			"2a35", "1f" + "a0f0" + "6bf0" + "7df0" + "e2070b0b0b260f" + "48f0" + "02" + "2500",
			[]string{
				"150020; 150021=16.0 kPa; 150022=10.7 kPa; 150023=12.5 kPa; User of the device=2", "149546=7.2 /min",
				"8410608; 8410608.0=true; 8410608.2=true; 8410608.5=true",
			},
		},
		"a temperature, in Celsius to a tenth":       {"2a1c", "00" + "6d0100ff", []string{"150364=36.5 Cel"}},
		"a temperature in Fahrenheit, in the armpit": {"2a1c", "05" + "da0300ff" + "01", []string{"188452=98.6 [degF]"}},
		"a temperature that is no number":            {"2a1c", "00" + "ffff7f00", []string{"150364!not-a-number"}},
		"a glucose in mg/dL of capillary whole blood at a finger, with status": {
			"2a18", "0b" + "0700" + "e2070b0b0b260f" + "0500" + "63b0" + "11" + "0100",
			[]string{"160184=99 mg/dL; 8417844=8417848", "8417752; 8417752.0=true"},
		},
		"a glucose in mmol/L":   {"2a18", "06" + "0800" + "e2070b0b0b260f" + "3fc0" + "f8", []string{"160368=6.3 mmol/L"}},
		"a glucose that failed": {"2a18", "0e" + "0900" + "e2070b0b0b260f" + "fe07" + "11" + "2000", []string{"160184!positive-infinity; 8417844=8417848", "8417752; 8417752.5=true"}},
		"a context: meal, health, exercise, medication": {
			"2a34", "5f" + "0700" + "02" + "1ed0" + "02" + "21" + "0807" + "32" + "01" + "0ca0" + "41f0",
			[]string{
				"8417764=30 g; 68193=8417772", "8417864=8417872", "8417884=8417888", "8417820=8417828",
				"8417760=50 %; Duration of the exercise=1800 s", "8417796=12 mg; 68193=8417800", "8417756=6.5 %",
			},
		},
		"a weight in kilograms": {"2a9d", "00" + "983a", []string{"188736=75.000 kg"}},
		"a weight in pounds, with user, index and height": {
			"2a9d", "0d" + "9440" + "01" + "e600" + "bb02", []string{"188736=165.32 [lb_av]; User of the device=1", "188752=23.0 kg/m2", "188740=69.9 [in_i]"},
		},
		"a weighing that failed": {"2a9d", "00ffff", []string{"188736!error"}},
		"a spot check":           {"2a5e", "00" + "6100" + "3c00", []string{"150456=97 %; 68193=150588", "149530=60 /min; 68193=150588"}},
		"a spot check with all": {
			"2a5e", "0f" + "6100" + "3c00" + "e2070b0b0b260f" + "8000" + "002000" + "14f0",
			[]string{"150456=97 %; 68193=150588", "149530=60 /min; 68193=150588", "150448=2.0 %", "150604; 150604.2=true"},
		},
		"a measurement that the device calls invalid is none": {
			"2a5e", "02" + "6100" + "3c00" + "0080", []string{"150456!error; 68193=150588", "149530!error; 68193=150588"},
		},
		"continuous, fast and slow": {
			"2a5f", "03" + "6100" + "3c00" + "6200" + "3d00" + "6300" + "3e00",
			[]string{"150456=97 %", "149530=60 /min", "150456=98 %; 68193=150580", "149530=61 /min; 68193=150580", "150456=99 %; 68193=150584", "149530=62 /min; 68193=150584"},
		},
		"a glucose monitor's": {"2aa7", "06" + "00" + "6400" + "0a00", []string{"160212=100 mg/dL"}},
		"a glucose monitor's with trend, quality, status and a checksum": {
			"2aa7", "0f" + "e3" + "6400" + "0a00" + "08" + "00" + "01" + "14f0" + "5a00" + "abcd",
			[]string{"160212=100 mg/dL", "8418008=2.0 mg/dL/min", "Quality of the measurement=90 %", "8418060; 8418060.3=true; 8418060.12=true"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, o := range observations(read(t, text(c.characteristic, c.value))) {
				got = append(got, said(o))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestSpecialNumbersAreNoNumbers: IEEE 11073-20601's special values, in both widths.
func TestSpecialNumbersAreNoNumbers(t *testing.T) {
	t.Parallel()
	want := []absent{positiveInfinity, notANumber, unsupported, inError, negativeInfinity}
	for i, b := range []uint16{0x07fe, 0x07ff, 0x0800, 0x0801, 0x0802} {
		if got := sfloat(b); got.absent != want[i] {
			t.Errorf("%04x: %+v", b, got)
		}
		if got := sfloat(b | 0xf000); got.absent != "" { // at another exponent they are numbers
			t.Errorf("%04x: %+v", b|0xf000, got)
		}
	}
	for i, b := range []uint32{0x007f_fffe, 0x007f_ffff, 0x0080_0000, 0x0080_0001, 0x0080_0002} {
		if got := float(b); got.absent != want[i] {
			t.Errorf("%08x: %+v", b, got)
		}
	}
}

// TestNumbersAreExact: every SFLOAT, and extremes of FLOAT, written and read again.
func TestNumbersAreExact(t *testing.T) {
	t.Parallel()
	check := func(n number) {
		if n.absent != "" {
			return
		}
		want := new(big.Rat).SetInt64(n.mantissa)
		power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n.exponent, -n.exponent))), nil))
		if n.exponent < 0 {
			power.Inv(power)
		}
		want.Mul(want, power)
		text := n.json().String()
		got, ok := new(big.Rat).SetString(text)
		if !ok || got.Cmp(want) != 0 || !json.Valid([]byte(text)) {
			t.Errorf("%+v: %s", n, text)
		}
	}
	for b := range 1 << 16 {
		check(sfloat(uint16(b)))
		check(sfloat(uint16(b)).times(5))
	}
	for _, b := range []uint32{0, 1, 0xffffff, 0x7f000001, 0x80ffffff, 0x7f7fffff, 0xff00016d, 0xee00016d, 0xed00016d, 0x12000001, 0x13000001} {
		check(float(b))
	}
	if got := float(0xff00016d).json(); got != "36.5" {
		t.Error(got)
	}
	if got := (number{mantissa: -5, exponent: -2}).json(); got != "-0.05" {
		t.Error(got)
	}
}

// TestTimesAreBroughtToThePhonesClock: the rules of coincident time stamps.
func TestTimesAreBroughtToThePhonesClock(t *testing.T) {
	const stamped = "02" + "7800" + "5000" + "5d00" + "e2070b0b0b260f" // 2018-11-11 11:38:15 by the device
	clock := func(value string) string {
		return `,"clock":{"value":"` + value + `","read":"2018-11-11T11:40:00-05:00"}`
	}
	for name, c := range map[string]struct {
		record, at, note string
		looked           bool
	}{
		"no time stamp: when it was received":  {text("2a35", "00780050005d00"), "2026-11-30T10:00:00+01:00", "", false},
		"the device is five seconds behind":    {text("2a35", stamped, clock("e2070b0b0b2737")), "2018-11-11T11:38:20-05:00", "", true},
		"the device is years wrong":            {text("2a35", stamped, clock("d4070b0b0b2800")), "2032-11-10T11:38:15-05:00", "", true},
		"a look by Current Time":               {text("2a35", stamped, clock("e2070b0b0b2800000000")), "2018-11-11T11:38:15-05:00", "", true},
		"nobody looked at the clock":           {text("2a35", stamped), "2018-11-11T11:38:15+01:00", noteUncompared, false},
		"the device knows no time":             {text("2a35", stamped, clock("00000b0b0b2800")), "2026-11-30T10:00:00+01:00", noteUnset, false},
		"the stamp says unknown":               {text("2a35", "02780050005d0000000000000000"), "", noteLost, false},
		"the device says its clock is not set": {text("2a5e", "1161003c00e2070b0b0b260f"), "2026-11-30T10:00:00+01:00", noteUnset, false},
		"a session's start":                    {text("2aa7", "06"+"00"+"6400"+"0a00", `,"session":"e2070b0b0b26000400"`, clock("e2070b0b0b2800")), "2018-11-11T11:48:00-05:00", "", true},
		"no session's start":                   {text("2aa7", "06"+"00"+"6400"+"0a00"), "2026-11-30T10:00:00+01:00", noteSession, false},
	} {
		t.Run(name, func(t *testing.T) {
			list := observations(read(t, c.record))
			o := list[len(list)-1]
			looked := false
			for _, e := range o.Extension {
				looked = looked || e.URL == urlCoincident
			}
			note := ""
			if len(o.Note) > 0 {
				note = o.Note[0].Text
			}
			if o.Effective != c.at || note != c.note || looked != c.looked || (c.at == "") != (o.EffectiveTimed != nil) {
				t.Errorf("%q %q %t", o.Effective, note, looked)
			}
		})
	}
	for offset, want := range map[string]string{"c4ff": "2018-11-11T10:38:15+01:00", "ff7f": "", "0080": ""} {
		o := observations(read(t, text("2a18", "03"+"0700"+"e2070b0b0b260f"+offset+"63b0"+"11")))[0]
		if o.Effective != want {
			t.Errorf("offset %s: %q", offset, o.Effective)
		}
	}
}

// TestTheShapeIsTheGuides: what a blood pressure becomes has the elements of the
// guide's own example, with the same codes.
func TestTheShapeIsTheGuides(t *testing.T) {
	b := read(t, text("2a35", "12"+"7400"+"4700"+"5600"+"e2070b0b0b260f"+"2100",
		`,"clock":{"value":"e2070b0b0b260a","read":"2018-11-11T11:38:10-05:00"}`,
		`,"device":{"systemId":"711000feff5f49b0","address":"b0495f001071","manufacturer":"A maker","model":"BP-1","serial":"7","firmware":"1.2"}`,
		`,"gateway":{"systemId":"ecde3d4e58532d31","software":"5.0"},"subject":"Patient/patientExample-1"`))
	if len(b.Entry) != 5 {
		t.Fatalf("%d entries", len(b.Entry))
	}
	compare := func(b *Bundle, example string, i int, drop ...string) {
		raw, err := os.ReadFile(filepath.Join(others, "ig-phd", "input", "examples", example))
		if err != nil {
			t.Skipf("no data of others: %v", err)
		}
		var want, got map[string]any
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		mine, err := json.Marshal(b.Entry[i].Resource)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(mine, &got); err != nil {
			t.Fatal(err)
		}
		for _, m := range []map[string]any{want, got} {
			for _, name := range append(drop, "id", "text", "device", "subject", "performer") {
				delete(m, name)
			}
			for _, x := range asList(m["extension"]) {
				delete(x, "valueReference")
			}
			for _, x := range asList(m["derivedFrom"]) {
				delete(x, "reference")
			}
			// A LOINC code that the guide's example does not give for the mean is no difference.
			for _, x := range asList(m["component"]) {
				if inner, ok := x["code"].(map[string]any); ok {
					if list, ok := inner["coding"].([]any); ok && len(list) > 1 {
						inner["coding"] = list[:1]
					}
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", example, d)
		}
	}
	compare(b, "compound-numeric-blood-pressure.json", 3)
	compare(b, "bpm-status.json", 4, "effectiveDateTime")
	compare(b, "coin-example-1.json", 2, "effectiveDateTime", "valueDateTime")
	compare(read(t, text("2a1c", "00"+"6d0100ff")), "temperature-observation.json", 1, "effectiveDateTime", "extension", "category")
	compare(read(t, text("2a18", "02"+"0700"+"e2070b0b0b260f"+"63b0"+"08")), "glucose-observation.json", 1,
		"effectiveDateTime", "extension", "identifier", "code", "note", "component")
	compare(read(t, text("2a34", "02"+"0700"+"02")), "meal-context-observation.json", 1, "effectiveDateTime", "extension", "identifier", "derivedFrom", "valueCodeableConcept")
}

func asList(v any) []map[string]any {
	var list []map[string]any
	a, _ := v.([]any)
	for _, x := range a {
		if m, ok := x.(map[string]any); ok {
			list = append(list, m)
		}
	}
	return list
}

// TestWhatIsRefused: each with the member that is wrong, and nothing of it repeated.
func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]string{
		"no value":                          text("2a37", ""),
		"no hexadecimal digits":             text("2a37", "zz"),
		"flags that announce more":          text("2a35", "027800500058"),
		"more than announced":               text("2a37", "004849"),
		"half an interval":                  text("2a37", "104800"),
		"an interval announced, and none":   text("2a37", "1048"),
		"a 13th month":                      text("2a1c", "026d0100ffe2070d0b0b260f"),
		"the 30th of February":              text("2a1c", "026d0100ffe207021e0b260f"),
		"a characteristic of no kind":       text("2a19", "64"),
		"another's UUID":                    text("00002a37-0000-1000-8000-00805f9b34fc", "0048"),
		"a name twice":                      `{"value":"0048","characteristic":"2a37","value":"0049","received":"2026-11-30T10:00:00+01:00"}`,
		"a member of no meaning":            text("2a37", "0048", `,"x":1`),
		"no zone":                           `{"characteristic":"2a37","value":"0048","received":"2026-11-30T10:00:00"}`,
		"a zone that is none":               `{"characteristic":"2a37","value":"0048","received":"2026-11-30T10:00:00+24:00"}`,
		"a clock read in no zone":           text("2a37", "0048", `,"clock":{"value":"ea070b1e0a0000","read":"2026-11-30T10:00:00+24:00"}`),
		"a subject that is no patient":      text("2a37", "0048", `,"subject":"Mrs Secret"`),
		"a clock of another length":         text("2a37", "0048", `,"clock":{"value":"e2","read":"2026-11-30T10:00:00Z"}`),
		"a long serial number":              text("2a37", "0048", `,"device":{"serial":"`+strings.Repeat("9", 300)+`"}`),
		"a glucose monitor's several":       text("2aa7", "0600640005000600650006"+"00"),
		"a value that is too long":          text("2a37", strings.Repeat("00", 600)),
		"a record that is too long":         text("2a37", "0048", strings.Repeat(" ", 20<<10)),
		"no object":                         `["2a37"]`,
		"something behind it, which is bad": text("2a37", "0048") + "{}",
	} {
		_, err := Read([]byte(record))
		p, ok := errors.AsType[*ledger.Problem](err)
		if !ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, _ := json.Marshal(p)
		if strings.Contains(string(b), "Secret") || strings.Contains(string(b), "9999") {
			t.Errorf("%s repeats what came: %s", name, b)
		}
	}
	for _, whole := range []string{"2a37", "00002A37-0000-1000-8000-00805F9B34FB"} {
		if _, err := Read([]byte(text(whole, "0048"))); err != nil {
			t.Errorf("%s: %v", whole, err)
		}
	}
}

// TestALaterVersionOfAServiceIsRead: bits and bytes that a service keeps for later are
// no fault.
func TestALaterVersionOfAServiceIsRead(t *testing.T) {
	t.Parallel()
	if got := said(observations(read(t, text("2a1c", "80"+"6d0100ff"+"00")))[0]); got != "150364=36.5 Cel" {
		t.Error(got)
	}
}

func fuzz(f *testing.F, characteristic string, seeds ...string) {
	f.Helper()
	for _, s := range seeds {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Read([]byte(text(characteristic, hex.EncodeToString(b))))
		if err != nil {
			return
		}
		x, err := json.Marshal(m.Bundle(unit))
		if err != nil {
			t.Fatal(err)
		}
		y, _ := json.Marshal(m.Bundle(unit))
		if string(x) != string(y) {
			t.Error("the same value says something else")
		}
		judge(t, m.Bundle(unit))
	})
}

func FuzzHeartRate(f *testing.F) { fuzz(f, "2a37", "0048", "1f48000a000004ff03") }
func FuzzBloodPressure(f *testing.F) {
	fuzz(f, "2a35", "00780050005d00", "1fa0f06bf07df0e2070b0b0b260f48f0022500")
}
func FuzzTemperature(f *testing.F) { fuzz(f, "2a1c", "006d0100ff", "07da0300ffe2070b0b0b260f01") }
func FuzzGlucose(f *testing.F)     { fuzz(f, "2a18", "0b0700e2070b0b0b260f050063b0110100") }
func FuzzContext(f *testing.F)     { fuzz(f, "2a34", "5f0700021ed002210807320120a041f0", "020700ff") }
func FuzzWeight(f *testing.F)      { fuzz(f, "2a9d", "00983a", "0f9440e2070b0b0b260f01e600bb02") }
func FuzzComposition(f *testing.F) {
	fuzz(f, "2a9c", "00000601", "ff0f0601e2070b0b0b260f01701a7701102e2036e03340228813983ad606")
}

func FuzzSpotCheck(f *testing.F) {
	fuzz(f, "2a5e", "0061003c00", "1f61003c00e2070b0b0b260f800000200014f0")
}

func FuzzContinuous(f *testing.F) {
	fuzz(f, "2a5f", "0061003c00", "1f61003c0062003d0063003e00800000200014f0")
}
func FuzzMonitor(f *testing.F) { fuzz(f, "2aa7", "060064000a00", "0fe364000a0008000114f05a00abcd") }

func FuzzRecord(f *testing.F) {
	f.Add([]byte(text("2a37", "0048", `,"clock":{"value":"e2070b0b0b2737","read":"2026-11-30T10:00:00Z"},"subject":"Patient/1"`)))
	f.Add([]byte(`{"device":{"systemId":"711000feff5f49b0"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Read(b); err == nil {
			judge(t, m.Bundle(unit))
		}
	})
}
