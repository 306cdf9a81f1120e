package app

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/secant-platform/secant/analytics/correlate"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/store"
)

// correlator feeds the pure package correlate with what the node knows: objects that
// came, own alerts, warninglists and models of decay.
type correlator struct {
	store    *store.Store
	enricher *enricher
	logger   *slog.Logger
	witness  *witness // tells sharers; nil: nobody does

	mu      sync.RWMutex // guards what follows
	matcher *correlate.Matcher
	seen    *correlate.Fuzzy // hashes that alerts name
	alerts  map[int64]int64  // alert by the reference of such a hash
	newest  int64            // of these references
	rules   correlate.Rules

	loaded bool        // used by the worker only
	stale  atomic.Bool // reference data came
}

// derivation is the version of what is derived of objects; another one has everything
// derived anew.
const derivation = 1

const (
	correlateBatch = 500
	loadBatch      = 10_000
	// maxBack bounds the alerts that are looked at for one value of an indicator that
	// came: the newest ones.
	maxBack = 1_000
	// maxBackAll bounds those for all values of one indicator: the newest ones.
	maxBackAll = 10_000
	// maxSeen bounds the fuzzy hashes of alerts that are held: the newest ones.
	maxSeen = 500_000
	// maxNaming bounds the indicators that are judged for one alert: the newest ones.
	maxNaming = 200
)

func newCorrelator(s *store.Store, e *enricher, logger *slog.Logger) *correlator {
	return &correlator{store: s, enricher: e, logger: logger, matcher: correlate.NewMatcher(0), seen: correlate.NewFuzzy(), alerts: map[int64]int64{}}
}

// Correlate takes in what came since it was called last, and reports whether an own
// alert turned out to show what an indicator describes.
func (c *correlator) Correlate(ctx context.Context) (changed bool, err error) {
	if err := c.load(ctx); err != nil {
		return false, err
	}
	for ctx.Err() == nil {
		if c.stale.Swap(false) {
			if err := c.loadRules(ctx); err != nil {
				return changed, err
			}
		}
		more := false
		for _, some := range []func(context.Context) (done, matched bool, err error){c.indexSome, c.forgetSome, c.matchSome} {
			done, matched, err := some(ctx)
			if err != nil {
				return changed, err
			}
			more, changed = more || !done, changed || matched
		}
		if !more {
			break
		}
	}
	return changed, nil
}

// load reads what earlier runs derived.
func (c *correlator) load(ctx context.Context) error {
	if c.loaded {
		return nil
	}
	if err := c.store.BeginCorrelation(ctx, derivation); err != nil {
		return err
	}
	if err := c.loadRules(ctx); err != nil {
		return err
	}
	for after := int64(0); ; {
		values, err := c.store.HostileValues(ctx, after, loadBatch)
		if err != nil {
			return err
		}
		if len(values) == 0 {
			break
		}
		c.add(values)
		after = values[len(values)-1].ID
	}
	if err := c.loadSeen(ctx); err != nil {
		return err
	}
	c.loaded = true
	return nil
}

// add has the matcher know values. Their ids never come again, so that one that it
// knows is not added twice.
func (c *correlator) add(values []fact.Observable) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range values {
		if !c.knows(o) {
			c.matcher.Add(o.ID, o.Value)
		}
	}
}

func (c *correlator) knows(o fact.Observable) bool { return c.matcher.Has(o.ID, o.Value) }

// loadSeen reads the fuzzy hashes that alerts name and that are new. Of too many the
// older half is forgotten, that of alerts which went with it.
func (c *correlator) loadSeen(ctx context.Context) error {
	for {
		if len(c.alerts) >= maxSeen {
			c.mu.Lock()
			c.seen, c.alerts, c.newest = correlate.NewFuzzy(), map[int64]int64{}, c.newest-maxSeen/2
			c.mu.Unlock()
		}
		list, err := c.store.FuzzySeen(ctx, c.newest, loadBatch)
		if err != nil || len(list) == 0 {
			return err
		}
		c.mu.Lock()
		for _, f := range list {
			c.seen.Add(f.ID, f.Value)
			c.alerts[f.ID], c.newest = f.Alert, f.ID
		}
		c.mu.Unlock()
	}
}

