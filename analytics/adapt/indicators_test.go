package adapt

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// named lists what was found as the labels are written.
func named(f Indicators) []string {
	var all []string
	for _, o := range f.Observables {
		all = append(all, o.Type+" "+o.Value)
	}
	for _, s := range f.CVEs {
		all = append(all, "cve "+s)
	}
	for _, s := range f.Techniques {
		all = append(all, "technique "+s)
	}
	slices.Sort(all)
	return all
}

// TestIndicatorsOfALabelledReport measures precision and recall on a report that was
// written for it, with what looks like an indicator and is none.
func TestIndicatorsOfALabelledReport(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/report.txt")
	if err != nil {
		t.Fatal(err)
	}
	labels, err := os.ReadFile("testdata/report.labels")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(labels)), "\n")
	got := named(FindIndicators(string(text)))
	right := 0
	for _, s := range got {
		if slices.Contains(want, s) {
			right++
		} else {
			t.Logf("wrong: %s", s)
		}
	}
	for _, s := range want {
		if !slices.Contains(got, s) {
			t.Logf("missed: %s", s)
		}
	}
	precision, recall := float64(right)/float64(len(got)), float64(right)/float64(len(want))
	t.Logf("%d labelled, %d found: precision %.3f, recall %.3f", len(want), len(got), precision, recall)
	if precision < 0.97 || recall < 0.97 {
		t.Error("precision and recall must be at least 0.97")
	}
}

func TestIndicatorsOneByOne(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"see example[.]com, hXXp://example.com/a(b)).":                            {"domain-name example.com", "url http://example.com/a(b)"},
		"1.2.3[.]4 and 8.8.4[.4":                                                  {"ipv4-addr 1.2.3.4", "ipv4-addr 8.8.4.4"},
		"version 1.2.3[.]4":                                                       {"ipv4-addr 1.2.3.4"},
		"versions 1.2.3.4, 1.2.3.5 and 1.2.3.6":                                   nil,
		"a[at]example[dot]com a {at} example {dot} org":                           {"email-addr a@example.com", "email-addr a@example.org"},
		"h**ps[:]//example.com":                                                   {"url https://example.com/"},
		"hxxps[://]example[.]com[/]x":                                             {"url https://example.com/x"},
		"hxxp:\\\\example.com":                                                    {"url http://example.com/"},
		"fxp://example.com/x":                                                     {"url ftp://example.com/x"},
		"https://user:secret@example.com/p#f":                                     {"url https://example.com/p"},
		"file://example.com/x javascript://example.com":                           nil,
		"http://localhost/ http://10.0.0.1/ http://x":                             nil,
		"report.pdf cmd.exe System.Net kernel32.dll a.out e.g. i.e. 3.14 Node.js": nil,
		"co.uk com .com":                                                          nil,
		"EXAMPLE.COM":                                                             {"domain-name example.com"},
		"münchen[.]de":                                                            {"domain-name xn--mnchen-3ya.de"},
		"«example.com»":                                                           {"domain-name example.com"},
		"8.8.8.8/24 9.9.9.0/24 1.1.1.1/32":                                        {"ipv4-addr 1.1.1.1", "ipv4-addr 8.8.8.8", "ipv4-addr 9.9.9.0/24"},
		"999.1.1.1 1.2.3 1.2.3.4.5 01.2.3.4":                                      nil,
		"dead::beef ::1 fe80::1 12:30:45":                                         nil,
		"CVE_2024_12345 CVE-24-1 XCVE-2024-1234":                                  {"cve CVE-2024-12345"},
		"":                                                                        nil,
	} {
		got := named(FindIndicators(in))
		slices.Sort(want)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
}

// TestTheSearchIsLinear holds hostile texts to a time that only a search
// that grows with the text can keep.
func TestTheSearchIsLinear(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{
		"a.", "1.", "1.2.3.4 ", ":", "://", "http://", "http://a)", "[", "[.]", "hxxp[:", "a@", "1:a:", "f", "::", "\\.", "a[.]b", ")", "CVE-", "http://[", "version 1.2.3.4, ", "é.", "a-",
	} {
		start := time.Now()
		FindIndicators(strings.Repeat(piece, (1<<15)/len(piece)))
		FindIndicators("http://" + strings.Repeat(piece, (1<<15)/len(piece)))
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("%q took %v", piece, d)
		} else {
			t.Logf("%q took %v", piece, d)
		}
	}
}

func TestNoMoreIndicatorsThanTheBound(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range MaxIndicators + 7 {
		fmt.Fprintf(&b, "host%d.example.com\n", i)
	}
	f := FindIndicators(b.String())
	if len(f.Observables) != MaxIndicators || f.More != 7 {
		t.Errorf("%d found, %d more", len(f.Observables), f.More)
	}
}

func FuzzFindIndicators(f *testing.F) {
	if text, err := os.ReadFile("testdata/report.txt"); err == nil {
		f.Add(string(text))
	}
	f.Add("hxxp://[::1]/ [.] a[.]b 1.2.3.4/99 \xff\xfe[.] (at)")
	f.Fuzz(func(t *testing.T, s string) {
		found := FindIndicators(s)
		if len(found.Observables) > MaxIndicators {
			t.Error("more than the bound")
		}
		for _, o := range found.Observables {
			if o.Value == "" || strings.ContainsAny(o.Value, " \n\x00") {
				t.Errorf("%q gave %q", s, o.Value)
			}
		}
	})
}

func BenchmarkFindIndicators(b *testing.B) {
	text, err := os.ReadFile("testdata/report.txt")
	if err != nil {
		b.Fatal(err)
	}
	s := strings.Repeat(string(text), 20)
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		FindIndicators(s)
	}
}
