package object

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// folder keeps objects in files: on another disk of this machine, or on one that is
// mounted.
type folder struct{ path string }

// Where returns the path of an object.
func (d *folder) Where(name string) string { return filepath.Join(d.path, filepath.FromSlash(name)) }

// Put writes an object beside its name, syncs it and renames it. The folder itself is
// never made: where it is missing, what should be mounted there is not.
func (d *folder) Put(ctx context.Context, name string, body io.ReadSeeker, size int64, _ [sha256.Size]byte) (err error) {
	if err := d.mounted(); err != nil {
		return err
	}
	path := d.Where(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("storing an object: %w", err)
	}
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // the path comes from the configuration
	if err != nil {
		return fmt.Errorf("storing an object: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("storing an object: %w", errors.Join(err, os.Remove(f.Name())))
		}
	}()
	n, err := io.Copy(f, readerOf(ctx, body))
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return d.sync(filepath.Dir(path))
}

// sync makes the names in a folder durable, and that folder's own.
func (d *folder) sync(dir string) error {
	for _, path := range []string{dir, filepath.Dir(dir)} {
		f, err := os.Open(path) //nolint:gosec // the path comes from the configuration
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Reach looks for the folder.
func (d *folder) Reach(context.Context) error { return d.mounted() }

func (d *folder) mounted() error {
	if _, err := os.Stat(d.path); err != nil {
		return fmt.Errorf("the folder for objects is not there: %w", err)
	}
	return nil
}

// ReadAt reads a part of an object's file.
func (d *folder) ReadAt(ctx context.Context, name string, b []byte, offset int64) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("reading an object: %w", err)
	}
	f, err := os.Open(d.Where(name))
	if errors.Is(err, fs.ErrNotExist) {
		// Only a place that has others can say that it lacks one.
		if _, err := os.Stat(filepath.Dir(d.Where(name))); err != nil {
			return 0, fmt.Errorf("the folder for objects is not there: %w", err)
		}
		return 0, ErrMissing
	}
	if err != nil {
		return 0, fmt.Errorf("reading an object: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written through it
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("reading an object: %w", err)
	}
	switch _, err := f.ReadAt(b, offset); {
	case errors.Is(err, io.EOF):
		return info.Size(), ErrShort
	case err != nil:
		return 0, fmt.Errorf("reading an object: %w", err)
	}
	return info.Size(), nil
}

// Delete removes an object's file.
func (d *folder) Delete(_ context.Context, name string) error {
	if err := d.mounted(); err != nil {
		return err
	}
	err := os.Remove(d.Where(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("deleting an object: %w", err)
	}
	return d.sync(filepath.Dir(d.Where(name)))
}

// reader ends with its context.
type reader struct {
	ctx context.Context //nolint:containedctx // io.Reader has no place for it, and it lives for one call
	r   io.Reader
}

func readerOf(ctx context.Context, r io.Reader) io.Reader { return &reader{ctx, r} }

func (r *reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}
