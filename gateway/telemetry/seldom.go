package telemetry

import (
	"sync"
	"time"
)

// seldomPause is how long lines are left out after one.
const seldomPause = time.Minute

// Seldom keeps those outside from filling the log: what they can bring about as
// often as they like is counted each time, and logged now and then. Its zero value
// is ready.
type Seldom struct {
	mu    sync.Mutex
	last  time.Time
	since int // that were not spoken of
}

// May reports whether it is time for a line: then it returns of how many the line
// speaks, and otherwise 0.
func (s *Seldom) May() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since++
	now := time.Now()
	if !s.last.IsZero() && now.Sub(s.last) < seldomPause {
		return 0
	}
	n := s.since
	s.last, s.since = now, 0
	return n
}
