package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Lasting signatures stand beside a statement's signature of Ed25519 or P-256,
// over the same bytes, where the statement must still convince when elliptic
// curves no longer do: certificates of conformity, checkpoints. Whoever makes
// such a statement always makes both; whoever verifies it may leave this one out.
//
// What a lasting key signs begins with what it is for, so that no signature serves
// for anything else: a JWS by its header, which names its type, a checkpoint by
// the words before it.

// AlgMLDSA65 is ML-DSA-65 (FIPS 204), by its name in RFC 9964.
const AlgMLDSA65 = "ML-DSA-65"

// KeyTypeAKP is the key type whose algorithm is part of the key (RFC 9964).
const KeyTypeAKP = "AKP"

// TypeLastingCertificate is the "typ" of a lasting signature of a certificate of
// conformity.
const TypeLastingCertificate = "secant-lasting-certificate"

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
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// CheckThumbprint refuses what cannot be a thumbprint: 32 bytes, base64url without
// padding.
func CheckThumbprint(s string) error {
	if b, ok := decodeSegment(s); !ok || len(b) != sha256.Size {
		return invalid("a key's thumbprint is %d bytes in base64url without padding", sha256.Size)
	}
	return nil
}

// bytes returns the key's bytes.
func (k LastingJWK) bytes() ([]byte, error) {
	b, ok := decodeSegment(k.Pub)
	if k.Kty != KeyTypeAKP || k.Alg != AlgMLDSA65 || !ok || len(b) != mldsa65.PublicKeySize {
		return nil, invalid("the key is no public key of %s: kty %s, %d bytes in base64url without padding",
			AlgMLDSA65, KeyTypeAKP, mldsa65.PublicKeySize)
	}
	return b, nil
}

// verifies reports whether the key made the signature over the message, with an
// empty context string, as RFC 9964 has it.
func (k LastingJWK) verifies(message, signature []byte) bool {
	b, err := k.bytes()
	if err != nil || len(signature) != mldsa65.SignatureSize {
		return false
	}
	var key mldsa65.PublicKey
	return key.UnmarshalBinary(b) == nil && mldsa65.Verify(&key, message, nil, signature)
}

// MaxLastingJWK bounds an encoded key, in bytes.
const MaxLastingJWK = 4 << 10

// ParseLastingJWK reads a public key from outside. Members beside the key's own
// are skipped, but the private one is refused.
func ParseLastingJWK(b []byte) (LastingJWK, error) {
	if len(b) > MaxLastingJWK {
		return LastingJWK{}, ledger.Problemf(ledger.CodeTooLarge, "a public key has at most %d bytes", MaxLastingJWK)
	}
	// Names that differ in case only are one to the decoder below, so that
	// members are taken from a map.
	var members map[string]json.RawMessage
	if !OneMeaning(b) || json.Unmarshal(b, &members) != nil {
		return LastingJWK{}, invalid("the public key is not a JSON Web Key")
	}
	if _, there := members["priv"]; there {
		return LastingJWK{}, invalid("the public key has a member of a private one")
	}
	var k LastingJWK
	for name, to := range map[string]*string{"kty": &k.Kty, "alg": &k.Alg, "pub": &k.Pub} {
		if err := json.Unmarshal(members[name], to); err != nil {
			return LastingJWK{}, invalid("the public key is not a JSON Web Key")
		}
	}
	if _, err := k.bytes(); err != nil {
		return LastingJWK{}, err
	}
	return k, nil
}

// MaxLastingJWS bounds a detached lasting signature, in bytes: a header of some
// hundred, and 3309 in base64url.
const MaxLastingJWS = 5 << 10

// LastingHeader is the protected header, encoded, of a lasting signature by the key
// with a thumbprint: the only one that such a signature has.
func LastingHeader(typ, thumbprint string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + AlgMLDSA65 + `","kid":"` + thumbprint + `","typ":"` + typ + `"}`))
}

// VerifyDetached checks that a compact JWS without its payload (RFC 7515, appendix
// F) is the key's, of that type, over that payload.
func (k LastingJWK) VerifyDetached(typ string, payload []byte, jws string) error {
	if len(jws) > MaxLastingJWS {
		return ledger.Problemf(ledger.CodeTooLarge, "a lasting signature has at most %d bytes", MaxLastingJWS)
	}
	header, signature, ok := strings.Cut(jws, "..")
	if !ok || header != LastingHeader(typ, k.Thumbprint()) {
		return invalid("the lasting signature is not one of the expected key for the expected use")
	}
	raw, ok := decodeSegment(signature)
	if !ok || len(raw) != mldsa65.SignatureSize {
		return invalid("the lasting signature is not one of %s", AlgMLDSA65)
	}
	if !k.verifies([]byte(header+"."+base64.RawURLEncoding.EncodeToString(payload)), raw) {
		return invalid("the lasting signature is not over the statement by the expected key")
	}
	return nil
}
