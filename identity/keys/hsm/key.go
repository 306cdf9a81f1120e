//go:build cgo && unix

package hsm

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// The mechanisms of Ed25519 (PKCS #11 3.0, section 2.3), which the binding lacks.
const (
	edwardMake uint = 0x1055 // CKM_EC_EDWARDS_KEY_PAIR_GEN
	edwardSign uint = 0x1057 // CKM_EDDSA
)

const signatureSize = 64 // bytes, of both algorithms

// The curves as CKA_EC_PARAMS names them: DER of their object identifiers.
var (
	curveP256    = []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}
	curveEd25519 = []byte{0x06, 0x03, 0x2b, 0x65, 0x70}
)

// At returns one generation. It signs once, so that a public key that is not the
// private one's is found at once.
func (t *Token) At(purpose string, generation int) (*keys.Key, error) {
	if err := keys.CheckPurpose(purpose); err != nil {
		return nil, err
	}
	name := label(purpose, generation)
	var jwk ledger.JWK
	err := t.do(func() error {
		object, err := t.object(pkcs11.CKO_PUBLIC_KEY, name)
		if err != nil {
			return err
		}
		attributes, err := t.module.GetAttributeValue(t.session, object, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, nil), pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil),
		})
		if err != nil {
			return fmt.Errorf("reading a public key: %w", err)
		}
		jwk, err = publicOf(attributes[0].Value, attributes[1].Value)
		return err
	})
	if err != nil {
		return nil, err
	}
	s := &signer{token: t, label: name, jwk: jwk}
	public, err := verify.NewKey(jwk)
	if err != nil {
		return nil, err
	}
	signature, err := s.Sign([]byte(name))
	if err != nil {
		return nil, err
	}
	if !public.Verify([]byte(name), signature) {
		return nil, ledger.Problemf(ledger.CodeInternal, "the token's public key with the label %s is not the private key's", name)
	}
	return &keys.Key{Signer: s, Purpose: purpose, Generation: generation}, nil
}

// publicOf decodes a public key: the point as a DER octet string or, as some
// tokens have it, bare.
func publicOf(curve, point []byte) (ledger.JWK, error) {
	var public crypto.PublicKey
	switch {
	case bytes.Equal(curve, curveEd25519):
		public = ed25519.PublicKey(bare(point, ed25519.PublicKeySize))
	case bytes.Equal(curve, curveP256):
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), bare(point, 65))
		if err != nil {
			return ledger.JWK{}, fmt.Errorf("reading a public key: %w", err)
		}
		public = key
	default:
		return ledger.JWK{}, ledger.Problemf(ledger.CodeInternal, "the token's key is not of Ed25519 or P-256")
	}
	jwk, err := ledger.JWKOf(public)
	if err != nil {
		return ledger.JWK{}, fmt.Errorf("reading a public key: %w", err)
	}
	return jwk, nil
}

func bare(point []byte, size int) []byte {
	const octetString = 0x04
	if len(point) == size+2 && point[0] == octetString && int(point[1]) == size {
		return point[2:]
	}
	return point
}

// signer signs in the token.
type signer struct {
	token *Token
	label string
	jwk   ledger.JWK
}

// JWK returns the public key.
func (s *signer) JWK() ledger.JWK { return s.jwk }

// Sign signs as [keys.Signer] says.
func (s *signer) Sign(message []byte) ([]byte, error) {
	return s.token.sign(s.label, keys.Algorithm(s), message)
}
