package senml

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func at(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

func truth(b bool) *bool { return &b }

func word(s string) *string { return &s }

// TestPacksAreResolved: packs made for the purpose, one for each rule of RFC 8428.
func TestPacksAreResolved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pack string
		want []Record
	}{
		"one": {`[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.10}]`, []Record{{Name: "urn:dev:ow:10e2073a01080063", Unit: "Cel", Time: now, Number: "23.10"}}},
		"bases hold for those behind": {
			`[{"bn":"a:","bt":1600000000,"bu":"/min","bv":10.5,"n":"hr","v":61.5},{"n":"t","u":"Cel","t":-5,"v":0.25},{"bv":0,"n":"x","t":5,"v":1}]`,
			[]Record{
				{Name: "a:hr", Unit: "/min", Time: at(1600000000), Number: "72"},
				{Name: "a:t", Unit: "Cel", Time: at(1599999995), Number: "10.75"},
				{Name: "a:x", Unit: "/min", Time: at(1600000005), Number: "1"},
			},
		},
		"a base alone is no measurement":    {`[{"bn":"a"},{"vb":true}]`, []Record{{Name: "a", Time: now, Flag: truth(true)}}},
		"times that are few count from now": {`[{"n":"a","vs":"x","t":-60}]`, []Record{{Name: "a", Time: now.Add(-time.Minute), Text: word("x")}}},
		"a sum, and how long until another": {`[{"n":"a","s":100,"bs":0.5,"ut":60}]`, []Record{{Name: "a", Time: now, Sum: "100.5", Update: "60"}}},
		"what is not known is passed over":  {`[{"n":"a","v":1,"x":[]}]`, []Record{{Name: "a", Time: now, Number: "1"}}},
		"an object's resource": {
			`[{"bn":"/3303/0/","n":"5700","v":36.6,"u":"Cel"},{"n":"9999","vd":"AQ"}]`,
			[]Record{
				{Name: "/3303/0/5700", Unit: "Cel", Time: now, Number: "36.6", Object: "Temperature", Resource: "Sensor Value"},
				{Name: "/3303/0/9999", Time: now, Data: word("AQ"), Object: "Temperature"},
			},
		},
	} {
		got, err := ReadJSON([]byte(c.pack), now)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestCBORSaysTheSame: a pack in CBOR with floats of three widths, and numbers that are
// none.
func TestCBORSaysTheSame(t *testing.T) {
	t.Parallel()
	pack := []map[any]any{
		{-2: "/3303/0/", -3: 1600000000, 0: "5700", 1: "Cel", 2: float32(36.6)},
		{0: "5601", 2: 35.125},
		{0: "5602", 2: 41},
		{0: "5750", 3: "bed"},
		{0: "1", 8: []byte{1}},
		{0: "2", 4: false},
	}
	b, err := cbor.Marshal(pack)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadCBOR(b, now)
	if err != nil {
		t.Fatal(err)
	}
	var short []string
	for _, r := range got {
		x, _ := json.Marshal(struct {
			N json.Number
			T *string
			F *bool
			D *string
		}{r.Number, r.Text, r.Flag, r.Data})
		short = append(short, string(x))
	}
	want := []string{
		`{"N":36.6,"T":null,"F":null,"D":null}`, `{"N":35.125,"T":null,"F":null,"D":null}`, `{"N":41,"T":null,"F":null,"D":null}`,
		`{"N":0,"T":"bed","F":null,"D":null}`, `{"N":0,"T":null,"F":null,"D":"AQ"}`, `{"N":0,"T":null,"F":false,"D":null}`,
	}
	if d := cmp.Diff(want, short); d != "" {
		t.Error(d)
	}
	for text, want := range map[string]json.Number{"c4822019016e": "366e-1", "c48219ffff01": "", "c482f93e0001": "", "c48120": ""} {
		b, err := hex.DecodeString("81a200616102" + text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadCBOR(b, now)
		if want == "" && err == nil || want != "" && (err != nil || got[0].Number != want) {
			t.Errorf("a decimal fraction %s: %+v %v", text, got, err)
		}
	}
	nan, _ := hex.DecodeString("81a2006161" + "02f97e00")
	if got, err := ReadCBOR(nan, now); err != nil || got[0].Absent != "not-a-number" || got[0].Number != "" {
		t.Errorf("%+v %v", got, err)
	}
}

// TestWhatIsRefused: and nothing of it repeated.
func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	for name, pack := range map[string]string{
		"nothing":                     `[]`,
		"no array":                    `{"n":"secret","v":1}`,
		"two values":                  `[{"n":"secret","v":1,"vb":true}]`,
		"a name and no value":         `[{"n":"secret"}]`,
		"no name":                     `[{"v":1}]`,
		"a name of other characters":  `[{"n":"secret!","v":1}]`,
		"a name twice":                `[{"n":"secret","n":"b","v":1}]`,
		"what must be understood":     `[{"n":"secret","v":1,"x_":1}]`,
		"another version":             `[{"bver":11,"n":"secret","v":1}]`,
		"a number in quotes":          `[{"n":"secret","v":"1"}]`,
		"a number of too many digits": `[{"bv":1e-300,"n":"secret","v":1e300}]`,
		"an exponent of a billion":    `[{"bv":1,"n":"secret","v":0e-999999999}]`,
		"a time beyond all":           `[{"n":"secret","v":1,"t":1e12}]`,
		"a time before all":           `[{"n":"secret","v":1,"t":-1e10}]`,
		"too many":                    "[" + strings.Repeat(`{"n":"secret","v":1},`, MaxRecords) + `{"n":"secret","v":1}]`,
		"bases and nothing else":      `[{"bn":"secret","bv":1}]`,
		"a null":                      `null`,
		"a record that is none":       `[1]`,
	} {
		_, err := ReadJSON([]byte(pack), now)
		p, ok := errors.AsType[*ledger.Problem](err)
		if !ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b, _ := json.Marshal(p); strings.Contains(string(b), "secret") {
			t.Errorf("%s: %s", name, b)
		}
	}
	for name, pack := range map[string]string{
		"a label twice":     "81a3006161006162" + "0201",
		"cut off":           "81a2006161",
		"something behind":  "81a20061610201" + "00",
		"bytes for a name":  "81a200416102" + "01",
		"a big number":      "81a20061610" + "2c249010000000000000000",
		"too deep":          strings.Repeat("81", 20) + "00",
		"an array of a lie": "9affffffff",
		"text that is not":  "81a2006" + "1ff0201",
	} {
		b, err := hex.DecodeString(pack)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := ReadCBOR(b, now); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if Check([]byte{0x01}) != nil || Check([]byte{0x01, 0x02}) == nil || Check(nil) == nil {
		t.Error("one item is one item")
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`[{"bn":"a:","bt":1600000000,"bv":10.5,"n":"hr","v":61.5},{"n":"t","t":-5,"vb":true}]`))
	f.Fuzz(func(t *testing.T, b []byte) { same(t, b, ReadJSON) })
}

func FuzzCBOR(f *testing.F) {
	f.Add([]byte{0x81, 0xa2, 0x00, 0x61, 0x61, 0x02, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		same(t, b, ReadCBOR)
		_ = Check(b)
	})
}

func same(t *testing.T, b []byte, read func([]byte, time.Time) ([]Record, error)) {
	t.Helper()
	got, err := read(b, now)
	if err != nil {
		return
	}
	x, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := read(b, now)
	if y, _ := json.Marshal(again); string(x) != string(y) {
		t.Error("the same pack says something else")
	}
}
