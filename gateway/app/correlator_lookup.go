package app

import (
	"context"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/correlate"
	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/rest"
)

// Bounds on what is told of one value.
const (
	maxToldObjects  = 50
	maxToldValues   = 50
	maxToldFindings = 100 // vulnerabilities, techniques, ...
	maxToldOfMatch  = 20  // of one match in a list
)

// Observable tells what the node knows of a value. Problems: invalid.
func (c *correlator) Observable(ctx context.Context, kind, property, text string) (rest.KnownObservable, error) {
	v, ok := correlate.Read(kind, property, text)
	if !ok {
		return rest.KnownObservable{}, ledger.Problemf(ledger.CodeInvalid, "the value is none of that type and property")
	}
	own, _, err := c.store.FindObservable(ctx, v)
	if err != nil {
		return rest.KnownObservable{}, err
	}
	k := rest.KnownObservable{
		Observable: own, Blocked: own.Objects > correlate.MaxCorrelated,
		Objects: []rest.NamingObject{}, Correlations: []rest.Correlation{},
	}
	rules := c.judges()
	if w, listed := rules.Warnings.Find(v); listed {
		k.Warning = &w
	}
	naming, err := c.store.Naming(ctx, ids(own), false, maxToldObjects)
	if err != nil {
		return k, err
	}
	now := time.Now()
	for i := range naming {
		k.Objects = append(k.Objects, viewNaming(&rules, &naming[i], v, now))
	}
	if k.Known, err = c.known(ctx, naming); err != nil {
		return k, err
	}
	if !k.Blocked {
		if k.Correlations, err = c.correlations(ctx, v, own, naming); err != nil {
			return k, err
		}
	}
	k.Alerts, err = c.store.AlertsNaming(ctx, v, maxToldObjects)
	return k, err
}

func ids(o fact.Observable) []int64 {
	if o.ID == 0 {
		return nil
	}
	return []int64{o.ID}
}

func viewNaming(rules *correlate.Rules, of *fact.Correlated, v correlate.Value, now time.Time) rest.NamingObject {
	e := &of.Entry
	o := rest.NamingObject{ID: e.ID, Type: e.Type, Title: e.Title, Labels: e.Labels, Until: e.Until, Reports: of.Reports, Seen: of.Refreshed}
	o.Live = e.Live(now)
	if e.Type == "indicator" {
		var believed bool
		o.Score, believed = rules.ScoreAt(e, v, of.Refreshed, now)
		o.Live = o.Live && believed
		o.Model = rules.ModelFor(v).Name
	}
	return o
}

// known collects what objects and reference data say of the attack that a value belongs
// to.
func (c *correlator) known(ctx context.Context, naming []fact.Correlated) (rest.KnownContext, error) {
	texts := make([]string, len(naming))
	for i := range naming {
		body, err := c.store.STIXBody(ctx, naming[i].Object)
		if err != nil {
			return rest.KnownContext{}, err
		}
		texts[i] = string(body)
	}
	k, err := c.enricher.Known(ctx, cti.NamesIn(maxToldFindings, texts...))
	if err != nil {
		return rest.KnownContext{}, err
	}
	return k[0], nil
}

// correlations finds values that have to do with one: networks and addresses in each
// other, files that are alike, and the same infrastructure.
func (c *correlator) correlations(ctx context.Context, v correlate.Value, own fact.Observable, naming []fact.Correlated) ([]rest.Correlation, error) {
	list := []rest.Correlation{}
	told := map[int64]bool{own.ID: true}
	tell := func(how string, near map[int64]int, values []fact.Observable) {
		for _, o := range values {
			if !told[o.ID] && o.Objects <= correlate.MaxCorrelated && len(list) < maxToldValues {
				told[o.ID] = true
				list = append(list, rest.Correlation{Observable: o, How: how, Likeness: near[o.ID]})
			}
		}
	}
	c.mu.RLock()
	hits := c.matcher.Find(nil, v)
	c.mu.RUnlock()
	ways, near := map[string][]int64{}, map[int64]int{}
	for _, h := range hits {
		ways[h.How] = append(ways[h.How], h.Ref)
		near[h.Ref] = h.Near
	}
	for _, how := range []string{correlate.HowEqual, correlate.HowNetwork, correlate.HowHost, correlate.HowFuzzy} {
		values, err := c.store.ObservablesByID(ctx, ways[how][:min(len(ways[how]), maxToldValues)])
		if err != nil {
			return nil, err
		}
		tell(how, near, values)
	}
	var objects []string
	for i := range naming {
		objects = append(objects, naming[i].ID)
	}
	linked, err := c.store.LinkedValues(ctx, objects, maxToldValues)
	if err != nil {
		return nil, err
	}
	tell(rest.HowLinked, nil, linked)
	beside, err := c.beside(ctx, naming)
	if err != nil {
		return nil, err
	}
	tell(rest.HowTogether, nil, beside)
	around, err := c.store.NearValues(ctx, v.Near(), correlate.MaxCorrelated, maxToldValues)
	if err != nil {
		return nil, err
	}
	tell(rest.HowNear, nil, around)
	return list, nil
}

