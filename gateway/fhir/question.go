package fhir

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// lenient reports whether parameters that are not known may be passed over (FHIR R4,
// section 3.1.1.3). By itself a search that says what is not understood is refused:
// who asks for one patient must not be answered with all.
func lenient(h http.Header) bool {
	return slices.ContainsFunc(h.Values("Prefer"), func(p string) bool { return strings.Contains(p, "handling=lenient") })
}

// manners are the parameters that say how to answer, not what is asked for.
var manners = []string{"_format", "_pretty", "_count", "_total", "_summary", "_sort", pageParam}

// question reads what a search asks for.
func (a *API) question(typ string, q *query, lenient bool) (*fhir.Query, error) {
	if _, taken := fhir.Params[typ]; !taken {
		return nil, unknownType()
	}
	asked := &fhir.Query{Type: typ}
	kept := q.params[:0:0]
	for _, p := range q.params {
		if slices.Contains(manners, p.name) {
			if err := manner(asked, p); err != nil {
				return nil, err
			}
			kept = append(kept, p)
			continue
		}
		known, err := a.ask(asked, typ, p)
		if err != nil {
			return nil, err
		}
		if !known && !lenient {
			return nil, &refused{http.StatusBadRequest, "not-supported", "a search parameter is not known for this type: " + knownParams(typ), ""}
		}
		if known {
			kept = append(kept, p)
		}
	}
	q.params = kept // the self link says what was understood
	if len(asked.Keys)+len(asked.Times)+len(asked.IDs) > fhir.MaxConditions {
		return nil, badQuery(fmt.Sprintf("a search has at most %d conditions", fhir.MaxConditions))
	}
	return asked, nil
}

func knownParams(typ string) string {
	names := []string{"_id", "_lastUpdated"}
	for _, p := range fhir.Params[typ] {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

func manner(asked *fhir.Query, p param) error {
	switch p.name {
	case "_summary":
		if p.value != "count" && p.value != "false" {
			return badQuery("_summary must be count or false")
		}
	case "_total":
		if !slices.Contains([]string{"none", "estimate", "accurate"}, p.value) {
			return badQuery("_total must be none, estimate or accurate")
		}
	case "_sort":
		asked.Order = fhir.Order(p.value)
		if !slices.Contains([]fhir.Order{fhir.UpdatedFirst, fhir.UpdatedLast}, asked.Order) &&
			(asked.Type != "Observation" || asked.Order != fhir.ByDateFirst && asked.Order != fhir.ByDateLast) {
			return badQuery("_sort must be _lastUpdated or, of observations, date; - before it turns the order")
		}
	}
	return nil
}

// ask adds a condition. It returns false for a parameter that is not known.
func (a *API) ask(asked *fhir.Query, typ string, p param) (bool, error) {
	name, modifier, _ := strings.Cut(p.name, ":")
	values := split(p.value, ',')
	if len(values) > fhir.MaxAlternative {
		return true, badQuery(fmt.Sprintf("a parameter has at most %d alternatives", fhir.MaxAlternative))
	}
	if p.value == "" || slices.Contains(values, "") {
		return true, badQuery("a parameter must have a value")
	}
	switch name {
	case "_id":
		if modifier != "" {
			return true, noModifier()
		}
		asked.IDs = append(asked.IDs, values)
		return true, nil
	case "_lastUpdated":
		return true, addTime(asked, "", modifier, values)
	}
	known, ok := fhir.ParamOf(typ, name)
	if !ok {
		return false, nil
	}
	if known.Way == fhir.ByDate {
		return true, addTime(asked, name, modifier, values)
	}
	some := fhir.Any{Param: name}
	for _, v := range values {
		forms, err := a.forms(known, modifier, v)
		if err != nil {
			return true, err
		}
		for _, f := range forms {
			some.Values = append(some.Values, a.Blind(name, f))
		}
	}
	asked.Keys = append(asked.Keys, some)
	return true, nil
}

func noModifier() error {
	return &refused{http.StatusBadRequest, "not-supported", "a modifier is not taken with this parameter", ""}
}

// forms are the forms in which a value may stand in the index.
func (a *API) forms(p fhir.Param, modifier, v string) ([]string, error) {
	if p.Way == fhir.ByToken {
		if modifier != "" {
			return nil, noModifier()
		}
		return []string{v}, nil
	}
	if modifier != "" { // subject:Patient=1 is Patient/1
		if modifier[0] < 'A' || modifier[0] > 'Z' || strings.Contains(v, "/") {
			return nil, noModifier()
		}
		return []string{modifier + "/" + v}, nil
	}
	if typ, id, ok := fhir.Local(v, a.bases(nil)); ok {
		return []string{typ + "/" + id}, nil
	}
	if fhir.ValidID(v) {
		return p.Forms(v), nil
	}
	return []string{v}, nil
}

// comparisons are the prefixes of a time.
var comparisons = []string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"}

func addTime(asked *fhir.Query, name, modifier string, values []string) error {
	if modifier != "" {
		return noModifier()
	}
	w := fhir.When{Param: name}
	for _, v := range values {
		b := fhir.Bound{Compare: "eq"}
		if len(v) > 2 && slices.Contains(comparisons, v[:2]) {
			b.Compare, v = v[:2], v[2:]
		}
		// In an address a plus that was not escaped is a space, and means the zone's.
		if b.Range = fhir.Range(strings.Replace(v, " ", "+", 1)); b.Range.Low.IsZero() {
			return badQuery("a date must be a year, a month, a day or a time, perhaps with eq, ne, gt, lt, ge, le, sa or eb before it")
		}
		w.Bounds = append(w.Bounds, b)
	}
	asked.Times = append(asked.Times, w)
	return nil
}

// split splits at a separator that has no backslash before it, and undoes those.
func split(s string, at byte) []string {
	var all []string
	var one strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`,|$\`, s[i+1]) >= 0:
			i++
			one.WriteByte(s[i])
		case s[i] == at:
			all = append(all, one.String())
			one.Reset()
		default:
			one.WriteByte(s[i])
		}
	}
	return append(all, one.String())
}

// mayRead refuses who may write and not read: what a condition finds is told.
func mayRead(ctx context.Context, typ string) error {
	if c := auth.CallerOf(ctx); c == nil || !c.Role.Has(auth.ReadingsRead) {
		return ledger.Problemf(ledger.CodeDenied, "a condition needs the right %s", auth.ReadingsRead)
	}
	return errors.Join(auth.Within(ctx, typ, 's'), auth.Within(ctx, typ, 'r'))
}

// condition reads a search that is a condition.
func (a *API) condition(ctx context.Context, typ, text string) (*fhir.Query, error) {
	if err := mayRead(ctx, typ); err != nil {
		return nil, err
	}
	text = strings.TrimPrefix(text, "?")
	if rest, ok := strings.CutPrefix(text, typ+"?"); ok {
		text = rest
	}
	q, err := parseQuery(text)
	if err != nil {
		return nil, err
	}
	asked, err := a.question(typ, q, false)
	if err != nil {
		return nil, err
	}
	if len(asked.IDs)+len(asked.Keys)+len(asked.Times) == 0 {
		return nil, &refused{http.StatusPreconditionFailed, "invalid", "a condition must say what to look for", ""}
	}
	return asked, nil
}
