//go:build unix

package wallet

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// lockFile takes the lock at path until the file is closed or the process ends.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the wallet's own directory
	if err != nil {
		return nil, fmt.Errorf("locking a wallet: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ledger.Problemf(ledger.CodeBusy, "another process has the wallet open")
		}
		return nil, fmt.Errorf("locking a wallet: %w", err)
	}
	return f, nil
}
