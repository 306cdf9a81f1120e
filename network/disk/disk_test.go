package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secant-platform/secant/network/disk"
)

func TestWriteFileReplacesWholeAndLeavesNothingElse(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "file")
	for _, content := range []string{"first", "second, longer", "3"} {
		if err := disk.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("got %q, %v", got, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestWriteFileKeepsTheOldContentWhenItFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "folder")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteFile(path, []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if _, err := os.Stat(filepath.Join(path, "full")); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("a temporary file is left: %v, %v", entries, err)
	}
}

func TestCopyFileCopies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "new", "to")
	want := strings.Repeat("content", 100_000)
	if err := os.WriteFile(from, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := disk.CopyFile(from, to, 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != want {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := disk.CopyFile(filepath.Join(dir, "absent"), to, 0o700); err == nil {
		t.Error("copied what is not there")
	}
}

func TestSecondLockNamesTheHolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "lock")
	unlock, err := disk.Lock(path, "secant up")
	if err != nil {
		t.Fatal(err)
	}
	_, err = disk.Lock(path, "secant down")
	var held *disk.Held
	if !errors.As(err, &held) {
		t.Fatalf("got %v", err)
	}
	if held.PID != os.Getpid() || !strings.Contains(held.What, "secant up") {
		t.Errorf("got %+v", held)
	}
	unlock()
	again, err := disk.Lock(path, "secant down")
	if err != nil {
		t.Fatalf("after the holder let go: %v", err)
	}
	again()
}

func TestFreeLooksAboveWhatDoesNotExist(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n, err := disk.Free(filepath.Join(dir, "not", "there", "yet"))
	if err != nil || n == 0 {
		t.Errorf("got %d, %v", n, err)
	}
}
