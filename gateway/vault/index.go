package vault

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
)

// location says where a record begins: the number of its segment in the upper
// half, its offset in units of align in the lower.
type location uint64

func locate(segment int, offset int64) location {
	return location(uint64(segment)<<32 | uint64(offset/align)) //nolint:gosec // neither is negative; a segment is far below 2^38 bytes
}

func (l location) segment() int  { return int(l >> 32) }
func (l location) offset() int64 { return int64(l&0xffffffff) * align }

// index finds records by id. Ids look random, so eight of their bytes tell
// nearly all of them apart: a record costs 16 bytes and the map's slack, and
// whoever looks one up compares the whole id with the record's own header. The
// rare ids that share eight bytes with an earlier one stand in more, whole.
type index struct {
	first map[uint64]location
	more  map[ID]location
}

func newIndex(records uint64) *index {
	return &index{first: make(map[uint64]location, records), more: make(map[ID]location)}
}

// find returns where the record id stands, if it stands anywhere.
func (x *index) find(id ID) (location, bool) {
	if len(x.more) > 0 {
		if at, ok := x.more[id]; ok {
			return at, true
		}
	}
	at, ok := x.first[binary.BigEndian.Uint64(id[:])]
	return at, ok
}

// add enters a record. It reports false when it cannot tell the id from one
// that is there by its first eight bytes: then addMore is for other ids.
func (x *index) add(id ID, at location) bool {
	short := binary.BigEndian.Uint64(id[:])
	if _, taken := x.first[short]; taken {
		return false
	}
	x.first[short] = at
	return true
}

func (x *index) addMore(id ID, at location) { x.more[id] = at }

// entry is one line of a segment's index file.
type entry struct {
	id     ID
	offset int64
}

// An index file stands beside a full segment, so that a start need not read the
// segment: magic (8), identity of the vault (16), ordinal of the first record
// (8), length of the segment (8), number of records (8), then for each record
// its id (16) and its offset in units of align (4), and CRC-32C of all that (4).
// It may be deleted: the next start makes it again.
const (
	indexMagic = "SECANTI\x01"
	indexHead  = 8 + 16 + 8 + 8 + 8
	indexEntry = 16 + 4
)

func indexPath(segment string) string { return strings.TrimSuffix(segment, segmentExt) + ".idx" }

func writeIndex(s *segment, vault [16]byte, entries []entry) error {
	b := make([]byte, 0, indexHead+indexEntry*len(entries)+4)
	b = append(b, indexMagic...)
	b = append(b, vault[:]...)
	b = binary.BigEndian.AppendUint64(b, s.base)
	b = binary.BigEndian.AppendUint64(b, uint64(s.end)) //nolint:gosec // not negative
	b = binary.BigEndian.AppendUint64(b, uint64(len(entries)))
	for _, e := range entries {
		b = append(b, e.id[:]...)
		b = binary.BigEndian.AppendUint32(b, uint32(e.offset/align)) //nolint:gosec // a segment is far below 2^38 bytes
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if err := writeDurably(indexPath(s.path), b, 0o600); err != nil {
		return fmt.Errorf("writing a segment's index: %w", err)
	}
	return nil
}

// readIndex reads the index of a segment whose file has length bytes. It
// reports false when there is none that fits: then the segment must be read.
func readIndex(s *segment, vault [16]byte, length int64) ([]entry, bool) {
	b, err := os.ReadFile(indexPath(s.path))
	if err != nil {
		return nil, false
	}
	return decodeIndex(b, s.base, vault, length)
}

func decodeIndex(b []byte, base uint64, vault [16]byte, length int64) ([]entry, bool) {
	if len(b) < indexHead+4 || string(b[:8]) != indexMagic || !bytes.Equal(b[8:24], vault[:]) {
		return nil, false
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum ||
		binary.BigEndian.Uint64(b[24:]) != base ||
		binary.BigEndian.Uint64(b[32:]) != uint64(length) || //nolint:gosec // not negative
		binary.BigEndian.Uint64(b[40:]) != uint64(len(body)-indexHead)/indexEntry || //nolint:gosec // not negative
		(len(body)-indexHead)%indexEntry != 0 {
		return nil, false
	}
	entries := make([]entry, 0, (len(body)-indexHead)/indexEntry)
	for at := indexHead; at < len(body); at += indexEntry {
		offset := int64(binary.BigEndian.Uint32(body[at+16:])) * align
		if offset < segmentHead || offset >= length {
			return nil, false
		}
		entries = append(entries, entry{id: ID(body[at : at+16]), offset: offset})
	}
	return entries, true
}
