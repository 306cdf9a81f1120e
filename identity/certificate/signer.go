package certificate

import (
	"crypto"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// adapter is a kept key as crypto/x509 uses one: by whole messages, because a kept
// key signs no digests.
type adapter struct {
	key    keys.Signer
	public crypto.PublicKey
}

func adapt(key keys.Signer) (*adapter, error) {
	public, err := publicKey(key)
	if err != nil {
		return nil, err
	}
	return &adapter{key, public}, nil
}

// publicKey returns a key as the standard library has it. Certificates are of
// P-256: other people's wallets take no other.
func publicKey(key keys.Signer) (crypto.PublicKey, error) {
	if keys.Algorithm(key) != verify.AlgES256 {
		return nil, errors.New("making a certificate: its keys must be of P-256")
	}
	public, err := key.JWK().PublicKey()
	if err != nil {
		return nil, fmt.Errorf("reading a public key: %w", err)
	}
	return public, nil
}

// Public returns the public key.
func (a *adapter) Public() crypto.PublicKey { return a.public }

// Sign would sign a digest.
func (a *adapter) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("signing: a kept key signs messages, not digests")
}

// SignMessage signs with ES256, in the form that X.509 has (RFC 5758, section 3.2).
func (a *adapter) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != crypto.SHA256 {
		return nil, errors.New("signing: keys of P-256 sign with SHA-256 here")
	}
	raw, err := a.key.Sign(message)
	if err != nil {
		return nil, err
	}
	half := len(raw) / 2
	signature, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])})
	if err != nil {
		return nil, fmt.Errorf("encoding a signature: %w", err)
	}
	return signature, nil
}
