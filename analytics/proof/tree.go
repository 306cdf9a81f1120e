package proof

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
)

// HashSize is the size of every hash here: SHA-256.
const HashSize = sha256.Size

// Hash is a SHA-256 value. In JSON it is lower-case hexadecimal.
type Hash [HashSize]byte

// String returns the hash in lower-case hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText returns the hash in lower-case hexadecimal.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads exactly 64 lower-case hexadecimal digits.
func (h *Hash) UnmarshalText(text []byte) error { return unhex(h[:], text) }

// unhex decodes lower-case hexadecimal that fills dst exactly. Upper case is
// refused so that one value has one spelling.
func unhex(dst, text []byte) error {
	if len(text) != hex.EncodedLen(len(dst)) {
		return fmt.Errorf("want %d hexadecimal digits", hex.EncodedLen(len(dst)))
	}
	for _, c := range text {
		if c >= 'A' && c <= 'F' {
			return errors.New("hexadecimal digits must be lower case")
		}
	}
	if _, err := hex.Decode(dst, text); err != nil {
		return errors.New("not hexadecimal")
	}
	return nil
}

// Prefixes of RFC 6962, section 2.1: they keep a leaf from being read as a node.
const (
	leafPrefix = 0x00
	nodePrefix = 0x01
)

// NodeHash returns the hash of an inner node (RFC 6962, section 2.1).
func NodeHash(left, right *Hash) Hash {
	var b [1 + 2*HashSize]byte
	b[0] = nodePrefix
	copy(b[1:], left[:])
	copy(b[1+HashSize:], right[:])
	return sha256.Sum256(b[:])
}

// Tree holds every level of an RFC 6962 tree over the leaves of one request, so
// that paths cost no hashing. It takes 64 bytes a leaf; it may be reused.
type Tree struct {
	levels [][]Hash // levels[0] are the leaves, the last holds the root alone
	store  []Hash   // what the levels above the leaves are cut from
}

// NewTree builds the tree over leaves, which it keeps and does not copy. It
// panics without a leaf: a request without records has no tree.
func NewTree(leaves []Hash) *Tree {
	var t Tree
	t.Reset(leaves)
	return &t
}

// Reset builds the tree anew over other leaves, reusing its memory.
func (t *Tree) Reset(leaves []Hash) {
	if len(leaves) == 0 {
		panic("proof: a tree without leaves")
	}
	// The levels above n leaves hold fewer than n + log2(n) hashes.
	if need := len(leaves) + bits.Len(uint(len(leaves))); cap(t.store) < need {
		t.store = make([]Hash, need)
	}
	free := t.store[:cap(t.store)]
	t.levels = append(t.levels[:0], leaves)
	for level := leaves; len(level) > 1; {
		n := (len(level) + 1) / 2
		above := free[:n]
		free = free[n:]
		for i := range len(level) / 2 {
			above[i] = NodeHash(&level[2*i], &level[2*i+1])
		}
		if len(level)%2 == 1 {
			above[n-1] = level[len(level)-1] // the odd one moves up unhashed
		}
		t.levels = append(t.levels, above)
		level = above
	}
}

// Len returns the number of leaves.
func (t *Tree) Len() int { return len(t.levels[0]) }

// Root returns the tree's root hash.
func (t *Tree) Root() Hash { return t.levels[len(t.levels)-1][0] }

// Leaf returns the leaf at index, which must be below Len.
func (t *Tree) Leaf(index int) Hash { return t.levels[0][index] }

// Path returns the audit path of the leaf at index (RFC 6962, section 2.1.1),
// from the leaf upwards. It fails when there is no such leaf.
func (t *Tree) Path(index int) ([]Hash, error) {
	if index < 0 || index >= t.Len() {
		return nil, fmt.Errorf("no leaf %d in a tree of %d", index, t.Len())
	}
	path := make([]Hash, 0, len(t.levels)-1)
	for _, level := range t.levels[:len(t.levels)-1] {
		if sibling := index ^ 1; sibling < len(level) {
			path = append(path, level[sibling])
		}
		index >>= 1
	}
	return path, nil
}

// MaxPath bounds an audit path: a tree of 2^64 leaves has no longer one.
const MaxPath = 64

// RootFromPath computes the root that an audit path leads to from the leaf at
// index in a tree of size leaves (RFC 9162, section 2.1.3.2). It fails when the
// path has not the one length that such a leaf has. It does not allocate.
func RootFromPath(index, size uint64, leaf Hash, path []Hash) (Hash, error) {
	if index >= size {
		return Hash{}, fmt.Errorf("leaf %d is outside a tree of %d", index, size)
	}
	// Below inner, the way up is as in a full tree; above it, the leaf lies on
	// the tree's right border and only left siblings exist.
	inner := bits.Len64(index ^ (size - 1))
	border := bits.OnesCount64(index >> inner)
	if len(path) != inner+border {
		return Hash{}, fmt.Errorf("the path has %d hashes, leaf %d of %d has %d", len(path), index, size, inner+border)
	}
	h := leaf
	for i := range inner {
		if index>>i&1 == 0 {
			h = NodeHash(&h, &path[i])
		} else {
			h = NodeHash(&path[i], &h)
		}
	}
	for i := inner; i < len(path); i++ {
		h = NodeHash(&path[i], &h)
	}
	return h, nil
}
