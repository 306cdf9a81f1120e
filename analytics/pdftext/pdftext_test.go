package pdftext

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// written makes a PDF of objects; the first is the catalogue.
func written(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var places []int
	for i, o := range objects {
		places = append(places, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, p := range places {
		fmt.Fprintf(&b, "%010d 00000 n \n", p)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, at)
	return b.Bytes()
}

// stream makes a stream object of what is compressed.
func stream(content []byte) string {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write(content)
	_ = w.Close()
	return fmt.Sprintf("<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream", z.Len(), z.Bytes())
}

const font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"

// onePage makes a PDF with one page of a content.
func onePage(content string) []byte {
	return written("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>", content, font)
}

func TestThePDFsOfOtherPrograms(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"testdata/reportlab.pdf", "testdata/fpdf2.pdf"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Read(t.Context(), b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d.Pages != 2 || d.Lost != 0 || d.Title != "Grey Heron" {
			t.Errorf("%s: %+v", name, d)
		}
		for _, line := range []string{
			"14 March 2026, TLP:GREEN", "hxxps://portal.grey-heron[.]com/login and 198[.]51[.]100[.]24.",
			"d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592", "Second page: evil.example.com",
		} {
			if !strings.Contains(d.Text, line) {
				t.Errorf("%s lacks %q: %q", name, line, d.Text)
			}
		}
	}
}

func TestWordsStayWords(t *testing.T) {
	t.Parallel()
	d, err := Read(t.Context(), onePage(stream([]byte("BT /F1 12 Tf 50 700 Td [(evil) -20 (.exam) 15 (ple.com) -400 (next)] TJ 0 -14 Td (line) Tj T* (third\\051) ' ET"))))
	if err != nil || d.Text != "\n\nevil.example.com next\nline\n\nthird)\n" {
		t.Errorf("%q %v", d.Text, err)
	}
}

// TestHostileFilesAreRefusedInTime has files at which the library runs for ever, out of
// memory or out of its stack. None may harm this process.
func TestHostileFilesAreRefusedInTime(t *testing.T) {
	t.Parallel()
	pages := func(contents string) []byte { return onePage(contents) }
	bomb := func() []byte { return pages(stream(bytes.Repeat([]byte("(aaaaaaaaaaaaaaaa) Tj "), 2<<20/22))) }
	files := map[string]struct {
		file []byte
		want ledger.Code
	}{
		"nothing":           {nil, ledger.CodeInvalid},
		"another file":      {[]byte("GIF89a"), ledger.CodeInvalid},
		"only a head":       {[]byte("%PDF-1.7\n"), ledger.CodeInvalid},
		"too long":          {bytes.Repeat([]byte("a"), MaxBytes+1), ledger.CodeTooLarge},
		"table without end": {[]byte("%PDF-1.4\nxref\n999999999999 1\n0000000000 65535 f \ntrailer\n<< /Size 3 /Root 1 0 R >>\nstartxref\n9\n%%EOF" + strings.Repeat(" ", 100)), ""},
		"nested arrays":     {pages(stream(bytes.Repeat([]byte("["), 12<<20))), ""},
		"pages in a ring":   {written("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R] /Count 9999999 >>"), ""},
		"parents in a ring": {written("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Parent 2 0 R /Kids [3 0 R] /Count 1 >>", "<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>", stream([]byte("/F1 1 Tf (a) Tj"))), ""},
		"many numbers": {written("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
			"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>", stream([]byte("/F1 1 Tf (a) Tj")),
			"<< /Type /Font /ToUnicode 6 0 R >>", stream([]byte("999999999999 begincodespacerange endcodespacerange"))), ""},
		"cut off": {onePage(stream([]byte("(a) Tj")))[:200], ledger.CodeInvalid},
	}
	for name, f := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && f.want == "" {
				t.Skip("takes as long as a child may")
			}
			start := time.Now()
			d, err := Read(t.Context(), f.file)
			if f.want != "" && ledger.CodeOf(err) != f.want {
				t.Errorf("%v", err)
			}
			if code := ledger.CodeOf(err); err != nil && code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
				t.Errorf("%v", err)
			}
			if len(d.Text) > MaxText || time.Since(start) > (maxWait+10)*time.Second {
				t.Errorf("%d bytes after %v", len(d.Text), time.Since(start))
			}
			t.Logf("%d bytes, %v, after %v", len(d.Text), err, time.Since(start).Round(time.Millisecond))
		})
	}
	t.Run("much text", func(t *testing.T) {
		t.Parallel()
		d, err := Read(t.Context(), bomb())
		if err != nil || len(d.Text) != MaxText {
			t.Errorf("%d bytes, %v", len(d.Text), err)
		}
	})
}

// FuzzPlain is about what this process does with a file by itself; the library's part runs
// in the child, and TestHostileFilesAreRefusedInTime has it.
func FuzzPlain(f *testing.F) {
	f.Add(onePage(stream([]byte("(a) Tj"))))
	f.Add([]byte("xx%PDF-2.0 %%EOF tail"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := plain(b); len(got) > len(b) {
			t.Error("longer than it was")
		}
		made(string(b))
	})
}
