package launch

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// beat is how often a step that takes long shows that it lives.
const beat = 5 * time.Second

// progress prints a line for each step, with how long it took.
type progress struct {
	mu   sync.Mutex
	out  io.Writer
	open bool // the last line has no end yet
}

// step begins a line; the function that it returns ends it. It serves as the
// Step hook of the packages below.
func (p *progress) step(what string) func(error) {
	start := time.Now()
	p.mu.Lock()
	if p.open {
		p.print("\n")
	}
	p.print(fmt.Sprintf("  %-62s ", what))
	p.open = true
	p.mu.Unlock()

	stop := make(chan struct{})
	dots := ""
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(beat)
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case <-t.C:
				p.mu.Lock()
				if p.open {
					p.print(".")
					dots = " "
				}
				p.mu.Unlock()
			}
		}
	})
	var once sync.Once
	return func(err error) {
		once.Do(func() {
			close(stop)
			wg.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			if !p.open {
				p.print(fmt.Sprintf("  %-62s ", what))
			}
			end := fmt.Sprintf("%s%.1fs\n", dots, time.Since(start).Seconds())
			if err != nil {
				end = dots + "failed after " + strings.TrimLeft(end, " ")
			}
			p.print(end)
			p.open = false
		})
	}
}

// say prints a line of its own.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open {
		p.print("\n")
		p.open = false
	}
	p.print("  " + fmt.Sprintf(format, args...) + "\n")
}

// print ignores errors: nobody can be told that nobody listens.
func (p *progress) print(s string) { _, _ = io.WriteString(p.out, s) }
