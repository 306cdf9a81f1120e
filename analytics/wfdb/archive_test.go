package wfdb

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// pack makes an archive of names and texts.
func pack(tb testing.TB, files ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: files[i], Method: zip.Deflate})
		if err == nil {
			_, err = io.WriteString(w, files[i+1])
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func fromArchive(b []byte, limit int64) (*Record, error) {
	return ReadArchive(b, limit)
}

const (
	described = "r 1 100 2\nr.dat 61 10/mV 16 0 5 11 0 II\n"
	sampled   = "\x00\x05\x00\x06"
)

// TestAnArchive: a record in a folder or in none is read; what belongs to no record, or
// to two, or leads elsewhere, is not.
func TestAnArchive(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"in none":     pack(t, "r.hea", described, "r.dat", sampled, "r.atr", "\x01\x04\x00\x00"),
		"in a folder": pack(t, "a/", "", "a/b/", "", "a/b/r.dat", sampled, "a/b/r.hea", described),
		"in segments": pack(t, "m.hea", "m/2 1 100 4\nr 2\n~ 2\n", "r.hea", described, "r.dat", sampled),
	} {
		if r, err := fromArchive(b, 1<<20); err != nil || len(r.Signals) != 1 || r.Signals[0].Max != 0.6 {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
	whole := pack(t, "r.hea", described, "r.dat", sampled)
	damaged := bytes.Clone(whole)
	damaged[bytes.Index(whole, []byte("r.hea"))+6] ^= 0x55
	for name, b := range map[string][]byte{
		"nothing":                     nil,
		"no archive":                  []byte(described),
		"an archive that is cut off":  whole[:len(whole)-5],
		"one that is damaged":         damaged,
		"an empty one":                pack(t),
		"no header":                   pack(t, "r.dat", sampled),
		"no samples":                  pack(t, "r.hea", described),
		"two records":                 pack(t, "r.hea", described, "r.dat", sampled, "q.hea", "q 0 100 0\n"),
		"a file of another":           pack(t, "r.hea", described, "r.dat", sampled, "notes.txt", "Secret"),
		"two folders":                 pack(t, "r.hea", described, "a/r.dat", sampled),
		"a file twice":                pack(t, "r.hea", described, "r.dat", sampled, "r.dat", sampled),
		"a path that leads out":       pack(t, "../r.hea", described, "../r.dat", sampled),
		"a path from the root":        pack(t, "/r.hea", described, "/r.dat", sampled),
		"a path of another system":    pack(t, `a\r.hea`, described, `a\r.dat`, sampled),
		"one file of two segments":    pack(t, "m.hea", "m/2 1 100 4\nr 2\nq 2\n", "r.hea", described, "q.hea", strings.Replace(described, "r 1", "q 1", 1), "r.dat", sampled),
		"segments in a ring":          pack(t, "a.hea", "a/1 1 100 2\nb 2\n", "b.hea", "b/1 1 100 2\na 2\n"),
		"more than is taken":          pack(t, "r.hea", described, "r.dat", sampled, "r.atr", strings.Repeat("\x01\x04", 1<<20)),
		"a segment that nobody names": pack(t, "m.hea", "m/1 1 100 2\nr 2\n", "r.hea", described, "r.dat", sampled, "s.dat", sampled),
	} {
		r, err := fromArchive(b, 1<<20)
		if code := ledger.CodeOf(err); code != ledger.CodeInvalid && code != ledger.CodeTooLarge || strings.Contains(err.Error(), "Secret") {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
}

// endless is a file of zeros.
type endless struct{ n int64 }

func (e *endless) Read(b []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), e.n)
	clear(b[:n])
	e.n -= n
	return int(n), nil
}

// TestALargeRecordInLittleMemory: samples that are compressed a thousand times are read
// one by one, and no more of them than may be. It counts what is allocated, and so runs alone.
func TestALargeRecordInLittleMemory(t *testing.T) {
	size := int64(100 << 20)
	if testing.Short() {
		size = 20 << 20
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, r := range map[string]io.Reader{"r.hea": strings.NewReader("r 1 100\nr.dat 16 10/mV 16 0 0 0 0 II\n"), "r.dat": &endless{size}} {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.Copy(w, r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := fromArchive(b.Bytes(), size+100)
	runtime.ReadMemStats(&after)
	if err != nil || r.Frames != size/2 {
		t.Fatal(r, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d bytes were allocated", used)
	}
	if _, err := fromArchive(b.Bytes(), size-1); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("more than is taken: %v", err)
	}
}

func FuzzReadArchive(f *testing.F) {
	f.Add(pack(f, "r.hea", described, "r.dat", sampled, "r.atr", "\x01\x04\x00\x00"))
	f.Add(pack(f, "m.hea", "m/2 1 100 4\nr 2\n~ 2\n", "r.hea", described, "r.dat", sampled))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := fromArchive(b, 1<<20); (r == nil) == (err == nil) || err != nil && ledger.CodeOf(err) == ledger.CodeInternal {
			t.Errorf("%+v %v", r, err)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(described, []byte(sampled), []byte("\x01\x04\x00\x00"))
	for _, name := range []string{"f80", "f212", "f24", "f32"} {
		h, err := os.ReadFile("testdata/" + name + ".hea")
		d, dataErr := os.ReadFile("testdata/" + name + ".dat")
		if err != nil || dataErr != nil {
			f.Fatal(err, dataErr)
		}
		f.Add(strings.ReplaceAll(string(h), name, "r"), d[:40], []byte{})
	}
	f.Fuzz(func(t *testing.T, header string, samples, annotations []byte) {
		fsys := fstest.MapFS{"r.hea": {Data: []byte(header)}, "r.dat": {Data: samples}, "r.atr": {Data: annotations}}
		if r, err := Read(fsys, "r"); (r == nil) == (err == nil) || err != nil && ledger.CodeOf(err) == ledger.CodeInternal {
			t.Errorf("%+v %v", r, err)
		}
	})
}
