package did

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/mr-tron/base58"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// The methods whose DIDs are keys.
const (
	MethodKey = "key"
	MethodJWK = "jwk"
)

// The multicodec prefixes of public keys (an unsigned varint each).
var (
	codecEd25519 = []byte{0xed, 0x01}
	codecP256    = []byte{0x80, 0x24}
)

var errMultikey = ledger.Problemf(ledger.CodeInvalid, "it is no public key of Ed25519 or P-256 in multibase's base58btc")

// maxMultikey is the length of a P-256 key in base58btc with its "z". Longer text
// is not decoded at all, which takes time in the square of the length.
const maxMultikey = 50

// parseMultikey decodes a key of which there is one text only.
func parseMultikey(s string) (ledger.JWK, error) {
	text, ok := strings.CutPrefix(s, "z")
	if !ok || len(s) > maxMultikey {
		return ledger.JWK{}, errMultikey
	}
	b, err := base58.Decode(text)
	if err != nil || base58.Encode(b) != text {
		return ledger.JWK{}, errMultikey
	}
	var jwk ledger.JWK
	if key, ok := bytes.CutPrefix(b, codecEd25519); ok {
		jwk, err = ledger.JWKOf(ed25519.PublicKey(key))
	} else if key, ok := bytes.CutPrefix(b, codecP256); ok {
		jwk, err = decompress(key)
	} else {
		return ledger.JWK{}, errMultikey
	}
	if err != nil {
		return ledger.JWK{}, errMultikey
	}
	return jwk, nil
}

// decompress decodes a point of P-256 (SEC 1, section 2.3.4).
func decompress(b []byte) (ledger.JWK, error) {
	x, y := elliptic.UnmarshalCompressed(elliptic.P256(), b)
	if x == nil {
		return ledger.JWK{}, errMultikey
	}
	point := make([]byte, 65)
	point[0] = 4
	x.FillBytes(point[1:33])
	y.FillBytes(point[33:])
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return ledger.JWK{}, errMultikey
	}
	return ledger.JWKOf(key)
}

// multikey is the reverse of parseMultikey.
func multikey(k ledger.JWK) (string, error) {
	public, err := k.PublicKey()
	if err != nil {
		return "", ledger.Problemf(ledger.CodeInvalid, "%s", err)
	}
	var b []byte
	switch p := public.(type) {
	case ed25519.PublicKey:
		b = slices.Concat(codecEd25519, p)
	case *ecdsa.PublicKey:
		point, err := p.Bytes()
		if err != nil {
			return "", errMultikey
		}
		sign := 2 + point[len(point)-1]&1 // of y
		b = slices.Concat(codecP256, []byte{sign}, point[1:33])
	}
	return "z" + base58.Encode(b), nil
}

// KeyDID returns the did:key of a public key.
func KeyDID(k ledger.JWK) (string, error) {
	text, err := multikey(k)
	return "did:" + MethodKey + ":" + text, err
}

// keyDocument expands a did:key (W3C CCG did:key, section 3.1.1). Keys for
// agreement are not derived from keys for signatures.
func keyDocument(u URL) (*Document, error) {
	jwk, err := parseMultikey(u.ID)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(jwk)
	if err != nil {
		return nil, errMultikey
	}
	return documentOf(u.DID, u.ID, contextJWK, typeJWK, b), nil
}

// JWKDID returns the did:jwk of a public key. Its text has the members of the key
// in the order of RFC 7638, so that one key has one such DID here; others may
// write it differently, and a DID is compared as text.
func JWKDID(k ledger.JWK) (string, error) {
	if _, err := k.PublicKey(); err != nil {
		return "", ledger.Problemf(ledger.CodeInvalid, "%s", err)
	}
	text := `{"crv":"` + k.Crv + `","kty":"` + k.Kty + `","x":"` + k.X + `"`
	if k.Y != "" {
		text += `,"y":"` + k.Y + `"`
	}
	return "did:" + MethodJWK + ":" + base64.RawURLEncoding.EncodeToString([]byte(text+"}")), nil
}

const useEncryption = "enc"

// usage returns the "use" of a key that is known to be JSON of one meaning.
func usage(jwk json.RawMessage) string {
	o, use := object{}, ""
	if json.Unmarshal(jwk, &o) != nil || json.Unmarshal(o["use"], &use) != nil {
		return ""
	}
	return use
}

// jwkDocument expands a did:jwk as its specification says, but for keys that are
// not of Ed25519 or P-256 and for JSON of several meanings, which are invalid.
func jwkDocument(u URL) (*Document, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(u.ID)
	if err != nil || base64.RawURLEncoding.EncodeToString(b) != u.ID {
		return nil, ledger.Problemf(ledger.CodeInvalid, "a did:jwk is base64url without padding")
	}
	key, err := verify.ParseJWK(b)
	if err != nil {
		return nil, err
	}
	d := documentOf(u.DID, "0", contextJWK2020, typeJWK2020, b)
	switch use := usage(b); {
	case use == useEncryption:
		d.Authentication, d.AssertionMethod, d.CapabilityInvocation, d.CapabilityDelegation = nil, nil, nil, nil
		d.KeyAgreement = []string{u.DID + "#0"}
	case use == "" && key.JWK().Crv == ledger.CurveP256:
		d.KeyAgreement = []string{u.DID + "#0"} // the specification's: no key of Ed25519 agrees on anything
	}
	return d, nil
}
