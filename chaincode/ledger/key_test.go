package ledger

import (
	"slices"
	"strings"
	"testing"
)

func TestSequencesSort(t *testing.T) {
	t.Parallel()
	var parts []string
	for _, n := range []uint64{0, 1, 9, 10, 99_999, 100_000, MaxSequence} {
		parts = append(parts, SequencePart(n))
	}
	if !slices.IsSorted(parts) || len(parts[0]) != len(parts[len(parts)-1]) {
		t.Errorf("%q do not sort", parts)
	}
}

func TestOtherStringsAreNoKeys(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "\x00", "\x00\x00", "\x00org\x00", "org\x00a\x00", "\x00org\x00a", "\x00\x00a\x00", "x\x00org\x00a\x00"} {
		if k, ok := ParseKey(s); ok {
			t.Errorf("%q reads as %v", s, k)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("\x00org\x00hospital-north\x00")
	f.Add("\x00anc\x00ab\x00000000000001\x00")
	f.Add("\x00\x00\x00\x00")
	f.Fuzz(func(t *testing.T, s string) {
		k, ok := ParseKey(s)
		if !ok {
			return
		}
		again := "\x00" + string(k.Type) + "\x00" + strings.Join(k.Parts, "\x00") + "\x00"
		if again != s || k.Type == "" || len(k.Parts) == 0 {
			t.Errorf("%q reads as %v", s, k)
		}
	})
}

func TestNamesAreListedOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, n := range Names {
		contract, function, found := strings.Cut(n, ":")
		if seen[n] || !found || contract != strings.ToLower(contract) || function[:1] != strings.ToUpper(function[:1]) {
			t.Errorf("%s is listed twice or not spelled contract:Function", n)
		}
		seen[n] = true
	}
	for _, n := range Evaluations {
		if !seen[n] {
			t.Errorf("%s only reads and is no transaction", n)
		}
	}
}

func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{-1: DefaultPageSize, 0: DefaultPageSize, 1: 1, MaxPageSize: MaxPageSize, MaxPageSize + 1: MaxPageSize} {
		if got := (PageRequest{Size: size}).Limit(); got != want {
			t.Errorf("a page of %d holds %d, want %d", size, got, want)
		}
	}
}
