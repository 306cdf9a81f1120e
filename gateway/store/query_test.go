package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// walk reads a list page by page and returns its rows in order.
func walk[T any](t *testing.T, size int, list func(ledger.PageRequest) (fact.Page[T], error)) []T {
	t.Helper()
	var all []T
	req := ledger.PageRequest{Size: size}
	for {
		p, err := list(req)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Items) > size || len(p.Items) < size && p.Next != "" {
			t.Errorf("a page of %d with %d rows, next %q", size, len(p.Items), p.Next)
		}
		for _, r := range p.Items {
			all = append(all, r.Record)
		}
		if p.Next == "" {
			return all
		}
		req.Bookmark = p.Next
	}
}

func TestListsPageByPage(t *testing.T) {
	s := openStore(t, Options{})
	var units []ledger.Unit
	for i := range 20 {
		units = append(units, ledger.Unit{
			V: 1, ID: hex32(i), DI: fmt.Sprint("d", i%3), Manufacturer: medtech,
			Owner: []string{north, south}[i%2], State: []string{ledger.StateRegistered, ledger.StateInService}[i/10], Since: start,
		})
		apply(t, s, uint64(i), tx(t, strconv.Itoa(i), medtech, start, &units[i],
			&ledger.Score{V: 1, Subject: hex32(0), Model: "m", InputDigest: hex32(100 - i), Published: start},
			&ledger.Anchor{V: 1, Stream: "s", Sequence: uint64(i), Size: uint64(10 * (i + 1)), Time: start}))
	}
	for _, f := range []fact.UnitFilter{
		{},
		{Owner: north},
		{DI: "d1"},
		{State: ledger.StateInService},
		{Manufacturer: medtech},
		{Owner: south, DI: "d2", State: ledger.StateRegistered},
		{Owner: "nobody"},
	} {
		var want []ledger.Unit
		for _, u := range units {
			if (f.Owner == "" || f.Owner == u.Owner) && (f.DI == "" || f.DI == u.DI) && (f.State == "" || f.State == u.State) {
				u.Upcast() // answers show the newest form
				want = append(want, u)
			}
		}
		for _, size := range []int{1, 3, 7, 50} {
			got := walk(t, size, func(r ledger.PageRequest) (fact.Page[ledger.Unit], error) { return s.Units(t.Context(), f, r) })
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%+v by %d (-want +got):\n%s", f, size, d)
			}
		}
	}
	scores := walk(t, 3, func(r ledger.PageRequest) (fact.Page[ledger.Score], error) { return s.Scores(t.Context(), hex32(0), r) })
	if len(scores) != 20 || scores[0].InputDigest != hex32(81) || scores[19].InputDigest != hex32(100) {
		t.Errorf("%d scores; want 20, the newest first", len(scores))
	}
	anchors := walk(t, 6, func(r ledger.PageRequest) (fact.Page[ledger.Anchor], error) { return s.Anchors(t.Context(), "s", r) })
	if len(anchors) != 20 || anchors[0].Sequence != 19 {
		t.Errorf("%d anchors, the first is %d; want 20 from 19", len(anchors), anchors[0].Sequence)
	}
	for index, want := range map[uint64]uint64{0: 0, 9: 0, 10: 1, 199: 19} {
		row, found, err := s.AnchorCovering(t.Context(), "s", index)
		if err != nil || !found || row.Record.Sequence != want {
			t.Errorf("the anchor that covers %d: %d, %v, %v; want %d", index, row.Record.Sequence, found, err, want)
		}
	}
	for _, index := range []uint64{200, 1 << 63} {
		if _, found, err := s.AnchorCovering(t.Context(), "s", index); found || err != nil {
			t.Errorf("entry %d is covered: %v, %v", index, found, err)
		}
	}
	if row, found, err := s.LastAnchor(t.Context(), "s"); err != nil || !found || row.Record.Sequence != 19 {
		t.Errorf("last anchor %+v, %v, %v", row, found, err)
	}
}

