package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

func recalling(kind, value string, revision int, ended bool) *ledger.Recall {
	return &ledger.Recall{V: 1, DI: "di", Kind: kind, Value: value, Class: ledger.RecallClassII, By: medtech, Since: start, Revision: revision, Ended: ended}
}

// TestARecallIsOneRowAndManyStates: no unit is written, and each shows it.
func TestARecallIsOneRowAndManyStates(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	unit := func(n int, lot, release, state string) *ledger.Unit {
		return &ledger.Unit{V: 2, ID: hex32(n), DI: "di", Lot: lot, Release: release, State: state, Owner: north, Manufacturer: medtech, Revision: 1}
	}
	cleared := unit(4, "L1", "1", ledger.StateInService)
	cleared.Cleared = &ledger.Cleared{Lot: 1}
	other := unit(7, "L1", "1", ledger.StateInService)
	other.DI = "other"
	apply(t, s, 0, tx(t, "a", medtech, start,
		unit(1, "L1", "1", ledger.StateInService), unit(2, "L1", "2", ledger.StateHeld), unit(3, "L2", "2", ledger.StateInService),
		cleared, unit(5, "L1", "1", ledger.StateRetired), unit(6, "L1", "1", ledger.StateManufactured), other))
	states := func() map[string]string {
		t.Helper()
		got := map[string]string{}
		for _, u := range walk(t, 2, func(r ledger.PageRequest) (fact.Page[ledger.Unit], error) {
			return s.Units(t.Context(), fact.UnitFilter{}, r)
		}) {
			row, err := s.Unit(t.Context(), u.ID)
			if d := cmp.Diff(u, row.Record); err != nil || d != "" {
				t.Errorf("alone it reads differently: %v %s", err, d)
			}
			got[u.ID[63:]] = u.State
			if recalled := u.State == ledger.StateRecalled; recalled != (u.Recall != nil) || !recalled && u.OwnState() != u.State {
				t.Errorf("unit %s is %s by %+v", u.ID, u.State, u.Recall)
			}
		}
		// The filter says the same.
		filtered := map[string]string{}
		for _, state := range []string{
			ledger.StateManufactured, ledger.StateRegistered, ledger.StateInService, ledger.StateHeld, ledger.StateRetired, ledger.StateRecalled,
		} {
			for _, u := range walk(t, 2, func(r ledger.PageRequest) (fact.Page[ledger.Unit], error) {
				return s.Units(t.Context(), fact.UnitFilter{State: state}, r)
			}) {
				if filtered[u.ID[63:]] != "" || u.State != state {
					t.Errorf("unit %s is listed as %s, and is %s", u.ID, state, u.State)
				}
				filtered[u.ID[63:]] = state
			}
		}
		if d := cmp.Diff(got, filtered); d != "" {
			t.Errorf("by state (-all +filtered):\n%s", d)
		}
		return got
	}
	own := map[string]string{
		"1": ledger.StateInService, "2": ledger.StateHeld, "3": ledger.StateInService, "4": ledger.StateInService,
		"5": ledger.StateRetired, "6": ledger.StateManufactured, "7": ledger.StateInService,
	}
	with := func(recalled ...string) map[string]string {
		m := map[string]string{}
		for k, v := range own {
			m[k] = v
		}
		for _, n := range recalled {
			m[n] = ledger.StateRecalled
		}
		return m
	}
	for block, c := range []struct {
		recall *ledger.Recall
		want   map[string]string
	}{
		{recalling(ledger.RecallLot, "L9", 1, false), with()},
		{recalling(ledger.RecallLot, "L1", 1, false), with("1", "2")},      // unit 4 was cleared of this revision
		{recalling(ledger.RecallLot, "L1", 2, false), with("1", "2", "4")}, // and not of this one
		{recalling(ledger.RecallRelease, "2", 1, false), with("1", "2", "3", "4")},
		{recalling(ledger.RecallLot, "L1", 3, true), with("2", "3")}, // lifted
		{recalling(ledger.RecallRelease, "2", 2, true), with()},
	} {
		apply(t, s, uint64(block+1), tx(t, string(rune('b'+block)), medtech, start, c.recall))
		if d := cmp.Diff(c.want, states()); d != "" {
			t.Errorf("after recall %d (-want +got):\n%s", block, d)
		}
	}
	row, err := s.Recall(t.Context(), "di", ledger.RecallLot, "L1")
	if err != nil || !row.Record.Ended {
		t.Errorf("the recall reads as %+v, %v", row.Record, err)
	}
	all := walk(t, 2, func(r ledger.PageRequest) (fact.Page[ledger.Recall], error) { return s.Recalls(t.Context(), "di", r) })
	if len(all) != 3 {
		t.Errorf("there are the recalls %+v", all)
	}
}

