package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	north   = "hospital-north"
	south   = "hospital-south"
	medtech = "medtech"
)

func openStore(tb testing.TB, options Options) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), storetest.Place(tb), options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Check(context.Background()); err != nil {
			tb.Errorf("the store does not hold what it must: %v", err)
		}
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// tableNames lists the names of the database's tables.
func tableNames(t *testing.T, s *Store) (names []string) {
	t.Helper()
	query := "SELECT name FROM sqlite_schema WHERE type = 'table'"
	if storetest.PostgreSQL() {
		query = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
	}
	rows, err := s.reading.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}

// hasColumn reports whether a table has a column.
func hasColumn(t *testing.T, s *Store, table, column string) bool {
	t.Helper()
	rows, err := s.reading.QueryContext(t.Context(), fmt.Sprintf("SELECT * FROM %q LIMIT 0", table))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err := errors.Join(err, rows.Err()); err != nil {
		t.Fatal(err)
	}
	return slices.Contains(columns, column)
}

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// hex32 makes a well-formed digest that differs with n.
func hex32(n int) string { return fmt.Sprintf("%064x", n) }

// record is a stored record: it knows its key.
type record interface{ Key() ledger.Key }

func write(tb testing.TB, r record) ledger.Write {
	tb.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		tb.Fatal(err)
	}
	return ledger.Write{Key: r.Key(), Value: b}
}

// tx is a valid transaction that writes records at a claimed time.
func tx(tb testing.TB, id, creator string, at time.Time, records ...record) ledger.Tx {
	tb.Helper()
	x := ledger.Tx{ID: id, Name: "test:Write", Creator: creator, Time: at, Valid: true}
	for _, r := range records {
		x.Writes = append(x.Writes, write(tb, r))
	}
	if len(records) > 0 {
		k := records[0].Key()
		x.Event = &ledger.Event{V: 1, Kind: "test.written", Key: append([]string{string(k.Type)}, k.Parts...), Tx: id, Subjects: []string{creator}}
	}
	return x
}

func apply(tb testing.TB, s *Store, number uint64, txs ...ledger.Tx) {
	tb.Helper()
	if _, err := s.Apply(tb.Context(), &ledger.Block{Number: number, Txs: txs}); err != nil {
		tb.Fatal(err)
	}
}
