package ledger

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"slices"
	"strings"
)

// Ed25519 public keys that nobody may have. A point's encoding is its y
// coordinate, little-endian, with the sign of x in the highest bit (RFC 8032,
// section 5.1.2); crypto/ed25519 verifies under each of the encodings below.

// smallOrder holds the y coordinates of the eight points whose order divides the
// cofactor 8 on the curve of RFC 8032, section 5.1 (what they allow: Chalkias, Garillot,
// Nikolaenko, "Taming the Many EdDSAs", SSR 2020). Under such a key anybody makes
// signatures that verify: for order 1, over any message.
var smallOrder = []string{
	"0100000000000000000000000000000000000000000000000000000000000000", // order 1; with the sign bit a second encoding of it
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2; the same
	"0000000000000000000000000000000000000000000000000000000000000000", // order 4, both signs
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8, both signs
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8, both signs
}

// fieldPrime is 2^255-19. RFC 8032, section 5.1.3, refuses a y coordinate from
// there on: it is a second encoding of a smaller one.
const fieldPrime = "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"

// parseEd25519 decodes a public key in lower-case hexadecimal; nil for one that
// is not 32 bytes, of small order, or not in its canonical encoding. Whether the
// bytes are a point at all shows when something is verified under them.
func parseEd25519(s string) ed25519.PublicKey {
	key, err := hex.DecodeString(s)
	if err != nil || len(key) != ed25519.PublicKeySize || strings.ToLower(s) != s {
		return nil
	}
	y := bytes.Clone(key)
	y[31] &= 0x7f
	if slices.Contains(smallOrder, hex.EncodeToString(y)) || !lessThanPrime(y) {
		return nil
	}
	return key
}

// lessThanPrime compares a little-endian number with fieldPrime.
func lessThanPrime(y []byte) bool {
	p, _ := hex.DecodeString(fieldPrime)
	for i := len(p) - 1; i >= 0; i-- {
		if y[i] != p[i] {
			return y[i] < p[i]
		}
	}
	return false
}

// publicKey wants an Ed25519 public key in lower-case hexadecimal that belongs
// to one holder.
func (c *check) publicKey(field, s string) {
	before := len(c.faults)
	if c.digest(field, s); len(c.faults) == before && parseEd25519(s) == nil {
		c.fail(field, "must be an Ed25519 public key of full order in its canonical encoding")
	}
}
