//go:build !linux && !darwin

package pdftext

import "runtime/debug"

// limit bounds what can be bounded here; the parent bounds the time.
func limit() error {
	debug.SetMemoryLimit(maxMemory / 2)
	return nil
}
