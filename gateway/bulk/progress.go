package bulk

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress tells how far an import or an export has come, once it takes long.
type progress struct {
	out   io.Writer
	quiet time.Duration // before the first word
	every time.Duration
	live  bool // a terminal: one line that changes
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out, quiet: 2 * time.Second, every: 10 * time.Second}
	if terminal(out) {
		p.live, p.every = true, time.Second
	}
	return p
}

func (p *progress) run(stop <-chan struct{}, what string, total int, start time.Time, done func() int) {
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
			p.tell(what, total, done(), time.Since(start))
			told = true
			timer.Reset(p.every)
		}
	}
}

// tell says how far it is; a total of 0 is not known.
func (p *progress) tell(what string, total, done int, spent time.Duration) {
	rate := float64(done) / spent.Seconds()
	text := fmt.Sprintf("%d %s, %.0f/s", done, what, rate)
	if total > 0 {
		text = fmt.Sprintf("%d of %d %s, %.0f/s", done, total, what, rate)
	}
	if done > 0 && total > 0 {
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
		text += ", about " + left.Round(time.Second).String() + " left"
	}
	if p.live {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K"+text)
		return
	}
	_, _ = fmt.Fprintln(p.out, text)
}

// terminal reports whether what is written is read by a person as it comes.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
