package vault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sort"
	"strings"
)

// A file NUMBER.kept is what stays here of a segment whose bytes are in an object: its
// note, a table, and the head of each record. The head is a record's header and its key
// slot, so the wrapped keys are here and nowhere else: erasing zeroes the slot in this
// file, and what the object holds, in whatever copies, stays unreadable for ever.
//
// The table has an entry for each record, in order: its id (16), its offset in the
// segment and that of its head in this file (4 each, in units of align). The heads
// begin at the next multiple of align, and so does each.
const (
	keptExt   = ".kept"
	keptEntry = 16 + 4 + 4

	// recordHead is how many of a record's first bytes stay here: all that is not sealed.
	recordHead = sealedOffset

	// maxStored bounds the length that a note may claim: a group that is larger than a
	// segment has one to itself.
	maxStored = 1 << 37
)

// kept is the file that stands for a segment. Its note's state is guarded by the
// vault's mu; all else never changes.
type kept struct {
	note
	path string
}

func keptPath(segment string) string { return strings.TrimSuffix(segment, segmentExt) + keptExt }

// mark is where a record lies in its segment.
type mark struct {
	id     ID
	offset int64
}

// marks reads where the records of a segment lie, hopping over what is sealed.
func (s *segment) marks(f io.ReaderAt) ([]mark, error) {
	all := make([]mark, 0, s.count)
	offset := int64(segmentHead)
	for i := range s.count {
		h, _, err := s.headAt(f, offset, s.base+i)
		if err != nil {
			return nil, err
		}
		all = append(all, mark{id: h.ID, offset: offset})
		offset += padded(int64(h.Size))
	}
	if offset != s.end {
		return nil, s.damage(offset, s.base+s.count, "the segment has another length than its records")
	}
	return all, nil
}

// headAt reads the head of the record that should stand at an offset of a segment's file.
func (s *segment) headAt(f io.ReaderAt, offset int64, ordinal uint64) (header, []byte, error) {
	b := make([]byte, recordHead)
	if _, err := f.ReadAt(b, offset); err != nil && !errors.Is(err, io.EOF) {
		return header{}, nil, fmt.Errorf("reading a segment: %w", err)
	}
	h, ok := parseHeader(b)
	if !ok || h.Ordinal != ordinal {
		return header{}, nil, s.damage(offset, ordinal, "there is no record")
	}
	return h, b, nil
}

// encodeKept makes the file for a segment from what stands in it now.
func encodeKept(n *note, vault [16]byte, s *segment, f io.ReaderAt, marks []mark) ([]byte, error) {
	heads := padded(int64(noteSize + keptEntry*len(marks)))
	b := make([]byte, heads, heads+int64(len(marks))*recordHead)
	at := noteSize
	for i, m := range marks {
		_, head, err := s.headAt(f, m.offset, s.base+uint64(i))
		if err != nil {
			return nil, err
		}
		copy(b[at:], m.id[:])
		binary.BigEndian.PutUint32(b[at+16:], uint32(m.offset/align)) //nolint:gosec // a segment is below 2^38 bytes
		binary.BigEndian.PutUint32(b[at+20:], uint32(len(b)/align))   //nolint:gosec // and its heads are less
		at += keptEntry
		b = append(b, head...)
	}
	n.table = crc32.Checksum(b[noteSize:at], castagnoli)
	copy(b, n.encode(vault))
	return b, nil
}

