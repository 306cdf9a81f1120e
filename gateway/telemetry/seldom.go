package telemetry

import (
	"sync"
	"time"
)

// seldomPause is how long lines are left out after one.
const seldomPause = 10 * time.Second

// Seldom keeps those outside from filling the log: what they can bring about as
// often as they like is counted each time, and logged now and then. Its zero value
// is ready.
type Seldom struct {
	mu   sync.Mutex
	last time.Time
}

// May reports whether it is time for a line.
func (s *Seldom) May() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.last) < seldomPause {
		return false
	}
	s.last = now
	return true
}
