package mllp

import (
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/hl7"
	"github.com/secant-platform/secant/gateway/source"
)

// Outcomes of messages that have no code of HL7's.
const (
	outcomeAccepted   = "accepted"
	outcomeFraming    = "framing"    // bytes that are no message
	outcomeCut        = "cut"        // a message without its end
	outcomeIgnored    = "ignored"    // an acknowledgement
	outcomeUnanswered = "unanswered" // the connection was closed, so that it is sent again
)

// Metrics are what the listeners of a node count together.
type Metrics struct {
	messages *prometheus.CounterVec
	door     *source.Metrics
}

// NewMetrics makes the metrics and registers them. reg may be nil: then they are
// counted for nobody.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secant_mllp_messages_total",
			Help: "HL7 v2 messages, by outcome: accepted, HL7's error code (table 0357), framing, cut, ignored or unanswered.",
		}, []string{"outcome"}),
	}
	var err error
	if m.door, err = source.NewMetrics(reg, "mllp", "HL7"); err != nil {
		return nil, err
	}
	if reg == nil {
		return m, nil
	}
	if err := reg.Register(m.messages); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	return m, nil
}

func (m *Metrics) message(outcome string) { m.messages.WithLabelValues(outcome).Inc() }

func (m *Metrics) code(code hl7.Code) {
	if code == hl7.Accepted {
		m.message(outcomeAccepted)
		return
	}
	m.message(strconv.Itoa(int(code)))
}
