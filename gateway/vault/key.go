package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	keySize   = 32 // AES-256
	nonceSize = 12
	tagSize   = 16

	wrappedSize = nonceSize + keySize + tagSize

	keyFile   = "vault.key"
	keyPrefix = "secant-vault-key-v1"
)

// masterKey is the vault's key, with what derives from it. Whoever has it can
// open every record that is not erased.
type masterKey struct {
	vault [16]byte // random identity of the vault; segments of another are refused
	wrap  []byte   // keys the derivation of each record's wrapping key
	ids   []byte   // keys the derivation of ids

	subjects []byte // wraps the subjects' keys
}

// String keeps the key out of logs and texts.
func (*masterKey) String() string { return "key(redacted)" }

func newMasterKey(vault [16]byte, secret []byte) (*masterKey, error) {
	k := &masterKey{vault: vault}
	for _, part := range []struct {
		dst  *[]byte
		info string
	}{{&k.wrap, "secant/vault/wrap/v1"}, {&k.ids, "secant/vault/id/v1"}, {&k.subjects, "secant/vault/subject/v1"}} {
		derived, err := hkdf.Key(sha256.New, secret, vault[:], part.info, keySize)
		if err != nil {
			return nil, fmt.Errorf("deriving from the vault's key: %w", err)
		}
		*part.dst = derived
	}
	return k, nil
}

// makeKey writes a new key to path, readable by its owner only, and makes it
// durable before anything is encrypted under it.
func makeKey(path string) error {
	var vault [16]byte
	secret := make([]byte, keySize)
	_, _ = rand.Read(vault[:]) // never fails: crypto/rand
	_, _ = rand.Read(secret)
	text := fmt.Sprintf("%s %s %s\n", keyPrefix, hex.EncodeToString(vault[:]), base64.RawStdEncoding.EncodeToString(secret))
	if err := writeDurably(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("making the vault's key: %w", err)
	}
	return nil
}

// readKey reads the key file at path. It refuses one that others may read.
func readKey(path string) (*masterKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the vault's key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("the vault's key %s is open to others (mode %04o): make it 0600", path, mode)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the path comes from the configuration
	if err != nil {
		return nil, fmt.Errorf("reading the vault's key: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) != 3 || fields[0] != keyPrefix {
		return nil, fmt.Errorf("%s is not a vault key", path)
	}
	id, err := hex.DecodeString(fields[1])
	if err != nil || len(id) != 16 {
		return nil, fmt.Errorf("%s is not a vault key", path)
	}
	secret, err := base64.RawStdEncoding.DecodeString(fields[2])
	if err != nil || len(secret) != keySize {
		return nil, fmt.Errorf("%s is not a vault key", path)
	}
	return newMasterKey([16]byte(id), secret)
}

// openKey reads the key of the vault in dir. A vault without records gets a new
// one; records without their key are refused, for a new key would hide the loss.
func openKey(path string, empty bool) (*masterKey, error) {
	k, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if !empty {
		return nil, fmt.Errorf("the vault has records, but its key %s is missing", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the vault's key: %w", err)
	}
	if err := makeKey(path); err != nil {
		return nil, err
	}
	return readKey(path)
}

// id derives an id from parts that name one thing: the same parts always give
// the same id, and without the vault's key nobody can tell which.
func (k *masterKey) id(parts ...[]byte) ID {
	m := hmac.New(sha256.New, k.ids)
	for _, part := range parts {
		var n [8]byte
		putLength(n[:], len(part))
		m.Write(n[:])
		m.Write(part)
	}
	return ID(m.Sum(nil)[:16])
}

// wrapping returns the AEAD that wraps the data key of the record id. Each
// record has its own, so that random nonces cannot collide over a vault's life.
func (k *masterKey) wrapping(id ID) (cipher.AEAD, error) {
	m := hmac.New(sha256.New, k.wrap)
	m.Write(id[:])
	return newAEAD(m.Sum(nil))
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// bound is what every encryption of a record is bound to: the vault, the
// record and the entry that commits to it.
func (k *masterKey) bound(id ID, entry *[32]byte) []byte {
	b := make([]byte, 0, len(recordMagic)+16+16+32)
	b = append(b, recordMagic...)
	b = append(b, k.vault[:]...)
	b = append(b, id[:]...)
	return append(b, entry[:]...)
}

// zeroNonce serves for the sealed bytes, whose key encrypts nothing else.
var zeroNonce [nonceSize]byte

// seal encrypts plain in place under a new data key, which it wraps into slot.
// plain must have tagSize bytes of room behind it; the sealed bytes are returned.
func (k *masterKey) seal(id ID, entry *[32]byte, slot, plain []byte) ([]byte, error) {
	var secret [keySize + nonceSize]byte
	_, _ = rand.Read(secret[:]) // never fails: crypto/rand
	key, nonce := secret[:keySize], secret[keySize:]
	bound := k.bound(id, entry)

	wrapping, err := k.wrapping(id)
	if err != nil {
		return nil, fmt.Errorf("wrapping a data key: %w", err)
	}
	copy(slot, nonce)
	wrapping.Seal(slot[:nonceSize], nonce, key, bound)
	putSlot(slot)

	aead, err := newAEAD(key)
	if err != nil {
		return nil, fmt.Errorf("sealing a record: %w", err)
	}
	return aead.Seal(plain[:0], zeroNonce[:], plain, bound), nil //nolint:gosec // the key is new and encrypts nothing else
}

// open decrypts sealed in place with the data key wrapped in wrapped.
func (k *masterKey) open(id ID, entry *[32]byte, wrapped, sealed []byte) ([]byte, error) {
	bound := k.bound(id, entry)
	wrapping, err := k.wrapping(id)
	if err != nil {
		return nil, fmt.Errorf("unwrapping a data key: %w", err)
	}
	key, err := wrapping.Open(nil, wrapped[:nonceSize], wrapped[nonceSize:], bound)
	if err != nil {
		return nil, fmt.Errorf("unwrapping a data key: %w", err)
	}
	aead, err := newAEAD(key)
	if err != nil {
		return nil, fmt.Errorf("opening a record: %w", err)
	}
	plain, err := aead.Open(sealed[:0], zeroNonce[:], sealed, bound)
	if err != nil {
		return nil, fmt.Errorf("opening a record: %w", err)
	}
	return plain, nil
}
