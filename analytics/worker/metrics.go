package worker

import "github.com/prometheus/client_golang/prometheus"

// metrics are what the worker tells about itself.
type metrics struct {
	blocks    prometheus.Counter
	next      prometheus.Gauge
	open      prometheus.Gauge
	commands  *prometheus.CounterVec // by result
	seconds   prometheus.Histogram
	retries   *prometheus.CounterVec // by code
	anchors   prometheus.Counter
	anchored  prometheus.Gauge
	fetches   *prometheus.CounterVec // by result
	assessed  prometheus.Counter
	recovered prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "secant_worker_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "secant_worker_" + name, Help: help})
	}
	by := func(label, name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "secant_worker_" + name, Help: help}, []string{label})
	}
	m := &metrics{
		blocks:   counter("blocks_total", "Blocks carried over into the read model."),
		next:     gauge("next_block", "Number of the block that the read model wants next."),
		open:     gauge("commands_open", "Commands that are stored and not finished."),
		commands: by("result", "commands_total", "Commands finished, by result."),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "secant_worker_command_seconds", Help: "Time from a command's storage to its end.",
			Buckets: []float64{0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 120},
		}),
		retries:   by("code", "command_retries_total", "Tries of a command that did not decide it, by code."),
		anchors:   counter("anchors_total", "Anchors made."),
		anchored:  gauge("anchored_entries", "Entries of the integrity log under its newest anchor."),
		fetches:   by("result", "fetches_total", "Tries to fetch a document, by result."),
		assessed:  counter("reports_assessed_total", "Assessments of reports."),
		recovered: counter("panics_total", "Panics that were recovered from."),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.blocks, m.next, m.open, m.commands, m.seconds, m.retries, m.anchors, m.anchored, m.fetches, m.assessed, m.recovered,
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
