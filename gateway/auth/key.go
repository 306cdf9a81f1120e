package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// pemType is the PEM label of a PKCS #8 key (RFC 7468, section 10).
const pemType = "PRIVATE KEY"

// OpenKey reads an Ed25519 private key (PEM, PKCS #8). On first use it makes
// one, readable by its owner only; of two processes that do so at once, both
// get the same key. A file that others may read is refused.
func OpenKey(path string) (ed25519.PrivateKey, error) {
	b, err := readSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		if b, err = makeKey(path); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != pemType || len(rest) != 0 {
		return nil, fmt.Errorf("reading the key %s: it is not one PEM private key", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the key %s: %w", path, err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("reading the key %s: it is not an Ed25519 key", path)
	}
	return key, nil
}

func makeKey(path string) ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	return create(path, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}))
}

// SecretSize is the length of a secret that OpenSecret makes, in bytes.
const SecretSize = 32

// OpenSecret reads a random secret for an HMAC, made on first use as OpenKey
// makes keys.
func OpenSecret(path string) ([]byte, error) {
	b, err := readSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		fresh := make([]byte, SecretSize)
		if _, err := rand.Read(fresh); err != nil {
			return nil, fmt.Errorf("making a secret: %w", err)
		}
		b, err = create(path, fresh)
	}
	if err != nil {
		return nil, err
	}
	if len(b) != SecretSize {
		return nil, fmt.Errorf("reading the secret %s: it must hold %d bytes", path, SecretSize)
	}
	return b, nil
}

func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("reading the key %s: others may read it; make it 0600", path)
	}
	b, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	return b, nil
}

// create puts a durable new file in place, whole or not at all, and returns
// what the file then holds: another process may have been first.
func create(path string, content []byte) ([]byte, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the key folder: %w", err)
	}
	f, err := os.CreateTemp(dir, ".new-*") // 0600
	if err != nil {
		return nil, fmt.Errorf("making a key file: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("writing a key file: %w", err)
	}
	// A link, unlike a rename, does not replace what another process just made.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("placing a key file: %w", err)
	}
	if d, err := os.Open(dir); err == nil { //nolint:gosec // the operator names it
		_ = d.Sync() // best effort: not every file system lets a folder be synced
		_ = d.Close()
	}
	return readSecret(path)
}
