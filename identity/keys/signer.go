package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Signer signs with one private key of Ed25519 or P-256, wherever that lives.
type Signer interface {
	// JWK returns the public key.
	JWK() ledger.JWK
	// Sign returns a signature in the form that a JWS carries, 64 bytes: as in
	// RFC 8032, or r and s of 32 bytes each (RFC 7518, section 3.4), over the
	// message itself and not a digest of it.
	Sign(message []byte) ([]byte, error)
}

// Algorithm returns the one JOSE algorithm that a signer's signatures have:
// verify.AlgEdDSA or verify.AlgES256.
func Algorithm(s Signer) string {
	if s.JWK().Kty == ledger.KeyTypeEC {
		return verify.AlgES256
	}
	return verify.AlgEdDSA
}

// soft is a key that works as the standard library's do.
type soft struct {
	key    crypto.Signer
	public ledger.JWK
}

// FromCrypto takes a key that is, or works like, an ed25519.PrivateKey or an
// *ecdsa.PrivateKey on P-256.
func FromCrypto(key crypto.Signer) (Signer, error) {
	jwk, err := ledger.JWKOf(key.Public())
	if err != nil {
		return nil, fmt.Errorf("taking a signing key: %w", err)
	}
	return &soft{key: key, public: jwk}, nil
}

// JWK returns the public key.
func (s *soft) JWK() ledger.JWK { return s.public }

// Sign signs as [Signer] says.
func (s *soft) Sign(message []byte) ([]byte, error) {
	if Algorithm(s) == verify.AlgEdDSA {
		signature, err := s.key.Sign(rand.Reader, message, crypto.Hash(0))
		if err != nil {
			return nil, fmt.Errorf("signing: %w", err)
		}
		return signature, nil
	}
	digest := sha256.Sum256(message)
	der, err := s.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return raw(der)
}

// raw turns an ASN.1 signature into r and s of 32 bytes each.
func raw(der []byte) ([]byte, error) {
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &sig); err != nil || len(rest) > 0 {
		return nil, errors.New("reading a signature: it is not ASN.1")
	}
	const size = 32
	if sig.R.Sign() <= 0 || sig.S.Sign() <= 0 || sig.R.BitLen() > 8*size || sig.S.BitLen() > 8*size {
		return nil, errors.New("reading a signature: it is not of P-256")
	}
	out := make([]byte, 2*size)
	sig.R.FillBytes(out[:size])
	sig.S.FillBytes(out[size:])
	return out, nil
}

// Header is what a JWS says of itself beside its algorithm, which follows from
// the key. Empty members are left out.
type Header struct {
	Type  string      `json:"typ,omitempty"`
	KeyID string      `json:"kid,omitempty"`
	JWK   *ledger.JWK `json:"jwk,omitempty"` // RFC 7515, section 4.1.3
	X5C   []string    `json:"x5c,omitempty"` // standard base64 of DER, the signer's first: section 4.1.6
}

// Compact signs a payload as a compact JWS (RFC 7515, section 7.1).
func Compact(s Signer, h Header, payload []byte) (string, error) {
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		Header
	}{Algorithm(s), h})
	if err != nil {
		return "", fmt.Errorf("encoding a header: %w", err)
	}
	signed := segment(header) + "." + segment(payload)
	signature, err := s.Sign([]byte(signed))
	if err != nil {
		return "", err
	}
	return signed + "." + segment(signature), nil
}

func segment(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
