package adapt

import (
	"os"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestAReportAsPDF(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../pdftext/testdata/reportlab.pdf", "../pdftext/testdata/fpdf2.pdf"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := Detect(b[:100]); !ok || f.Name != "pdf" {
			t.Errorf("detected as %q", f.Name)
		}
		r := one(t, pdfFormat, b)
		want := []string{
			`[domain-name:value = 'evil.example.com']`,
			`[file:hashes.'SHA-256' = 'd7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592']`,
			`[ipv4-addr:value = '198.51.100.24']`, `[url:value = 'https://portal.grey-heron.com/login']`,
		}
		if got := patternsOf(t, r.Bundle); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %q", name, got)
		}
		if r.Title != "Grey Heron" || len(r.CVEs) != 1 || len(r.Techniques) != 1 || r.Time.IsZero() {
			t.Errorf("%s: %q %v %v %v", name, r.Title, r.CVEs, r.Techniques, r.Time)
		}
	}
	if _, _, err := readBytes(t, pdfFormat, []byte("%PDF-1.7\nnothing")); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Error(err)
	}
}
