package log

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// crashDir names the environment variable that turns this test program into one
// that adds entries for ever, printing each acknowledged index.
const crashDir = "SECANT_LOG_CRASH_DIR"

func crashChild(dir string) {
	ctx := context.Background()
	l, err := Open(ctx, dir, fast)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	size, err := l.Size(ctx)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	futures := make(chan func() (uint64, error), 300)
	go func() {
		for i := size; ; i++ {
			futures <- l.Add(ctx, entry(i))
		}
	}()
	for f := range futures {
		index, err := f()
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(index)
	}
}

// A process that is killed while it adds loses nothing that it acknowledged,
// and what the tree holds beyond that is a prefix of what was added.
func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var acknowledged uint64
	for round := range 3 {
		acknowledged = crash(t, dir, acknowledged+uint64(700+311*round))
		l := open(t, dir)
		size, err := l.Size(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if size < acknowledged {
			t.Fatalf("%d entries were acknowledged, the log has %d", acknowledged, size)
		}
		check(t, l, size)
		closeLog(t, l)
	}
}

// crash runs the child until it has acknowledged want entries in all, kills it
// and returns how many it acknowledged.
func crash(t *testing.T, dir string, want uint64) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged uint64
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if reason, failed := strings.CutPrefix(lines.Text(), "error "); failed {
			t.Fatal(reason)
		}
		index, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			break // a line cut off by the kill
		}
		acknowledged = max(acknowledged, index+1)
		if acknowledged >= want && !killed {
			killed = true
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || !killed {
		t.Fatalf("the child ended by itself after %d entries: %v", acknowledged, err)
	}
	return acknowledged
}
