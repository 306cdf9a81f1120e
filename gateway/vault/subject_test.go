package vault

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func openSmall(tb testing.TB, dir string, readOnly bool) *Vault {
	tb.Helper()
	v, err := Open(tb.Context(), dir, Options{SegmentSize: minSegmentSize, ReadOnly: readOnly})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = v.Close() })
	return v
}

// part is a sealed part, as an envelope would keep it.
type part struct {
	slot            uint64
	wrapped, sealed []byte
}

func sealPart(tb testing.TB, v *Vault, subject ID, bound, text string) part {
	tb.Helper()
	slot, err := v.NeedSubject(subject)
	if err != nil {
		tb.Fatal(err)
	}
	plain := append([]byte(text), make([]byte, PartOverhead)...)
	wrapped, sealed, err := v.SealPart(slot, []byte(bound), nil, plain[:len(text)])
	if err != nil {
		tb.Fatal(err)
	}
	return part{slot, wrapped, sealed}
}

func (p *part) open(v *Vault, bound string) (string, error) {
	b, err := v.OpenPart(p.slot, []byte(bound), p.wrapped, bytes.Clone(p.sealed))
	return string(b), err
}

// appendOne has the keys that were made become durable, as any record does.
func appendOne(tb testing.TB, v *Vault, id byte) {
	tb.Helper()
	d := v.NewDraft()
	d.Append(func(b []byte) []byte { return append(b, "text"...) })
	if err := d.Seal(ID{id}, [32]byte{id}); err != nil {
		tb.Fatal(err)
	}
	if _, err := v.Append([]*Draft{d}); err != nil {
		tb.Fatal(err)
	}
	if err := v.Sync(); err != nil {
		tb.Fatal(err)
	}
	d.Release()
}

func TestAPartOpensForItsSubjectAndPlaceAlone(t *testing.T) {
	t.Parallel()
	v := openSmall(t, t.TempDir(), false)
	p, other := sealPart(t, v, ID{1}, "here", "text"), sealPart(t, v, ID{2}, "here", "other")
	if text, err := p.open(v, "here"); err != nil || text != "text" {
		t.Fatal(text, err)
	}
	if same := sealPart(t, v, ID{1}, "here", "text"); same.slot != p.slot || bytes.Equal(same.sealed, p.sealed) {
		t.Error("the subject has another key, or the part the same one")
	}
	moved := p
	moved.slot = other.slot
	swapped := p
	swapped.wrapped = other.wrapped
	for name, c := range map[string]struct {
		part  part
		bound string
	}{"in another place": {p, "there"}, "as another's": {moved, "here"}, "under another's key": {swapped, "here"}, "cut": {part{p.slot, p.wrapped[:8], p.sealed}, "here"}} {
		if text, err := c.part.open(v, c.bound); err == nil {
			t.Errorf("%s it opens: %q", name, text)
		}
	}
	missing := p
	missing.slot = 2
	_, err := missing.open(v, "here")
	if damage, ok := errors.AsType[*DamageError](err); !ok || damage.Ordinal != 2 {
		t.Error(err)
	}
}

