package sdjwt

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
type Signer struct {
	key    crypto.Signer
	public *verify.Key
}

// NewSigner takes a key that is, or works like, an ed25519.PrivateKey or an
// *ecdsa.PrivateKey on P-256.
func NewSigner(key crypto.Signer) (*Signer, error) {
	jwk, err := ledger.JWKOf(key.Public())
	if err != nil {
		return nil, fmt.Errorf("taking a signing key: %w", err)
	}
	public, err := verify.NewKey(jwk)
	if err != nil {
		return nil, fmt.Errorf("taking a signing key: %w", err)
	}
	return &Signer{key: key, public: public}, nil
}

// JWK returns the public key.
func (s *Signer) JWK() ledger.JWK { return s.public.JWK() }

// Sign returns a signature in the form that a JWS carries, 64 bytes.
func (s *Signer) Sign(message []byte) ([]byte, error) {
	if s.public.Algorithm() == verify.AlgEdDSA {
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

// raw turns an ASN.1 signature into r and s of 32 bytes each (RFC 7518, section
// 3.4).
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

// Compact signs a payload as a compact JWS (RFC 7515, section 7.1). An empty type
// or key id leaves that member out.
func (s *Signer) Compact(typ, keyID string, payload []byte) (string, error) {
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ,omitempty"`
		KeyID     string `json:"kid,omitempty"`
	}{s.public.Algorithm(), typ, keyID})
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
