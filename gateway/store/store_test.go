package store

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	north   = "hospital-north"
	south   = "hospital-south"
	medtech = "medtech"
)

func openStore(tb testing.TB, options Options) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), tb.TempDir(), options)
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
