package verify

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"math/big"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// The signature algorithms that are known (RFC 8037, section 3.1; RFC 7518,
// section 3.4). A key has one of them, so that a token's word never chooses.
const (
	AlgEdDSA = "EdDSA" // Ed25519
	AlgES256 = "ES256" // ECDSA on P-256 with SHA-256
)

const maxJWK = 1 << 10 // bytes

// Key is a public key under which signatures are checked.
type Key struct {
	jwk     ledger.JWK
	edwards ed25519.PublicKey
	ecdsa   *ecdsa.PublicKey
}

// NewKey decodes a key; one that is not on its curve, of small order, or in
// another encoding than the canonical is invalid.
func NewKey(k ledger.JWK) (*Key, error) {
	public, err := k.PublicKey()
	if err != nil {
		return nil, invalid("%s", err)
	}
	key := &Key{jwk: k}
	switch p := public.(type) {
	case ed25519.PublicKey:
		key.edwards = p
	case *ecdsa.PublicKey:
		key.ecdsa = p
	}
	return key, nil
}

// ParseJWK reads a public key from outside (RFC 7517). Members beside the key's
// own are skipped, but a private one is refused: whoever shows it has lost the
// key, and so is an algorithm that is not the key's.
func ParseJWK(b []byte) (*Key, error) {
	if len(b) > maxJWK {
		return nil, invalid("a public key has at most %d bytes", maxJWK)
	}
	o, err := parseObject(b)
	if err != nil {
		return nil, invalid("the public key is not a JSON Web Key")
	}
	return keyOf(o)
}

func keyOf(o object) (*Key, error) {
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if _, there := o[private]; there {
			return nil, invalid("the public key has a member of a private one")
		}
	}
	var k ledger.JWK
	var alg string
	for name, to := range map[string]*string{"kty": &k.Kty, "crv": &k.Crv, "x": &k.X, "y": &k.Y, "alg": &alg} {
		s, err := o.text(name)
		if err != nil {
			return nil, invalid("the public key is not a JSON Web Key")
		}
		*to = s
	}
	key, err := NewKey(k)
	if err == nil && alg != "" && alg != key.Algorithm() {
		return nil, invalid("the public key is for another algorithm")
	}
	return key, err
}

// JWK returns the key's own members, without those that stood beside them.
func (k *Key) JWK() ledger.JWK { return k.jwk }

// Thumbprint returns the key's RFC 7638 thumbprint, base64url.
func (k *Key) Thumbprint() string { return k.jwk.Thumbprint() }

// Algorithm returns the one algorithm that the key's signatures have.
func (k *Key) Algorithm() string {
	if k.edwards != nil {
		return AlgEdDSA
	}
	return AlgES256
}

// Verify reports whether the key signed the message. A signature is 64 bytes:
// as in RFC 8032, or r and s of 32 bytes each (RFC 7518, section 3.4), both in
// the range of the curve's order. ECDSA has two signatures for each that it
// makes (r, s and r, n-s): nothing may rely on a signature's bytes being unique.
func (k *Key) Verify(message, signature []byte) bool {
	if len(signature) != ed25519.SignatureSize {
		return false
	}
	if k.edwards != nil {
		return ed25519.Verify(k.edwards, message, signature)
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	digest := sha256.Sum256(message)
	return ecdsa.Verify(k.ecdsa, digest[:], r, s)
}
