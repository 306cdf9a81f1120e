package adapt

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/cti/ctitest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func one(t *testing.T, f Format, b []byte) Record {
	t.Helper()
	records, wrong, err := readBytes(t, f, b)
	if err != nil || len(records) != 1 || len(wrong) != 0 {
		t.Fatalf("%v, %d records, %v", err, len(records), wrong)
	}
	return records[0]
}

func TestAPlainReport(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/report.txt")
	if err != nil {
		t.Fatal(err)
	}
	r := one(t, textFormat, b)
	if r.Title != "Campaign Grey Heron against hospital imaging networks" || !r.Time.Equal(time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%q %v", r.Title, r.Time)
	}
	if len(r.CVEs) != 2 || len(r.Techniques) != 3 || !bytes.Equal(r.Original, b) {
		t.Errorf("%v %v", r.CVEs, r.Techniques)
	}
	report, err := cti.ParseBundle(r.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	if report.Marking != "green" || len(report.Hosts) < 15 {
		t.Errorf("%q, %d hosts", report.Marking, len(report.Hosts))
	}
	if !bytes.Equal(one(t, textFormat, b).Bundle, r.Bundle) {
		t.Error("twice it is not the same")
	}
	ctitest.OfficialSchemas(t).Validate(t, r.Bundle)
}

func TestTextInOtherEncodings(t *testing.T) {
	t.Parallel()
	for _, b := range [][]byte{[]byte("gr\xfc\xdfe an evil.example.com"), []byte("\ufeffevil.example.com")} {
		if r := one(t, textFormat, b); len(r.Observables) != 1 {
			t.Errorf("%q gave %v", b, r.Observables)
		}
	}
	if _, _, err := readBytes(t, textFormat, []byte("a\x00b")); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Error(err)
	}
	if _, _, err := readBytes(t, textFormat, bytes.Repeat([]byte("a"), maxDocumentBytes+1)); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Error(err)
	}
}

func TestAReportWithoutADateCountsFromItsArrival(t *testing.T) {
	t.Parallel()
	r := one(t, textFormat, []byte("see evil.example.com"))
	if !r.Time.IsZero() || !bytes.Contains(r.Bundle, []byte(cti.Undated)) {
		t.Errorf("%v", r.Time)
	}
	now := time.Date(2026, 11, 30, 12, 0, 0, 123456789, time.UTC)
	d := Dated(r, now)
	if !d.Time.Equal(now.Truncate(time.Millisecond)) || bytes.Contains(d.Bundle, []byte(cti.Undated)) {
		t.Errorf("%v %s", d.Time, d.Bundle)
	}
	if _, err := cti.ParseBundle(d.Bundle); err != nil {
		t.Error(err)
	}
	if again := Dated(d, now.Add(time.Hour)); !bytes.Equal(again.Bundle, d.Bundle) {
		t.Error("a date was changed")
	}
}

const webPage = `<!DOCTYPE html><html><head><meta charset="utf-8"><title>Grey &amp; Heron</title>
<meta property="article:published_time" content="2026-03-14T10:00:00Z"><style>.x{background:url(http://style.example.com/a)}</style></head>
<body><script>var u = "http://script.example.com/x"; </script><!-- http://comment.example.com/ --><p>Seen: evil<b>.</b>example<wbr>.com and hxxp://a[.]example[.]net/x</p>
<table><tr><td>198.51.100.7</td><td>198.51.100.8</td></tr></table><svg><script>http://svg.example.com/</script></svg><noscript>http://noscript.example.com/</noscript>
<a href="http://link.example.com/">text</a> T1059 &#x31;98.51.100.9</body></html>`

func TestAWebPage(t *testing.T) {
	t.Parallel()
	if f, ok := Detect([]byte(webPage)); !ok || f.Name != "html" {
		t.Errorf("detected as %q", f.Name)
	}
	r := one(t, htmlFormat, []byte(webPage))
	if r.Title != "Grey & Heron" || r.Time.Day() != 14 || strings.ContainsAny(r.Text, "<>{") {
		t.Errorf("%q %v %q", r.Title, r.Time, r.Text)
	}
	want := []string{
		`[domain-name:value = 'evil.example.com']`, `[ipv4-addr:value = '198.51.100.7']`, `[ipv4-addr:value = '198.51.100.8']`,
		`[ipv4-addr:value = '198.51.100.9']`, `[url:value = 'http://a.example.net/x']`,
	}
	if got := patternsOf(t, r.Bundle); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q", got)
	}
}

func TestAHostilePageTakesNoLonger(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{"<div>", "<script>", "<b", "<svg><svg>", "&#x", "<!--", "<title>", "<meta a=", "<p a=b"} {
		start := time.Now()
		_ = htmlFormat.Read(t.Context(), strings.NewReader("<html>"+strings.Repeat(piece, (1<<18)/len(piece))), func(Record) error { return nil }, func([]byte, error) {})
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%q took %v", piece, d)
		}
	}
}

func FuzzHTML(f *testing.F) {
	f.Add([]byte(webPage))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = htmlFormat.Read(t.Context(), bytes.NewReader(b), func(r Record) error {
			if _, err := cti.ParseBundle(r.Bundle); err != nil {
				t.Errorf("%v: %s", err, r.Bundle)
			}
			return nil
		}, func([]byte, error) {})
	})
}
