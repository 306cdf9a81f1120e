package coap

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/gateway/source"
)

// outcome is what became of a request, as it is counted.
type outcome string

const (
	outcomeAccepted  outcome = "accepted"
	outcomeRepeated  outcome = "repeated"  // a message id that was answered, or is about to be
	outcomeBlock     outcome = "block"     // a part of a request
	outcomeLwM2M     outcome = "lwm2m"     // a registration, or its update or end
	outcomeAuthority outcome = "authority" // another's device, none, or a signature that does not fit
	outcomePayload   outcome = "payload"   // not in a form that is taken
	outcomeRequest   outcome = "request"   // no request that is answered here
	outcomeQuota     outcome = "quota"     // too much at once
	outcomeFailed    outcome = "failed"    // may be sent again
)

// Metrics are what the servers of a node count together.
type Metrics struct {
	door     *source.Metrics
	requests *prometheus.CounterVec
	dropped  *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them. reg may be nil: then they are counted
// for nobody.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secant_coap_requests_total",
			Help: "CoAP requests of known sources, by outcome: accepted, repeated, block, lwm2m, authority, payload, request, quota or failed.",
		}, []string{"outcome"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secant_coap_dropped_total",
			Help: "CoAP datagrams that were not answered: of no source (unknown), no message (format), too many (quota), answers that nobody acknowledged (unacknowledged).",
		}, []string{"reason"}),
	}
	var err error
	if m.door, err = source.NewMetrics(reg, "coap", "CoAP"); err != nil {
		return nil, err
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.dropped} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

func (m *Metrics) end(o outcome) { m.requests.WithLabelValues(string(o)).Inc() }

func (m *Metrics) drop(reason string) { m.dropped.WithLabelValues(reason).Inc() }
