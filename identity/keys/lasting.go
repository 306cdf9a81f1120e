package keys

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Lasting signatures stand beside a statement's signature of Ed25519 or P-256,
// over the same bytes, where the statement must still convince when elliptic
// curves no longer do: certificates of conformity, checkpoints. Whoever makes
// such a statement always makes both; whoever verifies it may leave this one out.

// AlgMLDSA65 is ML-DSA-65 (FIPS 204), by its name in RFC 9964.
const AlgMLDSA65 = "ML-DSA-65"

// KeyTypeAKP is the key type whose algorithm is part of the key (RFC 9964).
const KeyTypeAKP = "AKP"

// LastingSeedSize is the length of the seed from which a lasting key follows, in
// bytes (FIPS 204, algorithm 6).
const LastingSeedSize = mldsa65.SeedSize

// LastingJWK is the public key of lasting signatures as a JSON Web Key of RFC 9964.
type LastingJWK struct {
	Kty string `json:"kty"` // KeyTypeAKP
	Alg string `json:"alg"` // AlgMLDSA65
	Pub string `json:"pub"` // 1952 bytes, base64url without padding
}

// Thumbprint returns the key's RFC 7638 thumbprint under SHA-256, base64url
// without padding. RFC 9964 makes alg, kty and pub its members.
func (k LastingJWK) Thumbprint() string {
	sum := sha256.Sum256([]byte(`{"alg":"` + k.Alg + `","kty":"` + k.Kty + `","pub":"` + k.Pub + `"}`))
	return segment(sum[:])
}

// public decodes the key.
func (k LastingJWK) public() (*mldsa65.PublicKey, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(k.Pub)
	if k.Kty != KeyTypeAKP || k.Alg != AlgMLDSA65 || err != nil || len(b) != mldsa65.PublicKeySize || segment(b) != k.Pub {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the key is no public key of %s: kty %s, %d bytes in base64url without padding",
			AlgMLDSA65, KeyTypeAKP, mldsa65.PublicKeySize)
	}
	var key mldsa65.PublicKey
	if err := key.UnmarshalBinary(b); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the key is no public key of %s", AlgMLDSA65)
	}
	return &key, nil
}

const maxLastingJWK = 4 << 10 // bytes

// ParseLastingJWK reads a public key from outside. Members beside the key's own
// are skipped, but the private one is refused.
func ParseLastingJWK(b []byte) (LastingJWK, error) {
	if len(b) > maxLastingJWK {
		return LastingJWK{}, ledger.Problemf(ledger.CodeTooLarge, "a public key has at most %d bytes", maxLastingJWK)
	}
	// Names that differ in case only are one to the decoder below, so that
	// members are taken from a map.
	var members map[string]json.RawMessage
	if !verify.OneMeaning(b) || json.Unmarshal(b, &members) != nil {
		return LastingJWK{}, ledger.Problemf(ledger.CodeInvalid, "the public key is not a JSON Web Key")
	}
	if _, there := members["priv"]; there {
		return LastingJWK{}, ledger.Problemf(ledger.CodeInvalid, "the public key has a member of a private one")
	}
	var k LastingJWK
	for name, to := range map[string]*string{"kty": &k.Kty, "alg": &k.Alg, "pub": &k.Pub} {
		if err := json.Unmarshal(members[name], to); err != nil {
			return LastingJWK{}, ledger.Problemf(ledger.CodeInvalid, "the public key is not a JSON Web Key")
		}
	}
	if _, err := k.public(); err != nil {
		return LastingJWK{}, err
	}
	return k, nil
}

// LastingKey makes lasting signatures.
type LastingKey struct {
	private *mldsa65.PrivateKey
	jwk     LastingJWK

	Purpose    string // what it is for; see CheckPurpose
	Generation int    // 1 for the first
}

// NewLastingKey returns the key that follows from a seed (FIPS 204, algorithm 6).
func NewLastingKey(seed [LastingSeedSize]byte) *LastingKey {
	public, private := mldsa65.NewKeyFromSeed(&seed)
	return &LastingKey{private: private, jwk: LastingJWK{Kty: KeyTypeAKP, Alg: AlgMLDSA65, Pub: segment(public.Bytes())}}
}

// JWK returns the public key.
func (k *LastingKey) JWK() LastingJWK { return k.jwk }

// LastingSignature states a lasting signature beside a statement.
type LastingSignature struct {
	Alg       string `json:"alg"`       // AlgMLDSA65
	KeyID     string `json:"kid"`       // thumbprint of the key
	Signature string `json:"signature"` // 3309 bytes, base64url without padding
}

// Sign signs the message with an empty context string, as RFC 9964 does, and
// hedged with randomness (FIPS 204, section 3.4).
func (k *LastingKey) Sign(message []byte) (LastingSignature, error) {
	signature := make([]byte, mldsa65.SignatureSize)
	if err := mldsa65.SignTo(k.private, message, nil, true, signature); err != nil {
		return LastingSignature{}, fmt.Errorf("making a lasting signature: %w", err)
	}
	return LastingSignature{Alg: AlgMLDSA65, KeyID: k.jwk.Thumbprint(), Signature: segment(signature)}, nil
}

// Verify checks that the key made the signature over the message.
func (s LastingSignature) Verify(key LastingJWK, message []byte) error {
	public, err := key.public()
	if err != nil {
		return err
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(s.Signature)
	if s.Alg != AlgMLDSA65 || s.KeyID != key.Thumbprint() || err != nil || len(signature) != mldsa65.SignatureSize || segment(signature) != s.Signature {
		return ledger.Problemf(ledger.CodeInvalid, "the lasting signature is not one of the expected key's")
	}
	if !mldsa65.Verify(public, message, nil, signature) {
		return ledger.Problemf(ledger.CodeInvalid, "the lasting signature is not over the statement")
	}
	return nil
}
