package collect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	maxLine   = 1 << 20         // bytes; of a longer one it is said that it was refused
	tailBytes = 4 << 10         // by which a file is known again
	settle    = 2 * time.Second // for which a file must not have changed to count as ended
	maxOld    = 64              // files beside a followed one that may be what it was
)

// place is how far a followed file was read. A file is known again by what stands before
// the place, whatever it is called by then, so that it may be renamed, cut or copied.
type place struct {
	Offset int64  `json:"offset"`
	Tail   string `json:"tail"`           // SHA-256 of the last bytes before it, at most 4 KiB
	Skip   bool   `json:"skip,omitempty"` // inside a line that is too long
}

// File follows a file to which lines are added, as it is rotated by renaming or by
// cutting it off. A line that does not end yet waits.
func File(path string) Way {
	return func(ctx context.Context, in *Intake) error {
		var at place
		if err := in.checkpoint(ctx, &at); err != nil {
			return err
		}
		now, err := os.Open(path) //nolint:gosec // the operator names it
		if err != nil {
			return unreadable(err)
		}
		defer now.Close()
		known, err := at.in(now)
		if err != nil {
			return unreadable(err)
		}
		if !known {
			waits, err := in.rotated(ctx, path, now, &at)
			if err != nil || waits {
				return err
			}
			at = place{}
		}
		return in.lines(ctx, now, &at, false)
	}
}

func unreadable(err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return ledger.Problemf(ledger.CodeUnavailable, "it is not there: check the path in the configuration, and that the tool writes there")
	case errors.Is(err, os.ErrPermission):
		return ledger.Problemf(ledger.CodeUnavailable, "the node may not read it: give its user the right to")
	}
	return ledger.Problemf(ledger.CodeUnavailable, "it cannot be read: %s", cause(err))
}

// cause is an error of the system without the path.
func cause(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// in reports whether the place is one of this file.
func (p *place) in(f *os.File) (bool, error) {
	if p.Offset == 0 {
		return true, nil
	}
	info, err := f.Stat()
	if err != nil || info.Size() < p.Offset {
		return false, err
	}
	tail, err := tailOf(f, p.Offset)
	return tail == p.Tail, err
}

func tailOf(f *os.File, offset int64) (string, error) {
	n := min(offset, tailBytes)
	b := make([]byte, n)
	if _, err := f.ReadAt(b, offset-n); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// rotated reads what was not read of the file before the current one, and of those
// between them. It reports whether the newest of them may still grow.
func (in *Intake) rotated(ctx context.Context, path string, now *os.File, at *place) (waits bool, err error) {
	old, err := beside(path, now)
	if err != nil {
		return false, err
	}
	known := false
	for _, name := range old {
		if waits, err = in.ended(ctx, name, at, &known); err != nil || waits {
			return waits, err
		}
	}
	return false, nil
}

// ended reads an old file to its end: from the place, where it is in it, and whole, where
// it is younger than the one with the place.
func (in *Intake) ended(ctx context.Context, name string, at *place, known *bool) (waits bool, err error) {
	f, err := os.Open(name) //nolint:gosec // beside the file that the operator names
	if err != nil {
		return false, unreadable(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, unreadable(err)
	}
	if !*known {
		if *known, err = at.in(f); err != nil || !*known {
			return false, err
		}
	} else {
		*at = place{}
	}
	done := time.Since(info.ModTime()) >= settle
	return !done, in.lines(ctx, f, at, done)
}

// beside lists the files that a rotated one may be, the oldest first.
func beside(path string, now *os.File) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, unreadable(err)
	}
	current, err := now.Stat()
	if err != nil {
		return nil, unreadable(err)
	}
	base := filepath.Base(path)
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	type file struct {
		name string
		time time.Time
	}
	var files []file
	for _, e := range entries {
		if e.Name() == base || !strings.HasPrefix(e.Name(), stem) || packed(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || os.SameFile(info, current) {
			continue
		}
		files = append(files, file{filepath.Join(filepath.Dir(path), e.Name()), info.ModTime()})
	}
	slices.SortFunc(files, func(a, b file) int { return a.time.Compare(b.time) })
	files = files[max(0, len(files)-maxOld):]
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.name
	}
	return names, nil
}

// packed tells files that hold no lines any more.
func packed(name string) bool {
	return slices.Contains([]string{".gz", ".bz2", ".xz", ".zst", ".zip"}, filepath.Ext(name))
}

// lines reads the lines behind a place, part by part, each kept with the place behind it.
// final tells that the last one is whole, though nothing ends it.
func (in *Intake) lines(ctx context.Context, f *os.File, at *place, final bool) error {
	info, err := f.Stat()
	if err != nil {
		return unreadable(err)
	}
	if info.Size() == at.Offset {
		return nil
	}
	part := make([]byte, maxLine)
	for ctx.Err() == nil {
		n, err := f.ReadAt(part, at.Offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return unreadable(err)
		}
		whole := bytes.LastIndexByte(part[:n], '\n') + 1
		switch {
		case n == 0:
			return nil
		case at.Skip:
			if whole = bytes.IndexByte(part[:n], '\n') + 1; whole == 0 {
				whole = n // all of it is of the line that is too long
			} else {
				at.Skip = false
			}
		case whole == 0 && n == len(part):
			in.refuse(ledger.Problemf(ledger.CodeTooLarge, "a line has more than %d bytes", maxLine))
			at.Skip, whole = true, n
		case whole == 0 && !final:
			return nil // it ends later
		default:
			if whole == 0 {
				whole = n
			}
			if err := in.lineByLine(ctx, part[:whole]); err != nil {
				return err
			}
		}
		next := place{Offset: at.Offset + int64(whole), Skip: at.Skip}
		if next.Tail, err = tailOf(f, next.Offset); err != nil {
			return unreadable(err)
		}
		if err := in.flush(ctx, next, nil); err != nil {
			return err
		}
		*at = next
	}
	return ctx.Err()
}

// lineByLine reads lines. What is wrong with them as a whole must not hold up what comes
// behind them.
func (in *Intake) lineByLine(ctx context.Context, lines []byte) error {
	if adapt.Wide(lines) { // whose next part has no mark
		in.refuse(ledger.Problemf(ledger.CodeInvalid, "the file is in UTF-16, which is not followed line by line: have the tool write UTF-8, or whole files into a directory"))
		return nil
	}
	err := in.document(ctx, lines)
	if err != nil && !ours(err) {
		in.refuse(err)
		return nil
	}
	return err
}
