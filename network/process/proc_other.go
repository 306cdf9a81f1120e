//go:build !linux

package process

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// ps asks the system for one column about a process.
func ps(pid int, column string) (string, error) {
	out, err := exec.Command("ps", "-o", column+"=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec,noctx // fixed program, answers at once
	if err != nil {
		return "", fmt.Errorf("looking at process %d: %w", pid, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// CPU returns the processor time that a process has used; only Linux tells it
// finely enough to measure with.
func CPU(pid int) (time.Duration, error) {
	return 0, fmt.Errorf("looking at the processor time of process %d: %w", pid, errors.ErrUnsupported)
}

func birth(pid int) (string, error) { return ps(pid, "lstart") }

func alive(pid int, born string) bool {
	if pid <= 0 {
		return false
	}
	b, err := birth(pid)
	if err != nil || b != born {
		return false
	}
	state, err := ps(pid, "stat")
	return err == nil && !strings.HasPrefix(state, "Z")
}

// FindOwner names the process that listens at a TCP port, where lsof is there to
// tell.
func FindOwner(port int) (Owner, bool) {
	out, err := exec.Command("lsof", "-nP", "-iTCP:"+strconv.Itoa(port), "-sTCP:LISTEN", "-Fpc").Output() //nolint:gosec,noctx // fixed program, answers at once
	if err != nil {
		return Owner{}, false
	}
	var o Owner
	for line := range strings.Lines(string(out)) {
		v := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(v, "p"):
			o.PID, _ = strconv.Atoi(v[1:]) // zero is refused below
		case strings.HasPrefix(v, "c"):
			o.Name = v[1:]
		}
	}
	return o, o.PID != 0
}
