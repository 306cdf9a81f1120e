package status

import (
	"container/list"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/verify"
)

// place names a list in a cache. What was verified under one key says nothing
// under another, and an issuer's word nothing for another issuer.
type place struct {
	issuer, uri string
	purpose     Purpose
	key         string
}

// String tells any two places apart.
func (p place) String() string {
	return fmt.Sprintf("%q", []string{p.issuer, p.uri, string(p.purpose), p.key})
}

// kept is a list that was opened.
type kept struct {
	digest  string // to which the ledger committed its issuer; empty for an outside issuer
	issued  time.Time
	expires time.Time // zero: it does not say
	ttl     time.Duration
	until   time.Time // it serves before this
	size    int       // bytes
	at      func(index int) (Status, error)
}

// open verifies and unpacks what was fetched; vouched says that the ledger has its
// digest.
func open(ctx context.Context, q Question, b []byte, vouched bool) (*kept, error) {
	if q.Purpose != "" {
		return openBitstring(ctx, q, b, vouched)
	}
	key := q.Key
	if vouched {
		key = nil
	}
	l, err := verify.ParseStatusList(string(b), key)
	if err != nil {
		return nil, err
	}
	if l.URI != q.URI {
		return nil, invalid("the status list is another one")
	}
	return &kept{
		issued: l.Issued, expires: l.Expires, ttl: l.TTL, size: l.Size(),
		at: func(index int) (Status, error) {
			s, err := l.At(index)
			return Status(s), err //nolint:gosec // 0 to 255
		},
	}, nil
}

func openBitstring(ctx context.Context, q Question, b []byte, vouched bool) (*kept, error) {
	credential, err := q.Open(ctx, b)
	if err != nil {
		return nil, err
	}
	l, err := ParseBitstring(credential)
	if err != nil {
		return nil, err
	}
	// The ledger may know the issuer by another name than the credential does.
	if l.URI != "" && l.URI != q.URI || !vouched && l.Issuer != q.Issuer {
		return nil, invalid("the status list is another one")
	}
	if !slices.Contains(l.Purposes, q.Purpose) {
		return nil, invalid("the status list is for another purpose")
	}
	set, _ := q.Purpose.status()
	return &kept{
		issued: l.Issued, expires: l.Expires, ttl: l.TTL, size: len(l.bits),
		at: func(index int) (Status, error) {
			is, err := l.At(index)
			if err != nil || !is {
				return Valid, err
			}
			return set, nil
		},
	}, nil
}

// shelf keeps lists, the least recently used ones first to go, within two bounds.
type shelf struct {
	maxLists, maxBytes int
	bytes              int
	order              *list.List // of *slot, the most recently used first
	slots              map[place]*list.Element
}

type slot struct {
	place  place
	list   *kept    // nil: it could not be had yet
	failed *failure // nil: the last fetch went well
}

// failure is a fetch that is not to be tried again before a time.
type failure struct {
	digest string
	until  time.Time
}

func newShelf(maxLists, maxBytes int) shelf {
	return shelf{maxLists: maxLists, maxBytes: maxBytes, order: list.New(), slots: map[place]*list.Element{}}
}

func (s *shelf) slot(p place) *slot {
	e := s.slots[p]
	if e == nil {
		return nil
	}
	s.order.MoveToFront(e)
	return e.Value.(*slot) //nolint:errcheck // nothing else is put there
}

func (s *shelf) find(p place) *kept {
	if slot := s.slot(p); slot != nil {
		return slot.list
	}
	return nil
}

func (s *shelf) failure(p place) *failure {
	if slot := s.slot(p); slot != nil {
		return slot.failed
	}
	return nil
}

// replace puts a list in the place of another. An outside issuer's older list is
// refused: whoever serves it hides what was revoked since.
func (s *shelf) replace(p place, l *kept) error {
	slot := s.make(p)
	if slot.list != nil {
		if l.digest == "" && l.issued.Before(slot.list.issued) {
			return unavailable("the status list is older than one that was seen")
		}
		s.bytes -= slot.list.size
	}
	slot.list, slot.failed = l, nil
	s.bytes += l.size
	s.trim()
	return nil
}

// fail remembers a failed fetch.
func (s *shelf) fail(p place, f failure) {
	s.make(p).failed = &f
	s.trim()
}

func (s *shelf) make(p place) *slot {
	if slot := s.slot(p); slot != nil {
		return slot
	}
	made := &slot{place: p}
	s.slots[p] = s.order.PushFront(made)
	return made
}

func (s *shelf) trim() {
	for len(s.slots) > s.maxLists || s.bytes > s.maxBytes {
		last := s.order.Back()
		old := s.order.Remove(last).(*slot) //nolint:errcheck // nothing else is put there
		if old.list != nil {
			s.bytes -= old.list.size
		}
		delete(s.slots, old.place)
	}
}
