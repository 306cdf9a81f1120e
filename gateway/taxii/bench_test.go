package taxii_test

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/secant-platform/secant/gateway/auth"
)

// BenchmarkTAXII measures objects added and served a second, in requests and pages of
// 1,000, when so many are stored: it should not matter how many.
//
//	go test ./gateway/taxii -run '^$' -bench '^BenchmarkTAXII'
//
// SECANT_OBJECTS is a further number of objects that are stored: with a million it takes
// some minutes.
func BenchmarkTAXII(b *testing.B) {
	const page = 1000
	sizes := []int{1_000, 100_000}
	if n, err := strconv.Atoi(os.Getenv("SECANT_OBJECTS")); err == nil {
		sizes = append(sizes, n)
	}
	for _, stored := range sizes {
		l := newLab(b)
		n := 0
		envelope := func() string {
			list := make([]string, page)
			for i := range list {
				n++
				list[i] = indicator(n, day1)
			}
			return strings.Join(list, ",")
		}
		for range stored / page {
			l.add(envelope())
		}
		b.Run(fmt.Sprintf("added/stored=%d", stored), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				e := envelope()
				b.StartTimer()
				l.add(e)
			}
			b.ReportMetric(float64(b.N*page)/b.Elapsed().Seconds(), "objects/s")
		})
		b.Run(fmt.Sprintf("served/stored=%d", stored), func(b *testing.B) {
			next := ""
			for b.Loop() {
				_, said := l.call(auth.RoleAnalyst, http.MethodGet, at+"objects/?limit=1000"+next, "")
				next = ""
				if s, more := said["next"].(string); more {
					next = "&next=" + s
				}
			}
			b.ReportMetric(float64(b.N*page)/b.Elapsed().Seconds(), "objects/s")
		})
	}
}
