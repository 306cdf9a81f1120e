package store

import (
	"errors"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestApplyTakesBlocksInOrderOnly(t *testing.T) {
	s := openStore(t, Options{})
	model := func(di string) *ledger.Model { return &ledger.Model{V: 1, DI: di, Name: di, Manufacturer: medtech} }
	apply(t, s, 0, tx(t, "t0", medtech, start, model("a")))
	if _, err := s.Apply(t.Context(), &ledger.Block{Number: 2}); err == nil {
		t.Error("a block that skips a number was applied")
	}
	apply(t, s, 1, tx(t, "t1", medtech, start, model("b")))
	_, before, err := s.Digest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// An old block is not even compared; the newest one must be the same.
	apply(t, s, 0, tx(t, "other", medtech, start, model("z")))
	apply(t, s, 1, tx(t, "t1", medtech, start, model("b")))
	for _, b := range []ledger.Block{
		{Number: 1, Hash: []byte("another block 1")},
		{Number: 2, Previous: []byte("another block 1")},
	} {
		if _, err = s.Apply(t.Context(), &b); !errors.Is(err, ErrOtherLedger) {
			t.Errorf("block %d of another ledger: got %v, want ErrOtherLedger", b.Number, err)
		}
	}
	next, after, err := s.Digest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if next != 2 || before != after {
		t.Errorf("next %d, digest changed: %v; want 2, unchanged", next, before != after)
	}
}

func TestApplyMarksWhatWasHeldBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		times []time.Duration // one block each, then the one judged
		want  bool
	}{
		{"the first of all", []time.Duration{-time.Hour}, false},
		{"in order", []time.Duration{0, time.Minute}, false},
		{"exactly the bound", []time.Duration{ledger.LateAfter, 0}, false},
		{"a millisecond beyond the bound", []time.Duration{ledger.LateAfter + time.Millisecond, 0}, true},
		{"half a millisecond beyond: times are milliseconds", []time.Duration{ledger.LateAfter + time.Millisecond/2, 0}, false},
		{"ten minutes", []time.Duration{10 * time.Minute, 0}, true},
		{"the newest counts, not the last", []time.Duration{10 * time.Minute, time.Minute, 0}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openStore(t, Options{})
			for i, d := range c.times {
				x := tx(t, hex32(i), north, start.Add(d), &ledger.Threat{V: 1, Digest: hex32(i), Sharer: north})
				apply(t, s, uint64(i), x)
			}
			r, err := s.Report(t.Context(), hex32(len(c.times)-1))
			if err != nil {
				t.Fatal(err)
			}
			if r.Origin.Late != c.want {
				t.Errorf("late = %v, want %v", r.Origin.Late, c.want)
			}
		})
	}
}

func TestTransactionsOfOneBlockDoNotMakeEachOtherLate(t *testing.T) {
	s := openStore(t, Options{})
	apply(t, s, 0,
		tx(t, "a", north, start.Add(time.Hour), &ledger.Threat{V: 1, Digest: hex32(1), Sharer: north}),
		tx(t, "b", north, start, &ledger.Threat{V: 1, Digest: hex32(2), Sharer: north}))
	r, err := s.Report(t.Context(), hex32(2))
	if err != nil {
		t.Fatal(err)
	}
	if r.Origin.Late {
		t.Error("a transaction is late because of one in its own block")
	}
}

func TestATransactionThatOnlyReadsVouchesForNoTime(t *testing.T) {
	s := openStore(t, Options{})
	read := tx(t, "a", north, start.Add(time.Hour))
	apply(t, s, 0, read)
	apply(t, s, 1, tx(t, "b", north, start, &ledger.Threat{V: 1, Digest: hex32(1), Sharer: north}))
	r, err := s.Report(t.Context(), hex32(1))
	if err != nil {
		t.Fatal(err)
	}
	if r.Origin.Late {
		t.Error("a transaction is late because of one that only read")
	}
}

