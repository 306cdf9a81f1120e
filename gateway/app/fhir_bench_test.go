package app

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkFHIR measures observations that a node makes durable, indexed and findable,
// over HTTP and for one device: one by one, and in transactions of 100.
func BenchmarkFHIR(b *testing.B) {
	for _, entries := range []int{1, 100} {
		b.Run(fmt.Sprintf("observations=%d", entries), func(b *testing.B) {
			n := benchNode(b)
			token, err := Token(n.cfg, "integrator", time.Hour)
			if err != nil {
				b.Fatal(err)
			}
			one := func(i int) string { return string(observation(`{"reference":"Device/`+n.device.id+`"}`, 40+i%100)) }
			body := func(i int) []byte { return []byte(one(i)) }
			path := "/fhir/Observation"
			if entries > 1 {
				path = "/fhir"
				body = func(i int) []byte {
					list := make([]string, entries)
					for k := range list {
						list[k] = `{"resource":` + one(i+k) + `,"request":{"method":"POST","url":"Observation"}}`
					}
					return []byte(`{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(list, ",") + `]}`)
				}
			}
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
			defer client.CloseIdleConnections()
			var next atomic.Int64
			b.SetParallelism(128)
			if entries > 1 {
				b.SetParallelism(8)
			}
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, n.url+path, bytes.NewReader(body(int(next.Add(1)))))
					if err != nil {
						b.Error(err)
						return
					}
					req.Header.Set("Content-Type", fhirJSON)
					req.Header.Set("Prefer", "return=minimal")
					req.Header.Set("Authorization", "Bearer "+token)
					res, err := client.Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					answer, _ := io.ReadAll(res.Body)
					res.Body.Close()
					if res.StatusCode >= http.StatusMultipleChoices {
						b.Errorf("%d %s", res.StatusCode, answer)
						return
					}
				}
			})
			b.StopTimer()
			b.ReportMetric(float64(b.N*entries)/b.Elapsed().Seconds(), "observations/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
