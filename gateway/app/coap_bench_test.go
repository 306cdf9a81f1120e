package app

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	coapudp "github.com/plgd-dev/go-coap/v3/udp"

	"github.com/secant-platform/secant/gateway/config"
)

// BenchmarkCoAP measures readings that are confirmed by CoAP, one a message, durable when
// they are acknowledged. What the client spends on the protocol counts, on the same
// processors.
func BenchmarkCoAP(b *testing.B) {
	for _, devices := range []int{1, 25} {
		b.Run(fmt.Sprintf("devices=%d", devices), func(b *testing.B) {
			c := newConsortium(b)
			cfg := c.config("hospital-north")
			cfg.CoAP = nil
			for i := range devices { // a source has a rate of its own
				cfg.CoAP = append(cfg.CoAP, config.Listener{Listen: freePacketPort(b), Sources: []config.Source{{
					Name: fmt.Sprintf("bench-%d", i), Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
				}}})
			}
			north, maker := c.launch(b, "hospital-north", cfg, func(string) {}).ready(), c.start(b, "medtech")
			model(maker)
			d := commission(b, maker, north, "SN-1")
			names := make([]map[string]string, devices)
			for i := range names {
				names[i] = map[string]string{"source": fmt.Sprintf("bench-%d", i), "name": "t"}
			}
			north.names(d.id, names)
			var next, refused atomic.Int64
			var sending sync.WaitGroup
			b.ResetTimer()
			for i := range 8 * devices { // each waits for its answer before it goes on
				conn, err := coapudp.Dial(north.cfg.CoAP[i%devices].Listen, tended(b))
				if err != nil {
					b.Fatal(err)
				}
				defer conn.Close()
				sending.Go(func() {
					for {
						n := next.Add(1)
						if n > int64(b.N) {
							return
						}
						m, err := conn.Post(b.Context(), "/readings", message.AppSenmlJSON, bytes.NewReader(fmt.Appendf(nil, `[{"n":"t","u":"Cel","v":%d.%d}]`, 36, n)),
							message.Option{ID: message.URIQuery, Value: []byte("d=t")})
						if err != nil {
							b.Error(err)
							return
						}
						if m.Code() != codes.Created {
							refused.Add(1)
						}
					}
				})
			}
			sending.Wait()
			if refused.Load() > 0 {
				b.Errorf("%d were refused", refused.Load())
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