func TestInvalidTransactionsChangeNothing(t *testing.T) {
	s := openStore(t, Options{})
	x := tx(t, "a", north, start.Add(time.Hour), &ledger.Threat{V: 1, Digest: hex32(1), Sharer: north})
	x.Valid = false
	apply(t, s, 0, x)
	apply(t, s, 1, tx(t, "b", north, start, &ledger.Threat{V: 1, Digest: hex32(2), Sharer: north}))
	if _, err := s.Report(t.Context(), hex32(1)); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("an invalid transaction's record: got %v, want not_found", err)
	}
	r, err := s.Report(t.Context(), hex32(2))
	if err != nil {
		t.Fatal(err)
	}
	if r.Origin.Late {
		t.Error("an invalid transaction's time was believed")
	}
	want := fact.Origin{Block: 1, Index: 0, Tx: "b", By: north, Time: start}
	if r.Origin != want {
		t.Errorf("origin %+v, want %+v", r.Origin, want)
	}
	events, err := s.Events(t.Context(), "", 10)
	if err != nil || len(events) != 1 {
		t.Errorf("%d events, %v; want the valid transaction's alone", len(events), err)
	}
}

func TestUnknownRecordsAreKeptAsTheyAre(t *testing.T) {
	s := openStore(t, Options{})
	unit := ledger.Unit{V: 1, ID: hex32(1), Owner: north, State: ledger.StateRegistered}
	apply(t, s, 0, tx(t, "a", medtech, start, &unit))
	x := tx(t, "b", medtech, start)
	x.Writes = []ledger.Write{
		{Key: ledger.Key{Type: "new", Parts: []string{"a", "b"}}, Value: []byte(`{"v":9}`)},
		{Key: unit.Key(), Value: []byte(`{"v":2,"id":7}`)},                                        // a form that this version cannot read
		{Key: ledger.Key{Type: ledger.TypeModel, Parts: []string{"x", "y"}}, Value: []byte(`{}`)}, // a longer key
		{Key: ledger.ModelKey("x"), Value: []byte(`{"di":"y"}`)},                                  // a record of another key
	}
	apply(t, s, 1, x)
	var n int
	if err := s.reading.QueryRow("SELECT count(*) FROM other").Scan(&n); err != nil || n != 4 {
		t.Errorf("%d raw records, %v; want 4", n, err)
	}
	if _, err := s.Unit(t.Context(), unit.ID); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("a record whose newest form cannot be read: got %v, want not_found rather than the old form", err)
	}
	x = tx(t, "c", medtech, start)
	x.Writes = []ledger.Write{{Key: ledger.Key{Type: "new", Parts: []string{"a", "b"}}, Delete: true}}
	apply(t, s, 2, x)
	if err := s.reading.QueryRow("SELECT count(*) FROM other").Scan(&n); err != nil || n != 3 {
		t.Errorf("%d raw records after a deletion, %v; want 3", n, err)
	}
}

func TestEveryTableOfTheProjectionIsDigested(t *testing.T) {
	s := openStore(t, Options{})
	isDigested := map[string]bool{}
	for _, t := range digested() {
		isDigested[t.name] = true
	}

	found := 0
	for _, name := range tableNames(t, s) {
		if !hasColumn(t, s, name, "late") {
			continue
		}
		if found++; !isDigested[name] {
			t.Errorf("table %s belongs to the projection and is not in its digest", name)
		}
	}
	if found == 0 {
		t.Error("no table of the projection is found")
	}
}

// A transaction counts by whether it is valid and what it writes, not by a name
// that its sender chose.
func TestATransactionsNameDoesNotMatter(t *testing.T) {
	s := openStore(t, Options{})
	for i, name := range []string{"", "other:Name", "_lifecycle:Commit"} {
		x := tx(t, name, north, start, &ledger.Model{V: 1, DI: hex32(i)})
		x.Name = name
		apply(t, s, uint64(i), x)
		if _, err := s.Model(t.Context(), hex32(i)); err != nil {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

// A copy of a transaction that was valid is invalid, and decides nothing.
func TestALaterCopyDoesNotOverturnATransaction(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	op, _, err := s.Enqueue(t.Context(), "", ledger.RoleSharer, "a:B", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetEndorsed(t.Context(), op.Seq, fact.Endorsed{Tx: "x", Envelope: []byte("e")}); err != nil {
		t.Fatal(err)
	}
	good := tx(t, "x", north, start, &ledger.Model{V: 1, DI: "d"})
	replay := good
	replay.Valid = false
	for i, txs := range [][]ledger.Tx{{good, replay}, {replay}} {
		decisions, err := s.Apply(t.Context(), &ledger.Block{Number: uint64(i), Txs: txs})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range decisions {
			if !d.Valid {
				t.Errorf("block %d: the copy decided %+v", i, d)
			}
		}
	}
	done, err := s.Operation(t.Context(), op.ID)
	if err != nil || done.State != fact.StateDone || done.Block != 0 {
		t.Errorf("operation %+v, %v; want done by block 0", done, err)
	}
}
