package store

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

func stix(n int, report string) fact.STIXObject {
	return fact.STIXObject{
		Collection: "shared", ID: fmt.Sprint("indicator--", n), Type: "indicator", Spec: "2.1",
		Version: start.Add(time.Duration(n) * time.Second), Body: fmt.Append(nil, n), Report: report,
	}
}

func addSTIX(t *testing.T, s *Store, objects ...fact.STIXObject) {
	t.Helper()
	if _, err := s.AddSTIX(t.Context(), objects); err != nil {
		t.Fatal(err)
	}
}

// bodies are what a filter leaves, in order.
func bodies(t *testing.T, s *Store, f fact.STIXFilter) string {
	t.Helper()
	f.Collection = "shared"
	objects, _, err := s.STIX(t.Context(), f, 100, true)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, o := range objects {
		all = append(all, string(o.Body))
	}
	return strings.Join(all, " ")
}

// TestWhatOnlyWithdrawnReportsBroughtGoes, and comes back with who shares it again.
func TestWhatOnlyWithdrawnReportsBroughtGoes(t *testing.T) {
	t.Parallel()
	s := received(t, south, medtech)
	due, _ := unassessed(t, s, 9)
	first, second := due[0].Record, due[1].Record
	judge := func() {
		t.Helper()
		for _, u := range due {
			if err := s.PutAssessment(t.Context(), u, fact.Assessment{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	judge()
	older, unversioned := stix(1, second.Digest), stix(4, first.Digest)
	older.Version, older.Body = start.Add(-time.Hour), []byte("older")
	unversioned.ID, unversioned.Version = "ipv4-addr--4", time.Time{}
	both := unversioned
	both.Report = second.Digest
	addSTIX(t, s, stix(1, first.Digest), stix(2, first.Digest), unversioned)
	addSTIX(t, s, stix(2, second.Digest), stix(3, second.Digest), older, both)
	want := func(what, last string) {
		t.Helper()
		if got := bodies(t, s, fact.STIXFilter{}); got != last {
			t.Errorf("%s: %s, want %s", what, got, last)
		}
	}
	want("shared", "1 2 4 3")
	withdraw := func(block uint64, r ledger.Threat, by string) {
		t.Helper()
		apply(t, s, block, tx(t, fmt.Sprint("withdrawn", block), by, start, &ledger.Withdrawal{V: 1, Digest: r.Digest, Sharer: by, Reason: ledger.WithdrawnError, Time: start}))
	}
	withdraw(3, first, first.Sharer)
	want("what both brought stays, and an older version is the last", "2 4 3 older")
	addSTIX(t, s, stix(1, first.Digest))
	want("it is judged again", "2 4 3 older")
	withdraw(4, second, second.Sharer)
	want("both are withdrawn", "")
	if again, _ := unassessed(t, s, 9); len(again) > 0 {
		t.Errorf("%+v", again)
	}
	apply(t, s, 5, tx(t, "again", north, start, &ledger.Threat{V: 1, Digest: first.Digest, Sharer: north}))
	again, _ := unassessed(t, s, 9)
	if len(again) != 1 || again[0].Record.Digest != first.Digest {
		t.Fatalf("what another shares again is not judged again: %+v", again)
	}
	addSTIX(t, s, stix(1, first.Digest))
	want("shared again", "1")
}

// plan is how SQLite answers a query; of PostgreSQL, whose plans follow what the tables
// hold, there is nothing to say while they are empty.
func plan(t *testing.T, s *Store, query string, args []any) (steps []string) {
	t.Helper()
	if storetest.PostgreSQL() {
		return nil
	}
	rows, err := s.reading.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// TestAPageOfObjectsScansNothing: whatever is asked for, objects are found by an index in
// their order, and sorted only where they are named.
func TestAPageOfObjectsScansNothing(t *testing.T) {
	t.Parallel()
	storetest.OnlySQLite(t, "how SQLite answers a query")
	s := openStore(t, Options{Organisation: north})
	exact := []time.Time{start, start.Add(time.Second), start}
	for index, list := range map[string][]fact.STIXFilter{
		"sqlite_autoindex_stix_object_1 (collection=? AND id=?": {{IDs: []string{"a", "b"}}, {IDs: []string{"a"}, Types: []string{"b"}, Versions: fact.STIXVersions{All: true}}},
		"stix_object_type (collection=? AND type=?":             {{Types: []string{"a"}}, {Types: []string{"a", "b", "a"}, Versions: fact.STIXVersions{All: true}}, {Types: []string{"a", "b"}, Versions: fact.STIXVersions{Exact: exact}}},
		"stix_object_last (collection=?":                        {{}, {Versions: fact.STIXVersions{Last: true}}, {Specs: []string{"2.1"}}},
		"stix_object_first (collection=?":                       {{Versions: fact.STIXVersions{First: true}}},
		"stix_object_all (collection=?":                         {{Versions: fact.STIXVersions{All: true}}, {Versions: fact.STIXVersions{First: true, Last: true, Exact: exact}}},
		"stix_object_version (collection=? AND version=?":       {{Versions: fact.STIXVersions{Exact: exact}}},
	} {
		for _, f := range list {
			for _, f.After = range []time.Time{{}, start} {
				query, args := stixQuery(&f, true)
				for _, step := range plan(t, s, query, append(args, 2)) {
					sorts, named := strings.Contains(step, "TEMP B-TREE"), len(f.IDs) > 0
					if strings.Contains(step, "SCAN") || sorts && !named || strings.Contains(step, "stix_object") && (!strings.Contains(step, index) || !named && !f.After.IsZero() && !strings.Contains(step, "added>?")) {
						t.Errorf("%+v: %s", f, step)
					}
				}
			}
		}
	}
}

// TestObjectsOfSeveralTypesAreInOrder, each once, and pages go on.
func TestObjectsOfSeveralTypesAreInOrder(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	var objects []fact.STIXObject
	for i := range 9 {
		o := stix(i, "")
		o.Type = []string{"indicator", "malware", "tool"}[i%3]
		objects = append(objects, o)
	}
	addSTIX(t, s, objects...)
	for want, f := range map[string]fact.STIXFilter{
		"0 2 3 5 6 8": {Types: []string{"tool", "indicator", "tool"}},
		"1 2":         {Versions: fact.STIXVersions{Exact: []time.Time{objects[2].Version, objects[1].Version, objects[2].Version}}},
		"3 7":         {IDs: []string{objects[7].ID, objects[3].ID}},
		"4":           {IDs: []string{objects[4].ID, objects[3].ID}, Types: []string{"malware"}},
	} {
		if d := cmp.Diff(want, bodies(t, s, f)); d != "" {
			t.Error(d)
		}
	}
}

// TestWhatWasDeletedIsNotAddedBefore: what is added later comes behind it, also by a clock
// that was set back, for whoever has the deleted one and goes on behind it.
func TestWhatWasDeletedIsNotAddedBefore(t *testing.T) {
	t.Parallel()
	now := start
	s := openStore(t, Options{Organisation: north})
	s.now = func() time.Time { return now }
	addSTIX(t, s, stix(1, ""))
	objects, _, err := s.STIX(t.Context(), fact.STIXFilter{Collection: "shared"}, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteSTIX(t.Context(), fact.STIXFilter{Collection: "shared", IDs: []string{objects[0].ID}}); err != nil {
		t.Fatal(err)
	}
	now = start.Add(-time.Hour)
	addSTIX(t, s, stix(2, ""))
	if got := bodies(t, s, fact.STIXFilter{After: objects[0].Added}); got != "2" {
		t.Errorf("%q", got)
	}
}

// TestAPageOfObjectsHasAnEnd in bytes, but always one object.
func TestAPageOfObjectsHasAnEnd(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	var objects []fact.STIXObject
	for i := range 5 {
		o := stix(i, "")
		o.Body = make([]byte, []int{maxBodies / 2, maxBodies / 2, 1, maxBodies + 1, 1}[i])
		objects = append(objects, o)
	}
	addSTIX(t, s, objects...)
	var got []int
	f := fact.STIXFilter{Collection: "shared"}
	for more := true; more; {
		page, rest, err := s.STIX(t.Context(), f, 100, true)
		if err != nil || len(page) == 0 {
			t.Fatal(len(page), err)
		}
		got, more, f.After = append(got, len(page)), rest, page[len(page)-1].Added
	}
	if !slices.Equal(got, []int{2, 1, 1, 1}) {
		t.Error(got)
	}
}

// TestStatusesHaveAnEnd in bytes; the newest stays.
func TestStatusesHaveAnEnd(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	doc := bytes.Repeat([]byte("x"), maxStatusBytes/4)
	for i := range 6 {
		if i == 5 {
			doc = bytes.Repeat([]byte("x"), maxStatusBytes+1)
		}
		if err := s.PutTAXIIStatus(t.Context(), strconv.Itoa(i), "ann", doc); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := s.reading.QueryRowContext(t.Context(), "SELECT count(*) FROM taxii_status").Scan(&n); err != nil || n != []int{1, 2, 3, 4, 4, 1}[i] {
			t.Errorf("%d: %d, %v", i, n, err)
		}
	}
	if _, err := s.TAXIIStatus(t.Context(), "5", "ann"); err != nil {
		t.Error(err)
	}
}
