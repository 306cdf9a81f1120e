//go:build !linux

package process

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// ps asks the system for one column about a process.
func ps(pid int, column string) (string, error) {
	out, err := exec.Command("ps", "-o", column+"=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec,noctx // fixed program, answers at once
	if err != nil {
		return "", fmt.Errorf("looking at process %d: %w", pid, err)
	}
	return strings.TrimSpace(string(out)), nil
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

// Owner names the process that listens at a TCP port, where lsof is there to
// tell.
func Owner(port int) (pid int, name string, ok bool) {
	out, err := exec.Command("lsof", "-nP", "-iTCP:"+strconv.Itoa(port), "-sTCP:LISTEN", "-Fpc").Output() //nolint:gosec,noctx // fixed program, answers at once
	if err != nil {
		return 0, "", false
	}
	for line := range strings.Lines(string(out)) {
		v := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(v, "p"):
			pid, _ = strconv.Atoi(v[1:]) // zero is refused below
		case strings.HasPrefix(v, "c"):
			name = v[1:]
		}
	}
	return pid, name, pid != 0
}
