package vault

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A segment file begins with a head of segmentHead bytes:
//
//	 0  8  magic
//	 8 16  identity of the vault
//	24  8  ordinal of the first record
//	32 28  zero
//	60  4  CRC-32C of all before it
//
// and continues with records. What is reserved behind the last one is zero. A
// segment that is full is cut to its records and gets an index beside it.
const (
	segmentMagic = "SECANTV\x01"
	segmentHead  = 64
	segmentExt   = ".seg"
)

// segment is one file of the vault.
type segment struct {
	path  string
	base  uint64 // ordinal of the first record
	count uint64 // records; of the last segment, those that are durable
	end   int64  // where its records end; of the last segment, where those that are durable end

	// The vault's mu guards these. Of a full segment, kept stands in the file's place once
	// its bytes are in an object.
	kept    *kept
	tended  tended
	readers int // of its file
}

func segmentPath(dir string, base uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", base, segmentExt))
}

// listSegments returns the segments of dir, oldest first, with their bases, whether
// their files are there or what is kept of them.
func listSegments(dir string) ([]*segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing the vault's segments: %w", err)
	}
	var all []*segment
	seen := make(map[uint64]bool)
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), segmentExt)
		if !ok {
			digits, ok = strings.CutSuffix(e.Name(), keptExt)
		}
		if !ok {
			continue
		}
		base, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || len(digits) != 20 {
			return nil, fmt.Errorf("listing the vault's segments: %s is not the name of one", e.Name())
		}
		if !seen[base] {
			all = append(all, &segment{path: segmentPath(dir, base), base: base})
		}
		seen[base] = true
	}
	slices.SortFunc(all, func(a, b *segment) int { return strings.Compare(a.path, b.path) })
	return all, nil
}

// createSegment makes an empty segment and opens it for writing.
// Its name appears only when its head is durable.
func (v *Vault) createSegment(base uint64) (_ *segment, _ *os.File, err error) {
	s := &segment{path: segmentPath(v.dir, base), base: base, end: segmentHead}
	tmp := s.path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600) //nolint:gosec // the path comes from the configuration
	if err != nil {
		return nil, nil, fmt.Errorf("making a segment: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(tmp)
		}
	}()
	if err := v.allocate(f, v.opts.SegmentSize); err != nil {
		return nil, nil, fmt.Errorf("reserving room for a segment: %w", err)
	}
	head := make([]byte, segmentHead)
	copy(head, segmentMagic)
	copy(head[8:], v.key.vault[:])
	binary.BigEndian.PutUint64(head[24:], base)
	binary.BigEndian.PutUint32(head[60:], crc32.Checksum(head[:60], castagnoli))
	if _, err := f.WriteAt(head, 0); err != nil {
		return nil, nil, fmt.Errorf("making a segment: %w", err)
	}
	if err := f.Sync(); err != nil {
		return nil, nil, fmt.Errorf("making a segment: %w", err)
	}
	if err := os.Rename(tmp, s.path); err != nil {
		return nil, nil, fmt.Errorf("making a segment: %w", err)
	}
	if err := syncDir(v.dir); err != nil {
		return nil, nil, fmt.Errorf("making a segment: %w", err)
	}
	return s, f, nil
}

// checkHead refuses a file that is not the segment that its name says, or that
// belongs to another vault.
func (s *segment) checkHead(r io.ReaderAt, vault [16]byte) error {
	head := make([]byte, segmentHead)
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading a segment's head: %w", err)
	}
	switch {
	case string(head[:8]) != segmentMagic, binary.BigEndian.Uint32(head[60:]) != crc32.Checksum(head[:60], castagnoli):
		return s.damage(0, s.base, "the segment's head is not one")
	case !bytes.Equal(head[8:24], vault[:]):
		return s.damage(0, s.base, "the segment belongs to another vault")
	case binary.BigEndian.Uint64(head[24:]) != s.base:
		return s.damage(0, s.base, "the segment's name and head differ")
	}
	return nil
}

// found is one record met on a walk. Its bytes are valid until the walk goes on.
type found struct {
	header
	offset int64
	slot   []byte
	sealed []byte
}

// errStop ends a walk early, without an error.
var errStop = errors.New("stop")