// TestAHistoryBeginsWithTheChunk: units that were registered together have one
// first row, and each reads it as its own, also when it has changed since.
func TestAHistoryBeginsWithTheChunk(t *testing.T) {
	s := openStore(t, Options{})
	unit := func(n, revision int) *ledger.Unit {
		return &ledger.Unit{V: 2, ID: hex32(n), DI: "d", Owner: south, Manufacturer: medtech, State: ledger.StateRegistered, Since: start, Revision: revision, Chunk: "t1"}
	}
	apply(t, s, 0, tx(t, "t1", medtech, start, unit(1, 1), unit(2, 1),
		&ledger.UnitChunk{V: 1, Tx: "t1", To: ledger.StateRegistered, By: medtech, Time: start, Step: ledger.DeviceRegisterUnits, Count: 2}))
	later := ledger.UnitChange{V: 2, ID: hex32(2), Tx: "t2", From: ledger.StateRegistered, To: ledger.StateInService, By: south, Time: start, Step: ledger.DevicePutIntoService, Revision: 2}
	apply(t, s, 1, tx(t, "t2", south, start, unit(2, 2), &later))
	first := func(id string) ledger.UnitChange {
		return ledger.UnitChange{V: 2, ID: id, Tx: "t1", To: ledger.StateRegistered, By: medtech, Time: start, Step: ledger.DeviceRegisterUnits, Revision: 1}
	}
	for id, want := range map[string][]ledger.UnitChange{
		hex32(1): {first(hex32(1))}, hex32(2): {later, first(hex32(2))}, hex32(3): nil,
	} {
		got := walk(t, 1, func(r ledger.PageRequest) (fact.Page[ledger.UnitChange], error) {
			return s.UnitHistory(t.Context(), id, r)
		})
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("history (-want +got):\n%s", d)
		}
	}
}

// TestAStoreOfTheFirstSchemaIsReplayed: the projection is made anew, and what
// only the node knows stays.
func TestAStoreOfTheFirstSchemaIsReplayed(t *testing.T) {
	storetest.OnlySQLite(t, "a file that an earlier version wrote, and there is none of PostgreSQL")
	dir := t.TempDir()
	first, err := migrations.ReadFile("migrations/0001_first.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), string(first)+`; PRAGMA user_version = 1;
		INSERT INTO checkpoint VALUES (1, 7, 0, x'00', 1, -1, 0);
		INSERT INTO model VALUES ('di', 'medtech', 1, 0, 't', 'medtech', 0, 0, '{"v":1,"di":"di","manufacturer":"medtech"}');
		INSERT INTO other VALUES ('rec', '["di","lot","L1"]', 6, 0, 't', 'medtech', 0, 0, '{}');
		INSERT INTO fetch VALUES (1, 'report', 'd', 'hospital-south', 'm', 1, '/p', 3, 99);
		INSERT INTO serial VALUES ('unit', 'S-1')`)
	if err != nil {
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
	if next, err := s.NextBlock(t.Context()); err != nil || next != 0 {
		t.Errorf("it wants block %d (%v), want 0", next, err)
	}
	if serial, found, err := s.Serial(t.Context(), "unit"); !found || serial != "S-1" {
		t.Errorf("the serial number is %q (%v)", serial, err)
	}
	apply(t, s, 0, tx(t, "a", medtech, start, recalling(ledger.RecallLot, "L1", 1, false)))
	_, migrated, err := s.Digest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fresh := openStore(t, Options{Organisation: north})
	apply(t, fresh, 0, tx(t, "a", medtech, start, recalling(ledger.RecallLot, "L1", 1, false)))
	if _, want, err := fresh.Digest(t.Context()); err != nil || migrated != want {
		t.Errorf("the projection differs from that of a new store (%v)", err)
	}
	if err := s.Check(context.Background()); err != nil {
		t.Error(err)
	}
}
