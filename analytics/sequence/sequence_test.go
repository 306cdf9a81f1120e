package sequence_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/sequence"
)

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// number is a request of some count; want is what it says.
type number struct {
	epoch, number uint64
	want          sequence.Outcome
}

func take(t *testing.T, c *sequence.Count, numbers ...number) {
	t.Helper()
	for i, n := range numbers {
		if got := c.Take(n.epoch, n.number, start); got != n.want {
			t.Errorf("%d: %d/%d: %d, want %d", i, n.epoch, n.number, got, n.want)
		}
	}
}

// missing lists ranges as pairs.
func missing(c *sequence.Count) (list [][3]uint64) {
	for _, e := range c.Epochs {
		for _, r := range e.Missing {
			list = append(list, [3]uint64{e.Epoch, r.First, r.Last})
		}
	}
	return list
}

func TestWhatNumbersSay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		numbers []number
		missing [][3]uint64
	}{
		{"in order", []number{{7, 1, sequence.Next}, {7, 2, sequence.Next}, {7, 3, sequence.Next}}, nil},
		{"one is missing", []number{{7, 1, sequence.Next}, {7, 3, sequence.Opened}}, [][3]uint64{{7, 2, 2}}},
		{"and comes late", []number{{7, 1, sequence.Next}, {7, 3, sequence.Opened}, {7, 2, sequence.Late}}, nil},
		{"the middle of a gap", []number{{7, 1, sequence.Next}, {7, 9, sequence.Opened}, {7, 5, sequence.Late}}, [][3]uint64{{7, 2, 4}, {7, 6, 8}}},
		{"both ends of a gap", []number{{7, 1, sequence.Next}, {7, 9, sequence.Opened}, {7, 2, sequence.Late}, {7, 8, sequence.Late}}, [][3]uint64{{7, 3, 7}}},
		{"a number twice", []number{{7, 1, sequence.Next}, {7, 1, sequence.Again}}, nil},
		{"a late one twice", []number{{7, 1, sequence.Next}, {7, 3, sequence.Opened}, {7, 2, sequence.Late}, {7, 2, sequence.Again}}, nil},
		{"it was not seen from the beginning", []number{{7, 100, sequence.Next}, {7, 101, sequence.Next}}, nil},
		{"and an older one comes after all", []number{{7, 100, sequence.Next}, {7, 97, sequence.Late}, {7, 98, sequence.Late}}, [][3]uint64{{7, 99, 99}}},
		{"began anew", []number{{7, 5, sequence.Next}, {8, 1, sequence.Restarted}, {8, 2, sequence.Next}}, nil},
		{"began anew, and its first are missing", []number{{7, 5, sequence.Next}, {8, 4, sequence.Restarted}}, [][3]uint64{{8, 1, 3}}},
		{"the old count goes on in between", []number{{7, 5, sequence.Next}, {8, 1, sequence.Restarted}, {7, 7, sequence.Opened}, {7, 6, sequence.Late}}, nil},
		{"back to a count that nobody knows", []number{{7, 5, sequence.Next}, {6, 1, sequence.Back}, {7, 6, sequence.Next}}, nil},
		{"the largest numbers", []number{{1<<53 - 1, 1, sequence.Next}, {1<<53 - 1, 1<<53 - 1, sequence.Opened}}, [][3]uint64{{1<<53 - 1, 2, 1<<53 - 2}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var count sequence.Count
			take(t, &count, c.numbers...)
			if diff := cmp.Diff(c.missing, missing(&count)); diff != "" {
				t.Error(diff)
			}
			if count.Received != uint64(len(c.numbers)) {
				t.Errorf("%+v", count)
			}
		})
	}
}

// TestWhatIsRememberedIsBounded: a sender that leaves every second number out, and one
// that begins anew for ever, take no more room than another.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	t.Parallel()
	var c sequence.Count
	for n := uint64(1); n < 10_000; n += 2 {
		c.Take(1, n, start)
	}
	if len(c.Epochs[0].Missing) != sequence.MaxRanges || c.Missing() != 4999 {
		t.Errorf("%d ranges, %d missing", len(c.Epochs[0].Missing), c.Missing())
	}
	// The first gap is not listed any more, and what closes it is still no repetition.
	if got := c.Take(1, 2, start); got != sequence.Again {
		t.Errorf("%d", got)
	}
	c.Repeated(1, false, true)
	if c.Missing() != 4998 || c.Conflicts+c.Duplicates != 0 || c.Late != 1 {
		t.Errorf("%+v", c)
	}
	for n := range uint64(100) {
		c.Take(2+n, 1, start)
	}
	if len(c.Epochs) != sequence.MaxEpochs || c.Restarts != 100 || c.Epochs[0].Epoch != 98 {
		t.Errorf("%d counts, %d restarts", len(c.Epochs), c.Restarts)
	}
}

// TestAGapIsToldWhenItHasStood: what is only out of order is told to nobody, a gap once,
// and what is left of it is the same gap.
func TestAGapIsToldWhenItHasStood(t *testing.T) {
	t.Parallel()
	var c sequence.Count
	for i, n := range []uint64{1, 3, 2, 4, 10, 12} {
		c.Take(7, n, start.Add(time.Duration(i)*time.Second))
	}
	due, next := c.Due(start.Add(5*time.Second), 10*time.Second)
	if len(due) != 0 || !next.Equal(start.Add(14*time.Second)) {
		t.Errorf("%+v %s", due, next)
	}
	due, next = c.Due(start.Add(15*time.Second), 10*time.Second)
	if diff := cmp.Diff([]sequence.Gaps{{Epoch: 7, First: 5, Last: 11, Missing: 6}}, due); diff != "" || !next.IsZero() {
		t.Error(diff, next)
	}
	if due, _ = c.Due(start.Add(time.Hour), 10*time.Second); len(due) != 0 {
		t.Errorf("told again: %+v", due)
	}
	told := c.Told()
	if diff := cmp.Diff(map[[2]uint64]bool{{7, 5}: true, {7, 11}: true}, told); diff != "" {
		t.Error(diff)
	}
	c.Take(7, 7, start)
	c.Take(7, 11, start)
	if diff := cmp.Diff(map[[2]uint64]bool{{7, 5}: true}, c.Told()); diff != "" {
		t.Error(diff)
	}
}

// TestAnyOrderLeavesNothing: what comes in any order, and whole, leaves no number
// missing and none twice; what is left out is what is missing.
func TestAnyOrderLeavesNothing(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		const n = 60
		var c sequence.Count
		order := random.Perm(n)
		lost := random.IntN(n)
		for _, i := range order {
			if i == lost {
				continue
			}
			if got := c.Take(1, uint64(i)+1, start); got == sequence.Again || got == sequence.Back || got == sequence.Restarted {
				t.Fatalf("%v: %d at %d", order, got, i)
			}
		}
		want := uint64(1)
		if lost == 0 || lost == n-1 { // the ends are nobody's to miss
			want = 0
		}
		if c.Missing() != want {
			t.Fatalf("%v without %d: %+v", order, lost, c)
		}
	}
}