// openKept reads the note and the table of a kept file.
func openKept(path string, vault [16]byte, base uint64) (_ *kept, _ []entry, err error) {
	f, err := os.Open(path) //nolint:gosec // the path comes from the configuration
	if err != nil {
		return nil, nil, fmt.Errorf("opening what is kept of a segment: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("opening what is kept of a segment: %w", err)
	}
	return readKept(f, info.Size(), path, vault, base)
}

func readKept(f io.ReaderAt, length int64, path string, vault [16]byte, base uint64) (*kept, []entry, error) {
	s := &segment{path: path, base: base} // to say where
	head := make([]byte, noteSize)
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("opening what is kept of a segment: %w", err)
	}
	n, ok := decodeNote(head, vault, base)
	if !ok {
		return nil, nil, s.damage(0, base, "it does not say what became of the segment")
	}
	size := int64(n.count) * keptEntry                             //nolint:gosec // bounded by decodeNote
	if length != padded(noteSize+size)+int64(n.count)*recordHead { //nolint:gosec // bounded by decodeNote
		return nil, nil, s.damage(0, base, "what is kept of the segment has another length than it says")
	}
	table := make([]byte, size)
	if _, err := f.ReadAt(table, noteSize); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("opening what is kept of a segment: %w", err)
	}
	if crc32.Checksum(table, castagnoli) != n.table {
		return nil, nil, s.damage(noteSize, base, "the table of what is kept of the segment is damaged")
	}
	entries := make([]entry, n.count)
	for i := range entries {
		e := table[i*keptEntry:]
		entries[i] = entry{id: ID(e[:16]), offset: int64(binary.BigEndian.Uint32(e[16:])) * align}
	}
	return &kept{note: n, path: path}, entries, nil
}

// headOf finds the head of the record at an offset of the segment: where it stands in the
// file, and its bytes.
func (k *kept) headOf(f io.ReaderAt, offset int64) (position int64, head []byte, err error) {
	s := &segment{path: k.path, base: k.base}
	e := make([]byte, keptEntry)
	read := func(i int) (at, pos int64) {
		if err == nil {
			_, err = f.ReadAt(e, noteSize+int64(i)*keptEntry)
		}
		return int64(binary.BigEndian.Uint32(e[16:])) * align, int64(binary.BigEndian.Uint32(e[20:])) * align
	}
	i := sort.Search(int(k.count), func(i int) bool { //nolint:gosec // bounded by decodeNote
		at, _ := read(i)
		return at >= offset
	})
	if i == int(k.count) { //nolint:gosec // bounded by decodeNote
		return 0, nil, s.damage(0, k.base, "nothing is kept of the record")
	}
	at, position := read(i)
	head = make([]byte, recordHead)
	if err == nil {
		_, err = f.ReadAt(head, position)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("reading what is kept of a segment: %w", err)
	}
	if h, ok := parseHeader(head); at != offset || !ok || h.Ordinal != k.base+uint64(i) { //nolint:gosec // not negative
		return 0, nil, s.damage(position, k.base+uint64(i), "what is kept of the record is damaged") //nolint:gosec // not negative
	}
	return position, head, nil
}

// head is headOf with a file of its own.
func (k *kept) head(offset int64) (position int64, head []byte, err error) {
	f, err := os.Open(k.path)
	if err != nil {
		return 0, nil, fmt.Errorf("reading what is kept of a segment: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return k.headOf(f, offset)
}

// setState changes the note's state in place, durably. The caller notes it in memory.
func (k *kept) setState(vault [16]byte, state noteState) error {
	n := k.note
	n.state = state
	return overwrite(k.path, n.encode(vault), 0)
}

// overwrite changes bytes of a file in place, durably.
func overwrite(path string, b []byte, offset int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // the path comes from the configuration
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, offset)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// blanked reads a segment as its object holds it: with every key slot zero.
type blanked struct {
	f     *os.File
	size  int64
	marks []mark
	at    int64
}

func (b *blanked) Read(p []byte) (int, error) {
	p = p[:min(int64(len(p)), b.size-b.at)]
	if len(p) == 0 {
		return 0, io.EOF
	}
	n, err := b.f.ReadAt(p, b.at)
	if n == 0 {
		return 0, err
	}
	end := b.at + int64(n)
	for _, m := range b.marks[sort.Search(len(b.marks), func(i int) bool { return b.marks[i].offset+recordHead > b.at }):] {
		from, to := max(m.offset+headerSize, b.at), min(m.offset+recordHead, end)
		if m.offset >= end {
			break
		}
		if from < to {
			clear(p[from-b.at : to-b.at])
		}
	}
	b.at = end
	return n, nil
}

// Seek serves a client that sends the object again.
func (b *blanked) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.size
	}
	if offset < 0 || offset > b.size {
		return b.at, errors.New("seeking outside of a segment")
	}
	b.at = offset
	return offset, nil
}
