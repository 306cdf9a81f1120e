package collect

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	maxEntries  = 10_000    // of a folder, at one look
	maxDocument = 256 << 20 // bytes
)

// stamp is by what a file is taken to be unchanged within the life of a process.
type stamp struct {
	size int64
	time time.Time
}

// Directory takes each file of a folder once, known by its content: it may be moved away
// or given another name afterwards. A file waits until it was left alone for two seconds;
// hidden ones, and those whose names end in .tmp or .part, wait for their names.
func Directory(path string) Way {
	seen := map[string]stamp{} // one look at a time
	return func(ctx context.Context, in *Intake) error {
		folder, err := os.Open(path) //nolint:gosec // the operator names it
		if err != nil {
			return unreadable(err)
		}
		entries, err := folder.ReadDir(maxEntries + 1)
		_ = folder.Close()
		if err != nil && err != io.EOF { //nolint:errorlint // as ReadDir says
			return unreadable(err)
		}
		if len(entries) > maxEntries {
			return ledger.Problemf(ledger.CodeTooLarge, "the folder holds more than %d files: move those away that were taken", maxEntries)
		}
		there := make(map[string]stamp, len(entries))
		var failed error
		for _, e := range entries {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() || waits(e.Name()) || time.Since(info.ModTime()) < settle {
				continue
			}
			now := stamp{info.Size(), info.ModTime()}
			if seen[e.Name()] == now {
				there[e.Name()] = now
				continue
			}
			if err := in.file(ctx, filepath.Join(path, e.Name())); err != nil {
				failed = err
				continue
			}
			there[e.Name()] = now
		}
		seen = there
		return failed
	}
}

func waits(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".part")
}

// file takes a file that was not taken yet.
func (in *Intake) file(ctx context.Context, path string) error {
	f, err := os.Open(path) //nolint:gosec // of the folder that the operator names
	if err != nil {
		return unreadable(err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, maxDocument+1))
	if err != nil {
		return unreadable(err)
	}
	digest := [sha256.Size]byte(h.Sum(nil))
	taken, err := in.collector.store.SourceTaken(ctx, in.source, digest)
	if err != nil || taken {
		return err
	}
	if n > maxDocument {
		in.refuse(ledger.Problemf(ledger.CodeTooLarge, "a file has more than %d bytes", maxDocument))
		return in.flush(ctx, nil, &digest)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return unreadable(err)
	}
	if err := in.read(ctx, in.format, f); err != nil {
		if ours(err) {
			return err
		}
		in.refuse(err)
	}
	return in.flush(ctx, nil, &digest)
}
