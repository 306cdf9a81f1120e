//go:build linux || darwin

package pdftext

import (
	"fmt"
	"runtime/debug"
	"syscall"
)

// limit bounds this process for good: its memory and its time on the processor. It opens
// no more files than it has.
func limit() error {
	debug.SetMemoryLimit(maxMemory / 2) // collect garbage before the bound is met
	for what, bound := range map[int]uint64{syscall.RLIMIT_DATA: maxMemory, syscall.RLIMIT_CPU: maxSeconds, syscall.RLIMIT_CORE: 0, syscall.RLIMIT_FSIZE: 0} {
		var now syscall.Rlimit
		if err := syscall.Getrlimit(what, &now); err != nil {
			return fmt.Errorf("asking for the limits of the reader of PDF: %w", err)
		}
		bound = min(bound, now.Max)
		if err := syscall.Setrlimit(what, &syscall.Rlimit{Cur: bound, Max: bound}); err != nil {
			return fmt.Errorf("limiting the reader of PDF: %w", err)
		}
	}
	return nil
}
