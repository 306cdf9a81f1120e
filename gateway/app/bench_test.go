package app

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
)

// BenchmarkReadings measures the whole way of device-signed readings through a
// node, on a ledger in memory: HTTP on loopback, lookup of the device, pipeline,
// receipt. What the device spends on signing is not counted.
func BenchmarkReadings(b *testing.B) {
	for _, records := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("records=%d", records), func(b *testing.B) {
			n := benchNode(b)
			type request struct {
				header map[string]string
				body   []byte
			}
			prepared := make([]request, min(b.N, 20_000))
			lines := make([]string, records)
			for i := range prepared {
				for k := range lines {
					lines[k] = fmt.Sprintf(`{"code":"MDC_ECG_CARD_BEAT_RATE","value":%d,"unit":"MDC_DIM_BEAT_PER_MIN","time":"2026-11-22T10:00:00.%06dZ","n":%d}`, 60+k%40, i, k)
				}
				prepared[i].header, prepared[i].body = n.device.sign(b, lines...)
			}
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
			defer client.CloseIdleConnections()
			var next atomic.Int64
			b.SetParallelism(64)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r := prepared[int(next.Add(1)-1)%len(prepared)]
					req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, n.url+"/v1/readings", bytes.NewReader(r.body))
					if err != nil {
						b.Error(err)
						return
					}
					for k, v := range r.header {
						req.Header.Set(k, v)
					}
					res, err := client.Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					answer, _ := io.ReadAll(res.Body)
					res.Body.Close()
					if res.StatusCode != http.StatusAccepted {
						b.Errorf("%d %s", res.StatusCode, answer)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "readings/s")
		})
	}
}

// benchedNode is a node with a device in service.
type benchedNode struct {
	*running
	device device
}

func benchNode(b *testing.B) *benchedNode {
	b.Helper()
	c := newConsortium(b)
	maker, north := c.start(b, "medtech"), c.start(b, "hospital-north")
	model(maker)
	return &benchedNode{north, commission(b, maker, north, "SN-1")}
}
