package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func indicator(n int, name, description string) fact.STIXObject {
	o := stix(n, "")
	o.Body = fmt.Appendf(nil, `{"type":"indicator","id":"indicator--%d","name":%q,"description":%q,"created_by_ref":"identity--unsaid","pattern":"[ipv4-addr:value = '198.51.100.%d']"}`, n, name, description, n%256)
	return o
}

func indexed(tb testing.TB, s *Store) {
	tb.Helper()
	for {
		n, err := s.IndexIntelligence(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// found are the ids of all that is found, page by page.
func found(t *testing.T, s *Store, words string, types ...string) string {
	t.Helper()
	var ids []string
	req := ledger.PageRequest{Size: 2}
	for {
		p, err := s.Search(t.Context(), fact.SearchFilter{Words: words, Collections: []string{"own", "shared"}, Types: types}, req)
		if err != nil {
			t.Fatalf("%q: %v", words, err)
		}
		for _, o := range p.Items {
			ids = append(ids, strings.TrimPrefix(o.ID, "indicator--"))
		}
		if req.Bookmark = p.Next; p.Next == "" {
			return strings.Join(ids, " ")
		}
	}
}

// TestObjectsAreFoundByTheirWords: by all words, phrases and beginnings, the newest
// first; what is typed has no operators.
func TestObjectsAreFoundByTheirWords(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	addSTIX(t, s,
		indicator(1, "Ransomware loader", "seen at an infusion pump"),
		indicator(2, "Ransom note", "infusion of a pump"),
		indicator(3, "Überwachung", "AND OR NEAR words"))
	if got := found(t, s, "ransomware"); got != "" {
		t.Errorf("found before it is indexed: %s", got)
	}
	indexed(t, s)
	newer := indicator(1, "Wiper", "seen at an infusion pump")
	newer.Version = newer.Version.Add(time.Hour)
	addSTIX(t, s, newer)
	indexed(t, s)
	for words, want := range map[string]string{
		"ransom*": "2", "ransomware": "", "wiper": "1", `"infusion pump"`: "1", "PUMP infusion": "1 2", "pump*": "1 2",
		"uberwachung": "3", "NEAR": "3", "and or": "3", "198.51.100.3": "3", "198.51": "1 3 2", `wiper "`: "1", "unsaid": "",
		`name : wiper`: "", "wiper) OR (ransom": "", "-pump wiper": "1", "wiper\x00": "1", "wiper ^ ;": "1",
	} {
		if got := found(t, s, words); got != want {
			t.Errorf("%q: found %q, want %q", words, got, want)
		}
	}
	if got := found(t, s, "pump", "malware"); got != "" {
		t.Errorf("another type is found: %s", got)
	}
	if some, err := s.DeleteSTIX(t.Context(), fact.STIXFilter{Collection: "shared", IDs: []string{"indicator--1"}, Versions: fact.STIXVersions{All: true}}); err != nil || !some {
		t.Fatal(some, err)
	}
	if got := found(t, s, "pump"); got != "2" {
		t.Errorf("after one was deleted: %s", got)
	}
	for _, words := range []string{"", `"`, "* ( )", strings.Repeat("a ", 33), strings.Repeat("a", 513)} {
		if _, err := s.Search(t.Context(), fact.SearchFilter{Words: words, Collections: []string{"own"}}, ledger.PageRequest{}); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%q: %v", words, err)
		}
	}
}

// FuzzSearch types anything: it is found or refused, and never an error of the store's.
func FuzzSearch(f *testing.F) {
	s := openStore(f, Options{Organisation: north})
	if _, err := s.AddSTIX(f.Context(), []fact.STIXObject{indicator(1, "loader", "pump")}); err != nil {
		f.Fatal(err)
	}
	indexed(f, s)
	for _, words := range []string{"pump", `"a b" c*`, `NEAR(a b) OR {x y} : ^z`, "\x00\xff\"", `""`} {
		f.Add(words)
	}
	f.Fuzz(func(t *testing.T, words string) {
		_, err := s.Search(t.Context(), fact.SearchFilter{Words: words, Collections: []string{"shared"}}, ledger.PageRequest{})
		if err != nil && ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%q: %v", words, err)
		}
	})
}

// BenchmarkSearch finds the newest twenty objects with a rare word and with one that all
// have, with a thousand and a hundred thousand stored.
func BenchmarkSearch(b *testing.B) {
	for _, size := range []int{1_000, 100_000} {
		s := openStore(b, Options{Organisation: north})
		for n := 0; n < size; n += 1000 {
			var batch []fact.STIXObject
			for i := range 1000 {
				batch = append(batch, indicator(n+i, fmt.Sprintf("beacon b%dx", (n+i)%(size/10)), "seen at an infusion pump"))
			}
			if _, err := s.AddSTIX(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		began := time.Now()
		indexed(b, s)
		rate := float64(size) / time.Since(began).Seconds()
		for _, words := range []string{"b7x", "pump"} {
			b.Run(fmt.Sprintf("%d/%s", size, words), func(b *testing.B) {
				for b.Loop() {
					p, err := s.Search(b.Context(), fact.SearchFilter{Words: words, Collections: []string{"shared"}}, ledger.PageRequest{Size: 20})
					if err != nil || len(p.Items) == 0 {
						b.Fatal(len(p.Items), err)
					}
				}
				b.ReportMetric(rate, "indexed/s")
			})
		}
	}
}
