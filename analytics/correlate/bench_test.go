package correlate

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
)

// manyIndicators is how many values the benchmark holds: a few, as in CI, or as many as
// the environment says.
func manyIndicators(tb testing.TB) int {
	tb.Helper()
	n, err := strconv.Atoi(os.Getenv("SECANT_INDICATORS"))
	if err != nil {
		return 20_000
	}
	return n
}

// mixed is the nth value of a mix as feeds have it: addresses, networks, domains, URLs,
// digests, and some fuzzy ones.
func mixed(r *rand.Rand, n int) Value {
	digits := func(size int) string {
		var b strings.Builder
		for range size {
			b.WriteByte("0123456789abcdef"[r.IntN(16)])
		}
		return b.String()
	}
	var text string
	kind, property := adapt.TypeIPv4, "value"
	switch c := n % 100; {
	case c < 30:
		text = fmt.Sprintf("%d.%d.%d.%d", 1+r.IntN(220), r.IntN(256), r.IntN(256), r.IntN(256))
	case c < 33:
		text = fmt.Sprintf("%d.%d.%d.0/%d", 1+r.IntN(220), r.IntN(256), r.IntN(256), 22+r.IntN(4))
	case c < 35:
		kind, text = adapt.TypeIPv6, fmt.Sprintf("2001:db8:%x:%x::%x", r.IntN(65536), r.IntN(65536), r.IntN(65536))
	case c < 60:
		kind, text = adapt.TypeDomain, fmt.Sprintf("%s.%s.example", digits(6), digits(8))
	case c < 75:
		kind, text = adapt.TypeURL, fmt.Sprintf("http://%s.example/%s", digits(8), digits(12))
	case c < 98:
		kind, property, text = adapt.TypeFile, "SHA-256", digits(64)
	case c < 99:
		kind, property, text = adapt.TypeFile, PropertyTLSH, "t1"+digits(70)
	default:
		kind, property = adapt.TypeFile, PropertySSDEEP
		text = "192:" + digits(50) + ":" + digits(25)
	}
	v, ok := Read(kind, property, text)
	if !ok {
		panic(text)
	}
	return v
}

// traffic are alerts of five observables each; one in a hundred names what an indicator
// does.
func traffic(r *rand.Rand, values []Value, n int) [][]Value {
	all := make([][]Value, n)
	for i := range all {
		src, _ := Read(adapt.TypeIPv4, "value", fmt.Sprintf("10.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256)))
		all[i] = []Value{src, mixed(r, r.IntN(30)), mixed(r, 40), mixed(r, 70), mixed(r, 80+r.IntN(20))}
		if i%100 == 0 {
			if v := values[r.IntN(len(values))]; v.Op == "" {
				all[i][1] = v
			}
		}
	}
	return all
}

// BenchmarkMatch compares alerts of five observables with all indicators, and one
// regular expression of a thousand of them, which is how rules without an index do it;
// SECANT_INDICATORS says how many there are.
func BenchmarkMatch(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	n := manyIndicators(b)
	values := make([]Value, n)
	for i := range values {
		values[i] = mixed(r, i)
	}
	alerts := traffic(r, values, 10_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	m := NewMatcher(n)
	for i, v := range values {
		m.Add(int64(i), v)
	}
	added := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	var hits []Hit
	found, speed := 0, 0.0
	b.Run("alerts", func(b *testing.B) {
		for i := range b.N {
			for _, v := range alerts[i%len(alerts)] {
				hits = m.Find(hits[:0], v)
				found += len(hits)
			}
		}
		speed = float64(b.N) / b.Elapsed().Seconds()
		b.ReportMetric(speed, "alerts/s")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		b.ReportMetric(float64(n)/added.Seconds(), "added/s")
	})
	const some = 1_000
	texts := make([]string, 0, some)
	for _, v := range values[:min(n, some)] {
		texts = append(texts, regexp.QuoteMeta(v.Text))
	}
	x := regexp.MustCompile("^(?:" + strings.Join(texts, "|") + ")$")
	b.Run("regexp-of-1000", func(b *testing.B) {
		for i := range b.N {
			for _, v := range alerts[i%len(alerts)] {
				if x.MatchString(v.Text) {
					found++
				}
			}
		}
		// For all indicators there are n/some such expressions.
		slow := float64(b.N) / b.Elapsed().Seconds() / (float64(n) / some)
		b.ReportMetric(slow, "alerts/s")
		b.ReportMetric(speed/slow, "times-faster")
	})
	runtime.KeepAlive(m)
	if found == 0 {
		b.Error("nothing was found")
	}
}

// BenchmarkChange adds and removes a value among many.
func BenchmarkChange(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 3))
	n := manyIndicators(b)
	m := NewMatcher(n)
	values := make([]Value, n)
	for i := range values {
		values[i] = mixed(r, i)
		m.Add(int64(i), values[i])
	}
	for i := 0; b.Loop(); i++ {
		k := i % n
		m.Remove(int64(k), values[k])
		m.Add(int64(k), values[k])
	}
}
