package oid4vp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/jwe"
)

// MaxAnswer bounds an answer, encrypted or not, in bytes.
const MaxAnswer = 128 << 10

func newDecryptionKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	raw, err := key.Bytes()
	if err != nil {
		return nil, nil, fmt.Errorf("encoding a key: %w", err)
	}
	return key, raw, nil
}

// decryptionKey is the key of a flow, and its public half, as it stands in the
// verifier's metadata. Wallets want a name ("kid") on it.
func (f *flow) decryptionKey() (*ecdsa.PrivateKey, *jwe.Key, error) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), f.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("decoding a key: %w", err)
	}
	public, err := jwe.Public(&key.PublicKey)
	return key, public, err
}

// encrypt closes an answer, with the first of our content encryptions that the
// verifier takes. A verifier that says nothing takes A128GCM (section 8.3).
func encrypt(plain []byte, m *metadata) (string, error) {
	key, err := m.encryptionKey()
	if err != nil {
		return "", err
	}
	enc, known := jwe.Default, true
	if len(m.Enc) > 0 {
		enc, known = jwe.Choose(m.Enc)
	}
	if !known {
		return "", invalid("the verifier wants an encryption that is not known here")
	}
	token, err := jwe.Seal(plain, key, enc)
	if err != nil {
		return "", fmt.Errorf("encrypting an answer: %w", err)
	}
	return token, nil
}

// encryptionKey finds the first key on P-256 that is meant for ECDH-ES, with a name.
func (m *metadata) encryptionKey() (*jwe.Key, error) {
	if m != nil && m.Keys != nil {
		for _, raw := range m.Keys.Keys {
			if key, ok := jwe.ParseKey(raw); ok && key.KeyID != "" {
				return key, nil
			}
		}
	}
	return nil, invalid("the verifier has no key to which an answer can be encrypted: P-256 for ECDH-ES, with a name")
}

// thumbprint returns the RFC 7638 thumbprint's bytes, which an mdoc's session
// transcript holds (appendix B.2.6.1).
func thumbprint(k ledger.JWK) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(k.Thumbprint())
	if err != nil {
		return nil, fmt.Errorf("taking a thumbprint: %w", err)
	}
	return b, nil
}
