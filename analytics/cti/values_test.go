package cti

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPatternsAreWrittenAndReadBack(t *testing.T) {
	t.Parallel()
	for want, in := range map[string][][]Test{
		`[ipv4-addr:value = '192.0.2.1']`:                                         {{{Path: "ipv4-addr:value", Value: "192.0.2.1"}}},
		`[file:hashes.'SHA-256' = 'ab' OR file:name = 'it\'s \\']`:                {{{Path: "file:hashes.SHA-256", Value: "ab"}}, {{Path: "file:name", Value: `it's \`}}},
		`[(network-traffic:dst_ref.value = 'x' AND a:b = 'y') OR a:c[*].d = 'z']`: {{{Path: "network-traffic:dst_ref.value", Value: "x"}, {Path: "a:b", Value: "y"}}, {{Path: "a:c[*].d", Value: "z"}}},
		`[ipv4-addr:value ISSUBSET '192.0.2.0/24']`:                               {{{Path: "ipv4-addr:value", Value: "192.0.2.0/24", Within: true}}},
		`[a:b = 443]`: {{{Path: "a:b", Value: "443", Number: true}}},
	} {
		if got := Pattern(in...); got != want {
			t.Errorf("%v became %s, not %s", in, got, want)
		}
		got, ok := Tests(want)
		for i := range in {
			for j := range in[i] {
				in[i][j].Number = false // which of both a value was is not kept
			}
		}
		if d := cmp.Diff(in, got); !ok || d != "" {
			t.Errorf("%s read back: %v %s", want, ok, d)
		}
	}
}

func TestAPatternThatAsksForMoreIsNotExact(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		`[a:b = 'x'] AND [a:c = 'y']`, `[a:b = 'x'] FOLLOWEDBY [a:c = 'y']`, `[a:b = 'x'] WITHIN 5 SECONDS`,
		`[a:b = 'x' AND a:c != 'y']`, `[a:b NOT = 'x']`, `[a:b LIKE 'x%']`, `[a:b = 'x' AND EXISTS a:c]`,
		`[a:b = h'ff']`, `[a:b = 'x'] REPEATS 2 TIMES`, `nonsense`,
	} {
		if got, ok := Tests(s); ok {
			t.Errorf("%s became %v", s, got)
		}
	}
	if got, ok := Tests(`[a:b IN ('x', 'y')] OR [a:c = 'z']`); !ok || len(got) != 3 {
		t.Errorf("alternatives: %v %v", got, ok)
	}
}

// FuzzLiteral holds that a pattern made of any value says that value alone.
func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"plain", `'`, `\`, `\'`, `' OR a:b = 'x`, `']`, "\x00\n", "x'] OR [ipv4-addr:value = '0.0.0.0", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > maxPatternBytes/4 {
			t.Skip("longer than a pattern may be")
		}
		want := strings.ToValidUTF8(s, "\ufffd")
		got, ok := Tests(Pattern([]Test{{Path: "file:name", Value: s}}, []Test{{Path: "a:b", Value: s}, {Path: "file:hashes.SHA-1", Value: s, Number: true}}))
		if !ok || len(got) != 2 || len(got[0]) != 1 || len(got[1]) != 2 {
			t.Fatalf("%q became %v %v", s, got, ok)
		}
		for _, c := range append(got[0], got[1]...) {
			if c.Value != want {
				t.Errorf("%q became %q", want, c.Value)
			}
		}
	})
}