// walk visits the records of a segment in order, from ordinal from on, with their
// digests checked, until limit records were seen or one does not fit. Of those before
// from, only the headers are looked at. It returns where it
// stopped, the ordinal expected there, and what was wrong with it: empty when
// limit was reached.
func (s *segment) walk(f *os.File, from, limit uint64, visit func(*found) error) (end int64, next uint64, wrong string, err error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f, segmentHead, 1<<62), 1<<20)
	var body []byte
	head := make([]byte, sealedOffset)
	end, next = segmentHead, s.base
	for next < s.base+limit {
		if _, err := io.ReadFull(r, head); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return end, next, "the file ends", nil
			}
			return end, next, "", fmt.Errorf("reading a segment: %w", err)
		}
		h, ok := parseHeader(head)
		if !ok {
			return end, next, "there is no record", nil
		}
		if h.Ordinal != next {
			return end, next, "the record has another ordinal", nil
		}
		room := int(padded(int64(h.Size)) - sealedOffset)
		if next < from {
			if _, err := r.Discard(room); errors.Is(err, io.EOF) {
				return end, next, "the file ends within the record", nil
			} else if err != nil {
				return end, next, "", fmt.Errorf("reading a segment: %w", err)
			}
			end += padded(int64(h.Size))
			next++
			continue
		}
		body = slices.Grow(body[:0], room)[:room]
		if _, err := io.ReadFull(r, body); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				// A segment is cut to whole records, padding included.
				return end, next, "the file ends within the record", nil
			}
			return end, next, "", fmt.Errorf("reading a segment: %w", err)
		}
		sealed := body[:h.Size-sealedOffset]
		if sha256.Sum256(sealed) != h.Digest {
			return end, next, "the sealed bytes are not those that were written", nil
		}
		if _, state := readSlot(head[headerSize:]); state == slotDamaged {
			return end, next, "the key slot is damaged", nil
		}
		if visit != nil {
			if err := visit(&found{header: h, offset: end, slot: head[headerSize:], sealed: sealed}); err != nil {
				return end, next, "", err
			}
		}
		end += padded(int64(h.Size))
		next++
	}
	return end, next, "", nil
}

// tail is what stands behind the last valid record of a segment.
type tail struct {
	dirty   int64 // bytes up to the last one that is not zero
	durable bool  // a record stands there that was written when record next was durable
	offset  int64 // of that record
}

// readTail looks at everything from offset on. next is the ordinal that was
// expected at offset.
func readTail(f *os.File, offset int64, next uint64) (tail, error) {
	var t tail
	const step = 1 << 20
	buf := make([]byte, step+headerSize)
	for at := offset; ; at += step {
		n, err := f.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return t, fmt.Errorf("reading a segment's tail: %w", err)
		}
		b := buf[:n]
		if rest := bytes.TrimRight(b, "\x00"); len(rest) > 0 {
			t.dirty = max(t.dirty, at-offset+int64(len(rest)))
			for i := 0; i+headerSize <= n && i < step; i += align {
				if h, ok := parseHeader(b[i:]); ok && h.Durable > next && !t.durable {
					t.durable, t.offset = true, at+int64(i)
				}
			}
		}
		if n < len(buf) {
			return t, nil
		}
	}
}

// DamageError is the error for bytes that are not what was written and that cannot
// be explained by a crash. The vault refuses to work until somebody decides.
type DamageError struct {
	Segment string // path of the file
	Object  string // where its bytes are when they are not in that file
	Request string // id of the record, where it is known
	Offset  int64  // in bytes
	Ordinal uint64 // of the record that was expected there
	Detail  string
}

// Error says where the damage is.
func (d *DamageError) Error() string {
	if d.Object == "" {
		return fmt.Sprintf("the vault is damaged: %s at byte %d, record %d: %s", d.Segment, d.Offset, d.Ordinal, d.Detail)
	}
	of := fmt.Sprintf("record %d", d.Ordinal)
	if d.Request != "" {
		of += ", request " + d.Request
	}
	return fmt.Sprintf("the vault is damaged: object %s at byte %d, of segment %s, %s: %s", d.Object, d.Offset, d.Segment, of, d.Detail)
}

func (s *segment) damage(offset int64, ordinal uint64, detail string) error {
	return &DamageError{Segment: s.path, Offset: offset, Ordinal: ordinal, Detail: detail}
}
