// Package sequence follows the numbers that a sender gives to its requests
// (proof.Sequence): which are missing, which came late, where the count went back, and
// which number was given twice. It judges; what is kept where is the caller's.
//
// What it remembers of a sender is bounded: MaxEpochs counts, of each of which
// MaxRanges ranges of missing numbers are told apart.
package sequence

import (
	"slices"
	"time"
)

// Bounds of what is remembered of one sender.
const (
	MaxEpochs = 4  // counts, the current one and those before it
	MaxRanges = 64 // ranges of missing numbers of one count
)

// Range is missing numbers, all of a gap or what is left of it.
type Range struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// Since is when a number behind the gap was received.
	Since time.Time `json:"since"`
	// Gap is the first number of the gap as it opened: its ranges are one gap.
	Gap uint64 `json:"gap"`
	// Told says that somebody was told of it.
	Told bool `json:"told,omitempty"`
}

// Epoch is one count of a sender.
type Epoch struct {
	Epoch   uint64  `json:"epoch"`
	First   uint64  `json:"first"`             // lowest number that came, or is missing
	Highest uint64  `json:"highest"`           // that came
	Missing []Range `json:"missing,omitempty"` // ascending
	// Unlisted is how many missing numbers there was no room to list.
	Unlisted uint64 `json:"unlisted,omitempty"`
}

// Count is what is known of a sender's numbers. Its zero value knows none.
type Count struct {
	Epochs     []Epoch `json:"epochs"`     // ascending; the last is the current one
	Received   uint64  `json:"received"`   // requests with a number
	Late       uint64  `json:"late"`       // of them, below one that had come
	Duplicates uint64  `json:"duplicates"` // of them, what had come under their number
	Conflicts  uint64  `json:"conflicts"`  // of them, other readings than had come under their number
	Back       uint64  `json:"back"`       // of them, of a count before those that are remembered
	Restarts   uint64  `json:"restarts"`   // counts that began anew
}

// Outcome is what a number says.
type Outcome int

// The outcomes.
const (
	Next      Outcome = iota // the next number, or the first that was seen
	Opened                   // numbers before it are missing
	Late                     // it was missing
	Restarted                // the count began anew
	Back                     // it is of a count before those that are remembered
	Again                    // its number came before: the caller finds out with what, and calls Repeated
)

// Take notes a number that was received.
func (c *Count) Take(epoch, number uint64, at time.Time) Outcome {
	c.Received++
	i, known := slices.BinarySearchFunc(c.Epochs, epoch, func(e Epoch, want uint64) int {
		switch {
		case e.Epoch < want:
			return -1
		case e.Epoch > want:
			return 1
		}
		return 0
	})
	switch {
	case known:
		return c.follow(&c.Epochs[i], number, at)
	case len(c.Epochs) == 0: // the sender may have counted before, elsewhere
		c.Epochs = []Epoch{{Epoch: epoch, First: number, Highest: number}}
		return Next
	case i < len(c.Epochs):
		c.Back++
		return Back
	}
	c.Restarts++
	e := Epoch{Epoch: epoch, First: 1, Highest: number}
	e.miss(1, number-1, at)
	if len(c.Epochs) == MaxEpochs {
		c.Epochs = c.Epochs[1:]
	}
	c.Epochs = append(slices.Clone(c.Epochs), e)
	return Restarted
}

// follow notes a number of a count that is known.
func (c *Count) follow(e *Epoch, number uint64, at time.Time) Outcome {
	switch {
	case number == e.Highest+1:
		e.Highest = number
		return Next
	case number > e.Highest:
		e.miss(e.Highest+1, number-1, at)
		e.Highest = number
		return Opened
	case number < e.First: // before the first that was seen: what lies between is missing
		c.Late++
		e.miss(number+1, e.First-1, at)
		e.First = number
		return Late
	case e.fill(number):
		c.Late++
		return Late
	}
	return Again
}

// Repeated notes what a number brought that had come before: the same readings, or
// others. unlisted: nothing had come under it, it was missing beyond what is listed.
func (c *Count) Repeated(epoch uint64, same, unlisted bool) {
	if !unlisted {
		if same {
			c.Duplicates++
		} else {
			c.Conflicts++
		}
		return
	}
	c.Late++
	for i := range c.Epochs {
		if e := &c.Epochs[i]; e.Epoch == epoch && e.Unlisted > 0 {
			e.Unlisted--
		}
	}
}

