package fhir

import (
	"bytes"
	"slices"
	"time"
)

// Fits reports whether a version with these keys and times is among what the query
// asks for. It is what a search in the store would say of the version.
func (q *Query) Fits(v *Version, keys []Key, spans []Span) bool {
	if q.Type != v.Type {
		return false
	}
	for _, ids := range q.IDs {
		if !slices.Contains(ids, v.ID) {
			return false
		}
	}
	for _, some := range q.Keys {
		if !slices.ContainsFunc(keys, func(k Key) bool {
			return k.Param == some.Param && slices.ContainsFunc(some.Values, func(b []byte) bool { return bytes.Equal(b, k.Value) })
		}) {
			return false
		}
	}
	for _, w := range q.Times {
		if !w.fits(v, spans) {
			return false
		}
	}
	return true
}

func (w *When) fits(v *Version, spans []Span) bool {
	if w.Param == "" {
		at := v.Updated.Truncate(time.Millisecond)
		return w.holds(Interval{at, at.Add(time.Millisecond)})
	}
	return slices.ContainsFunc(spans, func(s Span) bool { return s.Param == w.Param && w.holds(s.Range) })
}

// holds reports whether one of the bounds does (FHIR R4, section 3.1.1.4.4).
func (w *When) holds(i Interval) bool {
	return slices.ContainsFunc(w.Bounds, func(b Bound) bool {
		within := !i.Low.IsZero() && !i.High.IsZero() && !i.Low.Before(b.Range.Low) && !i.High.After(b.Range.High)
		reachesLow := !i.Low.IsZero() && !i.Low.Before(b.Range.Low)
		reachesHigh := !i.High.IsZero() && !i.High.After(b.Range.High)
		above := i.High.IsZero() || i.High.After(b.Range.High)
		below := i.Low.IsZero() || i.Low.Before(b.Range.Low)
		switch b.Compare {
		case "eq":
			return within
		case "ne":
			return !within
		case "gt":
			return above
		case "lt":
			return below
		case "ge":
			return reachesLow || above
		case "le":
			return reachesHigh || below
		case "sa":
			return !i.Low.IsZero() && !i.Low.Before(b.Range.High)
		case "eb":
			return !i.High.IsZero() && !i.High.After(b.Range.Low)
		}
		return false
	})
}
