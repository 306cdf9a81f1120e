package mqtt

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/gateway/source"
)

// outcome is what became of a message, as it is counted.
type outcome string

const (
	outcomeAccepted   outcome = "accepted"
	outcomeTopic      outcome = "topic"      // no topic of devices
	outcomeAuthority  outcome = "authority"  // another's device, none, or a signature that does not fit
	outcomePayload    outcome = "payload"    // not in a form that is taken
	outcomeEnvelope   outcome = "envelope"   // its properties do not hold what they should
	outcomeErased     outcome = "erased"     // taken before, and erased since
	outcomeQuota      outcome = "quota"      // too much at once
	outcomeFailure    outcome = "failure"    // the node failed at it
	outcomeUnanswered outcome = "unanswered" // the connection was closed, so that it is sent again
)

// Metrics are what the brokers and clients of a node count together.
type Metrics struct {
	door     *source.Metrics
	messages *prometheus.CounterVec
	ended    *prometheus.CounterVec
	wills    prometheus.Counter
	missed   prometheus.Counter
	links    prometheus.Gauge
}

// NewMetrics makes the metrics and registers them. reg may be nil: then they are
// counted for nobody.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secant_mqtt_messages_total",
			Help: "MQTT messages of devices, by outcome: accepted, topic, authority, payload, envelope, erased, quota, failure or unanswered.",
		}, []string{"outcome"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secant_mqtt_ended_connections_total",
			Help: "MQTT connections that the node ended: refused at CONNECT, QoS 2, more at once than said (receive), subscriptions, failure.",
		}, []string{"reason"}),
		wills: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "secant_mqtt_wills_total", Help: "Last wills of devices that were lost.",
		}),
		missed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "secant_mqtt_undelivered_total", Help: "Messages that a subscriber was too slow to take.",
		}),
		links: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "secant_mqtt_brokers", Help: "Hospitals' brokers that the node is connected to.",
		}),
	}
	var err error
	if m.door, err = source.NewMetrics(reg, "mqtt", "MQTT"); err != nil {
		return nil, err
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.messages, m.ended, m.wills, m.missed, m.links} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

func (m *Metrics) message(o outcome) { m.messages.WithLabelValues(string(o)).Inc() }

func (m *Metrics) end(reason string) { m.ended.WithLabelValues(reason).Inc() }
