package store

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// TestWhatWasToBeDeliveredStaysAcrossSchemas: a store of the schema before feedback told
// itself keeps what members are to take and took, and no number is used again.
func TestWhatWasToBeDeliveredStaysAcrossSchemas(t *testing.T) {
	const before = 28
	storetest.OnlySQLite(t, "a file that an earlier version wrote, and there is none of PostgreSQL")
	dir := t.TempDir()
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files[:before] {
		script, err := migrations.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), string(script)); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
	}
	if _, err := db.ExecContext(t.Context(), `PRAGMA user_version = 28;
		INSERT INTO exchange_out VALUES (3, 'report', 'd', 'hospital-south', '', 'k', x'01', 2, 5, 4, 0, x''), (7, 'feedback', 'd', 'hospital-east', 'opinion', '', x'', 0, 0, 4, 9, x'02');
		INSERT INTO other (type, parts, block, idx, tx, org, time, late, doc) VALUES
			('thr.es', '["e","authority"]', 2, 0, 't', 'authority', 1, 0, '{"v":1,"digest":"e","sharer":"authority","relay":{"name":"","commitment":["a","b"],"shares":[]}}'),
			('thr.or', '["e","authority","hospital-south"]', 2, 1, 't', 'hospital-south', 1, 0, '{"v":1,"digest":"e","sharer":"authority","by":"hospital-south","reason":"law"}'),
			('thr.os', '["e","authority","hospital-east"]', 2, 2, 't', 'hospital-east', 1, 0, '{"v":1,"digest":"e","sharer":"authority","by":"hospital-east","for":"hospital-south"}')`); err != nil {
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
	all, err := s.Deliveries(t.Context(), "d")
	if err != nil || len(all) != 2 || all[0].Seq != 7 || all[0].Taken.IsZero() || all[1].Seq != 3 || all[1].Attempts != 2 || len(all[1].Copy) != 1 {
		t.Fatalf("%+v: %v", all, err)
	}
	if err := s.PutRelayed(t.Context(), &fact.SealedReport{Digest: "r", Sharer: north, Wrapped: []byte{1}, Sealed: []byte{1}, Stored: time.Now()}, "authority"); err != nil {
		t.Fatal(err)
	}
	if all, err := s.Deliveries(t.Context(), "r"); err != nil || len(all) != 1 || all[0].Seq != 8 {
		t.Errorf("what comes next has another's number: %+v %v", all, err)
	}
	o, err := s.Opening(t.Context(), "e")
	if err != nil || len(o.Requests) != 1 || len(o.Shares) != 1 || o.Opened || o.Needed != 2 {
		t.Errorf("what a newer chaincode wrote: %+v %v", o, err)
	}
}
