package store

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store/storetest"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/status"
)

// TestCredentialsOfOneListMoveIntoTheFirst: what an earlier version of the store kept
// is taken back as before.
func TestCredentialsOfOneListMoveIntoTheFirst(t *testing.T) {
	t.Parallel()
	storetest.OnlySQLite(t, "a file that an earlier version wrote, and there is none of PostgreSQL")
	dir := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	steps := []string{"0001_first.sql", "0002_feedback.sql", "0003_identity.sql", "0004_session.sql"}
	var script strings.Builder
	for _, name := range steps {
		b, err := os.ReadFile(filepath.Join("migrations", name))
		if err != nil {
			t.Fatal(err)
		}
		script.Write(b)
		script.WriteString(";\n")
	}
	script.WriteString(`INSERT INTO credential VALUES ('a', 'StaffRole', 'dc+sd-jwt', 'n-1', 'h', 17, 1, 1, 2), ('b', 'StaffRole', 'dc+sd-jwt', 'n-1', 'h', 18, 0, 1, 2);
		UPDATE status_change SET count = 5; PRAGMA user_version = 4;`)
	if _, err := db.ExecContext(t.Context(), script.String()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), dir, Options{Organisation: north})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Credential(t.Context(), "a")
	if err != nil || r.List != 1 || r.Index != 17 || r.Status != status.Revoked || r.Offer != "" {
		t.Errorf("it is %+v, %v", r, err)
	}
	if n, err := s.StatusChanges(t.Context(), 1); err != nil || n != 5 {
		t.Errorf("%d changes, %v", n, err)
	}
	changed, _, err := s.SetReference(t.Context(), "n-1", status.Revoked)
	if err != nil || len(changed) != 1 || changed[0].ID != "b" {
		t.Errorf("changed %+v, %v", changed, err)
	}
	for list, want := range map[int]int64{1: 6, 2: 0} {
		if n, err := s.StatusChanges(t.Context(), list); err != nil || n != want {
			t.Errorf("%d changes of list %d, %v", n, list, err)
		}
	}
}

// TestAPlaceIsOnceInAList, and the same place may be in another.
func TestAPlaceIsOnceInAList(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	one := desk.Record{ID: "a", List: 1, Index: 3, Offer: "o"}
	if err := s.AddCredentials(t.Context(), []desk.Record{one}, nil, 0); err != nil {
		t.Fatal(err)
	}
	one.ID = "b"
	if err := s.AddCredentials(t.Context(), []desk.Record{one}, nil, 0); err == nil {
		t.Error("two credentials have one place")
	}
	one.List = 2
	if err := s.AddCredentials(t.Context(), []desk.Record{one}, nil, 0); err != nil {
		t.Error(err)
	}
	// All or none, also when one of several does not stand.
	if err := s.SetCredential(t.Context(), "a", status.Valid, status.Suspended); err != nil {
		t.Fatal(err)
	}
	err := s.AddCredentials(t.Context(), []desk.Record{{ID: "c", List: 1, Index: 4}, {ID: "d", List: 1, Index: 5, Offer: "o"}}, map[string]string{"0a": "a..b"}, 0)
	if ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("an offer that has ended: %v", err)
	}
	if _, err := s.Credential(t.Context(), "c"); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("one of two that were refused is kept: %v", err)
	}
	if _, err := s.Lasting(t.Context(), "0a"); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("a lasting signature of what was refused is kept: %v", err)
	}
}
