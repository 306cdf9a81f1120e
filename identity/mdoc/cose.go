package mdoc

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/veraison/go-cose"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// labelX5Chain is where a signature's certificates stand (RFC 9360, section 2).
const labelX5Chain = int64(33)

// algorithm is the one that a key's signatures have, whatever a message says.
func algorithm(k ledger.JWK) cose.Algorithm {
	if k.Kty == ledger.KeyTypeEC {
		return cose.AlgorithmES256
	}
	return cose.AlgorithmEdDSA
}

// signer signs for go-cose: the forms of COSE's signatures are JOSE's (RFC 9053,
// sections 2.1 and 2.2).
type signer struct{ keys.Signer }

// Algorithm returns the key's.
func (s signer) Algorithm() cose.Algorithm { return algorithm(s.JWK()) }

// Sign signs the content itself.
func (s signer) Sign(_ io.Reader, content []byte) ([]byte, error) { return s.Signer.Sign(content) }

// verifier verifies for go-cose.
type verifier struct{ *verify.Key }

// Algorithm returns the key's.
func (v verifier) Algorithm() cose.Algorithm { return algorithm(v.JWK()) }

// Verify checks that the key signed the content.
func (v verifier) Verify(content, signature []byte) error {
	if !v.Key.Verify(content, signature) {
		return cose.ErrVerification
	}
	return nil
}

// sign1 makes an untagged COSE_Sign1 (RFC 9052, section 4.2). With detached the
// payload is signed and left out.
func sign1(by keys.Signer, unprotected cose.UnprotectedHeader, payload []byte, detached bool) ([]byte, error) {
	m := cose.UntaggedSign1Message{
		Headers: cose.Headers{
			Protected:   cose.ProtectedHeader{cose.HeaderLabelAlgorithm: algorithm(by.JWK())},
			Unprotected: unprotected,
		},
		Payload: payload,
	}
	if err := m.Sign(rand.Reader, nil, signer{by}); err != nil {
		return nil, fmt.Errorf("signing a COSE message: %w", err)
	}
	if detached {
		m.Payload = nil
	}
	b, err := m.MarshalCBOR()
	if err != nil {
		return nil, fmt.Errorf("encoding a COSE message: %w", err)
	}
	return b, nil
}

// parseSign1 takes an untagged COSE_Sign1 apart. What its header marks as critical
// is not understood here.
func parseSign1(b []byte) (*cose.UntaggedSign1Message, error) {
	m := new(cose.UntaggedSign1Message)
	if err := m.UnmarshalCBOR(b); err != nil {
		return nil, invalid("a signature of the credential is no untagged COSE_Sign1")
	}
	if _, critical := m.Headers.Protected[cose.HeaderLabelCritical]; critical {
		return nil, invalid("a signature's header asks for what is not understood")
	}
	return m, nil
}

// coseKey is a public COSE_Key (RFC 9052, section 7; RFC 9053, section 7).
type coseKey struct {
	Kty int    `cbor:"1,keyasint"`
	Alg int    `cbor:"3,keyasint,omitempty"`
	Crv int    `cbor:"-1,keyasint"`
	X   []byte `cbor:"-2,keyasint"`
	Y   []byte `cbor:"-3,keyasint,omitempty"` // a compressed point, which has a bool here, is refused in decoding
	D   []byte `cbor:"-4,keyasint,omitempty"`
}

const (
	ktyOKP     = 1
	ktyEC2     = 2
	crvP256    = 1
	crvEd25519 = 6
)

func coseKeyOf(k ledger.JWK) (coseKey, error) {
	if _, err := k.PublicKey(); err != nil {
		return coseKey{}, fmt.Errorf("encoding a key: %w", err)
	}
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if err := errors.Join(errX, errY); err != nil {
		return coseKey{}, fmt.Errorf("encoding a key: %w", err)
	}
	if k.Kty == ledger.KeyTypeEC {
		return coseKey{Kty: ktyEC2, Crv: crvP256, X: x, Y: y}, nil
	}
	return coseKey{Kty: ktyOKP, Crv: crvEd25519, X: x}, nil
}

// key returns the key under which signatures are checked.
func (k coseKey) key() (*verify.Key, error) {
	if k.D != nil {
		return nil, invalid("the device's key has a member of a private one")
	}
	jwk := ledger.JWK{X: base64.RawURLEncoding.EncodeToString(k.X)}
	switch {
	case k.Kty == ktyEC2 && k.Crv == crvP256:
		jwk.Kty, jwk.Crv, jwk.Y = ledger.KeyTypeEC, ledger.CurveP256, base64.RawURLEncoding.EncodeToString(k.Y)
	case k.Kty == ktyOKP && k.Crv == crvEd25519 && k.Y == nil:
		jwk.Kty, jwk.Crv = ledger.KeyTypeOKP, ledger.CurveEd25519
	default:
		return nil, invalid("the device's key is not of Ed25519 or P-256")
	}
	key, err := verify.NewKey(jwk)
	if err == nil && k.Alg != 0 && cose.Algorithm(k.Alg) != algorithm(jwk) {
		return nil, invalid("the device's key is for another algorithm")
	}
	return key, err
}
