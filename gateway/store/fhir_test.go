package store

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

func blind(param, value string) []byte { return []byte("blind:" + param + ":" + value) }

var requests atomic.Int64

func observed(id, code, at string) fhir.Write {
	return fhir.Write{
		Version: fhir.Version{Type: "Observation", ID: id, Request: fmt.Sprintf("%032x", requests.Add(1)), Links: []fhir.Link{{From: "urn:uuid:1", To: "Patient/1"}}},
		Keys:    []fhir.Key{{Param: "code", Value: blind("code", code)}, {Param: "status", Value: blind("status", "final")}},
		Spans:   []fhir.Span{{Param: "date", Range: fhir.Range(at)}},
	}
}

func ids(list []fhir.Version) string {
	var all []string
	for _, v := range list {
		all = append(all, v.ID)
	}
	return strings.Join(all, " ")
}

// TestResourcesAreFound by what they were kept with, in the order that is asked for.
func TestResourcesAreFound(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{})
	ctx := t.Context()
	for _, w := range []fhir.Write{
		observed("a", "x", "2026-01"), observed("b", "y", "2026-01-15"), observed("c", "x", "2026-02-01T10:00:00Z"), observed("d", "z", "2025"),
	} {
		if _, err := s.PutResources(ctx, []fhir.Write{w}); err != nil {
			t.Fatal(err)
		}
	}
	code := func(values ...string) fhir.Query {
		k := fhir.Any{Param: "code"}
		for _, v := range values {
			k.Values = append(k.Values, blind("code", v))
		}
		return fhir.Query{Type: "Observation", Keys: []fhir.Any{k}}
	}
	date := func(compare, at string) fhir.Query {
		return fhir.Query{Type: "Observation", Times: []fhir.When{{Param: "date", Bounds: []fhir.Bound{{Compare: compare, Range: fhir.Range(at)}}}}}
	}
	ordered := func(q fhir.Query, o fhir.Order) fhir.Query { q.Order = o; return q }
	both := code("x")
	both.Keys = append(both.Keys, fhir.Any{Param: "status", Values: [][]byte{blind("status", "final"), blind("status", "amended")}})
	both.IDs = [][]string{{"c", "b"}}
	for name, c := range map[string]struct {
		query fhir.Query
		want  string
	}{
		"all":                   {fhir.Query{Type: "Observation"}, "d c b a"},
		"another type":          {fhir.Query{Type: "Device"}, ""},
		"by a code":             {code("x"), "c a"},
		"the oldest first":      {ordered(code("x"), fhir.Oldest), "a c"},
		"by one of two":         {code("x", "y"), "c b a"},
		"by all of three":       {both, "c"},
		"by date":               {ordered(fhir.Query{Type: "Observation"}, fhir.ByDateLast), "c b a d"},
		"by date, the first":    {ordered(code("x"), fhir.ByDateFirst), "a c"},
		"in a month":            {date("eq", "2026-01"), "b a"},
		"not in a month":        {date("ne", "2026-01"), "d c"},
		"from a day on":         {date("ge", "2026-01-15"), "c b a"}, // a may be of any day of the month
		"after a day":           {date("gt", "2026-01-15"), "c a"},
		"until a day":           {date("le", "2026-01-15"), "d b a"},
		"before a day":          {date("lt", "2026-01-15"), "d a"},
		"beginning after":       {date("sa", "2026-01"), "c"},
		"ended before":          {date("eb", "2026-01"), "d"},
		"changed since":         {fhir.Query{Type: "Observation", Times: []fhir.When{{Bounds: []fhir.Bound{{Compare: "gt", Range: fhir.Range("2020")}}}}}, "d c b a"},
		"changed before":        {fhir.Query{Type: "Observation", Times: []fhir.When{{Bounds: []fhir.Bound{{Compare: "lt", Range: fhir.Range("2020")}}}}}, ""},
		"the last changed last": {ordered(code("x"), fhir.UpdatedFirst), "a c"},
	} {
		got, next, err := s.Resources(ctx, c.query, ledger.PageRequest{})
		n, countErr := s.CountResources(ctx, c.query)
		if err := errors.Join(err, countErr); err != nil || ids(got) != c.want || next != "" || int(n) != len(got) {
			t.Errorf("%s: %q (%d), %v, want %q", name, ids(got), n, err, c.want)
		}
	}
}

