package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/vault"
)

// The second version of an envelope is of a request whose subjects were named: version
// (1 byte), framing (1), entry salt (32), length of the statement (2), the statement,
// number of segments (2), a row for each, then, when there are more than one, the
// leaves of all records (32 each), and the sealed segments. A row is: slot of the
// subject's key (8), records (4), storage (1), size of the body when unpacked (4), of
// the sealed segment (4), digest of the part as received (32), wrapped data key (60).
// A segment is the seed (32) and the body, sealed under the subject's key.
//
// So when a subject is erased, records and salts of its segment are gone, and the
// leaves that remain say nothing of them, but lead the others' paths to the root. With
// one segment nothing remains to be proven, and there are no leaves.
const (
	segmentedVersion = 2
	segmentedFixed   = 1 + 1 + proof.HashSize + 2
	segmentRow       = 8 + 4 + 1 + 4 + 4 + proof.HashSize + vault.WrappedSize
)

// segment is what a request's envelope keeps about one subject.
type segment struct {
	slot     uint64 // of the subject's key
	first    int    // index of its first record in the request
	count    int
	storage  storage
	unpacked int
	content  proof.Hash
	wrapped  []byte
	sealed   []byte

	// Once it is opened, unless its subject was erased.
	open bool
	seed proof.Seed
	body []byte
}

const segmentDomain = "secant/segment/v1\x00"

// bound is what a segment's encryption is bound to: the request and the entry that
// commits to it, which segment of how many it is, and all that its row says.
func (s *segment) bound(dst []byte, id vault.ID, entry *[32]byte, f framing, index, of int) []byte {
	dst = append(dst, segmentDomain...)
	dst = append(dst, id[:]...)
	dst = append(dst, entry[:]...)
	dst = append(dst, byte(f), byte(s.storage))
	for _, n := range [...]int{index, of, s.first, s.count, s.unpacked} {
		dst = binary.BigEndian.AppendUint32(dst, uint32(n)) //nolint:gosec // bounded by the limits of a request
	}
	dst = binary.BigEndian.AppendUint64(dst, s.slot)
	return append(dst, s.content[:]...)
}

// putRow writes the segment's row to b, which has segmentRow bytes.
func (s *segment) putRow(b []byte) {
	binary.BigEndian.PutUint64(b, s.slot)
	binary.BigEndian.PutUint32(b[8:], uint32(s.count)) //nolint:gosec // at most MaxRecords
	b[12] = byte(s.storage)
	binary.BigEndian.PutUint32(b[13:], uint32(s.unpacked))    //nolint:gosec // bounded by Limits.Body
	binary.BigEndian.PutUint32(b[17:], uint32(len(s.sealed))) //nolint:gosec // bounded by a record of the vault
	copy(b[21:], s.content[:])
	copy(b[21+proof.HashSize:], s.wrapped)
}

// parseRow reads what putRow wrote and returns the size of the sealed segment.
func (s *segment) parseRow(b []byte) (sealed int, ok bool) {
	s.slot = binary.BigEndian.Uint64(b)
	s.count = int(binary.BigEndian.Uint32(b[8:]))
	s.storage = storage(b[12])
	s.unpacked = int(binary.BigEndian.Uint32(b[13:]))
	copy(s.content[:], b[21:])
	s.wrapped = b[21+proof.HashSize : segmentRow]
	ok = s.count >= 1 && s.count <= proof.MaxRecords && s.storage >= storedRaw && s.storage <= storedAsPacked && s.unpacked <= maxUnpacked
	return int(binary.BigEndian.Uint32(b[17:])), ok
}

