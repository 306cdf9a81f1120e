package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// bootID tells one run of the machine from the next: process numbers and
// start times begin anew with each.
var bootID = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
})

// fields returns what the kernel says of a process (proc(5), /proc/pid/stat)
// from field 3 on.
func fields(pid int) ([][]byte, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return nil, fmt.Errorf("looking at process %d: %w", pid, err)
	}
	// The name in parentheses may itself hold spaces and parentheses.
	i := bytes.LastIndexByte(b, ')')
	f := bytes.Fields(b[i+1:])
	if i < 0 || len(f) < 20 {
		return nil, fmt.Errorf("looking at process %d: unknown form of its state", pid)
	}
	return f, nil
}

// stat returns a process's state letter and the tick at which it started
// (fields 3 and 22).
func stat(pid int) (state, start string, err error) {
	f, err := fields(pid)
	if err != nil {
		return "", "", err
	}
	return string(f[0]), string(f[19]), nil
}

// tick is the unit of processor times in /proc (USER_HZ, 100 a second on every
// architecture that Go runs on).
const tick = 10 * time.Millisecond

// CPU returns the processor time that a process has used so far, in user and
// system mode, in steps of 10 ms (fields 14 and 15).
func CPU(pid int) (time.Duration, error) {
	f, err := fields(pid)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, ticks := range f[11:13] {
		n, err := strconv.ParseInt(string(ticks), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("looking at process %d: %w", pid, err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

func birth(pid int) (string, error) {
	_, start, err := stat(pid)
	if err != nil {
		return "", err
	}
	return start + "@" + bootID(), nil
}

func alive(pid int, born string) bool {
	if pid <= 0 {
		return false
	}
	state, start, err := stat(pid)
	if err != nil || start+"@"+bootID() != born {
		return false
	}
	// Of a killed process the first thread may be gone while others still hold its
	// files and locks: it has ended when they have.
	if threads, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task")); state == "Z" && (err != nil || len(threads) <= 1) {
		// Ended; if it is our own child, let the system forget it.
		_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		return false
	}
	return state != "X"
}

// FindOwner names the process that listens at a TCP port of this machine, as far
// as the system tells: a process of another user stays unnamed.
func FindOwner(port int) (Owner, bool) {
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(table) //nolint:gosec // one of two names
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			// sl local_address rem_address st ... inode, with st 0A for listening.
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != "0A" {
				continue
			}
			_, hex, _ := strings.Cut(f[1], ":")
			if p, err := strconv.ParseUint(hex, 16, 16); err == nil && int(p) == port {
				inodes["socket:["+f[9]+"]"] = true
			}
		}
	}
	if len(inodes) == 0 {
		return Owner{}, false
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return Owner{}, false
	}
	for _, link := range links {
		to, err := os.Readlink(link)
		if err != nil || !inodes[to] {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(link, "/")[2])
		if err != nil {
			continue
		}
		comm, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
		if err != nil {
			continue
		}
		// Unreadable is as good as unknown.
		dir, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
		return Owner{PID: pid, Name: strings.TrimSpace(string(comm)), Dir: dir}, true
	}
	return Owner{}, false
}
