// Package logtest serves tests that have a log open.
package logtest

import (
	"os"
	"testing"
	"time"
)

// Remove removes a directory with a log when the test ends, before tb.TempDir does, and
// tries again: Tessera does not wait for its goroutines, and one that is at a checkpoint
// when its log closes puts a file back into what is being removed.
func Remove(tb testing.TB, dir string) {
	tb.Helper()
	tb.Cleanup(func() {
		for range 100 {
			if os.RemoveAll(dir) == nil {
				return
			}
			<-time.After(10 * time.Millisecond)
		}
	})
}
