package server

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/secant-platform/secant/gateway/problem"
)

// Callers counts the requests of callers who are known, by token buckets: each has its
// own, and keeps out nobody else.
type Callers struct {
	rate float64 // per second
	now  func() time.Time

	mu sync.Mutex
	by buckets[[16]byte] // under mu; by a digest of the caller's name
}

// NewCallers lets each caller make so many requests a second, five seconds' worth at
// once, by a clock.
func NewCallers(perSecond float64, now func() time.Time) *Callers {
	return &Callers{rate: perSecond, now: now}
}

// Allow counts a request of a caller who has proven to be it, and returns an error when
// it is one too many.
func (c *Callers) Allow(name string) error {
	caller, now := callerOf(name), c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.by.of(caller, now)
	b.fill(c.rate, now)
	if wait := b.wait(c.rate); wait > 0 {
		return problem.Rate(wait)
	}
	b.left--
	return nil
}

// May returns the same error, and counts and keeps nothing: for a request of which it is
// not proven yet whose it is. Or else anybody could use up what another may ask, or the
// room for those who prove who they are.
func (c *Callers) May(name string) error {
	caller, now := callerOf(name), c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.by.look(caller)
	b.fill(c.rate, now)
	if wait := b.wait(c.rate); wait > 0 {
		return problem.Rate(wait)
	}
	return nil
}

func callerOf(name string) [16]byte {
	sum := sha256.Sum256([]byte(name))
	return [16]byte(sum[:16])
}
