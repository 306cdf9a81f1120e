package adapt

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// inUTF16 writes a text as programs on Windows do, with the mark.
func inUTF16(order binary.AppendByteOrder, text string) []byte {
	b := order.AppendUint16(nil, 0xfeff)
	for _, c := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, c)
	}
	return b
}

var bothOrders = map[string]binary.AppendByteOrder{"little endian": binary.LittleEndian, "big endian": binary.BigEndian}

// TestUTF16 reads every file of the tests in UTF-16 as it is read in UTF-8, with parts of
// what came as originals.
func TestUTF16(t *testing.T) {
	t.Parallel()
	var files []string
	for _, pattern := range []string{"testdata/scans/*", "testdata/alerts/*", "testdata/report.txt", "testdata/advisory.json"} {
		more, err := filepath.Glob(pattern)
		if err != nil || len(more) == 0 {
			t.Fatal(pattern, err)
		}
		files = append(files, more...)
	}
	seen := 0
	for _, file := range files {
		if strings.Contains(file, ".golden") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(b) {
			continue
		}
		f, ok := Detect(b[:min(len(b), 4<<10)])
		if !ok {
			f, _ = Lookup("text")
		}
		want, wrong, err := readBytes(t, f, b)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for name, order := range bothOrders {
			text := string(b)
			for _, said := range []string{`encoding="UTF-8"`, `encoding="utf-8"`} {
				text = strings.Replace(text, said, `encoding="UTF-16"`, 1)
			}
			wide := inUTF16(order, text)
			if again, found := Detect(wide[:min(len(wide), 8<<10)]); found != ok || ok && again.Name != f.Name {
				t.Errorf("%s, %s: detected as %q, not %q", file, name, again.Name, f.Name)
			}
			got, refused, err := readBytes(t, f, wide)
			if err != nil || len(got) != len(want) || len(refused) != len(wrong) {
				t.Errorf("%s, %s: %d records and %d refused, not %d and %d: %v", file, name, len(got), len(refused), len(want), len(wrong), err)
				continue
			}
			for i := range got {
				if got[i].Title != want[i].Title || !slices.Equal(got[i].CVEs, want[i].CVEs) || !slices.Equal(got[i].Observables, want[i].Observables) {
					t.Errorf("%s, %s: read otherwise: %q", file, name, got[i].Title)
				}
				if !bytes.Contains(wide, got[i].Original) || f.Kind == KindReport && !bytes.Equal(wide, got[i].Original) {
					t.Errorf("%s, %s: the original of %q is no part of the file", file, name, got[i].Title)
				}
			}
			seen += len(got)
		}
	}
	if seen < 50 {
		t.Errorf("%d records", seen)
	}
}

func TestUTF16ThatIsDamaged(t *testing.T) {
	t.Parallel()
	const nessus = `<?xml version="1.0" encoding="UTF-16"?><NessusClientData_v2><Report name="r"><ReportHost name="h"></ReportHost></Report></NessusClientData_v2>`
	for name, order := range bothOrders {
		whole := inUTF16(order, nessus)
		half := order.AppendUint16(inUTF16(order, "see "), 0xd800)
		for what, c := range map[string]struct {
			format string
			text   []byte
			says   string
		}{
			"half a letter at the end":   {"text", half, "half a letter"},
			"half a letter within":       {"text", order.AppendUint16(half, 'x'), "half a letter"},
			"the wrong half":             {"text", order.AppendUint16(inUTF16(order, "x"), 0xdc00), "half a letter"},
			"a byte short":               {"text", whole[:len(whole)-1], "cut off"},
			"XML, a byte short":          {"nessus", whole[:101], "cut off"},
			"XML, cut between letters":   {"nessus", whole[:100], "ends in the middle"},
			"lines, a byte short":        {"cef", inUTF16(order, "CEF:0|V|P|2|sig|Fine|3|\n")[:31], "cut off"},
			"zero":                       {"text", inUTF16(order, "a\x00b"), "zero bytes"},
			"only the mark and one more": {"html", whole[:3], "cut off"},
		} {
			f, _ := Lookup(c.format)
			_, _, err := readBytes(t, f, c.text)
			if ledger.CodeOf(err) != ledger.CodeInvalid || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	// What is read byte by byte is none, whatever it says: who changed its form left that.
	f, _ := Lookup("nessus")
	if _, _, err := readBytes(t, f, []byte(nessus)); err != nil {
		t.Error(err)
	}
	// The bounds are those of the same in UTF-8.
	f, _ = Lookup("text")
	if _, _, err := readBytes(t, f, inUTF16(binary.LittleEndian, strings.Repeat("a", maxDocumentBytes+1))); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Error(err)
	}
}

// TestUTF16OfAPage: a page says nothing of its encoding, or something else.
func TestUTF16OfAPage(t *testing.T) {
	t.Parallel()
	f, _ := Lookup("html")
	for _, page := range []string{
		"<html><body>" + strings.Repeat("<p>plain</p>", 200) + "Grüße von evil[.]example[.]com</body></html>",
		`<html><head><meta charset="utf-16"></head><body>Grüße von evil[.]example[.]com</body></html>`,
	} {
		for name, order := range bothOrders {
			if r := one(t, f, inUTF16(order, page)); len(r.Observables) != 1 || !strings.Contains(r.Text, "Grüße") {
				t.Errorf("%s: %q %v", name, r.Text, r.Observables)
			}
		}
	}
}

func FuzzUTF16(f *testing.F) {
	for _, order := range bothOrders {
		f.Add(inUTF16(order, "CEF:0|V|P|2|sig|Fine 𝄞|3|src=198.51.100.7\nCEF:0|V|P|2|sig|Fine|3|"))
		f.Add(inUTF16(order, `<?xml version="1.0" encoding="UTF-16"?><a/>`)[:41])
		f.Add(order.AppendUint16(inUTF16(order, "x"), 0xd800))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		order := orderOf(b)
		Detect(b)
		if order == nil {
			return
		}
		for _, name := range []string{"text", "cef", "nessus", "trivy"} {
			f, _ := Lookup(name)
			read := func(r io.Reader) (originals []string, err error) {
				err = f.Read(t.Context(), r, func(r Record) error {
					originals = append(originals, string(r.Original))
					return nil
				}, func(b []byte, _ error) { originals = append(originals, string(b)) })
				return originals, err
			}
			got, err := read(bytes.NewReader(b))
			if err == nil && len(b)%2 != 0 && name == "text" {
				t.Errorf("%q, an odd number of bytes, is taken", b)
			}
			for _, original := range got {
				if !bytes.Contains(b, []byte(original)) {
					t.Errorf("%s: the original %q is no part of %q", name, original, b)
				}
			}
			if _, slow := read(iotest.OneByteReader(bytes.NewReader(b))); (slow == nil) != (err == nil) {
				t.Errorf("%s: read otherwise byte by byte: %v, %v", name, err, slow)
			}
		}
	})
}
