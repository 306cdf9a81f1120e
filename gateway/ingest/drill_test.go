package ingest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"mime/multipart"
	"os"
	"path/filepath"
	"testing"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/vault"
)

// The erasure drill: whoever has every byte that the node keeps, the vault's key among
// them, and all keys that it can still open, reads nothing of the person who was erased:
// no text and no name stands anywhere, no 32 bytes anywhere open her segment, as its key
// or as a key that wraps it, and no slot of another subject does. The same search finds
// her before she is erased, and the others afterwards.
func TestErasureDrill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := openNode(t, dir, Options{})
	d := newDevice(t)
	ada, bob := newAbout("wristband-4711", 3, false), newAbout("wristband-4712", 3, false)
	ada.records = [][]byte{[]byte(`{"mark":"first-of-ada"}`), []byte(`{"mark":"second-of-ada"}`)}
	r, _ := d.signParts(t, ada, bob)
	got, err := n.Submit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	parts := func() (*envelope, *vault.Record) {
		rec, err := n.vault.Get(t.Context(), vault.ID(got.ID))
		if err != nil {
			t.Fatal(err)
		}
		e, err := decodeEnvelope(rec.Plain)
		if err != nil {
			t.Fatal(err)
		}
		return e, rec
	}
	e, rec := parts()
	before := keysOf(t, n.vault, e, rec, 0)
	if before == nil {
		t.Fatal("her segment opens for nobody before she is erased")
	}
	slots, err := n.EraseSubject(t.Context(), "wristband-4711")
	if err != nil || len(slots) != 1 {
		t.Fatal(slots, err)
	}
	if err := n.FinishSubject(slots[0]); err != nil {
		t.Fatal(err)
	}
	e, rec = parts()
	for slot := range uint64(2) { // as if another's key wrapped it
		other := *e
		other.segments = append([]segment(nil), e.segments...)
		other.segments[0].slot = slot
		if keysOf(t, n.vault, &other, rec, 0) != nil {
			t.Errorf("the key in slot %d opens it", slot)
		}
	}
	if keysOf(t, n.vault, e, rec, 1) == nil {
		t.Error("the other's segment does not open")
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}

	mine := e.segments[0]
	bound := mine.bound(nil, rec.ID, &rec.Entry, e.framing, 0, 2)
	tried := 0
	for i := 0; i+32 <= len(rec.Plain); i++ { // what the record's own key still opens
		tried++
		if opens(rec.Plain[i:i+32], bound, &mine) {
			t.Fatalf("the record holds a key at byte %d", i)
		}
	}
	if err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, text := range []string{"-of-ada", "wristband", string(ada.seed[:])} {
			if bytes.Contains(b, []byte(text)) {
				t.Errorf("%s holds what was erased", path)
			}
		}
		for len(b) > 0 && b[len(b)-1] == 0 { // what a segment reserved
			b = b[:len(b)-1]
		}
		for i := 0; i+32 <= len(b); i++ {
			tried++
			if opens(b[i:i+32], bound, &mine) {
				t.Fatalf("%s holds a key at byte %d", path, i)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if tried < 1000 {
		t.Fatalf("only %d keys were tried", tried)
	}
	t.Logf("%d keys tried", tried)
}

// keysOf opens a segment as the node does; nil when it cannot.
func keysOf(tb testing.TB, v *vault.Vault, e *envelope, r *vault.Record, index int) []byte {
	tb.Helper()
	s := e.segments[index]
	plain, err := v.OpenPart(s.slot, s.bound(nil, r.ID, &r.Entry, e.framing, index, len(e.segments)), s.wrapped, bytes.Clone(s.sealed))
	if err != nil {
		return nil
	}
	return plain
}

// opens tries 32 bytes as the key of a segment, and as its subject's.
func opens(key, bound []byte, s *segment) bool {
	m := hmac.New(sha256.New, key)
	m.Write(bound)
	var zero [12]byte
	return try(key, zero[:], s.sealed, bound) || try(m.Sum(nil), s.wrapped[:12], s.wrapped[12:], bound)
}

func try(key, nonce, sealed, bound []byte) bool {
	block, err := aes.NewCipher(key)
	if err != nil {
		return false
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return false
	}
	_, err = aead.Open(nil, nonce, sealed, bound)
	return err == nil
}

// FuzzParts feeds the decoder of requests in parts: it never panics, and what it takes
// is what another implementation of RFC 2046 finds in it.
func FuzzParts(f *testing.F) {
	f.Add([]byte("--x\r\nSecant-Subject: p-1\r\nContent-Type: application/json\r\n\r\n1\r\n--x--"))
	f.Add([]byte("--x\r\nSecant-Subject: p-1\r\n\r\n{}\n{}\r\n--x\r\nSecant-Seed: a\r\n\r\n\r\n--x--\r\n"))
	f.Add([]byte("--x--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		parts, err := splitParts(nil, body, "x")
		if err != nil {
			return
		}
		comparePart(t, parts, body)
	})
}

// comparePart compares the parts with those that the standard library finds.
func comparePart(t *testing.T, parts []wirePart, body []byte) {
	t.Helper()
	r := multipart.NewReader(bytes.NewReader(body), "x")
	for i, p := range parts {
		other, err := r.NextRawPart()
		if err != nil {
			t.Fatalf("part %d: %v", i, err)
		}
		content, err := io.ReadAll(other)
		if err != nil || !bytes.Equal(content, p.body) || other.Header.Get("Secant-Subject") != p.subject || other.Header.Get("Secant-Seed") != p.seed {
			t.Fatalf("part %d is %q with %v, and here %+v: %v", i, content, other.Header, p, err)
		}
	}
	if _, err := r.NextRawPart(); !errors.Is(err, io.EOF) {
		t.Fatalf("there are more parts: %v", err)
	}
}

// FuzzSegments feeds the decoder of segmented envelopes: it never panics, and what it
// takes is written the same way again.
func FuzzSegments(f *testing.F) {
	w, err := newWorker(Limits{Body: 1 << 20, Records: 10, Record: 100, Depth: 4})
	if err != nil {
		f.Fatal(err)
	}
	v, err := vault.Open(f.Context(), f.TempDir(), vault.Options{})
	if err != nil {
		f.Fatal(err)
	}
	defer v.Close()
	slot, err := v.NeedSubject(vault.ID{1})
	if err != nil {
		f.Fatal(err)
	}
	for n := 1; n < 3; n++ {
		parts := make([]part, n)
		slots := make([]uint64, n)
		for i := range parts {
			parts[i], slots[i] = part{storage: storedRaw, body: []byte("{}")}, slot
		}
		if _, _, err := w.take(formats[MediaNDJSON], parts); err != nil {
			f.Fatal(err)
		}
		b, err := w.sealSegments(nil, v, &envelope{framing: framedLines, statement: []byte("statement")}, vault.ID{2}, &[32]byte{3}, parts, slots)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if b = bytes.Clone(b); len(b) > 0 {
			b[0] = segmentedVersion
		}
		e, err := decodeEnvelope(b)
		if err != nil {
			return
		}
		again := append([]byte{segmentedVersion, byte(e.framing)}, e.entrySalt[:]...)
		again = append(again, byte(len(e.statement)>>8), byte(len(e.statement)))
		again = append(again, e.statement...)
		again = append(again, byte(len(e.segments)>>8), byte(len(e.segments)))
		for i := range e.segments {
			row := make([]byte, segmentRow)
			e.segments[i].putRow(row)
			again = append(again, row...)
		}
		for i := range e.leaves {
			again = append(again, e.leaves[i][:]...)
		}
		for i := range e.segments {
			again = append(again, e.segments[i].sealed...)
		}
		if !bytes.Equal(again, b) {
			t.Fatal("it is written otherwise")
		}
		if total := e.segments[len(e.segments)-1]; total.first+total.count > proof.MaxRecords {
			t.Fatal("too many records")
		}
	})
}
