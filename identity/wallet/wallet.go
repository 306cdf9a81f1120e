package wallet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/vc"
)

// The version of a wallet's file and contents.
const version = 1

const (
	fileName = "wallet.sealed"
	lockName = "wallet.lock"
)

// Bounds on a wallet.
const (
	maxFile        = 16 << 20 // bytes
	maxCredentials = 256
	maxPending     = 32
	maxLog         = 1000 // presentations; the oldest go first
)

// Wallet is an open wallet. It is safe for use by several goroutines, and no other
// process has it open.
type Wallet struct {
	dir    string
	now    func() time.Time
	sealer *sealer
	lock   *os.File

	issuers vc.BBSKeys // nil: no BBS+ credentials are received

	mu sync.Mutex
	c  contents // under mu; as it is on disk
}

// contents is all that a wallet holds.
type contents struct {
	V           int          `json:"v"`
	Keys        []storedKey  `json:"keys"`
	Credentials []credential `json:"credentials"`
	Log         []Entry      `json:"log"`
	// Pending is what issuers deferred.
	Pending []pending `json:"pending,omitempty"`
	// Nodes are those at which the holder signed in, by base address.
	Nodes map[string]node `json:"nodes,omitempty"`
}

// Create makes a wallet in a directory that has none, and opens it.
func Create(dir string, secret Secret, now func() time.Time) (*Wallet, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a wallet's directory: %w", err)
	}
	w, err := lockWallet(dir, now)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(w.path()); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(ledger.Problemf(ledger.CodeAlreadyExists, "there is a wallet in this directory"), w.Close())
	}
	w.c.V = version
	if w.sealer, err = newSealer(secret); err == nil {
		err = w.save(w.c)
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Open opens the wallet in a directory. Problems: not_found, busy when another
// process has it open, denied when the secret is another.
func Open(dir string, secret Secret, now func() time.Time) (*Wallet, error) {
	if err := look(dir); err != nil {
		return nil, err
	}
	w, err := lockWallet(dir, now)
	if err != nil {
		return nil, err
	}
	if err := w.load(secret); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// look fails when there is no wallet in a directory, or none that is read.
func look(dir string) error {
	info, err := os.Stat(filepath.Join(dir, fileName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ledger.Problemf(ledger.CodeNotFound, "there is no wallet in this directory")
	case err != nil:
		return fmt.Errorf("opening a wallet: %w", err)
	case info.Size() > maxFile:
		return ledger.Problemf(ledger.CodeTooLarge, "a wallet's file has at most %d bytes", maxFile)
	}
	return nil
}

func readFile(dir string) ([]byte, error) {
	if err := look(dir); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(dir, fileName)) //nolint:gosec // the wallet's own directory
	if err != nil {
		return nil, fmt.Errorf("opening a wallet: %w", err)
	}
	return b, nil
}

func lockWallet(dir string, now func() time.Time) (*Wallet, error) {
	f, err := lockFile(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	return &Wallet{dir: dir, now: now, lock: f}, nil
}

func (w *Wallet) load(secret Secret) error {
	b, err := readFile(w.dir)
	if err != nil {
		return err
	}
	sealer, plain, err := unseal(b, secret)
	if err != nil {
		return err
	}
	w.sealer = sealer
	if err := json.Unmarshal(plain, &w.c); err != nil || w.c.V != version {
		return ledger.Problemf(ledger.CodeInvalid, "the wallet's contents are of another version")
	}
	return nil
}

// Close lets others open the wallet.
func (w *Wallet) Close() error { return w.lock.Close() }

func (w *Wallet) path() string { return filepath.Join(w.dir, fileName) }

// change has edit change a copy of the contents, and keeps it when it is on disk.
func (w *Wallet) change(edit func(*contents) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := w.c
	next.Keys = append([]storedKey(nil), w.c.Keys...)
	next.Credentials = append([]credential(nil), w.c.Credentials...)
	next.Pending = append([]pending(nil), w.c.Pending...)
	next.Log = append([]Entry(nil), w.c.Log...)
	next.Nodes = maps.Clone(w.c.Nodes)
	if next.Nodes == nil {
		next.Nodes = map[string]node{}
	}
	if err := edit(&next); err != nil {
		return err
	}
	if err := w.save(next); err != nil {
		return err
	}
	w.c = next
	return nil
}

// save replaces the file at once: a wallet is whole, before or after.
func (w *Wallet) save(c contents) error {
	plain, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encoding a wallet: %w", err)
	}
	b, err := w.sealer.seal(plain)
	if err != nil {
		return err
	}
	if len(b) > maxFile {
		return ledger.Problemf(ledger.CodeTooLarge, "a wallet's file has at most %d bytes", maxFile)
	}
	f, err := os.CreateTemp(w.dir, ".wallet-") // with mode 0600
	if err != nil {
		return fmt.Errorf("writing a wallet: %w", err)
	}
	defer os.Remove(f.Name()) // when it could not be moved
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing a wallet: %w", err)
	}
	if err := os.Rename(f.Name(), w.path()); err != nil {
		return fmt.Errorf("writing a wallet: %w", err)
	}
	return syncDir(w.dir)
}

// syncDir makes a move last.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the wallet's own directory
	if err != nil {
		return fmt.Errorf("writing a wallet: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("writing a wallet: %w", err)
	}
	return nil
}

// view has read look at the contents.
func (w *Wallet) view(read func(*contents)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	read(&w.c)
}