// Missing is how many numbers are missing in all counts that are remembered.
func (c *Count) Missing() (n uint64) {
	for i := range c.Epochs {
		n += c.Epochs[i].missing()
	}
	return n
}

func (e *Epoch) missing() uint64 {
	n := e.Unlisted
	for _, r := range e.Missing {
		n += r.Last - r.First + 1
	}
	return n
}

// miss notes numbers as missing. Where there is no room for one more range, the oldest
// numbers are counted only.
func (e *Epoch) miss(first, last uint64, at time.Time) {
	if first > last {
		return
	}
	r := Range{First: first, Last: last, Since: at, Gap: first}
	i, _ := slices.BinarySearchFunc(e.Missing, first, byFirst)
	e.Missing = slices.Insert(e.Missing, i, r)
	e.bound()
}

func (e *Epoch) bound() {
	for len(e.Missing) > MaxRanges {
		e.Unlisted += e.Missing[0].Last - e.Missing[0].First + 1
		e.Missing = slices.Delete(e.Missing, 0, 1)
	}
}

// fill takes a number from those that are missing, and reports whether it was one.
func (e *Epoch) fill(number uint64) bool {
	i, exact := slices.BinarySearchFunc(e.Missing, number, byFirst)
	if !exact {
		i--
	}
	if i < 0 || number > e.Missing[i].Last {
		return false
	}
	r := e.Missing[i]
	var left []Range
	if r.First < number {
		below := r
		below.Last = number - 1
		left = append(left, below)
	}
	if number < r.Last {
		above := r
		above.First = number + 1
		left = append(left, above)
	}
	e.Missing = slices.Replace(e.Missing, i, i+1, left...)
	e.bound()
	return true
}

func byFirst(r Range, want uint64) int {
	switch {
	case r.First < want:
		return -1
	case r.First > want:
		return 1
	}
	return 0
}

// Gaps are missing numbers of one count that are told of together.
type Gaps struct {
	Epoch       uint64
	First, Last uint64 // of the numbers
	Missing     uint64 // of the numbers between, both ends included
}

// Due finds the gaps that nobody was told of and that have stood for a time, in which
// what was on its way beside others came; it notes them as told. next is when others
// are due; zero: there are none.
func (c *Count) Due(now time.Time, patience time.Duration) (due []Gaps, next time.Time) {
	for i := range c.Epochs {
		e := &c.Epochs[i]
		var g *Gaps
		for k := range e.Missing {
			r := &e.Missing[k]
			if r.Told {
				continue
			}
			if at := r.Since.Add(patience); at.After(now) {
				if next.IsZero() || at.Before(next) {
					next = at
				}
				continue
			}
			if g == nil {
				due = append(due, Gaps{Epoch: e.Epoch, First: r.First})
				g = &due[len(due)-1]
			}
			r.Told, g.Last, g.Missing = true, r.Last, g.Missing+r.Last-r.First+1
		}
	}
	return due, next
}

// Told lists the gaps that somebody was told of, by epoch and first number: those that
// one list has and a later one has not are closed.
func (c *Count) Told() map[[2]uint64]bool {
	told := map[[2]uint64]bool{}
	for i := range c.Epochs {
		for _, r := range c.Epochs[i].Missing {
			if r.Told {
				told[[2]uint64{c.Epochs[i].Epoch, r.Gap}] = true
			}
		}
	}
	return told
}

// Untold reports whether there is a gap that nobody was told of.
func (c *Count) Untold() bool {
	for i := range c.Epochs {
		for _, r := range c.Epochs[i].Missing {
			if !r.Told {
				return true
			}
		}
	}
	return false
}

// Unlisted reports whether a count misses numbers that there was no room to list.
func (c *Count) Unlisted(epoch uint64) bool {
	for i := range c.Epochs {
		if c.Epochs[i].Epoch == epoch {
			return c.Epochs[i].Unlisted > 0
		}
	}
	return false
}
