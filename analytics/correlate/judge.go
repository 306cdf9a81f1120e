package correlate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
)

// Alert is what is judged of an own alert.
type Alert struct {
	Title  string
	Source string
	Time   time.Time
	Seen   []adapt.Observable
}

// Judged is an indicator found right by an alert.
type Judged struct {
	Values   []Value  `json:"values"` // of the indicator
	Seen     []string `json:"seen"`   // what the alert names, in the order of Values
	How      string   `json:"how"`    // the weakest of the ways
	Near     int      `json:"near"`   // of HowFuzzy
	Score    int      `json:"score"`  // what was left of the indicator's at the alert's time, basis points
	Partial  bool     `json:"partial"`
	Warning  *Warning `json:"warning,omitempty"` // suppresses it
	Sentence string   `json:"sentence"`          // what happened, for people
}

// Rules are what indicators are judged by.
type Rules struct {
	Models   []Decay   // the first that is for a value holds; none: NIDS
	Warnings *Warnings // nil: none
}

// ModelFor returns the model of decay for a value.
func (r *Rules) ModelFor(v Value) *Decay {
	for i := range r.Models {
		if r.Models[i].For(v) {
			return &r.Models[i]
		}
	}
	return &NIDS
}

// ScoreAt is what is left at a time of the confidence in an indicator, as far as it
// rests on one value; refreshed is when it was last seen, zero for never.
func (r *Rules) ScoreAt(e *Entry, v Value, refreshed, at time.Time) (score int, believed bool) {
	d := r.ModelFor(v)
	since := e.From
	if refreshed.After(since) && !refreshed.After(at) {
		since = refreshed
	}
	if since.IsZero() {
		since = at // it does not say how old it is
	}
	score = d.Score(d.BaseOf(e), at.Sub(since))
	return score, score >= d.Threshold
}

// Live tells whether an object says anything at a time: withdrawn and expired ones do
// not. That something was seen before an indicator began counts: that is how one looks
// back.
func (e *Entry) Live(at time.Time) bool {
	return !e.Revoked && (e.Until.IsZero() || at.Before(e.Until))
}

// Judge says whether an alert shows what an indicator describes, and why. refreshed is
// when the indicator was last seen before. The sentence names the indicator, and leaves
// the report to whoever knows it.
func (r *Rules) Judge(e *Entry, a *Alert, refreshed time.Time) (Judged, bool) {
	if e.Type != "indicator" || e.Benign || !e.Live(a.Time) {
		return Judged{}, false
	}
	var best Judged
	found := false
	for i := range e.Ways {
		j, ok := e.Ways[i].seenBy(a.Seen)
		if !ok {
			continue
		}
		var believed bool
		if j.Score, believed = r.ScoreAt(e, j.Values[0], refreshed, a.Time); !believed {
			continue
		}
		if r.Warnings != nil {
			for _, v := range j.Values {
				if w, listed := r.Warnings.Find(v); listed {
					j.Warning = &w
					break
				}
			}
		}
		if !found || better(&j, &best) {
			best, found = j, true
		}
	}
	if found {
		best.Sentence = sentence(e, a, &best)
	}
	return best, found
}

// strength orders the ways of finding, the weakest first.
var strength = []string{HowFuzzy, HowHost, HowNetwork, HowEqual}

func better(a, b *Judged) bool {
	if (a.Warning == nil) != (b.Warning == nil) {
		return a.Warning == nil
	}
	if a.Partial != b.Partial {
		return !a.Partial
	}
	if a.How != b.How {
		return slices.Index(strength, a.How) > slices.Index(strength, b.How)
	}
	return a.Score > b.Score
}

// seenBy tells whether everything that an alternative names was seen.
func (w *Alternative) seenBy(seen []adapt.Observable) (Judged, bool) {
	j := Judged{How: HowEqual, Partial: w.Partial, Values: w.Values}
	for _, v := range w.Values {
		how, near, what, ok := v.among(seen)
		if !ok {
			return Judged{}, false
		}
		j.Seen = append(j.Seen, what)
		if slices.Index(strength, how) < slices.Index(strength, j.How) {
			j.How, j.Near = how, near
		}
	}
	return j, len(w.Values) > 0
}

// among finds a value among what was seen, by the strongest way.
func (v Value) among(seen []adapt.Observable) (how string, near int, what string, ok bool) {
	for _, o := range seen {
		h, n, found := v.metBy(Seen(o))
		if found && (!ok || slices.Index(strength, h) > slices.Index(strength, how)) {
			how, near, what, ok = h, n, o.Value, true
		}
	}
	return how, near, what, ok
}

// metBy tells what a value of an indicator and one that was seen have to do with each
// other. It says the same as a Matcher finds.
func (v Value) metBy(s Value) (how string, near int, ok bool) {
	if v.Op == "" && v.Type == s.Type && v.Property == s.Property && v.Text == s.Text {
		return HowEqual, 0, true
	}
	if h, isURL := s.Host(); isURL {
		if v.Op == "" && v.Type == h.Type && v.Text == h.Text || v.Op == OpWithin && inside(h, v) {
			return HowHost, 0, true
		}
		return "", 0, false
	}
	switch {
	case v.Op == OpWithin && inside(s, v), v.Op == OpHolds && inside(v, s):
		return HowNetwork, 0, true
	case v.Op == "" && v.Type == adapt.TypeFile && s.Type == v.Type:
		near, ok = Likeness(v, s)
		return HowFuzzy, near, ok
	}
	return "", 0, false
}

// inside tells whether an address or network lies in another.
func inside(inner, outer Value) bool {
	in, ok := inner.prefix()
	out, both := outer.prefix()
	return ok && both && within(in, out)
}

func within(in, out netip.Prefix) bool {
	return in.Bits() >= out.Bits() && out.Contains(in.Addr())
}

// sentence says in words for people what was found.
func sentence(e *Entry, a *Alert, j *Judged) string {
	var how string
	switch j.How {
	case HowEqual:
		how = "names " + list(j.Seen)
	case HowNetwork:
		how = fmt.Sprintf("names %s, which lies in %s", list(j.Seen), textsOf(j.Values))
	case HowHost:
		how = fmt.Sprintf("names %s, whose host is %s", list(j.Seen), textsOf(j.Values))
	case HowFuzzy:
		how = fmt.Sprintf("names a file that is like the one described (%d of 100)", j.Near)
	}
	title := e.Title
	if title == "" {
		title = e.ID
	}
	s := fmt.Sprintf("The alert %q of %s at %s %s, as the indicator %q describes", a.Title, a.Source, a.Time.UTC().Format(time.RFC3339), how, title)
	if j.Partial {
		s += ", which also asks for what the alert does not say"
	}
	if j.Warning != nil {
		s += fmt.Sprintf("; it is suppressed, because %s is on the warninglist %q", j.Warning.Entry, j.Warning.List)
	}
	return s + "."
}

// maxNamed is how many values a sentence names.
const maxNamed = 3

func list(texts []string) string {
	shown := make([]string, 0, maxNamed)
	for _, t := range texts[:min(len(texts), maxNamed)] {
		shown = append(shown, line(t, maxTitle))
	}
	if more := len(texts) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("%d more", more))
	}
	return strings.Join(shown, " and ")
}

func textsOf(values []Value) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.Text
	}
	return list(texts)
}
