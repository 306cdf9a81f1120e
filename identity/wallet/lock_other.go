//go:build !unix

package wallet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// lockFile takes the lock at path by removing and making its file: where files
// that are open cannot be removed, another process's stays.
func lockFile(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, ledger.Problemf(ledger.CodeBusy, "another process has the wallet open")
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking a wallet: %w", err)
	}
	return f, nil
}
