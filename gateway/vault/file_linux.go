package vault

import (
	"os"
	"syscall"
)

// allocate reserves room for a file of size bytes, so that a full disk shows
// when a segment is made and not in the middle of a group, and so that syncing
// a group need not change the file's size.
func allocate(f *os.File, size int64) error {
	err := syscall.Fallocate(int(f.Fd()), 0, 0, size)
	if err == syscall.EOPNOTSUPP || err == syscall.ENOSYS {
		return f.Truncate(size)
	}
	return os.NewSyscallError("fallocate", err)
}

// syncData makes what was written to f durable, without the file's times.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
