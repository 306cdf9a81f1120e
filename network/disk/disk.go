// Package disk holds what the launcher asks of the file system: files that are
// written whole or not at all, a lock that dies with its holder, and how much
// room is left.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// WriteFile replaces a file whole or not at all, and makes its folder. A reader
// never sees half of it, and neither does the next start after a power cut.
func WriteFile(path string, b []byte, mode fs.FileMode) error {
	return write(path, mode, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// CopyFile copies a file whole or not at all; a program that is running from
// the old content keeps it.
func CopyFile(from, to string, mode fs.FileMode) error {
	src, err := os.Open(from) //nolint:gosec // a path of our own layout
	if err != nil {
		return fmt.Errorf("opening what is to be copied: %w", err)
	}
	defer src.Close()
	return write(to, mode, func(w io.Writer) error {
		_, err := io.Copy(w, src)
		return err
	})
}

func write(path string, mode fs.FileMode, fill func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("making a file: %w", err)
	}
	defer os.Remove(f.Name())
	err = fill(f)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// Held means that another process holds the lock.
type Held struct { //nolint:errname // named for the state it describes
	Path string
	PID  int    // zero when it did not say
	What string // what the holder is doing, empty when it did not say
}

// Error names the holder.
func (h *Held) Error() string {
	who := "another process"
	if h.PID != 0 {
		who = "process " + strconv.Itoa(h.PID)
	}
	if h.What != "" {
		who += " (" + h.What + ")"
	}
	return who + " holds " + h.Path
}

// Lock takes the lock at path and says in it what it is for. The operating
// system drops it when the process ends, however it ends. It returns *Held at
// once when somebody else has it.
func Lock(path, what string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the lock's folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // a path of our own layout
	if err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		held := &Held{Path: path}
		if b, rerr := io.ReadAll(io.LimitReader(f, 1024)); rerr == nil {
			pid, doing, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
			held.PID, _ = strconv.Atoi(pid) // zero when it does not say
			held.What = doing
		}
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, held
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	// What stands in the file only helps the next one's message.
	if f.Truncate(0) == nil {
		_, _ = fmt.Fprintf(f, "%d %s, since %s\n", os.Getpid(), what, time.Now().Format(time.TimeOnly))
	}
	return func() { _ = f.Close() }, nil
}

// Free returns how many bytes may still be written below path, or below the
// nearest folder above it that exists.
func Free(path string) (uint64, error) {
	for {
		var s syscall.Statfs_t
		err := syscall.Statfs(path, &s)
		if err == nil {
			return s.Bavail * uint64(s.Bsize), nil //nolint:gosec // a block size is positive
		}
		up := filepath.Dir(path)
		if !errors.Is(err, fs.ErrNotExist) || up == path {
			return 0, fmt.Errorf("asking for free space: %w", err)
		}
		path = up
	}
}
