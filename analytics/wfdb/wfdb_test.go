package wfdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var near = cmp.Options{cmpopts.EquateApprox(1e-9, 0), cmpopts.EquateNaNs()}

// patients returns the records of real patients that lie beside the repository.
func patients(tb testing.TB) fs.FS {
	tb.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data", "health", "ecg-wfdb", "sample-data")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		tb.Skip("no records of real patients: ../shared/data/health/ecg-wfdb is not there")
	}
	return os.DirFS(dir)
}

// of is a signal whose header states all there is.
func of(label, unit string, rate float64, samples int64, low, high float64) Signal {
	return Signal{Label: label, Unit: unit, Rate: rate, Samples: samples, Min: low, Max: high, Calibrated: true, Checked: true}
}

// TestRealRecords: every record that is whole is read, in formats 16, 24 and 212, with
// several samples in a frame and with a skew; its checksums and first values are its
// header's, and its bounds those that wfdb-python 4.3.1 finds.
func TestRealRecords(t *testing.T) {
	t.Parallel()
	fsys := patients(t)
	want := map[string]*Record{
		"100": {
			Rate: 360, Frames: 650000,
			Signals:     []Signal{of("MLII", "mV", 360, 650000, -2.715, 1.435), of("V5", "mV", 360, 650000, -2.465, 1.225)},
			Annotations: []Annotations{{Annotator: "atr", Count: 2274, Codes: map[string]int{"N": 2239, "A": 33, "V": 1, "+": 1}}},
		},
		"03700181": {
			Start: time.Date(1994, 8, 15, 17, 27, 45, 0, time.UTC), Rate: 125, Frames: 75000,
			Signals: []Signal{
				of("MCL1", "mV", 500, 300000, -0.48046913222011156, 0.259466827722799),
				of("ABP", "mmHg", 125, 75000, 17.05607476635514, 64.17445482866043),
				of("RESP", "mV", 125, 75000, -0.8935, 1.0235),
			},
		},
		"a103l": {
			Rate: 250, Frames: 82500,
			Signals: []Signal{
				of("II", "mV", 250, 82500, -1.2894991030771354, 2.181454394922037),
				of("V", "mV", 250, 82500, -1.1093155893536122, 1.9054182509505704),
				of("PLETH", "NU", 250, 82500, -0.005746209098164406, 1.0000798084596967),
			},
		},
	}
	headers, err := fs.Glob(fsys, "*.hea")
	if err != nil || len(headers) != 5 {
		t.Fatal(headers, err)
	}
	for _, file := range headers {
		name := strings.TrimSuffix(file, ".hea")
		r, err := Read(fsys, name)
		if name == "3000003_0003" { // its samples are not there
			if ledger.CodeOf(err) != ledger.CodeInvalid || !strings.Contains(err.Error(), "not there") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, s := range r.Signals {
			if !s.Checked || s.Samples != r.Frames*int64(s.Rate/r.Rate) {
				t.Errorf("%s: a signal is not whole, or not checked: %+v", name, s)
			}
		}
		if w := want[name]; w != nil {
			if diff := cmp.Diff(w, r, near); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}

// TestRecordsOfAnotherProgram: what wfdb-python 4.3.1 wrote is read as it reads it.
func TestRecordsOfAnotherProgram(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 30, 14, 0, 1, 250e6, time.UTC)
	want := map[string]*Record{}
	for name, s := range map[string][4]float64{
		"f80":  {-1.23, 1.03, -23.2, 27.2},
		"f212": {-18.51, 18.31, -407.2, 411.2},
		"f16":  {-294.98, 294.79, -6550.8, 6555.2},
		"f24":  {-37747.07, 37748.44, -838826, 838862.8},
		"f32":  {-37747.07, 37748.44, -838826, 838862.8},
	} {
		r := &Record{Start: start, Rate: 250, Frames: 301, Signals: []Signal{of("II", "mV", 250, 301, s[0], s[1]), of("ABP", "mmHg", 250, 301, s[2], s[3])}}
		r.Signals[0].Missing = 1
		want[name] = r
	}
	want["f212"].Annotations = []Annotations{{Annotator: "atr", Count: 5, Codes: map[string]int{"N": 3, "V": 1, "+": 1}}}
	want["multi"] = &Record{Rate: 125, Frames: 250, Signals: []Signal{of("II", "mV", 500, 1000, -4, 4), of("ABP", "mmHg", 125, 250, -175, 175)}}
	for name, w := range want {
		r, err := Read(os.DirFS("testdata"), name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(w, r, near); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// encode writes samples in a format that no other program writes here, as signal(5) has it.
func encode(tb testing.TB, format int, samples []int32) []byte {
	tb.Helper()
	var b []byte
	le := binary.LittleEndian
	last := int32(0)
	switch format {
	case 8:
		for _, v := range samples {
			b = append(b, byte(v-last))
			last = v
		}
	case 61:
		for _, v := range samples {
			b = binary.BigEndian.AppendUint16(b, uint16(v))
		}
	case 160:
		for _, v := range samples {
			b = le.AppendUint16(b, uint16(v+1<<15))
		}
	case 310, 311:
		for len(samples) > 0 {
			var u [3]uint32
			for i := range u {
				if i < len(samples) {
					u[i] = uint32(samples[i]) & 0x3ff
				}
			}
			samples = samples[min(3, len(samples)):]
			if format == 311 {
				b = le.AppendUint32(b, u[0]|u[1]<<10|u[2]<<20)
				continue
			}
			b = le.AppendUint16(b, uint16(u[0]<<1|u[2]&0x1f<<11))
			b = le.AppendUint16(b, uint16(u[1]<<1|u[2]>>5<<11))
		}
	default:
		tb.Fatal("no encoder")
	}
	return b
}

// record is a record of one signal in a format.
func record(tb testing.TB, format int, samples ...int32) fstest.MapFS {
	tb.Helper()
	sum := int16(0)
	for _, v := range samples {
		sum += int16(v)
	}
	header := fmt.Sprintf("r 1 100 %d\nr.dat %d 10/mV 10 0 %d %d 0 II\n", len(samples), format, samples[0], sum)
	return fstest.MapFS{"r.hea": {Data: []byte(header)}, "r.dat": {Data: encode(tb, format, samples)}}
}

// TestFormats: samples of the other formats, the last of their units cut short or not.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, format := range []int{8, 61, 160, 310, 311} {
		for n := 1; n <= 7; n++ {
			fsys := record(t, format, []int32{0, 100, -27, 30, 31, -96, 12}[:n]...)
			r, err := Read(fsys, "r")
			if err != nil {
				t.Errorf("format %d, %d samples: %v", format, n, err)
				continue
			}
			low, high := []float64{0, 0, -2.7, -2.7, -2.7, -9.6, -9.6}[n-1], []float64{0, 10, 10, 10, 10, 10, 10}[n-1]
			if s := r.Signals[0]; s.Samples != int64(n) || math.Abs(s.Min-low) > 1e-9 || math.Abs(s.Max-high) > 1e-9 || !s.Checked {
				t.Errorf("format %d, %d samples: %+v", format, n, s)
			}
			if short := fsys["r.dat"].Data; format == 310 || format == 311 {
				// Samples behind the last one may be left off.
				fsys["r.dat"].Data = short[:len(short)-4+[]int{4, 2, 4}[n%3]]
				if _, err := Read(fsys, "r"); err != nil && n%3 != 2 {
					t.Errorf("format %d, %d samples, cut short: %v", format, n, err)
				}
			}
		}
	}
	// Of 8 there is no value that means none; the first sample is a difference, too.
	fsys := record(t, 8, 5, 4)
	fsys["r.hea"].Data = []byte("r 1 100 2\nr.dat 8 10/mV 8 0 5 9 0 II\n")
	fsys["r.dat"].Data = []byte{0, 0xff}
	if r, err := Read(fsys, "r"); err != nil || r.Signals[0].Min != 0.4 || r.Signals[0].Max != 0.5 {
		t.Errorf("differences: %+v %v", r, err)
	}
}

// TestRecordOfSegments: signals of segments are put together, and what is missing between
// them is told.
func TestRecordOfSegments(t *testing.T) {
	t.Parallel()
	fsys := record(t, 61, 1, 2, 3)
	fsys["s.hea"] = &fstest.MapFile{Data: []byte("s 2 100 2\ns.dat 61 10/mV 16 0 7 15 0 II\n~ 0 1/mmHg 12 0 0 0 0 ABP\n")}
	fsys["s.dat"] = &fstest.MapFile{Data: encode(t, 61, []int32{7, 8})}
	fsys["layout.hea"] = &fstest.MapFile{Data: []byte("layout 2 100 0\n~ 0 10/mV 16 0 0 0 0 II\n~ 0 1/mmHg 16 0 0 0 0 ABP\n")}
	fsys["m.hea"] = &fstest.MapFile{Data: []byte("m/4 2 100 10 23:59:59 31/12/2025\nlayout 0\nr 3\n~ 5\ns 2\n")}
	got, err := Read(fsys, "m")
	if err != nil {
		t.Fatal(err)
	}
	want := &Record{
		Start: time.Date(2025, 12, 31, 23, 59, 59, 0, time.UTC), Rate: 100, Frames: 10, Segments: 4, Gaps: 1,
		Signals: []Signal{of("II", "mV", 100, 5, 0.1, 0.8)},
	}
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Error(diff)
	}
	if got.Duration() != 100*time.Millisecond {
		t.Errorf("%v", got.Duration())
	}
	for name, master := range map[string]string{
		"another total":            "m/2 1 100 6\nr 3\ns 2\n",
		"another length":           "m/1 1 100 4\nr 4\n",
		"another rate":             "m/1 1 50 3\nr 3\n",
		"itself":                   "m/1 1 100 3\nm 3\n",
		"a segment that is not":    "m/1 1 100 3\nq 3\n",
		"fewer than it states":     "m/3 1 100 5\nr 3\ns 2\n",
		"more than it states":      "m/1 1 100 5\nr 3\ns 2\n",
		"no segments":              "m/0 1 100 3\n",
		"a folder":                 "m/1 1 100 3\n../r 3\n",
		"one segment twice":        "m/2 1 100 6\nr 3\nr 3\n",
		"an absurd number of them": "m/999999999 1 100 3\nr 3\n",
	} {
		fsys["m.hea"] = &fstest.MapFile{Data: []byte(master)}
		refused(t, name, fsys, "m")
	}
}

func refused(t *testing.T, name string, fsys fs.FS, record string) {
	t.Helper()
	r, err := Read(fsys, record)
	if code := ledger.CodeOf(err); code != ledger.CodeInvalid && code != ledger.CodeTooLarge || strings.Contains(fmt.Sprint(err), "Secret") {
		t.Errorf("%s: %+v %v", name, r, err)
	}
}

// TestWhatIsRefused: one header or file for each thing that can be wrong.
func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	dat := encode(t, 61, []int32{5, -6, 7, 8})
	good := "r 1 100 4 12:00:00 01/02/2026\nr.dat 61 10(0)/mV 16 0 5 14 0 II\n"
	with := func(header string, dat []byte) fstest.MapFS {
		return fstest.MapFS{"r.hea": {Data: []byte(header)}, "r.dat": {Data: dat}}
	}
	if _, err := Read(with(good, dat), "r"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][2]string{ // replaced by
		"another checksum":         {" 14 ", " 15 "},
		"another first value":      {" 5 ", " 6 "},
		"more samples":             {"100 4", "100 5"},
		"fewer samples":            {"100 4", "100 3"},
		"absurdly many samples":    {"100 4", "100 9223372036854775807"},
		"samples below none":       {"100 4", "100 -4"},
		"more signals":             {"r 1", "r 2"},
		"no signals":               {"r 1", "r 0"},
		"absurdly many signals":    {"r 1", "r 4000000000"},
		"no number of signals":     {"r 1", "r x"},
		"another name":             {"r 1", "q 1"},
		"a name that leads away":   {"r 1", "../r 1"},
		"no rate":                  {"1 100", "1 0"},
		"a rate that is none":      {"1 100", "1 NaN"},
		"an endless rate":          {"1 100", "1 1e999"},
		"a folder":                 {"r.dat", "../r.dat"},
		"a root":                   {"r.dat", "/r.dat"},
		"another folder's":         {"r.dat", `..\r.dat`},
		"its own header":           {"r.dat", "r.hea"},
		"a file that is not there": {"r.dat", "Secret.dat"},
		"no format":                {" 61 ", " x "},
		"an unknown format":        {" 61 ", " 62 "},
		"a compressed format":      {" 61 ", " 516 "},
		"a format without a file":  {" 61 ", " 0 "},
		"too large a frame":        {" 61 ", " 61x999999 "},
		"no frame":                 {" 61 ", " 61x0 "},
		"a frame that is cut off":  {" 61 ", " 61x3 "},
		"an offset beyond the end": {" 61 ", " 61+9 "},
		"a gain that is none":      {"10(0)", "ten(0)"},
		"a gain without an end":    {"10(0)", "1e999(0)"},
		"a checksum that is none":  {" 14 ", " Secret "},
		"a time that is none":      {"12:00:00", "25:00:00"},
		"a date that is none":      {"01/02/2026", "31/02/2026"},
		"and a part of a second":   {"12:00:00 01/02/2026", "12:00:00.5 31/02/2026"},
		"control characters":       {"II", "I\x01"},
		"one line more":            {"II\n", "II\nSecret 61 1 1 1 1 1 1 x\n"},
	} {
		header := strings.Replace(good, c[0], c[1], 1)
		if header == good {
			t.Errorf("%s: nothing changed", name)
		}
		refused(t, name, with(header, dat), "r")
	}
	refused(t, "a header of comments", with("# Secret\n", dat), "r")
	refused(t, "an endless header", with(good+strings.Repeat("#", MaxHeader), dat), "r")
	refused(t, "half a sample more", with(good, append(bytes.Clone(dat), 0)), "r")
	refused(t, "no header", fstest.MapFS{}, "r")
	refused(t, "a name that is none", with(good, dat), "../r")
	refused(t, "one file twice", with("r 3 100 4\nr.dat 61\nq.dat 61\nr.dat 61\n", dat), "r")
	refused(t, "two formats in a file", with("r 2 100 2\nr.dat 61\nr.dat 16\n", dat), "r")
	for name, text := range map[string]string{
		"without an end":         "\x05\x04",
		"with an end too many":   "\x05\x04\x00\x00\x00\x00",
		"with a code too many":   "\x05\xd0\x00\x00",
		"with half a word":       "\x05",
		"with a text cut off":    "\x09\xfcSecret",
		"with a step cut off":    "\x00\xec\x01",
		"with a step to nowhere": "\x00\xec\xff\xff\x00\x00\x05\x04\x00\x00",
	} {
		fsys := with(good, dat)
		fsys["r.atr"] = &fstest.MapFile{Data: []byte(text)}
		refused(t, "annotations "+name, fsys, "r")
	}
}

// TestWhatAHeaderNeedNotSay: all that may be missing is missing.
func TestWhatAHeaderNeedNotSay(t *testing.T) {
	t.Parallel()
	dat := encode(t, 61, []int32{200, -400})
	for name, header := range map[string]string{
		"length":    "r 1 250\nr.dat 61\n",
		"rate":      "r 1\nr.dat 61\n",
		"gain of 0": "r 1 250/250(0) 2\nr.dat 61 0\n",
	} {
		got, err := Read(fstest.MapFS{"r.hea": {Data: []byte(header)}, "r.dat": {Data: dat}}, "r")
		want := &Record{Rate: 250, Frames: 2, Signals: []Signal{{Unit: "mV", Rate: 250, Samples: 2, Min: -2, Max: 1}}}
		if diff := cmp.Diff(want, got, near); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	// An upper bound of what there is, in digital zero and baseline; a gain below 0 turns it over.
	got, err := Read(fstest.MapFS{"r.hea": {Data: []byte("r 1 250 2\nr.dat 61 -100/mV 12 100\n")}, "r.dat": {Data: dat}}, "r")
	if err != nil || got.Signals[0].Min != -1 || got.Signals[0].Max != 5 {
		t.Errorf("%+v %v", got, err)
	}
}
