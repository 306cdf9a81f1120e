package ledger

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
)

// The kinds of public key that stand on the ledger or sign for it.
const (
	KeyTypeOKP   = "OKP" // RFC 8037, section 2
	KeyTypeEC    = "EC"  // RFC 7518, section 6.2
	CurveEd25519 = "Ed25519"
	CurveP256    = "P-256"
)

// JWK is a public key (RFC 7517) of a kind that the ledger takes: Ed25519 or
// P-256. It has no other members: a key's use and its name stand beside it.
type JWK struct {
	Kty string `json:"kty"`                              // KeyTypeOKP or KeyTypeEC
	Crv string `json:"crv"`                              // CurveEd25519 or CurveP256
	X   string `json:"x"`                                // 32 bytes, base64url without padding
	Y   string `json:"y,omitempty" metadata:",optional"` // P-256 only: the same
}

// errKey says no more than that: a key is not repeated, and its faults are for
// its maker to find.
var errKey = errors.New("the key is no usable public key of Ed25519 or P-256")

// PublicKey decodes the key: an ed25519.PublicKey, which is in its canonical
// encoding and of full order, or an *ecdsa.PublicKey, which is on its curve.
// Both are refused in any other form, also when text is not strict base64url.
func (k JWK) PublicKey() (crypto.PublicKey, error) {
	x, ok := coordinate(k.X)
	if !ok {
		return nil, errKey
	}
	switch {
	case k.Kty == KeyTypeOKP && k.Crv == CurveEd25519 && k.Y == "":
		if key := parseEd25519(hex.EncodeToString(x)); key != nil {
			return key, nil
		}
	case k.Kty == KeyTypeEC && k.Crv == CurveP256:
		y, ok := coordinate(k.Y)
		if !ok {
			return nil, errKey
		}
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
		if err != nil {
			return nil, errKey
		}
		return key, nil
	}
	return nil, errKey
}

// JWKOf encodes an ed25519.PublicKey or a P-256 *ecdsa.PublicKey; it refuses what
// PublicKey would not give back.
func JWKOf(key crypto.PublicKey) (JWK, error) {
	var k JWK
	switch key := key.(type) {
	case ed25519.PublicKey:
		k = JWK{Kty: KeyTypeOKP, Crv: CurveEd25519, X: base64.RawURLEncoding.EncodeToString(key)}
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil || len(point) != 1+2*coordinateSize {
			return JWK{}, errKey
		}
		k = JWK{
			Kty: KeyTypeEC, Crv: CurveP256,
			X: base64.RawURLEncoding.EncodeToString(point[1 : 1+coordinateSize]),
			Y: base64.RawURLEncoding.EncodeToString(point[1+coordinateSize:]),
		}
	}
	if _, err := k.PublicKey(); err != nil {
		return JWK{}, err
	}
	return k, nil
}

// Thumbprint returns the key's RFC 7638 thumbprint under SHA-256, base64url
// without padding (RFC 8037, section 2 and appendix A.3 for Ed25519). It means
// nothing for a key that PublicKey refuses.
func (k JWK) Thumbprint() string {
	members := `{"crv":"` + k.Crv + `","kty":"` + k.Kty + `","x":"` + k.X + `"`
	if k.Kty == KeyTypeEC {
		members += `,"y":"` + k.Y + `"`
	}
	sum := sha256.Sum256([]byte(members + "}"))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

const coordinateSize = 32

// coordinate decodes 32 bytes of strict base64url, which have one text only.
func coordinate(s string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil && len(b) == coordinateSize && base64.RawURLEncoding.EncodeToString(b) == s
}

// jwk wants a public key that [JWK.PublicKey] takes.
func (c *check) jwk(field string, k JWK) {
	if _, err := k.PublicKey(); err != nil {
		c.fail(field, "must be a public key of Ed25519 (of full order, canonical) or P-256, base64url without padding")
	}
}
