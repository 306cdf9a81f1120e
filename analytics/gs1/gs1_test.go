package gs1

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestScansAreRead(t *testing.T) {
	t.Parallel()
	want := Elements{{GTIN, "09506000134352"}, {Lot, "ABC(1)"}, {Expiry, "271100"}, {Serial, "SN/1"}}
	for _, scan := range []string{
		"(01)09506000134352(10)ABC(1)(17)271100(21)SN/1",
		"]d201095060001343521" + "0ABC(1)\x1d1727110021SN/1",
		"\x1d0109506000134352" + "10ABC(1)\x1d17271100\x1d21SN/1\x1d",
		"]C1010950600013435210ABC(1)\x1d1727110021SN/1\r\n",
	} {
		got, err := ParseScan(scan)
		if err != nil {
			t.Errorf("%q: %v", scan, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", scan, d)
		}
	}
}

func TestFaultsOfScansAreFound(t *testing.T) {
	t.Parallel()
	for name, scan := range map[string]string{
		"check digit":     "(01)09506000134353",
		"short":           "(01)0950600013435",
		"letter":          "(01)0950600013435A",
		"month":           "(17)271300",
		"day":             "(17)270230",
		"unknown":         "(09)1",
		"unknown scanned": "0912",
		"too long":        "(21)" + strings.Repeat("a", 21),
		"character":       "(21)a~",
		"other language":  "(21)ä",
		"empty":           "",
		"empty value":     "(21)",
		"no parenthesis":  "(01",
		"twice":           "(21)a(21)b",
		"cut":             "010950600013",
	} {
		if got, err := ParseScan(scan); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	if _, err := ParseScan(strings.Repeat("1", MaxScan+1)); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Error(err)
	}
}

func TestLinksAreMadeAndRead(t *testing.T) {
	t.Parallel()
	for link, elements := range map[string]Elements{
		"https://id.example.org/01/09506000134352/10/ABC/21/12345":        {{GTIN, "09506000134352"}, {Lot, "ABC"}, {Serial, "12345"}},
		"https://id.example.org/01/09506000134352/21/a%2Fb%2Bc?17=271130": {{GTIN, "09506000134352"}, {Serial, "a/b+c"}, {Expiry, "271130"}},
		"https://example.org/some/path/00/095060001343521":                nil,
		"https://example.org/some/path/414/9506000134352/254/A":           {{"414", "9506000134352"}, {"254", "A"}},
	} {
		got, err := ParseLink(link)
		if elements == nil {
			if err == nil {
				t.Errorf("%s: taken", link)
			}
			continue
		}
		if d := cmp.Diff(elements, got); d != "" || err != nil {
			t.Errorf("%s: %v %s", link, err, d)
		}
		base := link[:strings.Index(link, "/"+elements[0].AI+"/")]
		if made, err := Link(base, elements); made != link || err != nil {
			t.Errorf("made %s, want %s: %v", made, link, err)
		}
	}
	short, err := ParseLink("https://id.example.org/01/9506000134352?linkType=gs1:pip&s=1")
	if err != nil || short.Get(GTIN) != "09506000134352" {
		t.Errorf("%v %v", short, err)
	}
	for name, link := range map[string]string{
		"no scheme":     "id.example.org/01/09506000134352",
		"other scheme":  "ftp://id.example.org/01/09506000134352",
		"no key":        "https://id.example.org/21/1",
		"wrong order":   "https://id.example.org/01/09506000134352/21/1/10/a",
		"not qualified": "https://id.example.org/00/106141412345678908/21/1",
		"check digit":   "https://id.example.org/01/09506000134351",
		"in the query":  "https://id.example.org/01/09506000134352?21=1",
		"unknown":       "https://id.example.org/01/09506000134352?9999=1",
		"with user":     "https://a:b@id.example.org/01/09506000134352",
		"half":          "https://id.example.org/01",
	} {
		if got, err := ParseLink(link); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestHIBC(t *testing.T) {
	t.Parallel()
	// The example of ANSI/HIBC 2.6: labeller A123, item BJC5D6E7, unit of use 1, check character G.
	got, err := ParseHIBC("*+A123BJC5D6E71G*")
	if err != nil || got.Labeller != "A123" || got.Item != "BJC5D6E7" || got.Unit != 1 {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{"", "+", "+A123BJC5D6E71H", "A123BJC5D6E71G", "+1123BJC5D6E71G", "+A12G"} {
		if _, err := ParseHIBC(bad); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestTableAgreesWithTheDictionary compares each identifier's forms with those of
// GS1's own dictionary.
func TestTableAgreesWithTheDictionary(t *testing.T) {
	t.Parallel()
	const path = "../../../shared/data/health/gs1-syntax/src/c-lib/gs1-syntax-dictionary.txt"
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("skipped: %s is not here (real input is not part of the repository)", path)
	}
	defer f.Close()
	entry := regexp.MustCompile(`^(\d+)(?:-(\d+))?\s+([*?]*)\s+((?:\[?[NXYZ](?:\.\.)?\d+[^ ]*\]? ?)+)`)
	known := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		m := entry.FindStringSubmatch(s.Text())
		if m == nil {
			continue
		}
		for _, ai := range []string{m[1], m[2]} {
			if ai == "" {
				continue
			}
			form, ok := identifiers[ai]
			if !ok {
				t.Errorf("(%s) is missing", ai)
				continue
			}
			known++
			longest := 0
			for _, p := range regexp.MustCompile(`[NXYZ](?:\.\.)?(\d+)`).FindAllStringSubmatch(m[4], -1) {
				n := 0
				for _, c := range p[1] {
					n = n*10 + int(c-'0')
				}
				longest += n
			}
			if form.longest() != longest || form.fixed != strings.Contains(m[3], "*") || form.attribute != strings.Contains(m[3], "?") ||
				form.key != strings.Contains(s.Text(), "dlpkey") {
				t.Errorf("(%s): %+v, the dictionary has %s", ai, form, s.Text())
			}
		}
	}
	t.Logf("%d entries of the dictionary compared, %d identifiers known", known, len(identifiers))
	if known < 200 {
		t.Error("the dictionary was not read")
	}
}

func FuzzLabels(f *testing.F) {
	for _, s := range []string{"(01)09506000134352(21)1", "]d2010950600013435221a", "https://id.example.org/01/09506000134352/21/1", "+A123BJC5D6E71G"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if e, err := ParseScan(s); err == nil && len(e) == 0 {
			t.Error("nothing was read, and no error")
		}
		_, _ = ParseHIBC(s)
		e, err := ParseLink(s)
		if err != nil {
			return
		}
		again, err := Link("https://example.org", e)
		if err != nil {
			t.Fatalf("%v cannot be written: %v", e, err)
		}
		if back, err := ParseLink(again); err != nil || len(back) != len(e) {
			t.Errorf("%v became %v: %v", e, back, err)
		}
	})
}
