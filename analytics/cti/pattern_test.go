package cti

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func render(all []conjunction) []string {
	var out []string
	for _, c := range all {
		var parts []string
		for _, t := range c {
			parts = append(parts, fmt.Sprintf("%s=%s", t.path, strings.Join(t.values, "|")))
		}
		out = append(out, strings.Join(parts, " & "))
	}
	return out
}

func TestPatternsBecomeAlternatives(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		`[ipv4-addr:value = '1.2.3.4']`:                                          {"ipv4-addr:value=1.2.3.4"},
		`[a:b = 'x' AND (a:c = 1 OR a:d = true)]`:                                {"a:b=x & a:c=1", "a:b=x & a:d=true"},
		`[a:b = 'x' OR a:c = 'y' AND a:d = 'z']`:                                 {"a:b=x", "a:c=y & a:d=z"},
		`[a:b IN ('x', 'y')]`:                                                    {"a:b=x|y"},
		`[a:b NOT = 'x' AND a:c = 'y']`:                                          {"a:b= & a:c=y"},
		`[NOT a:b = 'x' AND a:c = 'y']`:                                          {"a:b= & a:c=y"},
		`[a:b != 'x']`:                                                           {"a:b="},
		`[a:b LIKE '%x' AND a:c >= -1.5]`:                                        {"a:b= & a:c="},
		`[EXISTS a:b AND a:c = 'y']`:                                             {"a:b= & a:c=y"},
		`([a:b = 'x'] FOLLOWEDBY [a:c = 'y']) WITHIN 600 SECONDS`:                {"a:b=x", "a:c=y"},
		`[a:b = 'x'] REPEATS 5 TIMES AND [a:c = 'y']`:                            {"a:b=x", "a:c=y"},
		`[a:b = 'x'] START t'2026-01-01T00:00:00Z' STOP t'2027-01-01T00:00:00Z'`: {"a:b=x"},
		`[network-traffic:protocols[*] = 'tcp']`:                                 {"network-traffic:protocols[*]=tcp"},
		`[file:hashes.'SHA-256' = 'ab']`:                                         {"file:hashes.SHA-256=ab"},
		`[windows-registry-key:values[0].name = 'a\'b\\c']`:                      {`windows-registry-key:values[*].name=a'b\c`},
		`[a:b = h'ff' AND a:c = b'AA==']`:                                        {"a:b=ff & a:c=AA=="},
	} {
		got, ok := parsePattern(in)
		if !ok {
			t.Errorf("%s was refused", in)
			continue
		}
		if d := cmp.Diff(want, render(got)); d != "" {
			t.Errorf("%s: %s", in, d)
		}
	}
}

func TestWhatIsNoPatternIsRefused(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		``, `[`, `[]`, `a:b = 'x'`, `[a:b = 'x'`, `[a:b = 'x']]`, `[a:b 'x']`, `[a:b = ]`, `[a:b = 'x]`, `[a = 'x']`,
		`[a:b IN 'x']`, `[a:b IN ('x']`, `[a:b = 'x'] WITHIN`, `[a:b = 'x'] [a:b = 'x']`, `[a:b = 'x' AND]`, `[a:b[0 = 1]`, `[a:b = 'x'] ;`, "[a:b = \x00]",
		strings.Repeat("(", 100) + "[a:b = 1]" + strings.Repeat(")", 100),
		"[" + strings.Repeat("(", 100) + "a:b = 1" + strings.Repeat(")", 100) + "]",
		"[" + strings.TrimSuffix(strings.Repeat("(a:b = 1 OR a:c = 2) AND ", 9), " AND ") + "]", // 512 alternatives
		"[a:b = '" + strings.Repeat("x", maxPatternBytes) + "']",
	} {
		if got, ok := parsePattern(in); ok {
			t.Errorf("%.60q became %q", in, render(got))
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add(`[a:b = 'x' AND (a:c = 1 OR a:d NOT IN ('y', 'z'))] FOLLOWEDBY [a:e.'f g' ISSUBSET '10.0.0.0/8'] WITHIN 5 SECONDS`)
	f.Fuzz(func(t *testing.T, s string) {
		all, ok := parsePattern(s)
		if ok && len(all) == 0 || len(all) > maxAlternatives {
			t.Errorf("%d alternatives", len(all))
		}
	})
}
