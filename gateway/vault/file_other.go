//go:build !linux

package vault

import "os"

// allocate gives the file its size; this system offers no way to reserve room.
func allocate(f *os.File, size int64) error { return f.Truncate(size) }

// syncData makes what was written to f durable.
func syncData(f *os.File) error { return f.Sync() }
