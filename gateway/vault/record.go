package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
)

// ID identifies a record: 16 bytes that nobody outside can predict.
type ID [16]byte

// String returns the id in lower-case hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// A record is a header, a key slot, the sealed bytes, and zeros up to the next
// multiple of align. Numbers are big-endian.
//
//	  0  4  magic
//	  4  4  length of header, slot and sealed bytes
//	  8  8  ordinal: 0 for the vault's first record, dense
//	 16  8  durable: how many records were durable when this one was written
//	 24 16  id
//	 40 32  entry: what the integrity log holds for it, a salted commitment
//	 72 32  SHA-256 of the sealed bytes
//	104 20  zero
//	124  4  CRC-32C of all before it
//	128 60  wrapped data key: nonce (12), AES-256-GCM of the key (32 + 16)
//	188  4  CRC-32C of the wrapped key
//	192  n  sealed bytes: AES-256-GCM under the data key
//
// The slot lies outside the header's checksum and within one disk sector, so
// that zeroing it neither looks like damage nor can be torn in half.
const (
	recordMagic  = "SVR\x01"
	headerSize   = 128
	slotSize     = 64
	sealedOffset = headerSize + slotSize
	align        = 64

	// maxRecord bounds the length that a header may claim.
	maxRecord = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is the clear part of a record.
type header struct {
	Size    uint32
	Ordinal uint64
	Durable uint64
	ID      ID
	Entry   [32]byte
	Digest  [sha256.Size]byte
}

// put writes the header to b, which has headerSize bytes.
func (h *header) put(b []byte) {
	clear(b[:headerSize])
	copy(b, recordMagic)
	binary.BigEndian.PutUint32(b[4:], h.Size)
	binary.BigEndian.PutUint64(b[8:], h.Ordinal)
	binary.BigEndian.PutUint64(b[16:], h.Durable)
	copy(b[24:], h.ID[:])
	copy(b[40:], h.Entry[:])
	copy(b[72:], h.Digest[:])
	binary.BigEndian.PutUint32(b[124:], crc32.Checksum(b[:124], castagnoli))
}

// parseHeader reads what put wrote; it reports false for anything else.
func parseHeader(b []byte) (h header, ok bool) {
	if len(b) < headerSize || string(b[:4]) != recordMagic ||
		binary.BigEndian.Uint32(b[124:]) != crc32.Checksum(b[:124], castagnoli) {
		return header{}, false
	}
	h.Size = binary.BigEndian.Uint32(b[4:])
	h.Ordinal = binary.BigEndian.Uint64(b[8:])
	h.Durable = binary.BigEndian.Uint64(b[16:])
	copy(h.ID[:], b[24:])
	copy(h.Entry[:], b[40:])
	copy(h.Digest[:], b[72:])
	if h.Size < sealedOffset || h.Size > maxRecord || h.Durable > h.Ordinal || len(bytes.Trim(b[104:124], "\x00")) != 0 {
		return header{}, false
	}
	return h, true
}

// padded is the room that a record of n bytes takes in its segment.
func padded(n int64) int64 { return (n + align - 1) &^ (align - 1) }

// slotState is what a key slot holds.
type slotState int

const (
	slotDamaged slotState = iota
	slotFull
	slotErased
)

var emptySlot [slotSize]byte

// readSlot returns the wrapped key that a slot holds, if it holds one.
func readSlot(b []byte) ([]byte, slotState) {
	b = b[:slotSize]
	switch wrapped := b[:wrappedSize]; {
	case bytes.Equal(b, emptySlot[:]):
		return nil, slotErased
	case binary.BigEndian.Uint32(b[wrappedSize:]) != crc32.Checksum(wrapped, castagnoli):
		return nil, slotDamaged
	default:
		return wrapped, slotFull
	}
}

// putSlot writes the checksum behind the wrapped key that b begins with.
func putSlot(b []byte) {
	binary.BigEndian.PutUint32(b[wrappedSize:], crc32.Checksum(b[:wrappedSize], castagnoli))
}
