package local

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hyperledger/aries-framework-go/pkg/secretlock"
	"github.com/hyperledger/aries-framework-go/pkg/secretlock/local"
	"github.com/hyperledger/aries-framework-go/pkg/secretlock/local/masterlock/hkdf"

	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	masterName = "master.json"
	masterSize = 32 // bytes: a key of AES-256
	saltSize   = 32 // bytes
)

// master is the file that holds the master key.
type master struct {
	V      int    `json:"v"`
	Salt   []byte `json:"salt"`   // of HKDF, random
	Sealed string `json:"sealed"` // the master key under what HKDF makes of the secret
}

// secretOf checks a secret.
func secretOf(b []byte) (string, error) {
	b = bytes.TrimRight(b, "\r\n")
	if len(b) < MinSecret {
		return "", ledger.Problemf(ledger.CodeInvalid,
			"the key store's secret must have at least %d bytes: make one at random, as in head -c 32 /dev/urandom | base64", MinSecret)
	}
	return string(b), nil
}

// parseMaster reads a file that holds a master key.
func parseMaster(b []byte) (*master, error) {
	var m master
	if err := json.Unmarshal(b, &m); err != nil || m.V != 1 || len(m.Salt) != saltSize || m.Sealed == "" {
		return nil, damaged(masterName)
	}
	return &m, nil
}

// newMaster seals a master key under a secret.
func newMaster(secret, key string) ([]byte, error) {
	m := master{V: 1, Salt: random(saltSize)}
	outer, err := hkdf.NewMasterLock(secret, sha256.New, m.Salt)
	if err != nil {
		return nil, fmt.Errorf("deriving from the secret: %w", err)
	}
	sealed, err := outer.Encrypt("", &secretlock.EncryptRequest{Plaintext: key})
	if err != nil {
		return nil, fmt.Errorf("encrypting a master key: %w", err)
	}
	m.Sealed = sealed.Ciphertext
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding a master key: %w", err)
	}
	return b, nil
}

var errSecret = ledger.Problemf(ledger.CodeDenied,
	"the key store does not open with this secret: give the one with which it was made, or restore the folder from the backup that belongs to it")

// ChangeSecret makes a store open with another secret from now on. The keys stay
// what they are, and so do those who have opened it. It does not help against
// somebody who had both the old secret and the files: for that, rotate the keys.
func ChangeSecret(dir string, from, to []byte) error {
	before, err := secretOf(from)
	if err != nil {
		return err
	}
	after, err := secretOf(to)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, masterName)
	b, err := read(path)
	if err != nil {
		return err
	}
	m, err := parseMaster(b)
	if err != nil {
		return err
	}
	outer, err := hkdf.NewMasterLock(before, sha256.New, m.Salt)
	if err != nil {
		return fmt.Errorf("deriving from the secret: %w", err)
	}
	key, err := outer.Decrypt("", &secretlock.DecryptRequest{Ciphertext: m.Sealed})
	if err != nil {
		return errSecret
	}
	if b, err = newMaster(after, key.Plaintext); err != nil {
		return err
	}
	return replace(path, b)
}

// openLock returns what encrypts and decrypts under the master key, and makes
// that key on first use.
func openLock(dir, secret string) (secretlock.Service, error) {
	path := filepath.Join(dir, masterName)
	b, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		b, err = makeMaster(dir, secret)
	}
	if err != nil {
		return nil, err
	}
	m, err := parseMaster(b)
	if err != nil {
		return nil, err
	}
	outer, err := hkdf.NewMasterLock(secret, sha256.New, m.Salt)
	if err != nil {
		return nil, fmt.Errorf("deriving from the secret: %w", err)
	}
	lock, err := local.NewService(strings.NewReader(m.Sealed), outer)
	if err != nil {
		return nil, errSecret
	}
	return lock, nil
}

// makeMaster makes a master key, unless another process is first, and returns
// what the file then holds.
func makeMaster(dir, secret string) ([]byte, error) {
	// Keys without a master key are lost; a new one would only hide that.
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for keys: %w", err)
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasSuffix(e.Name(), "."+kindSigner) || strings.HasSuffix(e.Name(), "."+kindLasting)
	}) {
		path := filepath.Join(dir, masterName)
		if b, err := read(path); !errors.Is(err, fs.ErrNotExist) {
			return b, err // another process made it, and keys, in the meantime
		}
		return nil, ledger.Problemf(ledger.CodeInternal,
			"the key store has keys but no %s: restore the folder from a backup, or name an empty one", masterName)
	}
	b, err := newMaster(secret, string(random(masterSize)))
	if err != nil {
		return nil, err
	}
	if b, err = create(filepath.Join(dir, masterName), b); err != nil {
		return nil, err
	}
	return b, syncFolder(filepath.Dir(dir)) // where the folder itself may be new
}

// random returns n random bytes; crypto/rand.Read never fails.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