func TestABookmarkServesItsOwnListOnly(t *testing.T) {
	s := openStore(t, Options{})
	for i := range 3 {
		apply(t, s, uint64(i), tx(t, strconv.Itoa(i), medtech, start, &ledger.Model{V: 1, DI: strconv.Itoa(i)},
			&ledger.Release{V: 1, DI: "a", Version: strconv.Itoa(i)}, &ledger.Release{V: 1, DI: "b", Version: strconv.Itoa(i)}))
	}
	one := ledger.PageRequest{Size: 1}
	p, err := s.Releases(t.Context(), "a", one)
	if err != nil || p.Next == "" {
		t.Fatalf("%+v, %v", p, err)
	}
	with := func(b string) ledger.PageRequest { return ledger.PageRequest{Size: 1, Bookmark: b} }
	if _, err := s.Releases(t.Context(), "a", with(p.Next)); err != nil {
		t.Errorf("its own list: %v", err)
	}
	other := openStore(t, Options{})
	changed := []byte(p.Next)
	changed[len(changed)-2] ^= 1
	for name, err := range map[string]error{
		"another filter": second(s.Releases(t.Context(), "b", with(p.Next))),
		"another list":   second(s.Models(t.Context(), with(p.Next))),
		"another store":  second(other.Releases(t.Context(), "a", with(p.Next))),
		"changed":        second(s.Releases(t.Context(), "a", with(string(changed)))),
		"short":          second(s.Releases(t.Context(), "a", with("AAAA"))),
		"nonsense":       second(s.Releases(t.Context(), "a", with("'; DROP TABLE model"))),
	} {
		if ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestEventsResumeWithoutLossOrRepeat(t *testing.T) {
	s := openStore(t, Options{KeepEvents: 12})
	block := uint64(0)
	more := func(n int) {
		for range n {
			apply(t, s, block, tx(t, strconv.FormatUint(block, 10), north, start, &ledger.Threat{V: 1, Digest: hex32(int(block)), Sharer: north}),
				tx(t, fmt.Sprint(block, "b"), south, start, &ledger.Threat{V: 1, Digest: hex32(int(block) + 1000), Sharer: south}))
			if block%2 == 0 {
				if err := s.AddEvent(t.Context(), "local", []string{strconv.FormatUint(block, 10)}, nil); err != nil {
					t.Fatal(err)
				}
			}
			block++
		}
	}
	read := func(after string, limit int) (kinds []string, last string) {
		for last = after; ; {
			events, err := s.Events(t.Context(), last, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) == 0 {
				return kinds, last
			}
			for _, e := range events {
				kinds = append(kinds, fmt.Sprint(e.Kind, e.Block, e.Tx))
				last = e.ID
			}
		}
	}
	more(4)
	want, end := read("", 100)
	if len(want) != 10 || want[2] != "local0" {
		t.Fatalf("events %v; want 8 of the ledger and 2 local ones behind their blocks", want)
	}
	for limit := 1; limit < 6; limit++ {
		got, last := read("", limit)
		if !slices.Equal(got, want) || last != end {
			t.Errorf("by %d: %v, ending at %s; want %v, ending at %s", limit, got, last, want, end)
		}
	}
	now, err := s.LastEvent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	more(1)
	for _, from := range []string{end, now} {
		got, _ := read(from, 2)
		if len(got) != 3 {
			t.Errorf("since %s: %v; want the three new ones", from, got)
		}
	}
	more(5) // now the oldest are gone
	if _, err := s.Events(t.Context(), end, 10); err != nil {
		t.Errorf("a listener who misses nothing: %v", err)
	}
	more(10)
	if _, err := s.Events(t.Context(), end, 10); ledger.CodeOf(err) != ledger.CodeGone {
		t.Errorf("a listener who missed some: %v, want gone", err)
	}
	if got, _ := read("", 5); len(got) < 12 {
		t.Errorf("the newest %d are kept; want 12 of the ledger and the local ones", len(got))
	}
	for _, id := range []string{"x", "1.2", "1.2.3.4", "1.2.-7", "99999999999999999999.0.0"} {
		if _, err := s.Events(t.Context(), id, 1); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("id %q: %v, want invalid", id, err)
		}
	}
}

func TestDevicesCarryAllThatIsKnown(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	apply(t, s, 0, tx(t, "a", medtech, start,
		&ledger.Model{V: 1, DI: "d", Name: "Pump", Manufacturer: medtech},
		&ledger.Release{V: 1, DI: "d", Version: "1", SBOMDigest: hex32(9)},
		&ledger.Unit{V: 1, ID: hex32(1), DI: "d", Release: "1", Owner: north},
		&ledger.Unit{V: 1, ID: hex32(2), DI: "unknown", Release: "1", Owner: north},
		&ledger.Unit{V: 1, ID: hex32(3), DI: "d", Release: "1", Owner: south}))
	i := fact.Inventory{Unit: hex32(1), Ward: "ICU", Address: "10.0.0.1", Services: []fact.Service{{Protocol: "tcp", Port: 104}}}
	if err := s.PutInventory(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	got, err := s.Devices(t.Context(), north)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d devices, %v; want the two own ones", len(got), err)
	}
	if got[0].Model.Name != "Pump" || got[0].Release.SBOMDigest != hex32(9) || got[0].Inventory.Ward != "ICU" || got[0].Inventory.Services[0].Port != 104 {
		t.Errorf("the first device: %+v", got[0])
	}
	if got[1].Model.DI != "" || got[1].Inventory.Unit != "" {
		t.Errorf("the second device: %+v", got[1])
	}
	i.Ward = "ER"
	if err := s.PutInventory(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	if back, found, err := s.Inventory(t.Context(), hex32(1)); err != nil || !found || back.Ward != "ER" {
		t.Errorf("inventory %+v, %v, %v", back, found, err)
	}
}

func TestAStoreHasOneWriterAndAnyReaders(t *testing.T) {
	place := storetest.Place(t)
	s, err := Open(t.Context(), place, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), place, Options{}); ledger.CodeOf(err) != ledger.CodeBusy {
		t.Errorf("a second writer: %v, want busy", err)
	}
	reader, err := Open(t.Context(), place, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	apply(t, s, 0, tx(t, "a", medtech, start, &ledger.Model{V: 1, DI: "d"}))
	if _, err := reader.Model(t.Context(), "d"); err != nil {
		t.Errorf("the reader does not see the writer's work: %v", err)
	}
	if err := reader.PutSerial(t.Context(), "u", "s"); err == nil {
		t.Error("a reader wrote")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), place, Options{}); err != nil {
		t.Fatalf("after the writer has closed: %v", err)
	}
	newer := "PRAGMA user_version = 99"
	if storetest.PostgreSQL() {
		newer = "UPDATE schema_version SET version = 99"
	}
	if _, err := s.write.conn.ExecContext(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), place, Options{}); err == nil {
		t.Error("a store of a newer version was opened")
	}
	if _, err := Open(t.Context(), storetest.Place(t), Options{ReadOnly: true}); err == nil {
		t.Error("a store that does not exist was opened for reading")
	}
}