func TestErasedSubjectsStayErased(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openSmall(t, dir, false)
	one, two := sealPart(t, v, ID{1}, "x", "one"), sealPart(t, v, ID{2}, "x", "two")
	appendOne(t, v, 1)
	for range 2 {
		if slots, err := v.EraseSubject(ID{1}); err != nil || len(slots) != 1 || slots[0] != one.slot {
			t.Fatal(slots, err)
		}
	}
	check := func(v *Vault, finished bool) {
		t.Helper()
		if _, err := one.open(v, "x"); !errors.Is(err, ErrSubjectErased) {
			t.Error(err)
		}
		if text, err := two.open(v, "x"); err != nil || text != "two" {
			t.Error(text, err)
		}
		if _, known := v.FindSubject(ID{1}); known {
			t.Error("it is known")
		}
		if erased, done, err := v.SubjectErased(one.slot); !erased || done != finished || err != nil {
			t.Error(erased, done, err)
		}
		if err := v.Check(t.Context(), func(*Record) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	check(v, false)
	check(openSmall(t, dir, true), false)
	plain := make([]byte, 4, 32)
	if _, _, err := v.SealPart(one.slot, nil, nil, plain); !errors.Is(err, ErrSubjectErased) {
		t.Error(err)
	}
	// The subject comes back under another key, and goes again.
	back := sealPart(t, v, ID{1}, "x", "back")
	if back.slot == one.slot {
		t.Error("a slot is used again")
	}
	if slots, err := v.EraseSubject(ID{1}); err != nil || len(slots) != 2 {
		t.Error(slots, err)
	}
	for _, slot := range v.ErasedSubjects() {
		if err := v.FinishSubject(slot); err != nil {
			t.Fatal(err)
		}
	}
	if slots, err := v.EraseSubject(ID{1}); err != nil || len(slots) != 0 {
		t.Error(slots, err)
	}
	check(v, true)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, subjectFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range []uint64{one.slot, back.slot} {
		if at := slotAt(slot); len(bytes.Trim(b[at:at+subjectSlot], "\x00")) > 0 {
			t.Errorf("slot %d is not empty", slot)
		}
	}
	check(openSmall(t, dir, false), true)
	readOnly := openSmall(t, dir, true)
	if _, err := readOnly.NeedSubject(ID{9}); err == nil {
		t.Error("a vault that is read makes keys")
	}
	if _, err := readOnly.EraseSubject(ID{2}); err == nil {
		t.Error("a vault that is read erases")
	}
}

// What is on the disk when the process ends between two steps is opened again: slots
// that were written and are in no record, a tail that was cut, a half-erased slot.
func TestKeysOfSubjectsAfterACrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openSmall(t, dir, false)
	one := sealPart(t, v, ID{1}, "x", "one")
	appendOne(t, v, 1)
	sealPart(t, v, ID{2}, "x", "two") // never in a record
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, subjectFile)
	whole, err := os.ReadFile(path)
	if err != nil || len(whole) != 3*subjectSlot {
		t.Fatal(len(whole), err)
	}
	id := byte(1)
	for name, b := range map[string][]byte{
		"whole":           whole,
		"cut":             whole[:len(whole)-1],
		"lost":            whole[:2*subjectSlot],
		"zeros":           append(bytes.Clone(whole[:2*subjectSlot]), make([]byte, subjectSlot)...),
		"more than whole": append(bytes.Clone(whole), 1, 2, 3),
	} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		v := openSmall(t, dir, false)
		if text, err := one.open(v, "x"); err != nil || text != "one" {
			t.Errorf("%s: %q %v", name, text, err)
		}
		three := sealPart(t, v, ID{3}, "x", "three")
		id++
		appendOne(t, v, id)
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		again := openSmall(t, dir, true)
		if text, err := three.open(again, "x"); err != nil || text != "three" {
			t.Errorf("%s: %q %v", name, text, err)
		}
	}
	// Damage is refused, wherever it is.
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 0x40
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := openSubjects(dir, v.key, true)
		if _, ok := errors.AsType[*DamageError](err); !ok {
			t.Fatalf("byte %d may be altered: %v", at, err)
		}
	}
	b := bytes.Clone(whole)
	copy(b[2*subjectSlot:], b[subjectSlot:2*subjectSlot])
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openSubjects(dir, v.key, true); err == nil {
		t.Error("a key may stand in another slot")
	}
}

func TestSubjectsAreMadeOnceAtOnce(t *testing.T) {
	t.Parallel()
	v := openSmall(t, t.TempDir(), false)
	var all sync.WaitGroup
	slots := make([]uint64, 64)
	for i := range slots {
		all.Go(func() {
			slot, err := v.NeedSubject(ID{byte(i % 8)})
			if err != nil {
				t.Error(err)
			}
			slots[i] = slot
		})
	}
	all.Wait()
	for i, slot := range slots {
		if slot != slots[i%8] || slot >= 8 {
			t.Errorf("subject %d has slot %d and %d", i%8, slot, slots[i%8])
		}
	}
}

// FuzzSubjectSlot feeds the decoder of slots: what it takes is one of the states that a
// slot can be in, and a key is taken only where it was put.
func FuzzSubjectSlot(f *testing.F) {
	key, err := newMasterKey([16]byte{1}, make([]byte, keySize))
	if err != nil {
		f.Fatal(err)
	}
	s := &subjects{key: key}
	f.Add(make([]byte, subjectSlot))
	f.Add(bytes.Repeat([]byte{1}, subjectSlot))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < subjectSlot {
			return
		}
		subject, state, secret, err := s.parse(1, b[:subjectSlot])
		if err == nil && state == subjectLive && len(secret) != keySize || err == nil && state == subjectErased && subject != (ID{}) {
			t.Fatal(state, subject, secret)
		}
	})
}
