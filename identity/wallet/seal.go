package wallet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/crypto/scrypt"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// The ways in which a secret becomes a key.
const (
	deriveScrypt = "scrypt" // of a passphrase (RFC 7914)
	deriveHKDF   = "hkdf"   // of a key file (RFC 5869)
)

// The cost of a passphrase: 32 MiB and some 100 ms. A file may name no other, so
// that a changed one can neither weaken nor exhaust.
const (
	scryptN, scryptR, scryptP = 1 << 15, 8, 1

	keySize       = 32 // bytes: AES-256
	saltSize      = 32 // bytes
	minPassphrase = 10 // bytes
	maxSecret     = 4 << 10
)

// Secret opens a wallet.
type Secret struct {
	way   string
	bytes []byte
}

// String keeps the secret out of whatever prints it.
func (Secret) String() string { return "[secret]" }

// GoString keeps the secret out of whatever prints it.
func (Secret) GoString() string { return "[secret]" }

// Passphrase is a secret that a person remembers, of at least 10 bytes.
func Passphrase(p string) (Secret, error) {
	if len(p) < minPassphrase || len(p) > maxSecret {
		return Secret{}, ledger.Problemf(ledger.CodeInvalid, "a passphrase has at least %d characters", minPassphrase)
	}
	return Secret{deriveScrypt, []byte(p)}, nil
}

// KeyFile is a secret of at least 32 random bytes in a file that others cannot read.
func KeyFile(path string) (Secret, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Secret{}, fmt.Errorf("reading a key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 || info.Size() > maxSecret {
		return Secret{}, ledger.Problemf(ledger.CodeDenied, "the key file is readable by others, or is none")
	}
	b, err := os.ReadFile(path) //nolint:gosec // whoever opens the wallet names it
	if err != nil {
		return Secret{}, fmt.Errorf("reading a key file: %w", err)
	}
	if len(b) < keySize {
		return Secret{}, ledger.Problemf(ledger.CodeInvalid, "a key file has at least %d bytes", keySize)
	}
	return Secret{deriveHKDF, b}, nil
}

// NewKeyFile makes a key file where there is none.
func NewKeyFile(path string) (Secret, error) {
	b := make([]byte, keySize)
	if _, err := rand.Read(b); err != nil {
		return Secret{}, fmt.Errorf("drawing a key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // whoever makes the wallet names it
	if err != nil {
		return Secret{}, fmt.Errorf("making a key file: %w", err)
	}
	if _, err := f.Write(b); err != nil {
		return Secret{}, errors.Join(fmt.Errorf("writing a key file: %w", err), f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return Secret{}, fmt.Errorf("writing a key file: %w", err)
	}
	return Secret{deriveHKDF, b}, nil
}

// derive returns the key under which a wallet with this salt is sealed.
func (s Secret) derive(salt []byte) (cipher.AEAD, error) {
	var key []byte
	var err error
	switch s.way {
	case deriveScrypt:
		key, err = scrypt.Key(s.bytes, salt, scryptN, scryptR, scryptP, keySize)
	case deriveHKDF:
		key, err = hkdf.Key(sha256.New, s.bytes, salt, "secant/wallet/v1", keySize)
	default:
		err = errors.New("there is no secret")
	}
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// sealed is a wallet's file.
type sealed struct {
	V      int    `json:"v"`
	Way    string `json:"way"` // deriveScrypt or deriveHKDF
	Salt   []byte `json:"salt"`
	Sealed []byte `json:"sealed"` // nonce and cipher text of the contents, which are JSON
}

// bound is what is authenticated with the contents.
func (s *sealed) bound() []byte {
	return fmt.Appendf(nil, "secant/wallet/v%d\x00%s\x00%x", s.V, s.Way, s.Salt)
}

// sealer seals and opens one wallet.
type sealer struct {
	aead cipher.AEAD
	way  string
	salt []byte
}

func newSealer(s Secret) (*sealer, error) {
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return nil, fmt.Errorf("drawing a salt: %w", err)
	}
	aead, err := s.derive(salt)
	return &sealer{aead, s.way, salt}, err
}

func (s *sealer) seal(contents []byte) ([]byte, error) {
	f := &sealed{V: version, Way: s.way, Salt: s.salt}
	f.Sealed = s.aead.Seal(nil, nil, contents, f.bound()) //nolint:gosec // this AEAD draws its own nonces
	b, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encoding a wallet: %w", err)
	}
	return b, nil
}

// ByKeyFile reports whether the wallet in a directory opens by a key file, and not
// by a passphrase. It fails with not_found when there is no wallet.
func ByKeyFile(dir string) (bool, error) {
	b, err := readFile(dir)
	if err != nil {
		return false, err
	}
	f := new(sealed)
	if err := json.Unmarshal(b, f); err != nil {
		return false, damaged()
	}
	return f.Way == deriveHKDF, nil
}

func damaged() error {
	return ledger.Problemf(ledger.CodeInvalid, "the wallet's file is damaged, or of another version")
}

// unseal opens a wallet's file. A wrong secret and a changed file look the same.
func unseal(b []byte, secret Secret) (*sealer, []byte, error) {
	f := new(sealed)
	if err := json.Unmarshal(b, f); err != nil || f.V != version || len(f.Salt) != saltSize {
		return nil, nil, damaged()
	}
	if f.Way != secret.way {
		return nil, nil, ledger.Problemf(ledger.CodeDenied, "the wallet opens by %s", map[string]string{deriveScrypt: "a passphrase", deriveHKDF: "a key file"}[f.Way])
	}
	aead, err := secret.derive(f.Salt)
	if err != nil {
		return nil, nil, err
	}
	contents, err := aead.Open(nil, nil, f.Sealed, f.bound())
	if err != nil {
		return nil, nil, ledger.Problemf(ledger.CodeDenied, "the wallet does not open with this secret")
	}
	return &sealer{aead, f.Way, f.Salt}, contents, nil
}
