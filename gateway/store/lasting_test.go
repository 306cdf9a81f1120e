package store_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
	"github.com/secant-platform/secant/identity/desk"
)

// TestALastingSignatureIsKept: it is there after a restart, and nothing replaces it.
func TestALastingSignatureIsKept(t *testing.T) {
	t.Parallel()
	place, digest := storetest.Place(t), strings.Repeat("0a", 32)
	open := func() *store.Store {
		t.Helper()
		s, err := store.Open(t.Context(), place, store.Options{Organisation: "authority"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	s := open()
	if _, err := s.Lasting(t.Context(), digest); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("before: %v", err)
	}
	for i, signature := range []string{"a..b", "a..c"} {
		record := desk.Record{ID: strconv.Itoa(i), List: 1, Index: i}
		if err := s.AddCredentials(t.Context(), []desk.Record{record}, map[string]string{digest: signature}, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := open().Lasting(t.Context(), digest); err != nil || got != "a..b" {
		t.Errorf("%q, %v", got, err)
	}
}
