package log

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/mod/sumdb/note"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// openKey reads the log's signing key, and makes one when there is none and the
// log is new. The file holds a signed-note signer key and belongs to its owner
// alone.
func openKey(path, origin string, isNew bool) (note.Signer, string, error) {
	text, err := os.ReadFile(path) //nolint:gosec // in the directory that the caller names
	if errors.Is(err, os.ErrNotExist) {
		if !isNew {
			return nil, "", ledger.Problemf(ledger.CodeUnavailable,
				"the log's key is missing beside its tree: put the key file back, or open a successor under a new key")
		}
		if text, err = makeKey(path, origin); err != nil {
			return nil, "", fmt.Errorf("making the log's key: %w", err)
		}
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading the log's key: %w", err)
	}
	info, err := os.Stat(path) //nolint:gosec // in the directory that the caller names
	if err != nil {
		return nil, "", fmt.Errorf("reading the log's key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, "", ledger.Problemf(ledger.CodeDenied, "the log's key can be read by others: make it readable by its owner only (mode 0600)")
	}
	secret := strings.TrimSuffix(string(text), "\n")
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, "", errors.New("reading the log's key: not a signer key of a signed note")
	}
	if signer.Name() != origin {
		return nil, "", ledger.Problemf(ledger.CodeInvalid, "the log's key is of another log: its origin differs from the one configured")
	}
	verifier, err := verifierOf(secret)
	if err != nil {
		return nil, "", fmt.Errorf("reading the log's key: %w", err)
	}
	return signer, verifier, nil
}

// verifierOf derives the verifier key from a signer key, whose form is
// PRIVATE+KEY+name+hash+base64(algorithm || seed) (C2SP signed-note).
func verifierOf(secret string) (string, error) {
	fields := strings.Split(secret, "+")
	raw, err := base64.StdEncoding.DecodeString(strings.Join(fields[min(4, len(fields)):], "+"))
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return "", errors.New("not an Ed25519 key")
	}
	public, ok := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return "", errors.New("not an Ed25519 key")
	}
	return note.NewEd25519VerifierKey(fields[2], public)
}

// makeKey writes a new key so that it is either whole on the disk or not there.
func makeKey(path, origin string) ([]byte, error) {
	secret, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, err
	}
	text := []byte(secret + "\n")
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	if _, err := f.Write(text); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Rename(f.Name(), path); err != nil { //nolint:gosec // in the directory that the caller names
		return nil, err
	}
	return text, syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the directory that the caller names
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lock makes this process the only one with the log open. The kernel drops the
// lock when the process ends, however it ends.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // in the directory that the caller names
	if err != nil {
		return nil, fmt.Errorf("locking the log: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(ledger.Problemf(ledger.CodeBusy, "another process has the integrity log open"), f.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking the log: %w", err), f.Close())
	}
	return f.Close, nil
}
