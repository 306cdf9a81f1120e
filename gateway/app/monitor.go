package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/telemetry"
)

const (
	// monitorShare is the part of one processor that re-verifying takes, at most:
	// one in so many.
	monitorShare = 10
)

// monitor audits the node's data again and again beside its work. What does not fit
// is an incident: logged, counted, an event, and in what Integrity answers until a
// pass finds it in order.
type monitor struct {
	audit    audit
	pause    time.Duration // between two passes
	data     string        // the node's folder, left out of what is told
	add      func(ctx context.Context, kind string, key, subjects []string) error
	logger   *slog.Logger
	open     prometheus.Gauge
	passes   prometheus.Counter
	worked   time.Time // when the pace was kept last
	mu       sync.Mutex
	last     *rest.Pass
	incident map[string]rest.Incident // by part
}

func (n *node) newMonitor() *monitor {
	m := &monitor{
		audit: audit{store: n.store, log: n.log, vault: n.vault, ledger: n.ledger, blockWait: blockPatience},
		pause: n.cfg.Pace.Audit.Std(), data: n.cfg.Data, add: n.store.AddEvent, logger: n.logger,
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "secant_integrity_incidents", Help: "Parts of the node's stored data that were not found in order.",
		}),
		passes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "secant_integrity_passes_total", Help: "Times that all of the node's stored data was derived again.",
		}),
		incident: map[string]rest.Incident{},
	}
	n.reg.MustRegister(m.open, m.passes)
	m.audit.pace = m.pace
	return m
}

// pace waits so long after a piece of work that the monitor has its share of a
// processor, and no more.
func (m *monitor) pace(ctx context.Context) error {
	const least = time.Millisecond // shorter waits are saved up
	took := time.Since(m.worked)
	if took < least {
		return context.Cause(ctx)
	}
	err := sleep(ctx, min(took, time.Second)*(monitorShare-1))
	m.worked = time.Now()
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// run audits until ctx ends. What it finds never ends the node: it goes on taking
// readings, and people decide.
func (m *monitor) run(ctx context.Context) error {
	for {
		m.pass(ctx)
		if err := sleep(ctx, m.pause); err != nil {
			return nil //nolint:nilerr // told to end
		}
	}
}

func (m *monitor) pass(ctx context.Context) {
	p := rest.Pass{Began: time.Now().UTC(), Skipped: []string{}}
	m.worked = time.Now()
	var r Report
	for _, part := range m.audit.parts() {
		err := part.run(ctx, &r)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errNoAnswer) || part.name == partReadings && ledger.CodeOf(err) == ledger.CodeUnavailable {
			// Nothing was found that does not fit, and not all was looked at.
			p.Skipped = append(p.Skipped, part.name)
			m.logger.LogAttrs(ctx, slog.LevelWarn, "stored data could not be checked", slog.String("part", part.name), slog.String(telemetry.KeyError, err.Error()))
		} else {
			m.found(ctx, part.name, err)
		}
		if err := m.pace(ctx); err != nil {
			return
		}
	}
	p.Ended = time.Now().UTC()
	p.Requests, p.Records, p.Signatures, p.Unchecked = r.Requests, r.Records, r.Signatures, r.Unchecked
	p.Erased, p.Shredded = r.Erased, r.Shredded
	p.LogEntries, p.Anchors, p.Anchored, p.Blocks, p.Digest = r.LogEntries, r.Anchors, r.Anchored, r.Blocks, r.Digest
	m.passes.Inc()
	m.mu.Lock()
	m.last = &p
	m.mu.Unlock()
}

// found notes what a part of a pass found: an incident once, and its end once.
func (m *monitor) found(ctx context.Context, part string, err error) {
	m.mu.Lock()
	old, was := m.incident[part]
	now := rest.Incident{Part: part, Found: time.Now().UTC()}
	if err != nil {
		now.Detail = strings.ReplaceAll(err.Error(), m.data, "")
		if was && old.Detail == now.Detail {
			now.Found = old.Found
		}
		m.incident[part] = now
	} else {
		delete(m.incident, part)
	}
	m.open.Set(float64(len(m.incident)))
	m.mu.Unlock()
	var kind string
	switch {
	case err != nil && (!was || old.Detail != now.Detail):
		kind = fact.EventIntegrityIncident
		m.logger.LogAttrs(ctx, slog.LevelError, "stored data is not what it was", slog.String("part", part), slog.String(telemetry.KeyError, now.Detail))
	case err == nil && was:
		kind = fact.EventIntegrityResolved
		m.logger.LogAttrs(ctx, slog.LevelWarn, "stored data is in order again", slog.String("part", part))
	default:
		return
	}
	if err := m.add(ctx, kind, []string{part}, nil); err != nil && !errors.Is(err, context.Canceled) {
		m.logger.LogAttrs(ctx, slog.LevelError, "an incident is not in the event stream", slog.String(telemetry.KeyError, err.Error()))
	}
}

// Integrity says what the last pass found, and what is not in order now.
func (m *monitor) Integrity() rest.Integrity {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := rest.Integrity{Last: m.last, Incidents: []rest.Incident{}}
	for _, i := range m.incident {
		v.Incidents = append(v.Incidents, i)
	}
	slices.SortFunc(v.Incidents, func(a, b rest.Incident) int { return strings.Compare(a.Part, b.Part) })
	return v
}
