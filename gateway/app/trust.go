package app

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// trustLook is how often the trust file is looked at. A member joins, or the
// policy changes, while nodes run: until this one knows, proofs wait.
const trustLook = time.Second

// trustFile is the consortium's trust file as it stands on the disk.
type trustFile struct {
	path string
	seen fs.FileInfo // of the file that now was read from; used by Run alone
	now  atomic.Pointer[trusted]
}

// trusted is one content of the trust file.
type trusted struct {
	trust    *ledger.Trust
	verifier *proof.Verifier
}

func openTrust(path string) (*trustFile, error) {
	t := &trustFile{path: path}
	return t, t.read()
}

// read reads the file. When that fails, what was read before stays.
func (t *trustFile) read() error {
	seen, err := os.Stat(t.path)
	if err != nil {
		return fmt.Errorf("looking at the trust file: %w", err)
	}
	b, err := os.ReadFile(t.path)
	if err != nil {
		return fmt.Errorf("reading the trust file: %w", err)
	}
	trust, err := ledger.ParseTrust(b)
	if err != nil {
		return fmt.Errorf("reading the trust file %s: %w", t.path, err)
	}
	v, err := proof.NewVerifier(trust)
	if err != nil {
		return fmt.Errorf("reading the trust file %s: %w", t.path, err)
	}
	t.seen = seen
	t.now.Store(&trusted{trust, v})
	return nil
}

// Trust returns the file's content.
func (t *trustFile) Trust() *ledger.Trust { return t.now.Load().trust }

// Verify judges a proof bundle by the file's content.
func (t *trustFile) Verify(b *proof.Bundle) (*proof.Verdict, error) {
	return t.now.Load().verifier.Verify(b)
}

// Run takes over what the file says anew until ctx ends. A file that cannot be
// used changes nothing: it is logged once, and the content before it stays.
func (t *trustFile) Run(ctx context.Context, logger *slog.Logger) error {
	tick := time.NewTicker(trustLook)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		is, err := os.Stat(t.path)
		if err == nil && same(is, t.seen) {
			said = ""
			continue
		}
		if err == nil {
			err = t.read()
		}
		if err == nil {
			said = ""
			logger.InfoContext(ctx, "trust file read anew", slog.Int(telemetry.KeyEpochs, len(t.Trust().Epochs)))
		} else if text := err.Error(); text != said {
			said = text
			logger.ErrorContext(ctx, "trust file not usable, the one before stays", slog.Any(telemetry.KeyError, err))
		}
	}
}

// same reports whether a file is the one that was seen, unaltered.
func same(a, b fs.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