// Whatever a caller sends as a bookmark or an event id is refused or harmless.
func FuzzBookmarks(f *testing.F) {
	s, err := Open(context.Background(), storetest.Place(f), Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	for i := range 3 {
		if _, err := s.Apply(context.Background(), &ledger.Block{Number: uint64(i), Txs: []ledger.Tx{tx(f, strconv.Itoa(i), north, start, &ledger.Threat{V: 1, Digest: hex32(i), Sharer: north})}}); err != nil {
			f.Fatal(err)
		}
	}
	given := map[string]bool{}
	for next := ""; ; {
		p, err := s.Reports(context.Background(), fact.ReportFilter{}, ledger.PageRequest{Size: 1, Bookmark: next})
		if err != nil {
			f.Fatal(err)
		}
		given[next] = true
		f.Add(next)
		if next = p.Next; next == "" {
			break
		}
	}
	f.Add("1.0.0")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := s.Events(t.Context(), text, 2); err != nil {
			if c := ledger.CodeOf(err); c != ledger.CodeInvalid && c != ledger.CodeGone {
				t.Errorf("event id: %v", err)
			}
		}
		_, err := s.Reports(t.Context(), fact.ReportFilter{}, ledger.PageRequest{Size: 1, Bookmark: text})
		switch {
		case given[text] && err != nil, !given[text] && ledger.CodeOf(err) != ledger.CodeInvalid:
			t.Errorf("bookmark (given out: %v): %v", given[text], err)
		}
	})
}

// Whatever a newer or a broken chaincode writes, a block is carried over.
func FuzzRecords(f *testing.F) {
	s, err := Open(context.Background(), storetest.Place(f), Options{Organisation: north})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Add("thr", "a", "", []byte(`{"digest":"a","sharer":"x"}`), false)
	f.Add("anc", "s", "000000000001", []byte(`{"stream":"s","sequence":1,"size":18446744073709551615}`), false)
	f.Add("dev", "a\x00b", "", []byte(`{"id":"a\u0000b","owner":"hospital-north"}`), true)
	next := uint64(0)
	f.Fuzz(func(t *testing.T, object, a, b string, value []byte, remove bool) {
		w := ledger.Write{Key: ledger.Key{Type: ledger.ObjectType(object), Parts: []string{a}}, Value: value, Delete: remove}
		if b != "" {
			w.Key.Parts = append(w.Key.Parts, b)
		}
		_, err := s.Apply(t.Context(), &ledger.Block{Number: next, Txs: []ledger.Tx{{ID: "t", Name: "a:B", Creator: a, Time: start, Valid: true, Writes: []ledger.Write{w}}}})
		if err != nil {
			t.Fatal(err)
		}
		next++
	})
}