// loadRules reads the reference data.
func (c *correlator) loadRules(ctx context.Context) error {
	var rules correlate.Rules
	var lists []*correlate.Warninglist
	err := c.store.EachWarninglist(ctx, func(doc []byte) error {
		w, err := correlate.ParseWarninglist(doc)
		if err != nil { // one that an older version took in
			c.logger.WarnContext(ctx, "warninglist that was taken in cannot be read", slog.Any("error", err))
			return nil
		}
		lists = append(lists, w)
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.store.EachDecay(ctx, func(doc []byte) error {
		d, err := correlate.ParseDecay(doc)
		if err != nil {
			c.logger.WarnContext(ctx, "decaying model that was taken in cannot be read", slog.Any("error", err))
			return nil
		}
		rules.Models = append(rules.Models, *d)
		return nil
	}); err != nil {
		return err
	}
	rules.Warnings = correlate.NewWarnings(lists)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rules = rules
	return nil
}

// judges returns what indicators are judged by now.
func (c *correlator) judges() correlate.Rules {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.rules
}

// indexSome derives some objects that came, and looks back for the alerts that show
// them.
func (c *correlator) indexSome(ctx context.Context) (done, matched bool, err error) {
	due, upTo, more, err := c.store.CorrelationDue(ctx, correlateBatch)
	if err != nil || len(due) == 0 && !more {
		return true, false, err
	}
	rules := c.judges()
	var matches []fact.IndicatorMatch
	for i := range due {
		due[i].Entry, _ = correlate.Derive(due[i].Body)
		due[i].Body = nil
		found, err := c.lookBack(ctx, &rules, &due[i])
		if err != nil {
			return false, false, err
		}
		matches = append(matches, found...)
	}
	fresh, err := c.store.PutCorrelation(ctx, due, upTo, matches)
	if err != nil {
		return false, false, err
	}
	c.add(fresh)
	return !more, len(matches) > 0, nil
}

// lookBack finds the stored alerts that show what an indicator describes.
func (c *correlator) lookBack(ctx context.Context, rules *correlate.Rules, of *fact.Correlated) ([]fact.IndicatorMatch, error) {
	e := &of.Entry
	if e.Type != "indicator" || e.Benign || e.Revoked {
		return nil, nil
	}
	var seqs []int64
	for i := range e.Ways {
		v := e.Ways[i].Values[0] // what is seen together is seen with the first
		some, err := c.store.AlertsNaming(ctx, v, maxBack)
		if err != nil {
			return nil, err
		}
		seqs = append(seqs, some...)
		c.mu.RLock()
		for _, h := range c.seen.Find(nil, v) {
			seqs = append(seqs, c.alerts[h.Ref])
		}
		c.mu.RUnlock()
	}
	if len(seqs) == 0 {
		return nil, nil
	}
	slices.Sort(seqs)
	seqs = slices.Compact(seqs)
	alerts, err := c.store.AlertsBySeq(ctx, seqs[max(0, len(seqs)-maxBackAll):])
	if err != nil {
		return nil, err
	}
	if of.Reports, err = c.store.Brought(ctx, of.Object); err != nil {
		return nil, err
	}
	var matches []fact.IndicatorMatch
	for i := range alerts {
		m, ok, err := c.judge(ctx, rules, of, &alerts[i])
		if err != nil {
			return nil, err
		}
		if ok {
			matches = append(matches, m)
		}
	}
	return matches, nil
}

// judge says whether an alert shows what an indicator describes.
func (c *correlator) judge(ctx context.Context, rules *correlate.Rules, of *fact.Correlated, a *fact.Alert) (fact.IndicatorMatch, bool, error) {
	refreshed, err := c.store.RefreshedBy(ctx, of.Entry.ID, a.Time)
	if err != nil {
		return fact.IndicatorMatch{}, false, err
	}
	found, ok := rules.Judge(&of.Entry, &correlate.Alert{Title: a.Title, Source: a.Source, Time: a.Time, Seen: a.Observables}, refreshed)
	if !ok {
		return fact.IndicatorMatch{}, false, nil
	}
	m := fact.IndicatorMatch{Alert: a.Seq, Indicator: of.Entry.ID, Collection: of.Collection, Time: a.Time, Found: found}
	if len(of.Reports) > 0 {
		m.Report = of.Reports[0].Digest
		m.Found.Sentence = strings.TrimSuffix(m.Found.Sentence, ".") + ", of a report that " + strings.Join(of.Reports[0].Sharers, " and ") + " shared."
	}
	return m, true, nil
}

// forgetSome takes values that no object names any more out of the memory.
func (c *correlator) forgetSome(ctx context.Context) (done, matched bool, err error) {
	gone, err := c.store.GoneValues(ctx, correlateBatch)
	if err != nil || len(gone) == 0 {
		return true, false, err
	}
	c.mu.Lock()
	for _, o := range gone {
		if c.knows(o) {
			c.matcher.Remove(o.ID, o.Value)
		}
	}
	c.mu.Unlock()
	return len(gone) < correlateBatch, false, c.store.ForgetValues(ctx, gone[len(gone)-1].ID)
}

// matchSome matches some alerts that came.
func (c *correlator) matchSome(ctx context.Context) (done, matched bool, err error) {
	upTo, err := c.store.AlertsCorrelated(ctx)
	if err != nil {
		return false, false, err
	}
	alerts, err := c.store.AlertsAfter(ctx, upTo, correlateBatch)
	if err != nil || len(alerts) == 0 {
		return true, false, err
	}
	rules := c.judges()
	var matches []fact.IndicatorMatch
	var hits []correlate.Hit
	for i := range alerts {
		a := &alerts[i]
		hits = hits[:0]
		c.mu.RLock()
		for _, o := range a.Observables {
			hits = c.matcher.Find(hits, correlate.Seen(o))
		}
		c.mu.RUnlock()
		if len(hits) == 0 {
			continue
		}
		indicators, err := c.store.Naming(ctx, refs(hits), true, maxNaming)
		if err != nil {
			return false, false, err
		}
		for k := range indicators {
			m, ok, err := c.judge(ctx, &rules, &indicators[k], a)
			if err != nil {
				return false, false, err
			}
			if ok {
				matches = append(matches, m)
			}
		}
	}
	if err := c.store.PutAlertMatches(ctx, alerts[len(alerts)-1].Seq, alerts, matches); err != nil {
		return false, false, err
	}
	return len(alerts) < correlateBatch, len(matches) > 0, c.loadSeen(ctx)
}

// refs are the references of hits, each once.
func refs(hits []correlate.Hit) []int64 {
	all := make([]int64, len(hits))
	for i, h := range hits {
		all[i] = h.Ref
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), correlate.MaxHits)]
}
