package oid4vp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxAnswer bounds an answer, encrypted or not, in bytes.
const MaxAnswer = 128 << 10

// The content encryptions of an answer (HAIP 1.0, section 5): both are taken, the
// first is preferred.
var contentEncryptions = []string{string(jose.A256GCM), string(jose.A128GCM)}

// encryptionKey is the public key to which one answer is encrypted, as it stands
// in the verifier's metadata. Wallets want a name ("kid") on it.
type encryptionKey struct {
	ledger.JWK
	KeyID     string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

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

// decryptionKey is the key of a flow, and its public half.
func (f *flow) decryptionKey() (*ecdsa.PrivateKey, *encryptionKey, error) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), f.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("decoding a key: %w", err)
	}
	public, err := ledger.JWKOf(&key.PublicKey)
	if err != nil {
		return nil, nil, fmt.Errorf("decoding a key: %w", err)
	}
	return key, &encryptionKey{JWK: public, KeyID: public.Thumbprint(), Use: "enc", Algorithm: string(jose.ECDH_ES)}, nil
}

// decrypt opens an answer that was encrypted to the key with this name (RFC 7516,
// ECDH-ES without key wrapping).
func decrypt(token string, key *ecdsa.PrivateKey, keyID string) ([]byte, error) {
	malformed := invalid("the answer is not encrypted to the key of this request, by ECDH-ES with A128GCM or A256GCM")
	header, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(header)
	if err != nil {
		return nil, malformed
	}
	var members map[string]json.RawMessage
	if err := read("the answer's header", raw, 4<<10, &members); err != nil {
		return nil, err
	}
	// Compressed plain text grows behind the bound; what is critical is not known.
	if members["zip"] != nil || members["crit"] != nil {
		return nil, malformed
	}
	jwe, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A128GCM, jose.A256GCM})
	if err != nil || jwe.Header.KeyID != keyID {
		return nil, malformed
	}
	plain, err := jwe.Decrypt(key)
	if err != nil {
		return nil, malformed
	}
	return plain, nil
}

// encrypt closes an answer, with the first of our content encryptions that the
// verifier takes. A verifier that says nothing takes A128GCM (section 8.3).
func encrypt(plain []byte, m *metadata) (string, error) {
	key, id, err := m.encryptionKey()
	if err != nil {
		return "", err
	}
	enc := string(jose.A128GCM)
	if len(m.Enc) > 0 {
		i := slices.IndexFunc(contentEncryptions, func(e string) bool { return slices.Contains(m.Enc, e) })
		if i < 0 {
			return "", invalid("the verifier wants an encryption that is not known here")
		}
		enc = contentEncryptions[i]
	}
	e, err := jose.NewEncrypter(jose.ContentEncryption(enc), jose.Recipient{Algorithm: jose.ECDH_ES, Key: key, KeyID: id}, nil)
	if err != nil {
		return "", fmt.Errorf("encrypting an answer: %w", err)
	}
	jwe, err := e.Encrypt(plain)
	if err != nil {
		return "", fmt.Errorf("encrypting an answer: %w", err)
	}
	token, err := jwe.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("encrypting an answer: %w", err)
	}
	return token, nil
}

// encryptionKey finds the first key on P-256 that is meant for ECDH-ES.
func (m *metadata) encryptionKey() (*ecdsa.PublicKey, string, error) {
	none := invalid("the verifier has no key to which an answer can be encrypted: P-256 for ECDH-ES, with a name")
	if m == nil || m.Keys == nil {
		return nil, "", none
	}
	for _, raw := range m.Keys.Keys {
		var about struct {
			KeyID string `json:"kid"`
			Use   string `json:"use"`
			Alg   string `json:"alg"`
			Kty   string `json:"kty"`
			Crv   string `json:"crv"`
			X     string `json:"x"`
			Y     string `json:"y"`
			D     string `json:"d"`
		}
		if err := read("a key", raw, 2<<10, &about); err != nil {
			return nil, "", err
		}
		if about.D != "" || about.KeyID == "" || about.Use != "" && about.Use != "enc" || about.Alg != "" && about.Alg != string(jose.ECDH_ES) {
			continue
		}
		public, err := ledger.JWK{Kty: about.Kty, Crv: about.Crv, X: about.X, Y: about.Y}.PublicKey()
		if key, ok := public.(*ecdsa.PublicKey); err == nil && ok {
			return key, about.KeyID, nil
		}
	}
	return nil, "", none
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
