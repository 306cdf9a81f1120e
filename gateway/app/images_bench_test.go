package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/dicom/dicomtest"
)

// BenchmarkImages measures the whole way of images of 512 KiB through a node, on a
// ledger in memory: HTTP on loopback, digest, device, pipeline, index, answer. Four
// senders, each with so many images in a request.
func BenchmarkImages(b *testing.B) {
	for _, each := range []int{1, 32} {
		b.Run(fmt.Sprintf("each=%d", each), func(b *testing.B) {
			c := newConsortium(b)
			north, maker := c.start(b, "hospital-north"), c.start(b, "medtech")
			model(maker)
			d := commission(b, maker, north, "SN-1")
			north.name(d.id, "dicom", "CT-77")
			token, err := Token(north.cfg, "integrator", time.Hour)
			if err != nil {
				b.Fatal(err)
			}
			pixels := make([]byte, 512<<10)
			var next atomic.Int64
			var bytesSent atomic.Int64
			b.SetParallelism(2)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					files := make([][]byte, each)
					for i := range files {
						files[i] = dicomtest.Image{
							Study: "1.2", Series: "1.2.1", Instance: fmt.Sprintf("1.2.1.%d", next.Add(1)), Serial: "CT-77", Modality: "CT", Pixels: pixels,
						}.File()
					}
					body, header := related(b, files...)
					bytesSent.Add(int64(len(body)))
					req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, north.url+"/dicomweb/studies", bytes.NewReader(body))
					if err != nil {
						b.Error(err)
						return
					}
					req.Header.Set("Content-Type", header["Content-Type"])
					req.Header.Set("Authorization", "Bearer "+token)
					res, err := http.DefaultClient.Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					answer, _ := io.ReadAll(res.Body)
					res.Body.Close()
					var s set
					if err := json.Unmarshal(answer, &s); res.StatusCode != http.StatusAccepted || err != nil || len(s["00081199"].Value) != each {
						b.Errorf("%d %s", res.StatusCode, answer)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N*each)/b.Elapsed().Seconds(), "images/s")
			b.ReportMetric(float64(bytesSent.Load())/b.Elapsed().Seconds()/1e6, "MB/s")
		})
	}
}
