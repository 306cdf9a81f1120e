package status

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"math/bits"
	"sync"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Status is what a list says of one credential (draft-ietf-oauth-status-list,
// section 7.1).
type Status uint8

// The statuses that are set here. Others are application-specific: a credential
// with one of them is not valid.
const (
	Valid     Status = 0
	Revoked   Status = 1 // for good
	Suspended Status = 2 // until it is valid again or revoked
)

// Bounds on a list's capacity. The lower one is also the least herd in which a
// credential may hide (Bitstring Status List 1.0, section 6.1).
const (
	MinCapacity = 131_072
	MaxCapacity = 1_048_576
)

const wordBits = 64

// List is an issuer's statuses, for a number of credentials that never changes.
// It may be used by several goroutines.
type List struct {
	mu       sync.RWMutex
	capacity int
	bits     int
	used     []uint64 // a bit for each place that a credential has
	free     int
	statuses []byte // as a Token Status List lays them out: the first in the lowest bits
}

// New makes a list for capacity credentials, a multiple of 64 from MinCapacity to
// MaxCapacity, with 1, 2, 4 or 8 bits for each. With one bit credentials can be
// revoked and not suspended.
func New(capacity, bitsEach int) (*List, error) {
	if capacity < MinCapacity || capacity > MaxCapacity || capacity%wordBits != 0 {
		return nil, fmt.Errorf("making a status list: its capacity must be a multiple of %d from %d to %d", wordBits, MinCapacity, MaxCapacity)
	}
	if bitsEach != 1 && bitsEach != 2 && bitsEach != 4 && bitsEach != 8 {
		return nil, fmt.Errorf("making a status list: %d bits for each credential are not 1, 2, 4 or 8", bitsEach)
	}
	return &List{
		capacity: capacity, bits: bitsEach, free: capacity,
		used: make([]uint64, capacity/wordBits), statuses: make([]byte, capacity*bitsEach/8),
	}, nil
}

// Capacity returns how many credentials the list is for.
func (l *List) Capacity() int { return l.capacity }

// Free returns how many places no credential has.
func (l *List) Free() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.free
}

// Allocate takes one of the free places, each with the same probability, for a new
// credential, which is valid. A full list is a Problem: CodeTooLarge; its issuer
// begins another.
func (l *List) Allocate() (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free == 0 {
		return 0, ledger.Problemf(ledger.CodeTooLarge, "the status list is full")
	}
	n, err := rand.Int(rand.Reader, big.NewInt(int64(l.free)))
	if err != nil {
		return 0, fmt.Errorf("drawing a place in a status list: %w", err)
	}
	index := l.nthFree(int(n.Int64()))
	l.take(index)
	return index, nil
}

// Release gives back a place that Allocate gave, of a credential that came to nothing
// and that nobody has.
func (l *List) Release(index int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken(index) {
		l.put(index, Valid)
		l.used[index/wordBits] &^= 1 << (index % wordBits)
		l.free++
	}
}

// nthFree finds the free place with n free ones before it. Counting takes as long
// in a list that is nearly full as in an empty one, which drawing until a free
// place is hit would not.
func (l *List) nthFree(n int) int {
	for w, word := range l.used {
		free := ^word
		count := bits.OnesCount64(free)
		if n >= count {
			n -= count
			continue
		}
		for ; n > 0; n-- {
			free &= free - 1
		}
		return w*wordBits + bits.TrailingZeros64(free)
	}
	return -1 // not reached: n is below the number of free places
}

func (l *List) take(index int) {
	l.used[index/wordBits] |= 1 << (index % wordBits)
	l.free--
}

func (l *List) taken(index int) bool {
	return index >= 0 && index < l.capacity && l.used[index/wordBits]>>(index%wordBits)&1 == 1
}

// Restore puts back what storage knows of one place, into a list that was just
// made. A place that the list does not have or has taken is invalid, as is a
// status that does not fit.
func (l *List) Restore(index int, s Status) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if index < 0 || index >= l.capacity || l.taken(index) {
		return ledger.Problemf(ledger.CodeInvalid, "the status list has no such free place")
	}
	if err := l.fits(s); err != nil {
		return err
	}
	l.take(index)
	l.put(index, s)
	return nil
}

// Set changes a credential's status. Problems: CodeNotFound for a place that no
// credential has, CodeInvalid for a status that does not fit, CodeGone for a
// credential that is revoked, which it stays. To set what is set already is no
// error.
func (l *List) Set(index int, s Status) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.taken(index) {
		return errNoPlace()
	}
	if err := l.fits(s); err != nil {
		return err
	}
	if l.at(index) == Revoked && s != Revoked {
		return ledger.Problemf(ledger.CodeGone, "the credential is revoked for good")
	}
	l.put(index, s)
	return nil
}

// Get returns a credential's status; CodeNotFound for a place that no credential
// has.
func (l *List) Get(index int) (Status, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if !l.taken(index) {
		return 0, errNoPlace()
	}
	return l.at(index), nil
}

func errNoPlace() error {
	return ledger.Problemf(ledger.CodeNotFound, "no credential has this place in the status list")
}

func (l *List) fits(s Status) error {
	if s > Suspended || int(s) >= 1<<l.bits {
		return ledger.Problemf(ledger.CodeInvalid, "the status list has no such status")
	}
	return nil
}

func (l *List) at(index int) Status {
	byteAt, shift := l.position(index)
	return Status(l.statuses[byteAt] >> shift & l.mask())
}

func (l *List) put(index int, s Status) {
	byteAt, shift := l.position(index)
	l.statuses[byteAt] = l.statuses[byteAt]&^(l.mask()<<shift) | byte(s)<<shift
}

func (l *List) position(index int) (byteAt, shift int) {
	perByte := 8 / l.bits
	return index / perByte, index % perByte * l.bits
}

func (l *List) mask() byte { return byte(1<<l.bits - 1) }
