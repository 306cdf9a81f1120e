package adapt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file below testdata, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// readAll reads all records of a file, and what is wrong with the others.
func allOf(tb testing.TB, f Format, b []byte) (records []Record, bad []string, err error) {
	tb.Helper()
	err = f.Read(tb.Context(), bytes.NewReader(b), func(r Record) error {
		records = append(records, r)
		return nil
	}, func(original []byte, why error) {
		bad = append(bad, why.Error())
		if len(original) == 0 || !bytes.Contains(b, original) {
			tb.Errorf("%s: what is refused is not of the input: %q", f.Name, original)
		}
	})
	for _, r := range records {
		judge(tb, f, b, r)
	}
	return records, bad, err
}

// judge holds a record to what Record promises.
func judge(tb testing.TB, f Format, b []byte, r Record) {
	tb.Helper()
	switch {
	case r.Kind != f.Kind:
		tb.Errorf("%s: a record of kind %q", f.Name, r.Kind)
	case r.Title == "" || r.Title != line(r.Title, maxTitle):
		tb.Errorf("%s: the title %q is not one printable line", f.Name, r.Title)
	case r.Severity < 0 || r.Severity > 10_000:
		tb.Errorf("%s: severity %d", f.Name, r.Severity)
	case r.Rule != line(r.Rule, maxRule):
		tb.Errorf("%s: the rule %q is not one printable line", f.Name, r.Rule)
	case !r.Time.IsZero() && (r.Time.Location() != time.UTC || r.Time.Nanosecond()%1e6 != 0):
		tb.Errorf("%s: time %v", f.Name, r.Time)
	case len(r.Original) == 0 || !bytes.Contains(b, r.Original):
		tb.Errorf("%s: the original is not of the input: %q", f.Name, r.Original)
	}
	for _, o := range r.Observables {
		role := o.Role
		o.Role = ""
		if c, ok := canonical(o); !ok || c != o {
			tb.Errorf("%s: %+v is not canonical (%s)", f.Name, o, role)
		}
	}
}

