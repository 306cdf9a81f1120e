package hl7

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func parsed(t *testing.T, lines ...string) *Message {
	t.Helper()
	m, flaw := Parse([]byte(strings.Join(lines, "\r") + "\r"))
	if flaw != Sound {
		t.Fatalf("flaw %d", flaw)
	}
	return m
}

func observed(t *testing.T, p Profile, lines ...string) []Observation {
	t.Helper()
	return parsed(t, lines...).Observations(p)
}

var shown = cmp.Options{cmpopts.IgnoreUnexported(Observation{}), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })}

const msh = `MSH|^~\&|MON^0022^EUI-64|ICU|||20261130140000+0100||ORU^R01^ORU_R01|1|P|2.6`

func TestObservationsAreWhatTheMessageSays(t *testing.T) {
	t.Parallel()
	at := func(s string) *time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return &v
	}
	bpm := &Coding{"264864", "MDC_DIM_BEAT_PER_MIN", "MDC"}
	hr := Coding{"147842", "MDC_ECG_HEART_RATE", "MDC"}
	for name, c := range map[string]struct {
		lines []string
		want  []Observation
	}{
		"a number, with the group's time in the message's zone": {
			[]string{"OBR|1||||||20261130135900", "OBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC|1.2.1.1|72.0|264864^MDC_DIM_BEAT_PER_MIN^MDC|50-120|H~A|||F|||||||^^0022AB^EUI-64"},
			[]Observation{{
				Code: hr, Channel: "1.2.1.1", Value: &Value{Number: "72.0"}, Unit: bpm, Range: "50-120", Flags: []string{"H", "A"},
				Status: "F", Time: at("2026-11-30T13:59:00+01:00"), Device: "0022AB",
			}},
		},
		"its own time before the group's": {
			[]string{"OBR|1||||||20261130135900", "OBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC||72|||||||||20261130135930.25+0000"},
			[]Observation{{Code: hr, Value: &Value{Number: "72"}, Time: at("2026-11-30T13:59:30.25Z")}},
		},
		"a day is no moment": {
			[]string{"OBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC||72|||||||||20261130"},
			[]Observation{{Code: hr, Value: &Value{Number: "72"}}},
		},
		"no place in a list, and a private code": {
			[]string{"OBX||NM|^^^HR^Heart rate^99MON||72"},
			[]Observation{{Code: Coding{"HR", "Heart rate", "99MON"}, Value: &Value{Number: "72"}}},
		},
		"sentinels are no readings, however they are written": {
			[]string{"OBX|1|NM|1^A||-100", "OBX|2|NM|2^B||-100.00", "OBX|3|NM|3^C||-999", "OBX|4|NM|4^D||100", "OBX|5|SN|5^E||<^-100"},
			[]Observation{
				{Code: Coding{Code: "1", Display: "A"}, Absent: AbsentUnknown},
				{Code: Coding{Code: "2", Display: "B"}, Absent: AbsentUnknown},
				{Code: Coding{Code: "3", Display: "C"}, Absent: AbsentUnknown},
				{Code: Coding{Code: "4", Display: "D"}, Value: &Value{Number: "100"}},
				{Code: Coding{Code: "5", Display: "E"}, Absent: AbsentUnknown},
			},
		},
		"what is no number is none": {
			[]string{"OBX|1|NM|1^A||---", "OBX|2|NM|2^B||1e400", "OBX|3|NM|3^C||NaN", "OBX|4|NM|4^D|||%", `OBX|5|NM|5^E||""|%`, "OBX|6|NM|6^F|||%|||||X"},
			[]Observation{
				{Code: Coding{Code: "1", Display: "A"}, Absent: AbsentNotANumber},
				{Code: Coding{Code: "2", Display: "B"}, Absent: AbsentNotANumber},
				{Code: Coding{Code: "3", Display: "C"}, Absent: AbsentNotANumber},
				{Code: Coding{Code: "4", Display: "D"}, Absent: AbsentUnknown, Unit: &Coding{Code: "%"}},
				{Code: Coding{Code: "5", Display: "E"}, Absent: AbsentUnknown, Unit: &Coding{Code: "%"}},
				{Code: Coding{Code: "6", Display: "F"}, Absent: AbsentNotDone, Unit: &Coding{Code: "%"}, Status: "X"},
			},
		},
		"a range, samples, a code, a text with escapes, and what is not read": {
			[]string{
				"OBX|1|SN|1^A||>^10^-^20", "OBX|2|NA|2^B||1^2^^-4.5", "OBX|3|CWE|3^C||184327^MDC_ECG_STAT_RHY^MDC^^^^^^sinus",
				`OBX|4|ST|4^D||a\T\b\F\c\X41\ `, "OBX|5|ED|5^E||^AP^^Base64^AAAA", "OBX|6||69965^MDC_DEV_MON^MDC|1.0.0.0|||||||X",
			},
			[]Observation{
				{Code: Coding{Code: "1", Display: "A"}, Value: &Value{Comparator: ">", Number: "10", Separator: "-", Upper: "20"}},
				{Code: Coding{Code: "2", Display: "B"}, Value: &Value{Numbers: []string{"1", "2", "", "-4.5"}}},
				{Code: Coding{Code: "3", Display: "C"}, Value: &Value{Coding: &Coding{"184327", "MDC_ECG_STAT_RHY", "MDC"}, Text: "sinus"}},
				{Code: Coding{Code: "4", Display: "D"}, Value: &Value{Text: "a&b|cA"}},
				{Code: Coding{Code: "5", Display: "E"}, Absent: AbsentUnsupported},
			},
		},
	} {
		got := observed(t, Profile{Missing: []float64{-100, -999}}, append([]string{msh}, c.lines...)...)
		if diff := cmp.Diff(c.want, got, shown); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestTimesAreOfTheSourcesZone(t *testing.T) {
	t.Parallel()
	vienna, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.Replace(msh, "+0100", "", 1)
	m := parsed(t, plain, "OBX|1|NM|1^A||5|||||||||20260701120000")
	if at, ok := m.Sent(Profile{Zone: vienna}); !ok || !at.Equal(time.Date(2026, 11, 30, 13, 0, 0, 0, time.UTC)) {
		t.Error(at, ok)
	}
	if o := m.Observations(Profile{Zone: vienna})[0]; !o.Time.Equal(time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)) {
		t.Error(o.Time) // summer time
	}
	if o := m.Observations(Profile{})[0]; !o.Time.Equal(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)) {
		t.Error(o.Time)
	}
	for _, bad := range []string{"2026", "20261330140000", "20261130140000+99999", "20261130140000+2400", "20261130140000-2400", "00000101000000", "20261130140000.123456", "x", "2026113014 00"} {
		if at, ok := moment(bad, time.UTC); ok {
			t.Errorf("%s is %v", bad, at)
		}
	}
}

