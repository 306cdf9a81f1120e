package eat

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

// signer signs for go-cose with whatever holds the unit's key.
type signer struct{ crypto.Signer }

// Algorithm returns the only one that a unit's key has.
func (signer) Algorithm() cose.Algorithm { return cose.AlgorithmEdDSA }

// Sign signs the content itself.
func (s signer) Sign(_ io.Reader, content []byte) ([]byte, error) {
	return s.Signer.Sign(nil, content, crypto.Hash(0)) //nolint:wrapcheck // Sign wraps it
}

// Sign makes a unit's token, in the deterministic encoding (RFC 8949, section 4.2).
// The key is of Ed25519, in memory or behind an interface to a secure element.
func Sign(key crypto.Signer, c *Claims) ([]byte, error) {
	if _, ok := key.Public().(ed25519.PublicKey); !ok {
		return nil, invalid("a device signs with a key of Ed25519")
	}
	payload, err := c.encode()
	if err != nil {
		return nil, err
	}
	m := cose.Sign1Message{
		Headers: cose.Headers{Protected: cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmEdDSA}},
		Payload: payload,
	}
	if err := m.Sign(nil, nil, signer{key}); err != nil {
		return nil, fmt.Errorf("signing a token: %w", err)
	}
	inner, err := m.MarshalCBOR()
	if err != nil {
		return nil, fmt.Errorf("encoding a token: %w", err)
	}
	return encode(cbor.RawTag{Number: tagCWT, Content: inner})
}

func (c *Claims) encode() ([]byte, error) {
	if len(c.Nonce) < minNonce || len(c.Nonce) > maxNonce {
		return nil, invalid("eat_nonce must be one challenge of %d to %d bytes", minNonce, maxNonce)
	}
	m := members{claimProfile: Profile, claimNonce: c.Nonce, claimUEID: append([]byte{ueidRandom}, c.Unit[:]...)}
	if len(c.OEM) > 0 {
		m[claimOEMID] = c.OEM
	}
	if c.Software != "" {
		m[claimSoftware] = c.Software
	}
	if c.Version != "" {
		m[claimVersion] = []any{c.Version}
	}
	if c.Debug != DebugUnstated {
		m[claimDebug] = int64(c.Debug) - 1
	}
	if !c.Issued.IsZero() {
		m[claimIssued] = c.Issued.Unix()
	}
	if len(c.Measured) > 0 {
		tag, err := encodeCoSWID(c)
		if err != nil {
			return nil, err
		}
		m[claimMeasurements] = []any{[]any{formatCoSWID, tag}}
	}
	return encode(m)
}
