package session

import (
	"encoding/binary"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// marked is the mark of a number.
func marked(i int) mark {
	var m mark
	binary.BigEndian.PutUint64(m[:], uint64(i))
	binary.BigEndian.PutUint64(m[8:], ^uint64(i))
	return m
}

// TestMarksStayInLine when a disk is full in the middle of one. The limit of a file's
// size plays the full disk; it is a whole process's, which is why the test is another.
func TestMarksStayInLine(t *testing.T) {
	t.Parallel()
	const child = "SECANT_TEST_JOURNAL"
	if os.Getenv(child) != "" {
		fillJournal(t)
		return
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMarksStayInLine$")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), child+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	j, err := openJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if _, there := j.read[0].marks[marked(i)]; there != (i != 63) {
			t.Errorf("mark %d is there: %v", i, there)
		}
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
}

// fillJournal writes 100 marks where the process is, of which number 63 has room for a
// half.
func fillJournal(t *testing.T) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	j, err := openJournal(".")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := j.turn(now); err != nil {
		t.Fatal(err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := func(size uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		if i == 63 {
			limit(journalHead + 63*16 + 8)
		}
		if err := j.add(marked(i), now); (err != nil) != (i == 63) {
			t.Fatalf("mark %d: %v", i, err)
		}
		if i == 63 {
			limit(before.Cur)
			if s, err := os.Stat(j.files[0].Name()); err != nil || s.Size() != journalHead+63*16 {
				t.Errorf("a part of a mark stays: %v", err)
			}
		}
	}
}

// TestAPartOfAMarkIsCutOff: it may be there after the machine has lost its power.
func TestAPartOfAMarkIsCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() *journal {
		t.Helper()
		j, err := openJournal(dir)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := open()
	if err := j.turn(time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := j.add(marked(1), time.Now()); err != nil {
		t.Fatal(err)
	}
	name := j.files[0].Name()
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("torn"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// The one that was torn before its head was whole has nothing in it.
	other := filepath.Join(dir, "used-0")
	if other == name {
		other = filepath.Join(dir, "used-1")
	}
	if err := os.WriteFile(other, []byte("head"), 0o600); err != nil {
		t.Fatal(err)
	}
	j = open()
	for path, size := range map[string]int64{name: journalHead + 16, other: 0} {
		if s, err := os.Stat(path); err != nil || s.Size() != size {
			t.Errorf("%s is not cut off: %v", path, err)
		}
	}
	if err := j.add(marked(2), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	j = open()
	if len(j.read[0].marks) != 2 {
		t.Errorf("%d marks are read", len(j.read[0].marks))
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
}
