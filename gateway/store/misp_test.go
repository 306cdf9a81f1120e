package store

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func mispUUID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func putMISP(t *testing.T, s *Store, n int, doc []byte, values ...string) int64 {
	t.Helper()
	id, err := s.PutMISP(t.Context(), &fact.MISPEvent{
		UUID: mispUUID(n), Info: "x", Date: "2026-11-30", Timestamp: 1, Body: []byte("{}"),
		Attributes: []fact.MISPAttribute{{UUID: mispUUID(1_000 + n), Type: "url", Values: values, Doc: doc}},
	}, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestAnEventIsFoundByEitherName: by its UUID and by its id here, without a look at the
// others.
func TestAnEventIsFoundByEitherName(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	first, second := putMISP(t, s, 1, []byte("{}"), "a"), putMISP(t, s, 2, []byte("{}"), "b")
	list, total, err := s.MISPEvents(t.Context(), &fact.MISPFilter{UUIDs: []string{mispUUID(1), strconv.FormatInt(second, 10), "other"}, Limit: 9, Page: 1})
	if err != nil || total != 2 || list[0].ID != first || list[1].ID != second {
		t.Errorf("%v, %d, %v", list, total, err)
	}
	where, args := mispWhere(&fact.MISPFilter{UUIDs: []string{mispUUID(1), "7"}})
	for _, step := range plan(t, s, "SELECT * FROM misp_event e WHERE "+strings.Join(where, " AND "), args) {
		if strings.Contains(step, "SCAN e") {
			t.Errorf("all events are looked at: %s", step)
		}
	}
}

// TestManyValuesAndLargeAttributesAreBounded.
func TestManyValuesAndLargeAttributesAreBounded(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	large := bytes.Repeat([]byte("x"), maxBodies/2+1)
	putMISP(t, s, 1, large, "a", "value 999")
	putMISP(t, s, 2, large, "b")
	var values []string
	for n := range 1_000 {
		values = append(values, fmt.Sprint("value ", n))
	}
	list, err := s.MISPAttributes(t.Context(), &fact.MISPFilter{Values: append(values, "no%"), Limit: 9, Page: 1})
	if err != nil || len(list) != 1 {
		t.Errorf("%d attributes, %v", len(list), err)
	}
	if _, err := s.MISPAttributes(t.Context(), &fact.MISPFilter{Limit: 9, Page: 1}); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("%v", err)
	}
	if list, err := s.MISPAttributes(t.Context(), &fact.MISPFilter{Limit: 1, Page: 2}); err != nil || len(list) != 1 {
		t.Errorf("%d attributes, %v", len(list), err)
	}
}
