package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/hyperledger/aries-framework-go/pkg/secretlock"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// The kinds of key, as file names end.
const (
	kindSigner  = "signer"
	kindLasting = "lasting"
	kindBBS     = "bbs"
)

// maxFile bounds a file of the store, in bytes; the largest has less than 3 kB.
const maxFile = 16 << 10

// keyFile is one generation of a key as its file holds it.
type keyFile struct {
	V          int    `json:"v"`
	Purpose    string `json:"purpose"`
	Generation int    `json:"generation"`
	Algorithm  string `json:"algorithm"`
	Sealed     string `json:"sealed"` // secret content under the master key, bound to what stands above

	kind string
}

func (f *keyFile) name() string { return f.Purpose + "." + strconv.Itoa(f.Generation) + "." + f.kind }

// binding is what the sealed content is authenticated with.
func (f *keyFile) binding() string {
	return fmt.Sprintf("secant/key/v1\x00%s\x00%s\x00%d\x00%s", f.kind, f.Purpose, f.Generation, f.Algorithm)
}

// write seals the content into the file; it does nothing if that exists.
func (s *Store) write(f keyFile, content any) error {
	plain, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("encoding a key: %w", err)
	}
	sealed, err := s.lock.Encrypt("", &secretlock.EncryptRequest{Plaintext: string(plain), AdditionalAuthenticatedData: f.binding()})
	if err != nil {
		return fmt.Errorf("encrypting a key: %w", err)
	}
	f.V, f.Sealed = 1, sealed.Ciphertext
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encoding a key: %w", err)
	}
	_, err = create(filepath.Join(s.dir, f.name()), b)
	return err
}

// read opens the file that f names, and decodes its secret content.
func (s *Store) read(f keyFile, content any) (keyFile, error) {
	b, err := read(filepath.Join(s.dir, f.name()))
	if errors.Is(err, fs.ErrNotExist) {
		return f, ledger.Problemf(ledger.CodeNotFound, "the key store has no such generation of a key")
	} else if err != nil {
		return f, err
	}
	stored := keyFile{kind: f.kind}
	if err := json.Unmarshal(b, &stored); err != nil || stored.V != 1 || stored.name() != f.name() {
		return f, damaged(f.name())
	}
	plain, err := s.lock.Decrypt("", &secretlock.DecryptRequest{Ciphertext: stored.Sealed, AdditionalAuthenticatedData: stored.binding()})
	if err != nil {
		return f, damaged(f.name())
	}
	if err := json.Unmarshal([]byte(plain.Plaintext), content); err != nil {
		return f, damaged(f.name())
	}
	return stored, nil
}

// damaged is about a file that is torn, altered, or not of this store. Its name
// holds a purpose and a number, and nothing secret.
func damaged(name string) error {
	return ledger.Problemf(ledger.CodeInternal,
		"the file %s of the key store is damaged or belongs to another store: restore it from a backup; it is not replaced", name)
}

// read reads a file that only its owner may read.
func read(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the folder
	if err != nil {
		return nil, fmt.Errorf("reading the key store: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the key store: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, ledger.Problemf(ledger.CodeDenied, "others may read the file %s of the key store: make it 0600", filepath.Base(path))
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("reading the key store: %w", err)
	}
	return b, nil
}

// create puts a durable file in place, whole or not at all, and returns what the
// file then holds: another process may have been first.
func create(path string, content []byte) ([]byte, error) {
	// A link, unlike a rename, does not replace what another process just made.
	if err := place(path, content, os.Link); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return read(path)
}

// replace puts a durable file in the place of another, whole or not at all.
func replace(path string, content []byte) error { return place(path, content, os.Rename) }

func place(path string, content []byte, move func(from, to string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*") // 0600
	if err != nil {
		return fmt.Errorf("making a key file: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing a key file: %w", err)
	}
	moved := move(f.Name(), path)
	if moved != nil && !errors.Is(moved, fs.ErrExist) {
		return fmt.Errorf("placing a key file: %w", moved)
	}
	// Before this a signature could be made, shown and kept by others, and its
	// key be gone after a power cut. Also of a file that another process placed.
	if err := syncFolder(dir); err != nil {
		return err
	}
	return moved
}

// syncFolder makes what was placed in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator names it
	if err != nil {
		return fmt.Errorf("opening the key folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("making a key file durable: %w", err)
	}
	return nil
}