// sealSegments appends a whole envelope of the second version to dst.
func (w *worker) sealSegments(dst []byte, v *vault.Vault, e *envelope, id vault.ID, entry *[32]byte, parts []part, slots []uint64) ([]byte, error) {
	dst = append(dst, segmentedVersion, byte(e.framing))
	dst = append(dst, e.entrySalt[:]...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.statement))) //nolint:gosec // a statement has some hundred bytes
	dst = append(dst, e.statement...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(parts))) //nolint:gosec // at most MaxSubjects
	row := len(dst)
	dst = append(dst, make([]byte, len(parts)*segmentRow)...)
	if len(parts) > 1 {
		for i := range w.reader.leaves {
			dst = append(dst, w.reader.leaves[i][:]...)
		}
	}
	var wrapped [vault.WrappedSize]byte
	for i := range parts {
		p := &parts[i]
		s := segment{slot: slots[i], first: p.first, count: p.count, storage: p.storage, unpacked: p.unpacked, content: p.content}
		start := len(dst)
		dst = append(dst, p.seed[:]...)
		if p.storage == storedAsPacked {
			dst = append(dst, p.body...)
		} else {
			var smaller bool
			if dst, smaller = w.pack(dst, p.body); smaller {
				s.storage = storedPacked
			}
		}
		end := len(dst)
		dst = append(dst, make([]byte, vault.PartOverhead)...)
		w.bound = s.bound(w.bound[:0], id, entry, e.framing, i, len(parts))
		var err error
		if s.wrapped, s.sealed, err = v.SealPart(s.slot, w.bound, wrapped[:0], dst[start:end]); err != nil {
			return dst, fmt.Errorf("sealing a segment: %w", err)
		}
		s.putRow(dst[row+i*segmentRow:])
	}
	return dst, nil
}

var errSegmented = errors.New("decoding an envelope: not a whole one of version 2")

// decodeSegmented reads what sealSegments wrote, as far as no subject's key is needed.
func decodeSegmented(b []byte) (*envelope, error) {
	if len(b) < segmentedFixed {
		return nil, errSegmented
	}
	e := &envelope{framing: framing(b[1])}
	if e.framing < framedSingle || e.framing > framedLines {
		return nil, errors.New("decoding an envelope: framed in no known way")
	}
	b = b[2:]
	b = b[copy(e.entrySalt[:], b):]
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; len(b) < n+2 {
		return nil, errSegmented
	}
	e.statement, b = b[:n], b[n:]
	n = int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n < 1 || n > MaxSubjects || len(b) < n*segmentRow {
		return nil, errSegmented
	}
	e.segments = make([]segment, n)
	rows, b := b[:n*segmentRow], b[n*segmentRow:]
	count := 0
	sizes := make([]int, n)
	for i := range e.segments {
		s := &e.segments[i]
		s.first = count
		var ok bool
		if sizes[i], ok = s.parseRow(rows[i*segmentRow:][:segmentRow]); !ok {
			return nil, errSegmented
		}
		count += s.count
		e.unpacked += s.unpacked
	}
	if count > proof.MaxRecords || e.unpacked > maxUnpacked {
		return nil, errSegmented
	}
	if n > 1 {
		if len(b) < count*proof.HashSize {
			return nil, errSegmented
		}
		e.leaves = make([]proof.Hash, count)
		for i := range e.leaves {
			b = b[copy(e.leaves[i][:], b):]
		}
	}
	for i := range e.segments {
		if sizes[i] < proof.SeedSize+vault.PartOverhead || len(b) < sizes[i] {
			return nil, errSegmented
		}
		e.segments[i].sealed, b = b[:sizes[i]], b[sizes[i]:]
	}
	if len(b) != 0 {
		return nil, errSegmented
	}
	return e, nil
}

// openSegment decrypts a segment in place, unless its subject was erased.
func (e *envelope) openSegment(v *vault.Vault, id vault.ID, entry *[32]byte, index int) error {
	s := &e.segments[index]
	bound := s.bound(nil, id, entry, e.framing, index, len(e.segments))
	plain, err := v.OpenPart(s.slot, bound, s.wrapped, s.sealed)
	if errors.Is(err, vault.ErrSubjectErased) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening segment %d: %w", index, err)
	}
	s.body = plain[copy(s.seed[:], plain):]
	if s.storage == storedRaw && len(s.body) != s.unpacked {
		return fmt.Errorf("segment %d has another size than it says", index)
	}
	s.open = true
	return nil
}

// plain returns the segment's body as the records stand in it.
func (s *segment) plain(decoder *zstd.Decoder) ([]byte, error) {
	if s.storage == storedRaw {
		return s.body, nil
	}
	plain, err := decoder.DecodeAll(s.body, make([]byte, 0, s.unpacked))
	if err != nil {
		return nil, fmt.Errorf("decompressing a segment: %w", err)
	}
	if len(plain) != s.unpacked {
		return nil, errors.New("a segment has another size than it says")
	}
	return plain, nil
}
