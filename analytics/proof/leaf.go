package proof

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"log/slog"
)

// Bounds of one request.
const (
	MaxRecords = 10_000  // records of a request: leaves of its sub-tree
	MaxRecord  = 8 << 20 // bytes of a record
)

// SeedSize is the size in bytes of a seed, from which a request's salts derive.
const SeedSize = 32

// Seed is the secret from which the salts of a request's records derive. Whoever
// has it can test guesses of every record of the request; destroying it, with
// the records, leaves leaves that say nothing.
type Seed [SeedSize]byte

// String keeps a seed out of texts.
func (Seed) String() string { return "seed(redacted)" }

// LogValue keeps a seed out of logs.
func (Seed) LogValue() slog.Value { return slog.StringValue("seed(redacted)") }

const saltDomain = "secant-salt-v1"

// SaltOf derives the salt of the record at index:
// SHA-256("secant-salt-v1" || seed || index as 8 bytes, big-endian).
func SaltOf(seed *Seed, index int) Hash {
	var b [len(saltDomain) + SeedSize + 8]byte // 54 bytes: one compression
	copy(b[:], saltDomain)
	copy(b[len(saltDomain):], seed[:])
	binary.BigEndian.PutUint64(b[len(saltDomain)+SeedSize:], uint64(index)) //nolint:gosec // an index is not negative
	return sha256.Sum256(b[:])
}

// LeafHash returns the leaf that commits to a record:
// SHA-256(0x00 || salt || record).
func LeafHash(salt *Hash, record []byte) Hash {
	if len(record) > maxCopied {
		return largeLeafHash(*salt, record)
	}
	var b [1 + HashSize + maxCopied]byte
	b[0] = leafPrefix
	copy(b[1:], salt[:])
	n := copy(b[1+HashSize:], record)
	return sha256.Sum256(b[:1+HashSize+n])
}

// maxCopied is up to how many bytes a record is copied beside its salt, to be
// hashed in one call: cheaper than a hash's state for the usual small reading.
const maxCopied = 512

func largeLeafHash(salt Hash, record []byte) Hash {
	h := sha256.New()
	h.Write([]byte{leafPrefix})
	h.Write(salt[:])
	h.Write(record)
	var sum Hash
	h.Sum(sum[:0])
	return sum
}

// LeafHashes appends the leaf of each record to dst, in order.
func LeafHashes(dst []Hash, seed *Seed, records [][]byte) []Hash {
	for i, record := range records {
		salt := SaltOf(seed, i)
		dst = append(dst, LeafHash(&salt, record))
	}
	return dst
}

// Root returns the root over leaves in one pass, without keeping inner nodes.
// It panics without a leaf.
func Root(leaves []Hash) Hash {
	var s stack
	for i := range leaves {
		s.push(leaves[i])
	}
	return s.root()
}

// stack is the right border of a growing tree: one hash for each bit of its size.
type stack struct {
	hashes [64]Hash
	depth  int
	size   uint64
}

func (s *stack) push(h Hash) {
	for n := s.size; n&1 == 1; n >>= 1 {
		s.depth--
		h = NodeHash(&s.hashes[s.depth], &h)
	}
	s.hashes[s.depth] = h
	s.depth++
	s.size++
}

func (s *stack) root() Hash {
	h := s.hashes[s.depth-1]
	for i := s.depth - 2; i >= 0; i-- {
		h = NodeHash(&s.hashes[i], &h)
	}
	return h
}

// ErrTooManyRecords says that a request has more than MaxRecords records.
var ErrTooManyRecords = errors.New("too many records in one request")

// ErrRecordSize says that a record is empty or larger than MaxRecord.
var ErrRecordSize = errors.New("a record is empty or too large")

// Batch takes the records of one request one by one as they are read, and
// arrives at their root without allocating. The zero value needs a Reset first;
// one Batch serves one goroutine and any number of requests, one after another.
type Batch struct {
	seed  Seed
	tree  stack
	head  [1 + HashSize]byte // of the leaf being hashed, for records that LeafHash would not copy
	leaf  Hash
	large hash.Hash
}

// Reset starts a request whose salts derive from seed.
func (b *Batch) Reset(seed *Seed) {
	b.seed = *seed
	b.tree.depth, b.tree.size = 0, 0
}

// Add commits to the next record. It fails with ErrTooManyRecords or
// ErrRecordSize, and then has taken nothing.
func (b *Batch) Add(record []byte) error {
	if b.tree.size >= MaxRecords {
		return ErrTooManyRecords
	}
	if len(record) == 0 || len(record) > MaxRecord {
		return ErrRecordSize
	}
	salt := SaltOf(&b.seed, int(b.tree.size))
	if len(record) <= maxCopied {
		b.leaf = LeafHash(&salt, record)
		b.tree.push(b.leaf)
		return nil
	}
	if b.large == nil {
		b.large = sha256.New()
	}
	b.head[0] = leafPrefix
	copy(b.head[1:], salt[:])
	b.large.Reset()
	b.large.Write(b.head[:])
	b.large.Write(record)
	b.large.Sum(b.leaf[:0])
	b.tree.push(b.leaf)
	return nil
}

// Salt has the salts of the records that follow derive from another seed: those about
// another subject, whose seed can be destroyed without the others'.
func (b *Batch) Salt(seed *Seed) { b.seed = *seed }

// Leaf returns the leaf of the record that was taken last.
func (b *Batch) Leaf() Hash { return b.leaf }

// Len returns the number of records taken since Reset.
func (b *Batch) Len() int { return int(b.tree.size) } //nolint:gosec // at most MaxRecords

// Root returns the root over the records taken since Reset; there must be one.
func (b *Batch) Root() Hash { return b.tree.root() }
