package fhir

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/fhir"
)

// Metrics counts what was kept.
type Metrics struct{ resources *prometheus.CounterVec }

// NewMetrics registers the metrics.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "secant_fhir_resources_total", Help: "Versions of FHIR resources that were kept, by type.",
	}, []string{"type"})}
	return m, reg.Register(m.resources)
}

func (m *Metrics) kept(list []fhir.Written) {
	for i := range list {
		if !list[i].Found {
			m.resources.WithLabelValues(list[i].Type).Inc()
		}
	}
}