// TestVersionsOfAResource: a version replaces what the one before was found by, both
// can be read, and all writes of a transaction are kept or none.
func TestVersionsOfAResource(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{})
	ctx := t.Context()
	first, err := s.PutResources(ctx, []fhir.Write{observed("a", "x", "2026")})
	if err != nil || !first[0].First || first[0].Number != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := s.PutResources(ctx, []fhir.Write{observed("a", "y", "2027")})
	if err != nil || second[0].First || second[0].Number != 2 {
		t.Fatalf("%+v, %v", second, err)
	}
	find := func(code string) string {
		got, _, err := s.Resources(ctx, fhir.Query{Type: "Observation", Keys: []fhir.Any{{Param: "code", Values: [][]byte{blind("code", code)}}}}, ledger.PageRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return ids(got)
	}
	if find("x") != "" || find("y") != "a" {
		t.Errorf("found: %q, %q", find("x"), find("y"))
	}
	history, next, err := s.ResourceHistory(ctx, "Observation", "a", ledger.PageRequest{Size: 1})
	if err != nil || len(history) != 1 || history[0].Number != 2 || next == "" {
		t.Errorf("%+v %q %v", history, next, err)
	}
	if v, err := s.Resource(ctx, "Observation", "a", 1); err != nil || v.Number != 1 || cmp.Diff(first[0].Version, v) != "" {
		t.Errorf("%+v %v", v, err)
	}
	for _, version := range []int64{3, -1} {
		if _, err := s.Resource(ctx, "Observation", "a", version); ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Errorf("version %d: %v", version, err)
		}
	}

	condition := fhir.Query{Type: "Observation", Keys: []fhir.Any{{Param: "status", Values: [][]byte{blind("status", "final")}}}}
	absent := observed("b", "z", "2026")
	absent.Absent = &condition
	if got, err := s.PutResources(ctx, []fhir.Write{absent}); err != nil || !got[0].Found || got[0].ID != "a" || got[0].Number != 2 {
		t.Errorf("%+v %v", got, err)
	}
	matched := observed("a", "w", "2026")
	matched.Match = 1
	_, err = s.PutResources(ctx, []fhir.Write{observed("c", "z", "2026"), matched})
	if e, ok := errors.AsType[*fhir.ConditionError](err); !ok || e.Write != 1 || e.Matches != 0 {
		t.Errorf("%v", err)
	}
	if find("z") != "" {
		t.Error("a part of a transaction was kept")
	}
	if _, err := s.PutResources(ctx, []fhir.Write{observed("c", "z", "2026")}); err != nil {
		t.Fatal(err)
	}
	_, err = s.PutResources(ctx, []fhir.Write{absent})
	if e, ok := errors.AsType[*fhir.ConditionError](err); !ok || e.Matches != 2 {
		t.Errorf("%v", err)
	}
	until, err := s.ResourcesUntil(ctx)
	if err != nil || time.Since(until) > time.Minute || until.After(time.Now()) {
		t.Errorf("%s %v", until, err)
	}
}

