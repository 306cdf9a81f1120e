package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

func enqueue(tb testing.TB, s *Store, key, request string) fact.Operation {
	tb.Helper()
	op, joined, err := s.Enqueue(tb.Context(), key, ledger.RoleSharer, ledger.ThreatShare, []byte(request))
	if err != nil || joined {
		tb.Fatalf("joined %v, %v; want a new operation", joined, err)
	}
	return op
}

func operation(tb testing.TB, s *Store, id string) fact.Operation {
	tb.Helper()
	op, err := s.Operation(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	return op
}

func TestAnOperationsWay(t *testing.T) {
	place := storetest.Place(t)
	open := func() *Store {
		s, err := Open(t.Context(), place, Options{Organisation: north})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	op := enqueue(t, s, "", `{"a":1}`)
	if err := s.SetEndorsed(t.Context(), op.Seq, fact.Endorsed{Tx: "t1", Result: []byte(`1`), Envelope: []byte("e1")}); err != nil {
		t.Fatal(err)
	}
	// An invalid transaction decides nothing for good.
	decisions, err := s.Apply(t.Context(), &ledger.Block{Number: 0, Txs: []ledger.Tx{{ID: "t1", Name: "a:B", Creator: north}}})
	if err != nil || len(decisions) != 1 || decisions[0].Valid || decisions[0].Seq != op.Seq {
		t.Fatalf("decisions %+v, %v", decisions, err)
	}
	if err := s.SetStored(t.Context(), op.Seq); err != nil {
		t.Fatal(err)
	}
	if err := s.SetEndorsed(t.Context(), op.Seq, fact.Endorsed{Tx: "t2", Result: []byte(`2`), Envelope: []byte("e2")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open()
	defer s.Close()
	open2, err := s.Unfinished(t.Context())
	if err != nil || len(open2) != 1 {
		t.Fatalf("unfinished %+v, %v", open2, err)
	}
	got := open2[0]
	if got.State != fact.StateEndorsed || got.Tx != "t2" || string(got.Envelope) != "e2" || len(got.Txs) != 2 || got.Attempts != 2 {
		t.Errorf("after a restart: %+v", got)
	}
	// The first transaction's id, claimed by another organisation, decides nothing.
	if _, err := s.Apply(t.Context(), &ledger.Block{Number: 1, Txs: []ledger.Tx{{ID: "t2", Name: "a:B", Creator: south, Valid: true}}}); err != nil {
		t.Fatal(err)
	}
	if op := operation(t, s, op.ID); op.State != fact.StateEndorsed {
		t.Errorf("another organisation's transaction finished it: %+v", op)
	}
	decisions, err = s.Apply(t.Context(), &ledger.Block{Number: 2, Txs: []ledger.Tx{{ID: "t2", Name: "a:B", Creator: north, Valid: true}}})
	if err != nil || len(decisions) != 1 || !decisions[0].Valid || string(decisions[0].Result) != "2" {
		t.Fatalf("decisions %+v, %v", decisions, err)
	}
	done := operation(t, s, op.ID)
	if done.State != fact.StateDone || done.Tx != "t2" || done.Block != 2 || string(done.Result) != "2" {
		t.Errorf("done: %+v", done)
	}
	if changed, err := s.SetFailed(t.Context(), op.Seq, ledger.Problemf(ledger.CodeBusy, "x")); changed || err != nil {
		t.Errorf("a done operation failed: %v, %v", changed, err)
	}
	if err := s.SetEndorsed(t.Context(), op.Seq, fact.Endorsed{Tx: "t3"}); err == nil {
		t.Error("a done operation got another transaction")
	}
	var envelopes int
	if err := s.reading.QueryRow("SELECT count(*) FROM operation_tx WHERE envelope IS NOT NULL").Scan(&envelopes); err != nil || envelopes != 0 {
		t.Errorf("%d envelopes are kept, %v", envelopes, err)
	}
}

func TestTheLedgerCorrectsAFailure(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	op := enqueue(t, s, "k", `{}`)
	if err := s.SetEndorsed(t.Context(), op.Seq, fact.Endorsed{Tx: "t1", Result: []byte(`1`), Envelope: []byte("e")}); err != nil {
		t.Fatal(err)
	}
	p := &ledger.Problem{Code: ledger.CodeUnavailable, Detail: "no answer", Faults: []ledger.Fault{{Field: "f", Detail: "d"}}}
	if changed, err := s.SetFailed(t.Context(), op.Seq, p); !changed || err != nil {
		t.Fatalf("%v, %v", changed, err)
	}
	failed := operation(t, s, op.ID)
	if failed.State != fact.StateFailed || failed.Problem == nil || failed.Problem.Error() != p.Error() {
		t.Errorf("failed: %+v", failed)
	}
	if _, err := s.Apply(t.Context(), &ledger.Block{Txs: []ledger.Tx{{ID: "t1", Creator: north, Valid: true, Name: "a:B"}}}); err != nil {
		t.Fatal(err)
	}
	if done := operation(t, s, op.ID); done.State != fact.StateDone || done.Problem != nil {
		t.Errorf("after the block: %+v", done)
	}
}

func TestKeysAndJoining(t *testing.T) {
	s := openStore(t, Options{})
	first := enqueue(t, s, "", `{"a":1}`)
	same, joined, err := s.Enqueue(t.Context(), "", ledger.RoleSharer, ledger.ThreatShare, []byte(`{"a":1}`))
	if err != nil || !joined || same.ID != first.ID {
		t.Errorf("the same command under way: %+v, %v, %v", same, joined, err)
	}
	enqueue(t, s, "", `{"a":2}`)
	if _, err := s.SetFailed(t.Context(), first.Seq, ledger.Problemf(ledger.CodeDenied, "no")); err != nil {
		t.Fatal(err)
	}
	enqueue(t, s, "", `{"a":1}`) // the one before is finished

	keyed := enqueue(t, s, "k", `{"a":1}`) // another caller's matter
	if _, err := s.SetFailed(t.Context(), keyed.Seq, ledger.Problemf(ledger.CodeDenied, "no")); err != nil {
		t.Fatal(err)
	}
	again, joined, err := s.Enqueue(t.Context(), "k", ledger.RoleSharer, ledger.ThreatShare, []byte(`{"a":1}`))
	if err != nil || !joined || again.ID != keyed.ID || again.State != fact.StateFailed {
		t.Errorf("the same key: %+v, %v, %v", again, joined, err)
	}
	for name, do := range map[string]func() error{
		"another request": func() error {
			_, _, err := s.Enqueue(t.Context(), "k", ledger.RoleSharer, ledger.ThreatShare, []byte(`{"a":2}`))
			return err
		},
		"another role": func() error {
			_, _, err := s.Enqueue(t.Context(), "k", ledger.RoleScorer, ledger.ThreatShare, []byte(`{"a":1}`))
			return err
		},
	} {
		if err := do(); ledger.CodeOf(err) != ledger.CodeConflict {
			t.Errorf("%s under the key: %v, want conflict", name, err)
		}
	}
}

func TestOldOperationsAreLetGoAndOpenOnesKept(t *testing.T) {
	s := openStore(t, Options{KeepOperations: 10})
	open := enqueue(t, s, "", "open")
	var last fact.Operation
	for i := range 3 * pruneEvery {
		last = enqueue(t, s, "", strconv.Itoa(i))
		if err := s.SetEndorsed(t.Context(), last.Seq, fact.Endorsed{Tx: fmt.Sprint("t", i), Envelope: []byte("e")}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SetFailed(t.Context(), last.Seq, ledger.Problemf(ledger.CodeDenied, "no")); err != nil {
			t.Fatal(err)
		}
	}
	operation(t, s, open.ID)
	operation(t, s, last.ID)
	for _, table := range []string{"operation", "operation_tx"} {
		var n int
		if err := s.reading.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil || n > pruneEvery+11 {
			t.Errorf("%d rows of %s are kept, %v", n, table, err)
		}
	}
}

// Many writers at once: each command is stored exactly once, in the order of
// its number, and a writer that errs harms nobody.
func TestWritersShareTransactions(t *testing.T) {
	s := openStore(t, Options{})
	boom := errors.New("boom")
	const writers, each = 40, 25
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				switch {
				case w%10 == 3: // leaves rows behind, then errs
					err := s.update(t.Context(), func(ctx context.Context, t *txn) error {
						if _, err := t.exec(ctx, "INSERT INTO serial (unit, serial) VALUES (?, 'x')", fmt.Sprint(w, i)); err != nil {
							return err
						}
						return boom
					})
					if !errors.Is(err, boom) {
						t.Errorf("got %v, want its own error", err)
					}
				case w%10 == 4: // changes its mind while it waits
					ctx, cancel := context.WithCancel(t.Context())
					go cancel()
					err := s.PutSerial(ctx, fmt.Sprint("cancelled ", w, i), "x")
					_, found, lookErr := s.Serial(t.Context(), fmt.Sprint("cancelled ", w, i))
					if lookErr != nil || found != (err == nil) {
						t.Errorf("answered %v, and stored: %v", err, found)
					}
				default:
					op, joined, err := s.Enqueue(t.Context(), "", ledger.RoleSharer, ledger.ThreatShare, fmt.Appendf(nil, "%d %d", w, i))
					if err != nil || joined {
						t.Errorf("%v, %v", joined, err)
					}
					if _, err := s.Operation(t.Context(), op.ID); err != nil {
						t.Errorf("a stored command is not there: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	open, err := s.Unfinished(t.Context())
	if err != nil || len(open) != writers*8/10*each {
		t.Errorf("%d commands, %v; want %d", len(open), err, writers*8/10*each)
	}
	var left int
	if err := s.reading.QueryRow("SELECT count(*) FROM serial WHERE unit NOT LIKE 'cancelled%'").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows of writers that erred are left, %v", left, err)
	}
}

func BenchmarkCommands(b *testing.B) {
	for _, writers := range []int{1, 100} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s, err := Open(b.Context(), storetest.Place(b), Options{Organisation: north})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			envelope := make([]byte, 6000)
			next := make(chan int)
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for i := range next {
						op, _, err := s.Enqueue(b.Context(), "", ledger.RoleSharer, ledger.ThreatShare, fmt.Appendf(nil, `{"digest":"%064x"}`, i))
						if err == nil {
							err = s.SetEndorsed(b.Context(), op.Seq, fact.Endorsed{Tx: op.ID, Envelope: envelope})
						}
						if err == nil {
							_, err = s.SetFailed(b.Context(), op.Seq, &ledger.Problem{Code: ledger.CodeBusy})
						}
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ResetTimer()
			for i := range b.N {
				next <- i
			}
			close(next)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
		})
	}
}

func BenchmarkApply(b *testing.B) {
	s, err := Open(b.Context(), storetest.Place(b), Options{Organisation: north})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	blocks := make([]*ledger.Block, b.N)
	for i := range blocks {
		blocks[i] = &ledger.Block{Number: uint64(i)}
		for j := range 100 {
			id := hex32(i*100 + j)
			blocks[i].Txs = append(blocks[i].Txs, tx(b, id, south, start,
				&ledger.Unit{V: 1, ID: id, DI: "d", Lot: "L1", Release: "1", Manufacturer: medtech, Owner: south, State: ledger.StateRegistered, Since: start},
				&ledger.UnitChange{V: 1, ID: id, Tx: id, To: ledger.StateRegistered, By: medtech, Time: start}))
		}
	}
	b.ResetTimer()
	for _, block := range blocks {
		apply(b, s, block.Number, block.Txs...)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "blocks/s")
}

// Commits wait for the disk as soon as one of those that share them needs it.
func TestOnlyWhatCanBeDerivedIsNotWaitedFor(t *testing.T) {
	storetest.OnlySQLite(t, "the mode in which SQLite waits for the disk")
	s := openStore(t, Options{})
	const full, normal = 2, 1
	mode := func() (m int) {
		if err := s.write.conn.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := mode(); m != full {
		t.Errorf("a fresh store has mode %d", m)
	}
	apply(t, s, 0)
	if m := mode(); m != normal {
		t.Errorf("a block was applied in mode %d", m)
	}
	enqueue(t, s, "", "{}")
	if m := mode(); m != full {
		t.Errorf("a command was stored in mode %d", m)
	}
	group := []*work{{lazy: true}, {}, {lazy: true}}
	s.write.lazy = true
	if err := s.write.pace(t.Context(), group); err != nil || s.write.lazy {
		t.Errorf("a mixed group is lazy: %v, %v", s.write.lazy, err)
	}
}
