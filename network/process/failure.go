package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// tailLines is how much of a log a failure shows.
const tailLines = 12

// Failure says what failed so that somebody can act on it: the step, the
// command, the end of its log, and what to do.
type Failure struct { //nolint:errname // as ledger.Problem, named for what it is
	What    string   // the step, as in "building Fabric"
	Command []string // what was run, empty when nothing was
	Log     string   // where more can be read
	Tail    []string // the last lines of it
	Do      string   // what to do about it
	Err     error    // the cause
}

// Error renders the whole over several lines.
func (f *Failure) Error() string {
	var b strings.Builder
	b.WriteString(f.What)
	if f.Err != nil {
		fmt.Fprintf(&b, ": %v", f.Err)
	}
	if len(f.Command) > 0 {
		fmt.Fprintf(&b, "\n  command: %s", strings.Join(f.Command, " "))
	}
	if f.Log != "" {
		fmt.Fprintf(&b, "\n  log: %s", f.Log)
	}
	for _, line := range f.Tail {
		fmt.Fprintf(&b, "\n  | %s", line)
	}
	if f.Do != "" {
		fmt.Fprintf(&b, "\n  what to do: %s", f.Do)
	}
	return b.String()
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Failed makes the failure of a process that was started: with its command and
// the end of its log.
func (r Record) Failed(what string, cause error, do string) *Failure {
	tail, err := Tail(r.Log, 10*tailLines)
	tail = telling(tail, tailLines)
	if err != nil {
		tail = []string{"(the log cannot be read: " + err.Error() + ")"}
	}
	return &Failure{What: what, Command: r.Command, Log: r.Log, Tail: tail, Do: do, Err: cause}
}

// telling picks n lines from the end of a log: those from the last panic on,
// since a long trace follows the one line that says why, else the last.
func telling(lines []string, n int) []string {
	for i, line := range slices.Backward(lines) {
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			return lines[i:min(len(lines), i+n)]
		}
	}
	return lines[max(0, len(lines)-n):]
}

// Tail returns the last n lines of a file; none when there is no file.
func Tail(path string, n int) ([]string, error) {
	b, err := readEnd(path, int64(n)*1024)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return LastLines(b, n), nil
}

// LastLines returns the last n lines of b that are not blank, each cut to a
// length that a terminal can bear.
func LastLines(b []byte, n int) []string {
	const widest = 400
	var out []string
	for line := range bytes.Lines(b) {
		s := strings.TrimRight(string(line), "\r\n")
		if strings.TrimSpace(s) == "" {
			continue
		}
		if len(s) > widest {
			s = s[:widest] + "..."
		}
		out = append(out, s)
	}
	return out[max(0, len(out)-n):]
}

// readEnd returns at most the last size bytes of a file.
func readEnd(path string, size int64) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // a path of our own layout
	if err != nil {
		return nil, fmt.Errorf("opening a log: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("measuring a log: %w", err)
	}
	if _, err := f.Seek(max(0, st.Size()-size), io.SeekStart); err != nil {
		return nil, fmt.Errorf("seeking in a log: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, size))
	if err != nil {
		return nil, fmt.Errorf("reading a log: %w", err)
	}
	return b, nil
}