// TestASearchIsLedByItsIndex: what names one device or code is not looked for in all
// rows.
func TestASearchIsLedByItsIndex(t *testing.T) {
	t.Parallel()
	storetest.OnlySQLite(t, "how SQLite answers a query")
	s := openStore(t, Options{})
	q := fhir.Query{Type: "Observation", Keys: []fhir.Any{{Param: "status", Values: [][]byte{{1}}}, {Param: "patient", Values: [][]byte{{2}}}}}
	l := resourceListing(&q)
	all := strings.Join(plan(t, s, "SELECT "+resourceColumns+" FROM "+l.table+" WHERE "+strings.Join(l.where, " AND ")+" ORDER BY "+l.order[0]+" DESC LIMIT 10", l.args), "; ")
	if !strings.HasPrefix(all, "SEARCH d USING PRIMARY KEY (type=? AND param=? AND value=?)") || strings.Contains(all, "TEMP B-TREE") || strings.Contains(all, "SCAN") {
		t.Error(all)
	}
	if l.args[1] != "patient" {
		t.Errorf("it is led by %v", l.args[1])
	}
}

// TestTheSchemaIsKept, the last one.
func TestTheSchemaIsKept(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{})
	if _, _, err := s.FHIRSchema(t.Context()); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("%v", err)
	}
	for i := range 2 {
		if err := s.PutFHIRSchema(t.Context(), []byte{byte(i)}, strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	if text, digest, err := s.FHIRSchema(t.Context()); err != nil || digest != "1" || !bytes.Equal(text, []byte{1}) {
		t.Errorf("%v %s %v", text, digest, err)
	}
}

// TestOneRequestIsOneVersion: a device's signed resource that comes again is the one that
// is there, whatever else was decided about it.
func TestOneRequestIsOneVersion(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{})
	w := observed("a", "x", "2026")
	if _, err := s.PutResources(t.Context(), []fhir.Write{w}); err != nil {
		t.Fatal(err)
	}
	w.ID = "b"
	again, err := s.PutResources(t.Context(), []fhir.Write{w})
	if err != nil || !again[0].Found || again[0].ID != "a" || again[0].Number != 1 {
		t.Errorf("%+v %v", again, err)
	}
	if n, err := s.CountResources(t.Context(), fhir.Query{Type: "Observation"}); err != nil || n != 1 {
		t.Errorf("%d resources: %v", n, err)
	}
}

// TestWhatWasErasedIsFoundByNothing that it was about; that it was there is told, and
// what was not erased is found as before.
func TestWhatWasErasedIsFoundByNothing(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{})
	ctx := t.Context()
	first, second, other := observed("a", "x", "2026"), observed("a", "y", "2027"), observed("b", "y", "2027")
	for _, w := range []fhir.Write{first, second, other} {
		if _, err := s.PutResources(ctx, []fhir.Write{w}); err != nil {
			t.Fatal(err)
		}
	}
	find := func() string {
		t.Helper()
		var all strings.Builder
		for _, q := range []fhir.Query{
			{Type: "Observation", Keys: []fhir.Any{{Param: "code", Values: [][]byte{blind("code", "y")}}}},
			{Type: "Observation", Times: []fhir.When{{Param: "date", Bounds: []fhir.Bound{{Compare: "eq", Range: fhir.Range("2027")}}}}},
			{Type: "Observation"},
		} {
			got, _, err := s.Resources(ctx, q, ledger.PageRequest{})
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString(ids(got) + ";")
		}
		return all.String()
	}
	for _, step := range []struct{ erased, found string }{
		{strings.Repeat("f", 32), "b a;b a;b a;"}, {first.Request, "b a;b a;b a;"}, {second.Request, "b;b;b a;"},
	} {
		if err := s.ForgetReading(ctx, step.erased); err != nil {
			t.Fatal(err)
		}
		if got := find(); got != step.found {
			t.Errorf("%q, want %q", got, step.found)
		}
	}
	for version := range int64(2) {
		if v, err := s.Resource(ctx, "Observation", "a", version+1); err != nil || len(v.Links) != 0 {
			t.Errorf("%+v %v", v, err)
		}
	}
	if got, err := s.PutResources(ctx, []fhir.Write{observed("a", "y", "2027")}); err != nil || got[0].Number != 3 || find() != "b a;b a;b a;" {
		t.Errorf("%+v %v: %s", got, err, find())
	}
}
