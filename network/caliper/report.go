package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// round is one line of Caliper's result.
type round struct {
	name              string
	succeeded, failed int
}

// errNoResult means that Caliper ended without a table of results.
var errNoResult = errors.New("caliper printed no result")

// results finds the last table that Caliper printed, the one of all rounds, and
// returns it as it stands with what it says.
func results(log string) (table string, rounds []round, err error) {
	at := strings.LastIndex(log, "### All test results ###")
	if at < 0 {
		return "", nil, errNoResult
	}
	var text strings.Builder
	for line := range strings.Lines(log[at:]) {
		if first := strings.TrimLeft(line, " "); strings.HasPrefix(first, "|") || strings.HasPrefix(first, "+") {
			text.WriteString(line)
		}
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 10 {
			continue // "| Name | Succ | Fail | Send Rate | Max | Min | Avg | Throughput |"
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		succeeded, err := strconv.Atoi(cells[2])
		if err != nil {
			continue // the heading
		}
		failed, err := strconv.Atoi(cells[3])
		if err != nil {
			return "", nil, fmt.Errorf("reading Caliper's result: %w", err)
		}
		rounds = append(rounds, round{cells[1], succeeded, failed})
	}
	if len(rounds) == 0 {
		return "", nil, errNoResult
	}
	return text.String(), rounds, nil
}

// mostErrors is how many errors are passed on: a load that fails fails often.
const mostErrors = 10

// relay keeps Caliper's log and passes on what a person wants to see of it.
type relay struct {
	mu     sync.Mutex
	all    strings.Builder
	line   strings.Builder
	errors int
	out    io.Writer
}

// Write implements io.Writer.
func (r *relay) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all.Write(b)
	for _, c := range b {
		if c != '\n' {
			r.line.WriteByte(c)
			continue
		}
		line := r.line.String()
		r.line.Reset()
		failed := strings.Contains(line, " error ")
		if failed {
			r.errors++
		}
		if failed && r.errors <= mostErrors || strings.Contains(line, "Started round") || strings.Contains(line, "Finished round") {
			fmt.Fprintln(r.out, line)
		}
	}
	return len(b), nil
}

// tail is the end of the log, for a failure.
func (r *relay) tail() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(r.all.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
