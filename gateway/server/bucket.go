package server

import "time"

// burst is how many seconds' worth of requests may come at once.
const burst = 5

// maxBuckets bounds how many callers of a kind are told apart: some 5 MB. What comes
// from more than that at once is counted as from one.
const maxBuckets = 1 << 16

// bucket holds what may still be asked, as of a time.
type bucket struct {
	left float64
	at   time.Time
}

// fill adds what time has brought.
func (b *bucket) fill(rate float64, now time.Time) {
	if b.at.IsZero() {
		b.left = rate * burst
	} else if d := now.Sub(b.at); d > 0 {
		b.left = min(b.left+rate*d.Seconds(), rate*burst)
	}
	b.at = now
}

// wait is for how long there is not one request left; 0: there is.
func (b *bucket) wait(rate float64) time.Duration {
	if b.left >= 1 {
		return 0
	}
	return time.Duration((1 - b.left) / rate * float64(time.Second))
}

// buckets are those of many callers.
type buckets[K comparable] struct {
	by     map[K]*bucket
	others bucket // of all for whom there is no room
	swept  time.Time
}

// of returns a caller's bucket.
func (s *buckets[K]) of(caller K, now time.Time) *bucket {
	if b := s.by[caller]; b != nil {
		return b
	}
	if len(s.by) >= maxBuckets && now.Sub(s.swept) >= burst*time.Second {
		s.swept = now
		for other, b := range s.by { // a bucket that is full again says nothing
			if now.Sub(b.at) >= burst*time.Second {
				delete(s.by, other)
			}
		}
	}
	if len(s.by) >= maxBuckets {
		return &s.others
	}
	if s.by == nil {
		s.by = map[K]*bucket{}
	}
	b := new(bucket)
	s.by[caller] = b
	return b
}

// look returns a copy of a caller's bucket, and makes none.
func (s *buckets[K]) look(caller K) bucket {
	if b := s.by[caller]; b != nil {
		return *b
	}
	if len(s.by) >= maxBuckets {
		return s.others
	}
	return bucket{}
}
