package vault

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
)

func putLength(b []byte, n int) { binary.BigEndian.PutUint64(b, uint64(n)) } //nolint:gosec // lengths are not negative

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the path comes from the configuration
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // nothing was written through it
	return d.Sync()
}

// writeDurably puts a file in place whole or not at all: written beside its
// name, synced, renamed, and the name synced.
func writeDurably(path string, content []byte, mode os.FileMode) error { //nolint:unparam // each caller says who may read its file
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode) //nolint:gosec // the path comes from the configuration
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("syncing the directory: %w", err)
	}
	return nil
}
