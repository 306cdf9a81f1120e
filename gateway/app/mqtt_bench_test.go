package app

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eclipse/paho.golang/paho"

	"github.com/secant-platform/secant/gateway/auth"
)

// BenchmarkMQTT measures what BenchmarkReadings measures by HTTP: device-signed
// readings, one a message, durable and acknowledged. What the device spends on signing
// is not counted; what the client spends on the protocol is, on the same processors.
func BenchmarkMQTT(b *testing.B) {
	for _, connections := range []int{1, 50} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			c := newConsortium(b)
			north, d := inService(b, c, nil)
			prepared := make([]*paho.Publish, min(b.N, 20_000))
			for i := range prepared {
				header, body := d.sign(b, fmt.Sprintf(`{"code":"MDC_ECG_CARD_BEAT_RATE","value":%d,"unit":"MDC_DIM_BEAT_PER_MIN","time":"2026-11-22T10:00:00.%06dZ"}`, 60+i%40, i))
				m := &paho.Publish{QoS: 1, Topic: "secant/v1/bench/PUMP-7/readings", Payload: body, Properties: &paho.PublishProperties{ContentType: header["Content-Type"]}}
				m.Properties.User.Add(auth.HeaderSeed, header[auth.HeaderSeed])
				m.Properties.User.Add(auth.HeaderSignature, header[auth.HeaderSignature])
				prepared[i] = m
			}
			clients := make([]*publisher, connections)
			for i := range clients {
				clients[i] = attach(b, north.cfg.MQTT[0].Listen, nil, func(c *paho.Connect) { c.ClientID = fmt.Sprintf("pump-%d", i) })
			}
			var next atomic.Int64
			var sending sync.WaitGroup
			b.ResetTimer()
			for i := range max(256, 16*connections) { // messages under way
				client := clients[i%connections]
				sending.Go(func() {
					for {
						n := next.Add(1)
						if n > int64(b.N) {
							return
						}
						m := *prepared[int(n-1)%len(prepared)] // the client writes into what it sends
						if ack, err := client.client.Publish(b.Context(), &m); err != nil {
							b.Errorf("%+v %v", ack, err)
							return
						}
					}
				})
			}
			sending.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
