package source

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what the doors of one protocol count together.
type Metrics struct {
	refused     *prometheus.CounterVec
	connections prometheus.Gauge
}

// NewMetrics makes the metrics of a protocol, as its package and as people call
// it, and registers them. reg may be nil: then they are counted for nobody.
func NewMetrics(reg prometheus.Registerer, name, title string) (*Metrics, error) {
	m := &Metrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secant_" + name + "_refused_connections_total",
			Help: title + " connections that were closed unheard: handshake, unknown sender, too many connections, or too many handshakes from one address; accept: not taken at all; failure: ended because the node failed at it.",
		}, []string{"reason"}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "secant_" + name + "_connections", Help: title + " connections of known senders that are open.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.refused, m.connections} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

func (m *Metrics) refuse(reason string) { m.refused.WithLabelValues(reason).Inc() }