func TestTextIsOfTheMessagesCharacterSet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ set, sent, want string }{
		"latin":                      {"8859/1", "gr\xfcn", "grün"},
		"euro":                       {"8859/15", "\xa4", "€"},
		"greek":                      {"8859/7", "\xe1", "α"},
		"utf-8":                      {"UNICODE UTF-8", "grün", "grün"},
		"none named, utf-8":          {"", "grün", "grün"},
		"none named, latin":          {"", "gr\xfcn", "grün"},
		"one that is not read":       {"ISO IR87", "gr\xfcn", "gr\uFFFDn"},
		"an escaped byte of the set": {"8859/1", `gr\XFC\n`, "grün"},
		"an escape that never ends":  {"", `a\b`, `a\b`},
		"an escape of one's own":     {"", `a\Zzz\b`, `ab`},
	} {
		o := observed(t, Profile{}, msh+"|||||"+"|"+c.set, "OBX|1|ST|1^A||"+c.sent)
		if len(o) != 1 || o[0].Value.Text != c.want {
			t.Errorf("%s: %+v", name, o[0].Value)
		}
	}
}

// TestEscapesCostWhatTheyAreLong: many of them in one field are read in one go.
func TestEscapesCostWhatTheyAreLong(t *testing.T) {
	m := parsed(t, msh, "OBX|1|ST|1^A||"+strings.Repeat(`\E\`, 10_000))
	if n := testing.AllocsPerRun(1, func() { m.Observations(Profile{}) }); n > 12_000 {
		t.Errorf("%v allocations", n)
	}
}

func TestAlertsAreRead(t *testing.T) {
	t.Parallel()
	alert := strings.Replace(msh, "ORU^R01^ORU_R01", "ORU^R40^ORU_R40", 1)
	m := parsed(
		t, alert, "OBR|1|||196616^MDC_EVT_ALARM^MDC|||20261130135900",
		"OBX|1|CWE|196616^MDC_EVT_ALARM^MDC|1.0.0.0.1|196940^MDC_EVT_FLUID_LINE_OCCL^MDC^^^^^^Occlusion|||ST~PM|||F|||||||P6013^^0012^EUI-64",
		"OBX|2|CWE|68480^MDC_ATTR_ALERT_SOURCE^MDC|1.0.0.0.2|69985^MDC_DEV_PUMP_INFUS_MDS^MDC",
		"OBX|3|ST|68481^MDC_ATTR_EVENT_PHASE^MDC|1.0.0.0.3|start", "OBX|4|ST|68482^MDC_ATTR_ALARM_STATE^MDC|1.0.0.0.4|active",
		"OBX|5|ST|684830^MDC_ATTR_ALARM_INACTIVATION_STATE|1.0.0.0.5|enabled",
		"OBR|2|||196616^MDC_EVT_ALARM^MDC", "OBX|1|ST|196670^MDC_EVT_LO^MDC|2.0.0.0.1|low|||SP~PH", "OBX|2|ST|1^X||y",
	)
	when := time.Date(2026, 11, 30, 12, 59, 0, 0, time.UTC)
	want := []Alert{
		{
			Event: Coding{"196940", "MDC_EVT_FLUID_LINE_OCCL", "MDC"}, Text: "Occlusion", Kind: "ST", Priority: "PM", Phase: "start", State: "active",
			Inactivation: "enabled", Source: &Coding{"69985", "MDC_DEV_PUMP_INFUS_MDS", "MDC"}, Time: &when, Device: "0012",
		},
		{Event: Coding{"196670", "MDC_EVT_LO", "MDC"}, Text: "low", Kind: "SP", Priority: "PH"},
	}
	if diff := cmp.Diff(want, m.Alerts(Profile{}), shown); diff != "" {
		t.Error(diff)
	}
	if got := parsed(t, msh, "OBX|1|ST|1^A||b").Alerts(Profile{}); got != nil {
		t.Errorf("of another message: %+v", got)
	}
}

func FuzzObservations(f *testing.F) {
	f.Add([]byte(msh + "\rOBR|1||||||20261130135900\rOBX|1|NM|1^A|1.1|-100|%||H~A|||F|||20261130||||P^^E\rOBX|2|NA|2||1^2~3\r"))
	f.Add([]byte("MSH|^~\\&|A|||||ORU^R40|\rOBX|1|CWE|196616^MDC_EVT_ALARM|1|1^2^3|||SP~PH\rOBX|2|ST|1^MDC_ATTR_EVENT_PHASE|1|\\X41\\\\F\r"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, flaw := Parse(text)
		if flaw != Sound {
			return
		}
		p := Profile{Missing: []float64{-100}}
		list := m.Observations(p)
		if len(list) > bytes.Count(text, []byte("OBX")) {
			t.Fatalf("%d observations", len(list))
		}
		for _, o := range list {
			if (o.Value == nil) == (o.Absent == "") {
				t.Fatalf("a value and none: %+v", o)
			}
			if o.Value != nil && (o.Value.Number == "-100" || o.Value.Number == "-100.0") {
				t.Fatalf("a sentinel: %+v", o)
			}
			if _, err := json.Marshal(o); err != nil {
				t.Fatal(err)
			}
		}
		m.Alerts(p)
		m.Sent(p)
	})
}
