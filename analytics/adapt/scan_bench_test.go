package adapt

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// scanText gives a text that is made while it is read.
type scanText struct {
	head, tail string
	each       func(i int) string
	n, at      int
	rest       string
	ended      bool
}

func (g *scanText) Read(p []byte) (int, error) {
	for g.rest == "" {
		switch {
		case g.at == 0 && g.head != "":
			g.rest, g.head = g.head, ""
		case g.at < g.n:
			g.rest = g.each(g.at)
			g.at++
		case !g.ended:
			g.rest, g.ended = g.tail, true
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

var scanFiller = strings.Repeat("The remote service answers with more than it should. ", 12)

// manyFindings is a file of n findings as large as scanners write them (about 1 kB).
func manyFindings(format string, n int) io.Reader {
	switch format {
	case "nessus":
		return &scanText{
			head: `<?xml version="1.0" ?><NessusClientData_v2><Report name="r"><ReportHost name="10.1.2.3"><HostProperties><tag name="HOST_END">Sun Mar  1 10:00:00 2026</tag></HostProperties>`,
			tail: "</ReportHost></Report></NessusClientData_v2>\n", n: n,
			each: func(i int) string {
				return fmt.Sprintf(`<ReportItem port="%d" svc_name="www" protocol="tcp" severity="3" pluginID="%d" pluginName="Finding %d" pluginFamily="General"><cve>CVE-2024-%04d</cve><cvss3_vector>CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H</cvss3_vector><description>%s</description><risk_factor>High</risk_factor><solution>Update.</solution></ReportItem>`+"\n", i%65535+1, 10_000+i, i, i%9_000+1_000, scanFiller)
			},
		}
	case "sarif", "sarif, tool last":
		tool := `"tool":{"driver":{"name":"Example","rules":[{"id":"EX1","shortDescription":{"text":"one"},"properties":{"security-severity":"7.5"}}]}}`
		g := &scanText{
			head: `{"version":"2.1.0","runs":[{` + tool + `,"results":[{"ruleId":"EX1","message":{"text":"first"}}`, tail: "]}]}\n", n: n,
			each: func(i int) string {
				return fmt.Sprintf(`,{"ruleId":"EX1","ruleIndex":0,"message":{"text":"Finding %d: %s"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"src/file%d.c"},"region":{"startLine":%d}}}],"partialFingerprints":{"primaryLocationLineHash":"%016x"}}`, i, scanFiller, i%500, i+1, i)
			},
		}
		if format == "sarif, tool last" {
			g.head = `{"version":"2.1.0","runs":[{"results":[{"ruleId":"EX1","message":{"text":"first"}}`
			g.tail = "]," + tool + "}]}\n"
		}
		return g
	}
	return nil
}

// A large file is read without holding it: what the heap grows
// by is bounded by what stands at once in memory, or is held back compressed.
func TestScansInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads files of 50 MB")
	}
	const findings = 60_000
	for _, name := range []string{"nessus", "sarif", "sarif, tool last"} {
		format, _, _ := strings.Cut(name, ",")
		f, _ := Lookup(format)
		in := &scanCounted{r: manyFindings(name, findings)}
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		n, highest := 0, uint64(0)
		err := f.Read(context.Background(), in, func(Record) error {
			if n++; n%15_000 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&now)
				highest = max(highest, now.HeapAlloc)
			}
			return nil
		}, func([]byte, error) { t.Error("refused") })
		if err != nil || n < findings {
			t.Fatalf("%s: %d findings, %v", name, n, err)
		}
		grown := int64(highest) - int64(before.HeapAlloc)
		t.Logf("%s: %d MB, %d findings, the heap grew by %d MB", name, in.n.Load()>>20, n, grown>>20)
		if grown > 24<<20 || in.n.Load() < 45<<20 {
			t.Errorf("%s: the heap grew by %d MB for %d MB", name, grown>>20, in.n.Load()>>20)
		}
	}
}

type scanCounted struct {
	r io.Reader
	n atomic.Int64
}

func (c *scanCounted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// benchmarkScan tells the findings for a second of one core as well as by the wall,
// which says little on a shared machine.
func benchmarkScan(b *testing.B, name string) {
	b.Helper()
	format, _, _ := strings.Cut(name, ",")
	f, _ := Lookup(format)
	const findings = 5_000
	all, err := io.ReadAll(manyFindings(name, findings))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(all)))
	n := 0
	from := scanProcessorTime(b)
	for b.Loop() {
		if err := f.Read(b.Context(), strings.NewReader(string(all)), func(Record) error { n++; return nil }, func([]byte, error) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/(scanProcessorTime(b)-from), "findings/core-s")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "findings/s")
}

// scanProcessorTime is what the process has used, in seconds.
func scanProcessorTime(tb testing.TB) float64 {
	tb.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func BenchmarkNessus(b *testing.B)        { benchmarkScan(b, "nessus") }
func BenchmarkSARIF(b *testing.B)         { benchmarkScan(b, "sarif") }
func BenchmarkSARIFToolLast(b *testing.B) { benchmarkScan(b, "sarif, tool last") }
