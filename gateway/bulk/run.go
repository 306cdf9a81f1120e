package bulk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/gateway/client"
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
	node     *client.Client
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
		j.progress.run(stop, "units", s.Units, start, func() int {
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
			lines := make([][]byte, len(chunk))
			for i := range chunk {
				lines[i] = chunk[i].text
			}
			t, err := j.node.RegisterLines(ctx, lines)
			mu.Lock()
			defer mu.Unlock()
			s.Registered += t.Registered
			s.Existing += t.Existing
			for _, r := range t.Refused {
				s.Refused = append(s.Refused, Refusal{chunk[r.Index].line, r.Reason})
			}
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
