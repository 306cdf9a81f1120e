package rest

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what the interface does beyond answering requests.
type Metrics struct {
	proofs      *prometheus.CounterVec
	signedReads *prometheus.CounterVec
	listeners   prometheus.Gauge
	dropped     *prometheus.CounterVec
}

// NewMetrics makes and registers the interface's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		proofs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secant_rest_proofs_total", Help: "Proofs asked for, by outcome: served, early (not anchored yet) or refused by the own verifier.",
		}, []string{"outcome"}),
		signedReads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secant_rest_signed_reads_total", Help: "Reads that peers were asked to sign, by what was read.",
		}, []string{"name", "outcome"}),
		listeners: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "secant_rest_listeners", Help: "Open event streams.",
		}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secant_rest_listeners_dropped_total", Help: "Event streams that this node ended, by reason.",
		}, []string{"reason"}),
	}
	reg.MustRegister(m.proofs, m.signedReads, m.listeners, m.dropped)
	return m
}
