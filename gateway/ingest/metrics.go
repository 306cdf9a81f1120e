package ingest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// metrics are what the pipeline counts. Without a registerer it counts for
// nobody.
type metrics struct {
	requests *prometheus.CounterVec
	readings prometheus.Counter
	bytes    prometheus.Counter
	group    prometheus.Histogram
	sync     prometheus.Histogram
	answer   prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, active *atomic.Int64) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secant_ingest_requests_total",
			Help: "Requests with readings, by outcome: accepted, repeated, or the code of the problem.",
		}, []string{"outcome"}),
		readings: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "secant_ingest_readings_total", Help: "Readings made durable and acknowledged.",
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "secant_ingest_received_bytes_total", Help: "Bytes of bodies received.",
		}),
		group: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "secant_ingest_group_requests", Help: "Requests made durable by one sync.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
		sync: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "secant_ingest_sync_seconds", Help: "Time to write and sync one group.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 14),
		}),
		answer: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "secant_ingest_answer_seconds", Help: "Time from a request's arrival to its receipt.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
	}
	if reg == nil {
		return m, nil
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "secant_ingest_active_requests", Help: "Requests between arrival and answer.",
	}, func() float64 { return float64(active.Load()) })
	for _, c := range []prometheus.Collector{m.requests, m.readings, m.bytes, m.group, m.sync, m.answer, waiting} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) received(n int) { m.bytes.Add(float64(n)) }

func (m *metrics) synced(begun time.Time, requests int) {
	m.sync.Observe(time.Since(begun).Seconds())
	m.group.Observe(float64(requests))
}

// answered counts an outcome; count is how many readings were new.
func (m *metrics) answered(begun time.Time, count int, err error) {
	switch {
	case err != nil:
		m.requests.WithLabelValues(string(ledger.CodeOf(err))).Inc()
		return
	case count == 0:
		m.requests.WithLabelValues("repeated").Inc()
	default:
		m.requests.WithLabelValues("accepted").Inc()
		m.readings.Add(float64(count))
	}
	m.answer.Observe(time.Since(begun).Seconds())
}
