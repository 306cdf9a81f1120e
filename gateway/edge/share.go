package edge

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/secant-platform/secant/analytics/proof"
)

// bounds are what a spool may take of its disk.
type bounds struct {
	bytes   int64 // of what waits
	devices int   // that share them
	asides  int   // messages that are put aside
	aside   int64 // bytes of them
	known   int   // messages that were handed over and are known still
}

// fair is what each device has for itself, whatever others send: they share half of the
// spool so, and the other half is for who comes first.
func (b *bounds) fair() int64 { return b.bytes / 2 / int64(max(b.devices, 1)) }

// unit is what a spool knows of a device.
type unit struct {
	next  uint64   // number of its next message
	free  []uint64 // numbers below that were given to no message, ascending
	bytes int64    // of its messages that wait
	mark  *mark    // of its highest number that does not wait; nil: none
}

// unit needs mu.
func (s *spool) unit(id proof.Hash) *unit {
	u := s.units[id]
	if u == nil {
		u = &unit{next: 1}
		s.units[id] = u
	}
	return u
}

// take takes the lowest number that no message has.
func (u *unit) take() uint64 {
	if len(u.free) > 0 {
		n := u.free[0]
		u.free = u.free[1:]
		return n
	}
	u.next++
	return u.next - 1
}

// giveBack gives a number back that no message has: or the node would wait for it.
func (u *unit) giveBack(n uint64) {
	at, _ := slices.BinarySearch(u.free, n)
	u.free = slices.Insert(u.free, at, n)
	for len(u.free) > 0 && u.free[len(u.free)-1] == u.next-1 {
		u.next--
		u.free = u.free[:len(u.free)-1]
	}
}

// room reports whether a device's message fits: into what is its own, or with what all
// have beyond that into the half that is everybody's. It needs mu.
func (s *spool) room(u *unit, size int64) bool {
	fair := s.bound.fair()
	if s.bytes+size > s.bound.bytes {
		return false
	}
	if u.bytes+size <= fair {
		return true
	}
	beyond := u.bytes + size - fair
	for _, other := range s.units {
		if other != u {
			beyond += max(0, other.bytes-fair)
		}
	}
	return beyond <= s.bound.bytes-fair*int64(max(s.bound.devices, 1))
}

// hold and let count a message that waits, and one that does not any more. They need mu.
func (s *spool) hold(u *unit, size int64) {
	u.bytes += size
	s.bytes += size
	s.count++
}

func (s *spool) let(u *unit, size int64) {
	u.bytes -= size
	s.bytes -= size
	s.count--
}

// mark is the file of a message that does not wait any more.
type mark struct {
	entry
	end  string
	size int64
}

// past are the messages that do not wait any more, the oldest first.
type past struct {
	handed  []mark
	refused []mark
	aside   int64  // bytes of those that were refused
	dropped uint64 // of these, those that there was no room for
}

// pass notes a message that does not wait any more, and lets the oldest go that there is
// no room for. It needs mu.
func (s *spool) pass(m mark) error {
	s.known[m.name] = true
	var errs []error
	u := s.unit(m.unit)
	if m.number > 0 && m.epoch == s.epoch && (u.mark == nil || u.mark.number <= m.number) {
		old := u.mark
		u.mark = &m
		if old != nil && old.end == "" { // only the count was kept by it
			errs = append(errs, s.remove(*old, handed))
		}
	}
	if m.end == refused {
		s.past.refused = append(s.past.refused, m)
		s.past.aside += m.size
	} else {
		s.past.handed = append(s.past.handed, m)
	}
	for len(s.past.refused) > s.bound.asides || s.past.aside > s.bound.aside && len(s.past.refused) > 0 {
		oldest := s.past.refused[0]
		s.past.refused = s.past.refused[1:]
		s.past.aside -= oldest.size
		s.past.dropped++
		errs = append(errs, s.forget(oldest))
	}
	for len(s.past.handed) > s.bound.known {
		oldest := s.past.handed[0]
		s.past.handed = s.past.handed[1:]
		errs = append(errs, s.forget(oldest))
	}
	return errors.Join(errs...)
}

// forget removes a file, unless a device's count stands by it: then it stays, empty.
func (s *spool) forget(m mark) error {
	delete(s.known, m.name)
	u := s.unit(m.unit)
	if u.mark == nil || cmp.Or(cmp.Compare(u.mark.place, m.place), cmp.Compare(u.mark.number, m.number)) != 0 {
		return s.remove(m, m.end)
	}
	u.mark.end = "" // the count's alone
	if m.end == handed {
		return nil
	}
	from, to := filepath.Join(s.dir, m.file(m.end)), filepath.Join(s.dir, m.file(handed))
	return wrap("clearing the spool", errors.Join(os.Rename(from, to), os.Truncate(to, 0)))
}

func (s *spool) remove(m mark, end string) error {
	return wrap("clearing the spool", os.Remove(filepath.Join(s.dir, m.file(end))))
}
