package edf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var near = cmp.Options{cmpopts.EquateApprox(1e-9, 0), cmpopts.EquateNaNs()}

// TestRecordingsOfAnotherProgram: what pyEDFlib 0.1.42 wrote is read as it reads it.
func TestRecordingsOfAnotherProgram(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		form        Form
		equipment   string
		annotations int64
		low, high   float64
	}{
		"plain.edf": {EDF, "", 0, -2.999847409781033, 2.999847409781033},
		"plus.edf":  {EDFPlusC, "Recorder 7", 2, -2.999847409781033, 2.999847409781033},
		"plain.bdf": {BDF, "", 0, -2.999978542326602, 2.9999761581406688},
		"plus.bdf":  {BDFPlusC, "Recorder 7", 2, -2.999978542326602, 2.9999761581406688},
	} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(iotest.OneByteReader(bytes.NewReader(b)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		diff := cmp.Diff(&Recording{
			Form: want.form, Start: time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC), Equipment: want.equipment, Records: 3,
			Duration: 3 * time.Second, Annotations: want.annotations, Signals: []Signal{
				{Label: "ECG I", Unit: "mV", Rate: 250, Samples: 750, Min: want.low, Max: want.high},
				{Label: "SpO2", Unit: "%", Rate: 1, Samples: 3, Min: 90, Max: 92},
			},
		}, got, near)
		if diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for n := range b { // wherever it is cut off
			if _, err := Read(bytes.NewReader(b[:n])); ledger.CodeOf(err) != ledger.CodeInvalid {
				t.Fatalf("%s, cut off at %d: %v", name, n, err)
			}
		}
	}
}

// file is a recording as a test makes it: one signal, and one of annotations in EDF+.
type file struct {
	fixed  []string // fields of the fixed header
	signal []string // fields of the signal, in their order
	lists  []string // annotations, one for each data record; nil: no such signal
	values []int16  // samples, two for each data record
	tail   string
}

var (
	fixedSizes  = []int{8, 80, 80, 8, 8, 8, 44, 8, 8, 4}
	signalSizes = []int{16, 80, 8, 8, 8, 8, 8, 80, 8, 32}
)

func plain() *file {
	return &file{
		fixed:  []string{"0", "Marked Secret", "Recording Secret", "30.11.26", "14.00.00", "512", "", "2", "0.5", "1"},
		signal: []string{"ECG", "", "mV", "-10", "10", "-1000", "1000", "", "2", ""},
		values: []int16{100, -200, 300, 1000},
	}
}

func plus(form string, lists ...string) *file {
	f := plain()
	f.fixed = []string{
		"0", "MRN-Secret F 02-MAY-1951 Secret", "Startdate 30-NOV-2026 Secret Tech_Secret Holter_3", "30.11.26", "14.00.00", "768", form, "2", "0.5", "2",
	}
	f.lists = lists
	return f
}

// bytes writes the file.
func (f *file) bytes() []byte {
	var b bytes.Buffer
	pad := func(s string, size int) { fmt.Fprintf(&b, "%-*s", size, s) }
	for i, s := range f.fixed {
		pad(s, fixedSizes[i])
	}
	for i, s := range f.signal {
		pad(s, signalSizes[i])
		if f.lists != nil {
			pad([]string{"EDF Annotations", "", "", "-1", "1", "-32768", "32767", "", "20", ""}[i], signalSizes[i])
		}
	}
	for i := 0; i < len(f.values); i += 2 {
		_ = binary.Write(&b, binary.LittleEndian, f.values[i:i+2]) // to memory
		if f.lists != nil {
			b.WriteString(f.lists[i/2] + strings.Repeat("\x00", 40-len(f.lists[i/2])))
		}
	}
	b.WriteString(f.tail)
	return b.Bytes()
}

