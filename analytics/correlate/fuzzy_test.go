package correlate

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/adapt"
)

// What TLSH's own library says of texts of 900 words with none to 200 changes.
var tlshOracle = []struct {
	a, b string
	want int
}{
	{"t1c4c12b4b8325b51e80f513d902a5b0832594bb46bbafe5adf061e0f1935c2fdf2b7601", "t1c991084fb111144ec0a513fec525a488c294dba0f35ea2ddbae524b2d72c2c5b2f561d", 188},
	{"t10ac10a1b68372b0fc0e612a54541f198c9d8e766f34d81bef3e22473860d1f5e1a664e", "t179c10a1b68372b0fc0e612a54541f198c9d8eba6f34d81bef3e22573860d1f5e1a664e", 4},
	{"t17bc1191eb5021b0ec0f717e14609a05842ace792225ad6ecbee75473c76d2f8b2b6509", "t1a7c1191eb5021b0ec0f717e14609a05846a8e792225ad6ecbae75473c76d2f8b2b6609", 5},
	{"t16cc12a8e96131a8d90e012b94748b28555a4cfb9b37ec7f9f6b338f0973c2f46157602", "t144c12a8e96130a8d90e112ba4788b18551a5dfb8b37ec6f9f6b334f0973c2f46197702", 14},
	{"t180c118cf9172060cd4f460d58544f28d825cebb1f7aefbceb5955471ea2c0b8a17a381", "t15fc12acfd0b2054cd4f460e58644f18d825ce7a1f7aee7ceb5915471ea2c0b8b17a381", 28},
	{"t158c13b4b6442144bc4e1136381a1f54ae564eba9231f97eefaf12861c33c1f4f2eaf15", "t101c12b4bb446144bc4e112a28161f685f564df6a132e56effaf12862c33c1f8f1eaf15", 27},
	{"t157c11b4ea452474ac0f201d21e55f59a8af8af90723ed1eee7e794a2d7280b4b17f314", "t1c5d14c8ee5514b4ac0e210c52951f99949ecef91623ed0eee7f368a2ca1c0e5b1b7314", 68},
}

// What libfuzzy, the library of ssdeep itself, says; the last are of two short texts, as the
// documentation of ssdeep's binding for Python shows them.
var ssdeepOracle = []struct {
	a, b string
	want int
}{
	{"192:GN00s4UZAy/KEJ3SsxccFkic3kGnfu58MnlQaWDxasfSJwkcTLX7X+Ddj:k00cZ3h3SaFtc3kigdK4jJwLLLX+R", "192:sYRwEegAHGJtnetdc9nFjSfUfgEV5Hr1jHBMoF+YtMAU8pm1BF4be4:0EzJcE9nFjaY95H5jhTUem1nR4", 0},
	{"192:m3M235BofTGnzNjWEm0h2U1BVx2Nvel0iiXIk8mpXUfek8oHoUv1bc+ssCF:mcezgTQWEmw2U1V25eeiTokT1bc+s1F", "192:m3M235BofTGnzNjWEB0h2U1BVx2Nvel0iiXIk8mpXUfek8oHoUv1bc+ssCF:mcezgTQWEBw2U1V25eeiTokT1bc+s1F", 99},
	{"192:wBEQ0G810my1jX1+EZEs55XFlkeFYZHhlSK4MHdlg7Vw+Erw7aUg5:wBEQ+0mAIo9QeFYZ34MHIxwq7pg5", "192:wBEQ0G810my1jX1+RZEs55XFlkeFYZHhlSK4MHdlg7Vw+Erc7aUg5:wBEQ+0mAIL9QeFYZ34MHIxwu7pg5", 97},
	{"192:C5ISvDK6OjIoRsCZct3pRzPGJYZo+Fujq60WrOlz0Dp7bmN6T2W5lX:CXDKtvRP6t5hPGJYHFuG6gzQpPmwT28", "192:C5ISvDK6OjI9RsCZct3pRzuGJKZo+Fkjq60WrOlzDDp7bmN6TtW5lX:CXDKtQRP6t5huGJKHFkG6gzHpPmwTt8", 90},
	{"192:HaY84K/tJ8vq02ZWen2fnZPAtb19Aw4dMNr8ddZamX19IGK:HaYFqtIq0uJYFC58rzTl9IV", "192:HUU8vo/IJcvqY8pWen2hnZ6oxb19Aw4AdMNry2dZamX19BGH:HUU+UIoqYKJGYQ540b2Tl9BC", 65},
	{"3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C", "3:AXGBicFlIHBGcL6wCrFQEv:AXGH6xLsr2Cx", 22},
}

