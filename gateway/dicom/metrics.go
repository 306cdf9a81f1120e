package dicom

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/dicom"
)

// Metrics are what is counted of instances.
type Metrics struct {
	instances *prometheus.CounterVec
	bytes     prometheus.Counter
}

// The outcomes that are no refusal.
const (
	outcomeTaken    = "taken"
	outcomeConflict = "conflict" // taken, and there are other bytes under its UID
)

var outcomes = map[dicom.Reason]string{
	dicom.ReasonProcessing: "processing", dicom.ReasonDenied: "denied", dicom.ReasonResources: "resources", dicom.ReasonBroken: "broken",
	dicom.ReasonIdentity: "identity", dicom.ReasonSyntax: "syntax", dicom.ReasonStudy: "study", dicom.ReasonDevice: "device",
}

// NewMetrics makes the metrics and registers them. reg may be nil: then they are
// counted for nobody.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		instances: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secant_dicom_instances_total",
			Help: "DICOM instances, by outcome: taken, conflict (taken, and other bytes are known by its UID), or why it was refused.",
		}, []string{"outcome"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "secant_dicom_bytes_total", Help: "Bytes of the DICOM files of which the digest was computed here.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.instances, m.bytes} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

func (m *Metrics) count(results []result) {
	for i := range results {
		r := &results[i]
		outcome := outcomeTaken
		switch {
		case r.reason != 0:
			outcome = outcomes[r.reason]
		case len(r.image.Others) > 0:
			outcome = outcomeConflict
		}
		m.instances.WithLabelValues(outcome).Inc()
	}
}
