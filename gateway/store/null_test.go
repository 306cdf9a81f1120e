package store

import (
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// What has none answers with none: an empty array, not null.
func TestEmptyListsAreNotNull(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), storetest.Place(t), Options{Organisation: "hospital-north"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.PutInventory(t.Context(), fact.Inventory{Unit: "u", Services: []fact.Service{}}); err != nil {
		t.Fatal(err)
	}
	if i, ok, err := s.Inventory(t.Context(), "u"); err != nil || !ok || i.Services == nil {
		t.Errorf("services %v: %t %v", i.Services, ok, err)
	}
	if err := s.AddEvent(t.Context(), "report.received", []string{"thr"}, nil); err != nil {
		t.Fatal(err)
	}
	if e, err := s.Events(t.Context(), "", 10); err != nil || len(e) != 1 || e[0].Subjects == nil {
		t.Errorf("subjects of %v: %v", e, err)
	}
}