func TestDistanceIsTLSHs(t *testing.T) {
	t.Parallel()
	for _, c := range tlshOracle {
		a, okA := parseTLSH(c.a)
		b, okB := parseTLSH(c.b)
		if !okA || !okB || a.distance(&b) != c.want || b.distance(&a) != c.want {
			t.Errorf("%v %v: got %d, want %d", okA, okB, a.distance(&b), c.want)
		}
	}
}

func TestLikenessIsSSDEEPs(t *testing.T) {
	t.Parallel()
	for _, c := range ssdeepOracle {
		a, okA := parseSSDEEP(c.a)
		b, okB := parseSSDEEP(c.b)
		if got := a.likeness(b); !okA || !okB || got != c.want || b.likeness(a) != got {
			t.Errorf("%v %v: got %d, want %d", okA, okB, got, c.want)
		}
	}
}

// TestNoLikeFileIsMissed: what is found by bands and grams is what comparing each with
// each finds.
func TestNoLikeFileIsMissed(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	values := randomFuzzy(r, 600)
	f := NewFuzzy()
	for i, v := range values {
		f.Add(int64(i), v)
	}
	alike := 0
	for i, v := range values {
		want := map[int64]int{}
		for k, o := range values {
			if near, ok := Likeness(v, o); ok && o != v {
				want[int64(k)] = near
				_ = i
			}
		}
		got := map[int64]int{}
		for _, h := range f.Find(nil, v) {
			got[h.Ref] = h.Near
		}
		for ref, near := range want {
			if got[ref] != near {
				t.Fatalf("seed %d: %v and %v (%d) were not found alike", seed, v, values[ref], near)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("seed %d: %d found, %d alike", seed, len(got), len(want))
		}
		alike += len(want)
	}
	if alike == 0 {
		t.Fatal("none are alike: this shows nothing")
	}
	for i, v := range values {
		f.Remove(int64(i), v)
	}
	if len(f.grams.heads)+len(f.bands.heads)+len(f.pieces)+len(f.buckets) != 0 {
		t.Error("something is left")
	}
}

// randomFuzzy makes fuzzy hashes in families.
func randomFuzzy(r *rand.Rand, n int) []Value {
	hex := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = "0123456789abcdef"[r.IntN(16)]
		}
		return b
	}
	chars := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[r.IntN(64)]
		}
		return b
	}
	var all []Value
	for len(all) < n {
		base, once, twice := hex(70), chars(50), chars(28)
		for range 4 {
			b, o := append([]byte(nil), base...), append([]byte(nil), once...)
			for range r.IntN(6) {
				copy(b[6+r.IntN(64):], hex(1))
				o[r.IntN(len(o))] = alphabet[r.IntN(64)]
			}
			all = append(all,
				Value{Type: adapt.TypeFile, Property: PropertyTLSH, Text: "t1" + string(b)},
				Value{Type: adapt.TypeFile, Property: PropertySSDEEP, Text: "192:" + string(o) + ":" + string(twice)})
		}
	}
	return all[:n]
}

func FuzzLikeness(f *testing.F) {
	for _, c := range ssdeepOracle {
		f.Add(c.a, c.b)
	}
	for _, c := range tlshOracle {
		f.Add(c.a, c.b)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, property := range []string{PropertySSDEEP, PropertyTLSH} {
			x, okX := Read(adapt.TypeFile, property, a)
			y, okY := Read(adapt.TypeFile, property, b)
			if !okX || !okY {
				continue
			}
			n, alike := Likeness(x, y)
			m, again := Likeness(y, x)
			if n != m || alike != again || n > 100 {
				t.Errorf("%d %v, and the other way %d %v", n, alike, m, again)
			}
			fz := NewFuzzy()
			fz.Add(1, x)
			fz.Find(nil, y)
		}
		_, _ = parseSSDEEP(strings.ToValidUTF8(a, ""))
	})
}
