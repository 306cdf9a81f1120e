package store_test

import (
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
)

// TestALastingSignatureIsKept: it is there after a restart, and nothing replaces it.
func TestALastingSignatureIsKept(t *testing.T) {
	t.Parallel()
	dir, digest := t.TempDir(), strings.Repeat("0a", 32)
	open := func() *store.Store {
		t.Helper()
		s, err := store.Open(t.Context(), dir, store.Options{Organisation: "authority"})
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
	for _, signature := range []string{"a..b", "a..c"} {
		if err := s.AddLasting(t.Context(), digest, signature); err != nil {
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
