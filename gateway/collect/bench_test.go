package collect

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkAlerts keeps alerts of Suricata's, of which each comes twice, in SQLite:
//
//	go test ./gateway/collect -run '^$' -bench Alerts -benchtime 100000x
func BenchmarkAlerts(b *testing.B) {
	w := newWorld(b)
	c := w.collector()
	const part = 2_000 // things handed in at once
	b.ResetTimer()
	for n := 0; n < b.N; n += part {
		var text bytes.Buffer
		for i := n; i < min(n+part, b.N); i++ {
			fmt.Fprintln(&text, line(i))
		}
		for range 2 {
			out, err := c.Take(b.Context(), "test", eve(b), text.Bytes())
			if err != nil || out.Refused > 0 {
				b.Fatal(out, err)
			}
		}
	}
	b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "read/s")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "kept/s")
	if s := w.state(); s.New != int64(b.N) || s.Known != int64(b.N) {
		b.Fatalf("%+v", s)
	}
}

// BenchmarkObjects keeps STIX objects of envelopes, as they come from TAXII.
func BenchmarkObjects(b *testing.B) {
	w := newWorld(b)
	c := w.collector()
	const part = 1_000
	b.ResetTimer()
	for n := 0; n < b.N; n += part {
		in := c.intake("test", eve(b))
		var text bytes.Buffer
		text.WriteString(`{"objects":[`)
		for i := n; i < min(n+part, b.N); i++ {
			if i > n {
				text.WriteByte(',')
			}
			text.WriteString(indicator(i))
		}
		text.WriteString("]}")
		if err := in.objects(text.Bytes()); err != nil {
			b.Fatal(err)
		}
		if err := in.flush(b.Context(), nil, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}
