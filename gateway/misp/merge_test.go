package misp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestNoValueIsNoWildcard: a request that names nothing must not be one for everything.
func TestNoValueIsNoWildcard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.addOne()
	for _, body := range []string{`{"values":[]}`, `{"value":[]}`} {
		if out, err := w.do(w.addSighting, body); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v, %v", body, out, err)
		}
	}
	for _, body := range []string{`{"id":[]}`, `{"uuid":[]}`} {
		if out, err := w.do(w.searchSightings, body); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v, %v", body, out, err)
		}
	}
}

// TestWhatWasDeletedDoesNotComeBack by an edition of another server that has not heard of
// it, nor is what was changed here later overwritten.
func TestWhatWasDeletedDoesNotComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.addOne()
	edition := now.Unix()
	pushed := func(attribute, at string) {
		edition += 1_000
		w.must(w.edit, fmt.Sprintf(`{"timestamp":"%d","Attribute":[{"uuid":%q,"type":"ip-dst","value":"198.51.100.9","to_ids":true%s}]}`,
			edition, attribute, at), "event="+anEvent)
	}
	w.must(w.editAttribute, `{"value":"198.51.100.8"}`, "attribute="+anAttribute)
	pushed(anAttribute, `,"timestamp":"1000"`)
	if v := w.values(); !v["198.51.100.8"] || len(v) != 1 {
		t.Errorf("what was changed here is overwritten by what is older: %v", v)
	}
	w.must(w.removeAttribute, "", "attribute="+anAttribute)
	pushed(strings.ToUpper(anAttribute), `,"timestamp":"1000"`)
	if v := w.values(); len(v) != 0 {
		t.Errorf("a deleted attribute comes back: %v", v)
	}
	if w.indicators()["indicator--"+anAttribute] != true {
		t.Error("its indicator comes back")
	}
	pushed(strings.ToUpper(anAttribute), "") // entered again
	if v := w.values(); !v["198.51.100.9"] {
		t.Errorf("%v", v)
	}
}

// TestAnObjectKeepsWhatAnEditionDoesNotName.
func TestAnObjectKeepsWhatAnEditionDoesNotName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const object, other = "a1b2c3d4-0000-4000-8000-0000000000a0", "a1b2c3d4-0000-4000-8000-0000000000a1"
	w.must(w.add, fmt.Sprintf(`{"uuid":%q,"info":"x","timestamp":"1000","Object":[{"uuid":%q,"name":"file","timestamp":"1000","Attribute":[
		{"uuid":%q,"type":"filename","value":"a","timestamp":"1000"},{"uuid":%q,"type":"size-in-bytes","value":"5","timestamp":"1000"}]}]}`, anEvent, object, anAttribute, other))
	w.must(w.removeAttribute, "", "attribute="+anAttribute)
	w.must(w.edit, fmt.Sprintf(`{"Object":[{"uuid":%q,"name":"file","timestamp":"2000","Attribute":[{"uuid":%q,"type":"filename","value":"a","timestamp":"1000"}]}]}`, object, anAttribute), "event="+anEvent)
	e, err := w.find(t.Context(), anEvent)
	if err != nil || e.Count != 1 {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := w.findAttribute(t.Context(), other); err != nil {
		t.Errorf("an attribute that is not named goes: %v", err)
	}
	if _, err := w.findAttribute(t.Context(), anAttribute); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("a deleted attribute comes back: %v", err)
	}
}

// TestManyTags: ten times as many take no more than some ten times as long.
func TestManyTags(t *testing.T) {
	t.Parallel()
	read := func(tags int) time.Duration {
		var b strings.Builder
		b.WriteString(`{"info":"x","Tag":[{"name":"first"}`)
		for i := range tags {
			fmt.Fprintf(&b, `,{"name":"%016d"}`, i)
		}
		b.WriteString("]}")
		started := time.Now()
		_, _ = Event([]byte(b.String()), "north", now)
		return time.Since(started)
	}
	if few, many := read(15_000), read(150_000); many > 50*few { // 100, if each was compared with all
		t.Errorf("%v, and %v for ten times as many", few, many)
	}
}

// TestATagIsOneLineOfText.
func TestATagIsOneLineOfText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.addOne()
	for _, name := range []string{`a\u001b[2Jb`, `a\u0000b`, `a\nb`, `a\u0085b`} {
		if _, err := w.do(w.attachTag, fmt.Sprintf(`{"uuid":%q,"tag":"%s"}`, anEvent, name)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