func TestInterruptionsAreTold(t *testing.T) {
	t.Parallel()
	got, err := Read(bytes.NewReader(plus("EDF+D", "+0.25\x14\x14\x00", "+3600\x14\x14\x00+3600.1\x150.2\x14Apn\xc3\xb6e\x14two\x14\x00").bytes()))
	want := &Recording{
		Form: EDFPlusD, Start: time.Date(2026, 11, 30, 14, 0, 0, 250e6, time.UTC), Equipment: "Holter 3", Records: 2,
		Duration: 3600*time.Second + 250*time.Millisecond, Interruptions: 1, Annotations: 2,
		Signals: []Signal{{Label: "ECG", Unit: "mV", Rate: 4, Samples: 4, Min: -2, Max: 10}},
	}
	if diff := cmp.Diff(want, got, near); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestSamplesOutsideTheStatedRangeAreCounted(t *testing.T) {
	t.Parallel()
	f := plain()
	f.values = []int16{1001, -32768, 0, 5}
	f.signal[3], f.signal[4] = "10", "-10" // upside down, as EEG often is
	got, err := Read(bytes.NewReader(f.bytes()))
	if err != nil || got.Signals[0].Outside != 2 || math.Abs(got.Signals[0].Max-327.68) > 1e-9 || got.Signals[0].Min > -10 {
		t.Errorf("%+v %v", got, err)
	}
}

// TestWhatIsRefused: one thing that is wrong in each file, and nothing of it in the answer.
func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	edf := func(change func(*file)) []byte {
		f := plain()
		change(f)
		return f.bytes()
	}
	lists := func(l ...string) []byte { return plus("EDF+C", l...).bytes() }
	fixed := func(i int, to string) []byte { return edf(func(f *file) { f.fixed[i] = to }) }
	signal := func(i int, to string) []byte { return edf(func(f *file) { f.signal[i] = to }) }
	identified := func(i int, to string) []byte {
		f := plus("EDF+C", "+0\x14\x14\x00", "+0.5\x14\x14\x00")
		f.fixed[i] = to
		return f.bytes()
	}
	yearless := plus("EDF+C", "+0\x14\x14\x00", "+0.5\x14\x14\x00")
	yearless.fixed[2], yearless.fixed[3] = "Startdate X X X X", "30.11.yy"
	for _, good := range [][]byte{plain().bytes(), lists("+0\x14\x14\x00", "+0.5\x14\x14\x00"), identified(3, "30.11.yy"), signal(5, "-32768"), signal(3, "-1E-3")} {
		if _, err := Read(bytes.NewReader(good)); err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing":                     nil,
		"another version":             fixed(0, "1"),
		"letters beyond ASCII":        fixed(1, "Secr\xe9t"),
		"a day that is none":          fixed(3, "31.11.26"),
		"a year that is unknown":      fixed(3, "30.11.yy"),
		"a date in another form":      fixed(3, "30/11/26"),
		"an hour that is none":        fixed(4, "24.00.00"),
		"another header's length":     fixed(5, "768"),
		"EDF+E":                       fixed(6, "EDF+E"),
		"BDF+C in EDF":                fixed(6, "BDF+C"),
		"no number of records":        fixed(7, "Secret"),
		"a recording under way":       fixed(7, "-1"),
		"fewer records":               fixed(7, "1"),
		"more records":                fixed(7, "3"),
		"absurdly many records":       fixed(7, "99999999"),
		"no duration":                 fixed(8, "0"),
		"a duration below none":       fixed(8, "-1"),
		"a duration with a comma":     fixed(8, "0,5"),
		"an endless duration":         fixed(8, "Inf"),
		"samples in no time":          fixed(8, "1e-320"),
		"no signals":                  fixed(9, "0"),
		"absurdly many signals":       fixed(9, "9999"),
		"no physical minimum":         signal(3, ""),
		"no physical range":           signal(3, "10"),
		"a hexadecimal range":         signal(3, "0x10"),
		"a digital range upside down": signal(5, "1001"),
		"a digital range too wide":    signal(6, "40000"),
		"no samples":                  signal(8, "0"),
		"samples below none":          signal(8, "-2"),
		"too large a record":          signal(8, "99999999"),
		"a tail":                      edf(func(f *file) { f.tail = "Secret" }),
		"no patient":                  identified(1, "Secret"),
		"a patient with a gap":        identified(1, "Secret  X X X"),
		"no recording":                identified(2, "Secret"),
		"another start date":          identified(2, "Startdate 29-NOV-2026 X X X"),
		"a start date as it is said":  identified(2, "Startdate 30-nov-2026 X X X"),
		"another century's year":      identified(2, "Startdate 30-NOV-2027 X X X"),
		"no year at all":              yearless.bytes(),
		"no annotations":              fixed(6, "EDF+C"),
		"no time of a record":         lists("+0\x14\x14\x00", ""),
		"a text before the time":      lists("+0\x14Secret\x14\x00", "+0.5\x14\x14\x00"),
		"a record that comes late":    lists("+0\x14\x14\x00", "+0.6\x14\x14\x00"),
		"a record before the last":    lists("+0\x14\x14\x00", "+0.4\x14\x14\x00"),
		"a first record that waits":   lists("+2\x14\x14\x00", "+2.5\x14\x14\x00"),
		"a time without a sign":       lists("0\x14\x14\x00", "+0.5\x14\x14\x00"),
		"a time that is none":         lists("+Secret\x14\x14\x00", "+0.5\x14\x14\x00"),
		"a duration that is none":     lists("+0\x15-1\x14\x14\x00", "+0.5\x14\x14\x00"),
		"a list without an end":       lists("+0\x14\x14", "+0.5\x14\x14"+strings.Repeat("x", 34)),
		"a text without an end":       lists("+0\x14\x14\x00+0\x14Secret\x00", "+0.5\x14\x14\x00"),
		"a text that is no UTF-8":     lists("+0\x14\x14\x00+0\x14Secr\xe9t\x14\x00", "+0.5\x14\x14\x00"),
		"something behind the lists":  lists("+0\x14\x14\x00\x00Secret", "+0.5\x14\x14\x00"),
	} {
		r, err := Read(bytes.NewReader(b))
		if code := ledger.CodeOf(err); code != ledger.CodeInvalid && code != ledger.CodeTooLarge || strings.Contains(err.Error(), "Secret") {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
}

// TestWhatCannotBeReadIsPassedOn: a disk that fails is not the file's fault.
func TestWhatCannotBeReadIsPassedOn(t *testing.T) {
	t.Parallel()
	b := plain().bytes()
	for n := range b {
		if _, err := Read(io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(os.ErrDeadlineExceeded))); ledger.CodeOf(err) == ledger.CodeInvalid {
			t.Fatalf("at byte %d: %v", n, err)
		}
	}
}

// endless repeats a data record.
type endless struct {
	record []byte
	at     int
	left   int64
}

func (e *endless) Read(b []byte) (n int, err error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n = copy(b[:min(int64(len(b)), e.left)], e.record[e.at:])
	e.at = (e.at + n) % len(e.record)
	e.left -= int64(n)
	return n, nil
}

// TestALongRecordingInLittleMemory: a day of three leads is read in the memory of a
// second. It counts what is allocated, and so runs alone.
func TestALongRecordingInLittleMemory(t *testing.T) {
	records := int64(86400) // 130 MB
	if testing.Short() {
		records /= 10
	}
	var h bytes.Buffer
	for i, s := range []string{"0", "X X X X", "Holter", "30.11.26", "14.00.00", "1024", "", strconv.FormatInt(records, 10), "1", "3"} {
		fmt.Fprintf(&h, "%-*s", fixedSizes[i], s)
	}
	for i, s := range []string{"ECG", "", "mV", "-10", "10", "-32768", "32767", "", "250", ""} {
		for range 3 {
			fmt.Fprintf(&h, "%-*s", signalSizes[i], s)
		}
	}
	record := make([]byte, 1500)
	for i := range record {
		record[i] = byte(i * 7)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := Read(io.MultiReader(&h, &endless{record: record, left: records * int64(len(record))}))
	runtime.ReadMemStats(&after)
	if err != nil || r.Duration != time.Duration(records)*time.Second || r.Signals[2].Samples != 250*records {
		t.Fatal(r, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d bytes were allocated", used)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(plain().bytes())
	f.Add(plus("EDF+C", "+0\x14\x14\x00+0.1\x150.2\x14Apnoea\x14\x00", "+0.5\x14\x14\x00").bytes())
	f.Add(plus("EDF+D", "+0\x14\x14\x00", "+9\x14\x14\x00").bytes())
	f.Add(append([]byte("\xffBIOSEMI"), plain().bytes()[8:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Read(bytes.NewReader(b))
		if (r == nil) == (err == nil) || err != nil && ledger.CodeOf(err) == ledger.CodeInternal {
			t.Errorf("%+v %v", r, err)
		}
		if err == nil && r.Duration < 0 {
			t.Errorf("it ends before it begins: %+v", r)
		}
	})
}
