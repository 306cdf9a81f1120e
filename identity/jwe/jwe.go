// Package jwe encrypts to one key, and decrypts what was, as the wallets' protocols
// do it: compact JWE (RFC 7516) by ECDH-ES on P-256 without key wrapping, A256GCM or
// A128GCM, and no compression, behind which a bound on size would not hold (HAIP 1.0,
// section 5). Nothing else is taken.
package jwe

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Algorithm is the one key agreement.
const Algorithm = string(jose.ECDH_ES)

// Default is the content encryption of those who name none (OpenID4VP 1.0, section
// 8.3).
const Default = string(jose.A128GCM)

// Encryptions returns the content encryptions that are taken, the preferred first.
func Encryptions() []string { return []string{string(jose.A256GCM), string(jose.A128GCM)} }

// Choose returns the first of ours that another takes; false: there is none.
func Choose(theirs []string) (string, bool) {
	ours := Encryptions()
	i := slices.IndexFunc(ours, func(e string) bool { return slices.Contains(theirs, e) })
	if i < 0 {
		return "", false
	}
	return ours[i], true
}

// Bounds, in bytes.
const (
	maxKey    = 2 << 10
	maxHeader = 4 << 10
)

// Key is a public key that something is encrypted to, as it travels.
type Key struct {
	ledger.JWK

	KeyID     string `json:"kid,omitempty"`
	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
}

// Public returns how others learn of a key: named by its thumbprint.
func Public(key *ecdsa.PublicKey) (*Key, error) {
	public, err := ledger.JWKOf(key)
	if err != nil {
		return nil, fmt.Errorf("decoding a key: %w", err)
	}
	return &Key{JWK: public, KeyID: public.Thumbprint(), Use: "enc", Algorithm: Algorithm}, nil
}

// ParseKey reads a public key on P-256 that is meant for ECDH-ES, or leaves that
// open; false: it is none.
func ParseKey(raw []byte) (*Key, bool) {
	if len(raw) > maxKey || !verify.OneMeaning(raw) {
		return nil, false
	}
	var said struct {
		Key
		Secret json.RawMessage `json:"d"`
	}
	if json.Unmarshal(raw, &said) != nil || said.Secret != nil ||
		said.Use != "" && said.Use != "enc" || said.Algorithm != "" && said.Algorithm != Algorithm {
		return nil, false
	}
	if _, err := said.public(); err != nil {
		return nil, false
	}
	return &said.Key, true
}

func (k *Key) public() (*ecdsa.PublicKey, error) {
	public, err := k.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("decoding a key: %w", err)
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the key is not on P-256")
	}
	return key, nil
}

// Seal encrypts to a key, which the token names where the key has a name.
func Seal(plain []byte, to *Key, encryption string) (string, error) {
	key, err := to.public()
	if err != nil {
		return "", err
	}
	if !slices.Contains(Encryptions(), encryption) {
		return "", ledger.Problemf(ledger.CodeInvalid, "the encryption is not known here")
	}
	e, err := jose.NewEncrypter(jose.ContentEncryption(encryption), jose.Recipient{Algorithm: jose.ECDH_ES, Key: key, KeyID: to.KeyID}, nil)
	if err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	sealed, err := e.Encrypt(plain)
	if err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	token, err := sealed.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	return token, nil
}

// Open decrypts what was encrypted to the key with this name. The caller bounds the
// token's size; what comes out is smaller.
func Open(token string, key *ecdsa.PrivateKey, keyID string) ([]byte, error) {
	malformed := ledger.Problemf(ledger.CodeInvalid, "it is not encrypted to this key, by ECDH-ES with A128GCM or A256GCM")
	header, rest, _ := strings.Cut(token, ".")
	// With a key that is agreed on there is no other (RFC 7516, section 5.2, step 10),
	// where go-jose would let anything stand.
	if len(header) > maxHeader || !strings.HasPrefix(rest, ".") {
		return nil, malformed
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(header)
	if err != nil || !verify.OneMeaning(raw) {
		return nil, malformed
	}
	var members map[string]json.RawMessage
	// Compressed plain text grows behind the bound; what is critical is not known.
	if json.Unmarshal(raw, &members) != nil || members["zip"] != nil || members["crit"] != nil {
		return nil, malformed
	}
	sealed, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A128GCM, jose.A256GCM})
	if err != nil || sealed.Header.KeyID != keyID {
		return nil, malformed
	}
	plain, err := sealed.Decrypt(key)
	if err != nil {
		return nil, malformed
	}
	return plain, nil
}