// TestAlertFormatsRead reads a file of each format and compares every record and
// every refusal; each file is detected as what it is.
func TestAlertFormatsRead(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/alerts/*")
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, ".golden.json") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, ok := Detect(b[:min(len(b), 4096)])
		if !ok || !strings.HasPrefix(filepath.Base(file), f.Name) {
			t.Errorf("%s is taken for %q", file, f.Name)
			continue
		}
		read[f.Name] = true
		records, bad, err := allOf(t, f, b)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		type shown struct {
			Record
			Original string
		}
		out := struct {
			Records []shown
			Bad     []string
		}{Bad: bad}
		for _, r := range records {
			s := shown{r, string(r.Original)}
			s.Record.Original = nil
			out.Records = append(out.Records, s)
		}
		got, err := json.MarshalIndent(out, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "alerts/"+filepath.Base(file)+".golden.json", append(got, '\n'))
	}
	for _, f := range alertFormats {
		if !read[f.Name] {
			t.Errorf("no file of the format %s below testdata/alerts", f.Name)
		}
	}
}

// TestRealEVEReads reads the real alerts, which came as lists.
func TestRealEVEReads(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../shared/data/cti/suricata/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("skipped: ../shared/data/cti/suricata is not here (real input is not part of the repository)")
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, ok := Detect(b[:4096])
		if !ok || f.Name != "eve" {
			t.Errorf("%s is taken for %q", file, f.Name)
		}
		var list []json.RawMessage
		if err := json.Unmarshal(b, &list); err != nil {
			t.Fatal(err)
		}
		records, bad, err := allOf(t, f, b)
		if err != nil || len(bad) > 0 || len(records) != len(list) {
			t.Errorf("%s: %d records of %d, %d refused, %v", file, len(records), len(list), len(bad), err)
		}
		var lines bytes.Buffer
		for _, e := range list {
			if err := json.Compact(&lines, e); err != nil {
				t.Fatal(err)
			}
			lines.WriteByte('\n')
		}
		again, bad, err := allOf(t, f, lines.Bytes())
		if err != nil || len(bad) > 0 || len(again) != len(list) {
			t.Errorf("%s, line by line: %d records of %d, %d refused, %v", file, len(again), len(list), len(bad), err)
		}
		t.Logf("%s: %d alerts", filepath.Base(filepath.Dir(file)), len(records))
	}
}

// damage are ways in which a file is wrong.
var damage = map[string]func([]byte) []byte{
	"nothing":       func([]byte) []byte { return nil },
	"blank":         func([]byte) []byte { return []byte("\n \r\n\t\n") },
	"NUL":           func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(":"), []byte("\x00:")) },
	"Latin-1":       func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("e"), []byte("\xe9")) },
	"cut in half":   func(b []byte) []byte { return b[:len(b)/2] },
	"CRLF":          func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) },
	"no ends":       func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), nil) },
	"byte order":    func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) },
	"random":        func([]byte) []byte { return bytes.Repeat([]byte("\x8f\x02\xff{[<|\n"), 500) },
	"a huge line":   func(b []byte) []byte { return append(bytes.Repeat([]byte("a"), 3<<20), append([]byte("\n"), b...)...) },
	"nested":        func([]byte) []byte { return bytes.Repeat([]byte(`{"a":[`), 50_000) },
	"nested list":   func([]byte) []byte { return bytes.Repeat([]byte(`[`), 2<<20) },
	"an open quote": func([]byte) []byte { return append([]byte(`[{"a":"`), bytes.Repeat([]byte(`\"`), 1<<20)...) },
}

// TestDamagedAlerts gives every format files that are wrong: what is wrong by itself
// is refused by itself, and nothing that was not there is read.
func TestDamagedAlerts(t *testing.T) {
	t.Parallel()
	for _, f := range alertFormats {
		files, _ := filepath.Glob("testdata/alerts/" + f.Name + ".*")
		var sample []byte
		if len(files) > 0 {
			sample, _ = os.ReadFile(files[0])
		}
		for name, wrong := range damage {
			_, _, err := allOf(t, f, wrong(sample))
			if _, ok := errors.AsType[*ledger.Problem](err); err != nil && !ok {
				t.Errorf("%s, %s: %v", f.Name, name, err)
			}
		}
		wide := []byte{0xff, 0xfe}
		for _, c := range sample {
			wide = append(wide, c, 0)
		}
		for _, b := range [][]byte{wide, wide[2:]} {
			if len(sample) == 0 {
				continue
			}
			if records, _, err := allOf(t, f, b); ledger.CodeOf(err) != ledger.CodeInvalid || len(records) > 0 {
				t.Errorf("%s in UTF-16: %d records, %v", f.Name, len(records), err)
			}
		}
	}
}

// TestHugeLineIsRefusedAlone reads on after a line that is too long.
func TestHugeLineIsRefusedAlone(t *testing.T) {
	t.Parallel()
	good := "CEF:0|V|P|2|sig|Fine|3|\n"
	f, _ := Lookup("cef")
	records, bad, err := allOf(t, f, []byte(good+strings.Repeat("x", 5<<20)+"\n"+good))
	if len(records) != 2 || len(bad) != 1 || err != nil || !strings.Contains(bad[0], string(ledger.CodeTooLarge)) {
		t.Errorf("%d records, %v, %v", len(records), bad, err)
	}
}

// TestReadingStops holds readers to the context and to what the caller says.
func TestReadingStops(t *testing.T) {
	t.Parallel()
	for _, f := range alertFormats {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.Read(ctx, strings.NewReader("#separator \\x09\n"), nil, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	full := errors.New("the store is full")
	f, _ := Lookup("cef")
	err := f.Read(t.Context(), strings.NewReader("CEF:0|V|P|2|sig|Fine|3|\n"), func(Record) error { return full }, nil)
	if !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	f, _ = Lookup("eve")
	if err := f.Read(t.Context(), io.MultiReader(strings.NewReader("{}\n"), broken{full}), nil, func([]byte, error) {}); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func FuzzAlerts(f *testing.F) {
	files, _ := filepath.Glob("testdata/alerts/*")
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil && !strings.HasSuffix(file, ".golden.json") {
			f.Add(b)
			for part := range bytes.SplitSeq(b, []byte("\n")) {
				f.Add(part)
			}
		}
	}
	f.Add([]byte("CEF:"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, f := range alertFormats {
			_, _, _ = allOf(t, f, b) // judges what was read
		}
	})
}

// BenchmarkEVE reads a sensor's file in which every fifth line is an alert, as
// records. Both counts are printed: lines and alerts.
func BenchmarkEVE(b *testing.B) {
	b.Run("alerts", func(b *testing.B) { benchmarkEVE(b, 1) })
	b.Run("a whole log", func(b *testing.B) { benchmarkEVE(b, 5) })
}

func benchmarkEVE(b *testing.B, every int) {
	b.Helper()
	var log bytes.Buffer
	const lines = 10_000
	for i := range lines {
		if i%every != 0 {
			fmt.Fprintf(&log, `{"timestamp":"2026-03-02T09:00:00.%06d+0000","flow_id":%d,"in_iface":"eth0","event_type":"flow","src_ip":"10.0.%d.%d","src_port":51000,"dest_ip":"198.51.100.7","dest_port":443,"proto":"TCP","app_proto":"tls","flow":{"pkts_toserver":12,"pkts_toclient":14,"bytes_toserver":1700,"bytes_toclient":9200,"start":"2026-03-02T08:59:59.000000+0000","end":"2026-03-02T09:00:00.000000+0000","age":1,"state":"closed","reason":"shutdown","alerted":false}}`+"\n", i, i, i/256%256, i%256)
			continue
		}
		fmt.Fprintf(&log, `{"timestamp":"2026-03-02T09:00:00.%06d+0000","flow_id":%d,"in_iface":"eth0","event_type":"alert","src_ip":"10.0.%d.%d","src_port":51000,"dest_ip":"198.51.100.7","dest_port":80,"proto":"TCP","app_proto":"http","alert":{"action":"allowed","gid":1,"signature_id":2024897,"rev":3,"signature":"ET USER_AGENTS Go HTTP Client","category":"Misc activity","severity":3,"metadata":{"mitre_technique_id":["T1190"]}},"http":{"hostname":"update.example.org","url":"/a/%d","http_user_agent":"Go-http-client/1.1","http_method":"GET","protocol":"HTTP/1.1","status":200,"length":512},"flow":{"pkts_toserver":3,"pkts_toclient":1,"bytes_toserver":400,"bytes_toclient":60,"start":"2026-03-02T08:59:59.000000+0000"}}`+"\n", i, i, i/256%256, i%256, i)
	}
	f, _ := Lookup("eve")
	b.SetBytes(int64(log.Len()))
	b.ReportAllocs()
	alerts := 0
	for b.Loop() {
		alerts = 0
		err := f.Read(b.Context(), bytes.NewReader(log.Bytes()), func(Record) error { alerts++; return nil }, func(_ []byte, why error) { b.Fatal(why) })
		if err != nil || alerts != (lines+every-1)/every {
			b.Fatal(alerts, err)
		}
	}
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(alerts*b.N)/b.Elapsed().Seconds(), "alerts/s")
}
