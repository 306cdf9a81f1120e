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
