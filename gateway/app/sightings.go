package app

import (
	"sync"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
)

// sightings remembers which devices handed in readings since that was last kept, so
// that no reading waits for the store. After a crash the last minute of it is lost,
// and comes again with the next reading.
type sightings struct {
	mu    sync.Mutex // guards fresh
	fresh map[string]fact.Seen
}

// maxSightings bounds the memory of it.
const maxSightings = 100_000

func newSightings() *sightings { return &sightings{fresh: map[string]fact.Seen{}} }

// saw notes that a device handed in readings, which were taken at that time: those of
// a request that is sent again were taken when it came first. Whoever repeats what a
// device once signed shows nothing of the device.
func (s *sightings) saw(unit string, signed bool, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, known := s.fresh[unit]
	if !known && len(s.fresh) >= maxSightings {
		return
	}
	last := &seen.Unsigned
	if signed {
		last = &seen.Signed
	}
	if at.After(*last) {
		*last = at
	}
	s.fresh[unit] = seen
}

// newest joins what was kept of a device with what is fresh.
func (s *sightings) newest(unit string, kept fact.Seen) fact.Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.fresh[unit]
	if at.Signed.After(kept.Signed) {
		kept.Signed = at.Signed
	}
	if at.Unsigned.After(kept.Unsigned) {
		kept.Unsigned = at.Unsigned
	}
	return kept
}

// take returns what is fresh, and begins anew.
func (s *sightings) take() map[string]fact.Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.fresh
	s.fresh = map[string]fact.Seen{}
	return taken
}
