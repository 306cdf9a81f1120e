package bulk

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Summary is what became of the units of a file.
type Summary struct {
	Units      int       `json:"units"`      // lines that name a unit
	Registered int       `json:"registered"` // by this import
	Existing   int       `json:"existing"`   // registered before, with the same facts
	Refused    []Refusal `json:"refused"`    // by line
	Undone     int       `json:"undone"`     // not come to, as the import ended early
	Seconds    float64   `json:"seconds"`
}

// job is one import.
type job struct {
	node     *node
	chunk    int // units a request
	parallel int // requests at a time
	progress *progress
}

// run takes all rows to their ends, or stops at the first error that no row is
// to blame for. The summary holds either way.
func (j *job) run(ctx context.Context, rows []row, refused []Refusal) (*Summary, error) {
	s := &Summary{Units: len(rows) + len(refused), Refused: refused}
	start := time.Now()
	var mu sync.Mutex // guards s
	done := len(refused)
	var reporting sync.WaitGroup
	stop := make(chan struct{})
	reporting.Go(func() {
		j.progress.run(stop, s.Units, start, func() int {
			mu.Lock()
			defer mu.Unlock()
			return done
		})
	})
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(j.parallel)
	for _, chunk := range chunks(rows, j.chunk) {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("waiting for a turn: %w", err)
			}
			t, err := j.node.register(ctx, chunk)
			mu.Lock()
			defer mu.Unlock()
			s.Registered += t.registered
			s.Existing += t.existing
			s.Refused = append(s.Refused, t.refused...)
			if err == nil {
				done += len(chunk)
			}
			return err
		})
	}
	err := g.Wait()
	close(stop)
	reporting.Wait()
	slices.SortFunc(s.Refused, func(a, b Refusal) int { return cmp.Compare(a.Line, b.Line) })
	s.Seconds = time.Since(start).Seconds()
	s.Undone = s.Units - s.Registered - s.Existing - len(s.Refused)
	if err == nil && ctx.Err() != nil && s.Undone > 0 {
		err = context.Cause(ctx)
	}
	return s, err
}

// progress tells how far an import has come, once it takes long.
type progress struct {
	out   io.Writer
	quiet time.Duration // before the first word
	every time.Duration
	live  bool // a terminal: one line that changes
}

func (p *progress) run(stop <-chan struct{}, units int, start time.Time, done func() int) {
	timer := time.NewTimer(p.quiet)
	defer timer.Stop()
	told := false
	for {
		select {
		case <-stop:
			if told && p.live {
				_, _ = fmt.Fprint(p.out, "\r\x1b[K")
			}
			return
		case <-timer.C:
			p.tell(units, done(), time.Since(start))
			told = true
			timer.Reset(p.every)
		}
	}
}

func (p *progress) tell(units, done int, spent time.Duration) {
	rate := float64(done) / spent.Seconds()
	text := fmt.Sprintf("%d of %d units, %.0f/s", done, units, rate)
	if done > 0 {
		left := time.Duration(float64(units-done) / rate * float64(time.Second))
		text += ", about " + left.Round(time.Second).String() + " left"
	}
	if p.live {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K"+text)
		return
	}
	_, _ = fmt.Fprintln(p.out, text)
}
