package store

import (
	"context"
	"testing"
)

// A store that an older version wrote has numbers where text stands now.
func TestSettingsOfOlderStoresAreRead(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.write.conn.ExecContext(t.Context(), "INSERT INTO setting (name, value) VALUES (?, ?)", settingAlert, 41); err != nil {
		t.Fatal(err)
	}
	if n, err := s.LastAlert(t.Context()); n != 41 || err != nil {
		t.Errorf("a number of an older store is read as %d: %v", n, err)
	}
	for _, want := range []int64{42, -1} {
		if err := s.update(t.Context(), func(ctx context.Context, tx *txn) error { return tx.set(ctx, "other", want) }); err != nil {
			t.Fatal(err)
		}
		if n, err := s.setting(t.Context(), "other"); n != want || err != nil {
			t.Errorf("%d is read as %d: %v", want, n, err)
		}
	}
	if n, err := s.setting(t.Context(), "absent"); n != 0 || err != nil {
		t.Errorf("what nobody kept is read as %d: %v", n, err)
	}
}
