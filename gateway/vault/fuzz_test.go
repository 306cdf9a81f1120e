package vault

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzHeader feeds the decoder of record headers, with and without a checksum
// that is right: what it takes is written the same way again.
func FuzzHeader(f *testing.F) {
	h := header{Size: 300, Ordinal: 7, Durable: 5, ID: ID{1}, Entry: [32]byte{2}, Digest: [32]byte{3}}
	b := make([]byte, headerSize)
	h.put(b)
	f.Add(b, false)
	f.Add(b[:40], true)
	f.Fuzz(func(t *testing.T, b []byte, sum bool) {
		if sum && len(b) >= headerSize {
			binary.BigEndian.PutUint32(b[124:], crc32.Checksum(b[:124], castagnoli))
		}
		h, ok := parseHeader(b)
		if !ok {
			return
		}
		again := make([]byte, headerSize)
		h.put(again)
		if !bytes.Equal(again, b[:headerSize]) {
			t.Fatal(cmp.Diff(b[:headerSize], again))
		}
	})
}

// FuzzIndex feeds the decoder of index files.
func FuzzIndex(f *testing.F) {
	dir := f.TempDir()
	s := &segment{path: filepath.Join(dir, "00000000000000000003.seg"), base: 3, end: 4096}
	vault := [16]byte{9}
	if err := writeIndex(s, vault, []entry{{id: ID{1}, offset: 64}, {id: ID{2}, offset: 640}}); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(indexPath(s.path))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, false)
	f.Add(b[:60], true)
	f.Fuzz(func(t *testing.T, b []byte, sum bool) {
		if sum && len(b) >= 4 {
			binary.BigEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b[:len(b)-4], castagnoli))
		}
		entries, ok := decodeIndex(b, 3, vault, 4096)
		for _, e := range entries {
			if e.offset < segmentHead || e.offset >= 4096 || e.offset%align != 0 {
				t.Fatalf("an entry at offset %d", e.offset)
			}
		}
		if ok && len(b) != indexHead+indexEntry*len(entries)+4 {
			t.Fatalf("%d entries in %d bytes", len(entries), len(b))
		}
	})
}

// FuzzSegment writes arbitrary bytes over the end of a good segment and opens
// the vault: it never panics; it either refuses, or holds the records before
// the change, unchanged, and goes on.
func FuzzSegment(f *testing.F) {
	dir := f.TempDir()
	v, err := Open(f.Context(), dir, small)
	if err != nil {
		f.Fatal(err)
	}
	put(f, v, 0, 3)
	put(f, v, 3, 6)
	var at []int64
	for _, e := range v.writer.entries {
		at = append(at, e.offset)
	}
	path := segmentPath(dir, 0)
	good := read(f, path)
	key := read(f, filepath.Join(dir, keyFile))
	if err := v.Close(); err != nil {
		f.Fatal(err)
	}
	last := good[at[5]:]
	f.Add(uint32(at[5]), []byte{}, true)
	f.Add(uint32(at[4]), last[:600], false)
	f.Add(uint32(at[2]+headerSize), make([]byte, slotSize), false)
	f.Add(uint32(at[1]), good[at[1]:at[1]+headerSize], true)
	f.Fuzz(func(t *testing.T, offset uint32, change []byte, rest bool) {
		from := int64(offset) % int64(len(good))
		bad := bytes.Clone(good)
		end := from + int64(copy(bad[from:], change))
		if rest {
			clear(bad[end:])
		}
		dir := t.TempDir()
		for name, b := range map[string][]byte{filepath.Base(path): bad, keyFile: key} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		v, err := Open(t.Context(), dir, small)
		if err != nil {
			if _, err := os.Stat(segmentPath(dir, 0)); err != nil {
				t.Fatal(err)
			}
			return
		}
		defer v.Close()
		n := int(v.Size())
		for i, begin := range at {
			// What lies wholly before the change is kept, whatever comes after.
			if next := append(at, from+1)[i+1]; next <= from && n <= i {
				t.Fatalf("record %d at byte %d was lost to a change at byte %d", i, begin, from)
			}
		}
		erased := false
		if err := v.Check(t.Context(), func(r *Record) error {
			erased = erased || r.Erased
			return nil
		}); err != nil {
			return // seen, and reported
		}
		if n > 6 {
			t.Fatalf("%d records out of 6", n)
		}
		if !erased {
			check(t, v, n)
		}
		put(t, v, n, n+1)
		if got := read(t, segmentPath(dir, 0)); !bytes.Equal(got[:min(from, int64(len(got)))], good[:from]) && n == 6 {
			t.Fatal("what stood before the change was written over")
		}
	})
}

// FuzzNote feeds the decoder of notes: what it takes is written the same way again.
func FuzzNote(f *testing.F) {
	vault := [16]byte{9}
	n := note{base: 3, count: 2, size: 4096, digest: [32]byte{1}, table: 7, state: stateErased}
	f.Add(n.encode(vault), false)
	f.Add(n.encode(vault)[:100], true)
	f.Fuzz(func(t *testing.T, b []byte, sum bool) {
		if sum && len(b) >= noteSize {
			binary.BigEndian.PutUint32(b[124:], crc32.Checksum(b[:124], castagnoli))
		}
		n, ok := decodeNote(b, vault, 3)
		if !ok {
			return
		}
		if n.size < segmentHead || n.base != 3 || int64(n.count) > n.size || !bytes.Equal(n.encode(vault), b[:noteSize]) {
			t.Fatalf("%+v", n)
		}
	})
}

// FuzzKept feeds the decoder of what is kept of a segment: it never takes more memory
// than the file has bytes, and a head that it finds is one.
func FuzzKept(f *testing.F) {
	vault, s := [16]byte{9}, &segment{base: 0, count: 2}
	segments := make([]byte, segmentHead+int(s.count)*int(padded(200)))
	var marks []mark
	for i := range s.count {
		h := header{Size: 200, Ordinal: i, ID: ID{byte(i)}}
		marks = append(marks, mark{id: h.ID, offset: segmentHead + int64(i)*padded(200)})
		h.put(segments[marks[i].offset:])
	}
	s.end = int64(len(segments))
	b, err := encodeKept(&note{count: 2, size: s.end}, vault, s, bytes.NewReader(segments), marks)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, uint16(64))
	f.Add(b[:300], uint16(0))
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		if len(b) >= noteSize { // checksums that are right
			end := min(len(b), noteSize+2*keptEntry)
			binary.BigEndian.PutUint32(b[80:], crc32.Checksum(b[noteSize:end], castagnoli))
			binary.BigEndian.PutUint32(b[124:], crc32.Checksum(b[:124], castagnoli))
		}
		k, entries, err := readKept(bytes.NewReader(b), int64(len(b)), "of a test", vault, 0)
		if err != nil {
			return
		}
		if len(entries)*keptEntry > len(b) {
			t.Fatalf("%d entries of %d bytes", len(entries), len(b))
		}
		if _, head, err := k.headOf(bytes.NewReader(b), int64(at)*align); err == nil {
			if _, ok := parseHeader(head); !ok {
				t.Fatal("a head that is none")
			}
		}
	})
}