// beside returns the other values that the same objects name.
func (c *correlator) beside(ctx context.Context, naming []fact.Correlated) ([]fact.Observable, error) {
	var list []fact.Observable
	for i := range naming {
		for _, way := range naming[i].Entry.Ways {
			for _, v := range way.Values {
				if len(list) >= maxToldValues {
					return list, nil
				}
				o, found, err := c.store.FindObservable(ctx, v)
				if err != nil {
					return nil, err
				}
				if found {
					list = append(list, o)
				}
			}
		}
	}
	return list, nil
}

// Blocked lists the values that too many objects name for them to say anything.
func (c *correlator) Blocked(ctx context.Context, limit int) ([]fact.Observable, error) {
	return c.store.BlockedValues(ctx, correlate.MaxCorrelated, limit)
}

// Matches lists own alerts that show what indicators describe, the newest first.
func (c *correlator) Matches(ctx context.Context, f fact.MatchFilter, page ledger.PageRequest) (rest.MatchPage, error) {
	got, err := c.store.IndicatorMatches(ctx, f, page)
	if err != nil {
		return rest.MatchPage{}, err
	}
	bodies, err := c.indicators(ctx, got.Items)
	if err != nil {
		return rest.MatchPage{}, err
	}
	names := make([]cti.Names, len(got.Items))
	for i := range got.Items {
		m := &got.Items[i]
		names[i] = cti.NamesIn(maxToldOfMatch, bodies[[2]string{m.Collection, m.Indicator}])
	}
	known, err := c.enricher.Known(ctx, names...)
	if err != nil {
		return rest.MatchPage{}, err
	}
	p := rest.MatchPage{Next: got.Next, Items: make([]rest.IndicatorMatch, len(got.Items))}
	for i := range got.Items {
		p.Items[i] = rest.IndicatorMatch{IndicatorMatch: got.Items[i], Known: known[i]}
	}
	return p, nil
}

// indicators reads what matches are of, by collection and id, as far as one answer of the
// store goes.
func (c *correlator) indicators(ctx context.Context, matches []fact.IndicatorMatch) (map[[2]string]string, error) {
	ids := map[string][]string{}
	for i := range matches {
		if m := &matches[i]; !slices.Contains(ids[m.Collection], m.Indicator) {
			ids[m.Collection] = append(ids[m.Collection], m.Indicator)
		}
	}
	bodies := map[[2]string]string{}
	for collection, some := range ids {
		objects, _, err := c.store.STIX(ctx, fact.STIXFilter{Collection: collection, IDs: some}, len(some), true)
		if err != nil {
			return nil, err
		}
		for i := range objects {
			bodies[[2]string{collection, objects[i].ID}] = string(objects[i].Body)
		}
	}
	return bodies, nil
}

// Sightings counts the own alerts that show what a report describes, and says what is told
// of them next.
func (c *correlator) Sightings(ctx context.Context, report string) (fact.SightingCount, error) {
	all, err := c.store.SightingsOf(ctx, report)
	if err != nil || c.witness == nil {
		return all, err
	}
	all.Next, err = c.witness.next(ctx, report)
	return all, err
}

// ToldByHand notes that a person told the sharer of a report what was seen until now.
func (c *correlator) ToldByHand(ctx context.Context, report string) error {
	return c.store.ToldByHand(ctx, report)
}

// PutWarninglist takes a warninglist in.
func (c *correlator) PutWarninglist(ctx context.Context, body []byte) (rest.TakenWarninglist, error) {
	w, err := correlate.ParseWarninglist(body)
	if err != nil {
		return rest.TakenWarninglist{}, err
	}
	if err := c.store.PutWarninglist(ctx, w.Name, w.Version, body); err != nil {
		return rest.TakenWarninglist{}, err
	}
	c.stale.Store(true)
	return rest.TakenWarninglist{Name: w.Name, Count: len(w.Entries), Left: w.Left}, nil
}

// PutDecay takes a decaying model in.
func (c *correlator) PutDecay(ctx context.Context, body []byte) (rest.TakenDecay, error) {
	d, err := correlate.ParseDecay(body)
	if err != nil {
		return rest.TakenDecay{}, err
	}
	if err := c.store.PutDecay(ctx, d.Name, body); err != nil {
		return rest.TakenDecay{}, err
	}
	c.stale.Store(true)
	return rest.TakenDecay{Name: d.Name}, nil
}
