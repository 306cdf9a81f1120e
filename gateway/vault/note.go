package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
)

// A note says which object holds a segment's bytes:
//
//	 0  8  magic
//	 8 16  identity of the vault
//	24  8  ordinal of the first record
//	32  8  number of records
//	40  8  length of the segment, and of the object
//	48 32  SHA-256 of the object
//	80  4  CRC-32C of the table behind the note; 0 where there is none
//	84  1  state
//	85 39  zero
//	124 4  CRC-32C of all before it
//
// By itself, in a file NUMBER.obj, it stands beside a segment that is still here, too.
// At the head of a file NUMBER.kept it stands for a segment that is not. It lies within
// one disk sector, so that a change of its state cannot be torn in half.
const (
	noteMagic = "SECANTO\x01"
	noteSize  = 128
	noteExt   = ".obj"
)

// noteState is what became of a segment.
type noteState byte

const (
	stateStored  noteState = iota // the object holds its bytes
	stateErased                   // every record was erased: the object may go
	stateDeleted                  // there is no object
)

type note struct {
	base   uint64
	count  uint64
	size   int64
	digest [sha256.Size]byte
	table  uint32
	state  noteState
}

func (n *note) encode(vault [16]byte) []byte {
	b := make([]byte, noteSize)
	copy(b, noteMagic)
	copy(b[8:], vault[:])
	binary.BigEndian.PutUint64(b[24:], n.base)
	binary.BigEndian.PutUint64(b[32:], n.count)
	binary.BigEndian.PutUint64(b[40:], uint64(n.size)) //nolint:gosec // not negative
	copy(b[48:], n.digest[:])
	binary.BigEndian.PutUint32(b[80:], n.table)
	b[84] = byte(n.state)
	binary.BigEndian.PutUint32(b[124:], crc32.Checksum(b[:124], castagnoli))
	return b
}

// decodeNote reads what encode wrote about a segment of this vault; it reports false
// for anything else.
func decodeNote(b []byte, vault [16]byte, base uint64) (n note, ok bool) {
	if len(b) < noteSize || string(b[:8]) != noteMagic || !bytes.Equal(b[8:24], vault[:]) ||
		binary.BigEndian.Uint32(b[124:]) != crc32.Checksum(b[:124], castagnoli) ||
		len(bytes.Trim(b[85:124], "\x00")) != 0 {
		return note{}, false
	}
	size := binary.BigEndian.Uint64(b[40:])
	n = note{
		base: binary.BigEndian.Uint64(b[24:]), count: binary.BigEndian.Uint64(b[32:]),
		table: binary.BigEndian.Uint32(b[80:]), state: noteState(b[84]),
	}
	copy(n.digest[:], b[48:])
	if n.base != base || n.state > stateDeleted || size < segmentHead || size > maxStored || n.count > size/sealedOffset {
		return note{}, false
	}
	n.size = int64(size)
	return n, true
}

// object is the name of the object with a segment's bytes. It follows from them: to
// store it again is to store the same.
func (n *note) object(vault [16]byte) string {
	return fmt.Sprintf("%s/%020d-%s", hex.EncodeToString(vault[:]), n.base, hex.EncodeToString(n.digest[:]))
}

func notePath(segment string) string { return strings.TrimSuffix(segment, segmentExt) + noteExt }

// readNote reads the note beside a segment. It reports false when there is none that
// fits: then the object is stored again.
func readNote(s *segment, vault [16]byte) (note, bool) {
	b, err := os.ReadFile(notePath(s.path))
	if err != nil || len(b) != noteSize {
		return note{}, false
	}
	n, ok := decodeNote(b, vault, s.base)
	return n, ok && n.state == stateStored && n.count == s.count && n.size == s.end
}
