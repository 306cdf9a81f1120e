package app

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/correlate"
	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/export"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/store"
)

// Bounds on one export.
const (
	maxExported      = 100_000
	maxExportedBytes = 128 << 20
	exportPage       = 1_000
)

// exporter gathers indicators for what a hospital already watches and blocks with.
type exporter struct {
	store  *store.Store
	judges func() correlate.Rules
	most   int           // indicators in one export
	busy   chan struct{} // holds one while an export is gathered: memory is bounded by it
}

func newExporter(s *store.Store, judges func() correlate.Rules) *exporter {
	return &exporter{store: s, judges: judges, most: maxExported, busy: make(chan struct{}, 1)}
}

// Mark is another one whenever collections have other indicators.
func (e *exporter) Mark(ctx context.Context, collections []string) (string, error) {
	var all []string
	for _, c := range collections {
		count, newest, err := e.store.STIXMark(ctx, c, "indicator")
		if err != nil {
			return "", err
		}
		all = append(all, c, strconv.FormatInt(count, 10), strconv.FormatInt(newest, 10))
	}
	return strings.Join(all, " "), nil
}

// Indicators gathers the indicators of collections that stand now, the newest ones, and
// has them written. trusted: only what is still believed of them and no warninglist has.
// cut: there are more than an export holds.
func (e *exporter) Indicators(ctx context.Context, collections []string, trusted bool, write func(s export.Set, cut bool) error) error {
	select {
	case e.busy <- struct{}{}:
		defer func() { <-e.busy }()
	case <-ctx.Done():
		return ctx.Err()
	}
	g := gathering{store: e.store, most: e.most}
	for _, c := range collections {
		for _, kind := range []string{"marking-definition", "indicator"} {
			if err := g.gather(ctx, c, kind); err != nil {
				return err
			}
		}
	}
	now := time.Now()
	set := export.Gather(g.objects, now)
	keep := func(export.Indicator, export.Combined) bool { return true }
	var failed error
	if trusted {
		keep = e.trusted(ctx, set, now, &failed)
	}
	set = set.Only(keep)
	if failed != nil {
		return failed
	}
	return write(set, g.cut)
}

// trusted says of each alternative whether it is still believed, and on no warninglist.
// It leaves the first error in failed.
func (e *exporter) trusted(ctx context.Context, set export.Set, now time.Time, failed *error) func(export.Indicator, export.Combined) bool {
	rules := e.judges()
	bodies := map[string][]byte{}
	for _, o := range set.Objects {
		bodies[o.ID] = o.Body
	}
	return func(i export.Indicator, c export.Combined) bool {
		if *failed != nil {
			return false
		}
		var first correlate.Value // none: by the model for all
		for _, t := range slices.Backward(c.Tests) {
			o, ok := adapt.ObservableOf(t)
			if !ok {
				continue
			}
			first = correlate.Seen(o)
			if rules.Warnings != nil {
				if _, listed := rules.Warnings.Find(first); listed {
					return false
				}
			}
		}
		entry, _ := correlate.Derive(bodies[i.ID])
		if _, believed := rules.ScoreAt(&entry, first, time.Time{}, now); believed {
			return true
		}
		refreshed, err := e.store.RefreshedBy(ctx, i.ID, now)
		if *failed = err; err != nil || refreshed.IsZero() {
			return false
		}
		_, believed := rules.ScoreAt(&entry, first, refreshed, now)
		return believed
	}
}

// gathering reads the objects of an export, the newest first.
type gathering struct {
	store      *store.Store
	most       int // indicators
	objects    []cti.Object
	indicators int
	bytes      int
	cut        bool
}

func (g *gathering) gather(ctx context.Context, collection, kind string) error {
	f := fact.STIXFilter{Collection: collection, Types: []string{kind}, Newest: true}
	for more := true; more; {
		var page []fact.STIXObject
		var err error
		if page, more, err = g.store.STIX(ctx, f, exportPage, true); err != nil {
			return err
		}
		for i := range page {
			o := &page[i]
			if g.indicators == g.most || g.bytes+len(o.Body) > maxExportedBytes {
				g.cut = true
				return nil
			}
			if kind == "indicator" {
				g.indicators++
			}
			g.bytes += len(o.Body)
			g.objects = append(g.objects, cti.Object{ID: o.ID, Type: o.Type, Spec: o.Spec, Version: o.Version, Body: o.Body})
			f.Before = o.Added
		}
	}
	return nil
}
