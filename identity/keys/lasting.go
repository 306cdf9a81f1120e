package keys

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"golang.org/x/mod/sumdb/note"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// LastingSeedSize is the length of the seed from which a lasting key follows, in
// bytes (FIPS 204, algorithm 6).
const LastingSeedSize = mldsa65.SeedSize

// LastingKey makes lasting signatures, which chaincode/verify judges. Each of its
// methods makes those for one use: nothing is signed as it is.
type LastingKey struct {
	private *mldsa65.PrivateKey
	jwk     verify.LastingJWK

	Purpose    string // what it is for; see CheckPurpose
	Generation int    // 1 for the first
}

// NewLastingKey returns the key that follows from a seed (FIPS 204, algorithm 6).
func NewLastingKey(seed [LastingSeedSize]byte) *LastingKey {
	public, private := mldsa65.NewKeyFromSeed(&seed)
	return &LastingKey{private: private, jwk: verify.LastingJWK{
		Kty: verify.KeyTypeAKP, Alg: verify.AlgMLDSA65, Pub: segment(public.Bytes()),
	}}
}

// JWK returns the public key.
func (k *LastingKey) JWK() verify.LastingJWK { return k.jwk }

// sign signs the message with an empty context string, as RFC 9964 does, and
// hedged with randomness (FIPS 204, section 3.4).
func (k *LastingKey) sign(message []byte) ([]byte, error) {
	signature := make([]byte, mldsa65.SignatureSize)
	if err := mldsa65.SignTo(k.private, message, nil, true, signature); err != nil {
		return nil, fmt.Errorf("making a lasting signature: %w", err)
	}
	return signature, nil
}

// Detached signs a payload, as a compact JWS of that type that leaves the payload
// out (RFC 7515, appendix F): see verify.LastingJWK.VerifyDetached.
func (k *LastingKey) Detached(typ string, payload []byte) (string, error) {
	header := verify.LastingHeader(typ, k.jwk.Thumbprint())
	signature, err := k.sign([]byte(header + "." + segment(payload)))
	if err != nil {
		return "", err
	}
	return header + ".." + segment(signature), nil
}

// noteSigner signs notes under a name.
type noteSigner struct {
	note.Verifier

	key *LastingKey
}

// Sign signs a note's text.
func (s *noteSigner) Sign(text []byte) ([]byte, error) {
	return s.key.sign(verify.LastingMessage(text))
}

// NoteSigner returns what adds the key's signatures to signed notes under a name.
func (k *LastingKey) NoteSigner(name string) (note.Signer, error) {
	v, err := k.jwk.NoteVerifier(name)
	if err != nil {
		return nil, err
	}
	return &noteSigner{v, k}, nil
}

// Line signs a signed note under a name, and returns the line that stands behind
// its others: see verify.LastingJWK.VerifyLastingLine.
func (k *LastingKey) Line(name, signedNote string) (string, error) {
	s, err := k.NoteSigner(name)
	if err != nil {
		return "", err
	}
	text, ok := verify.NoteText(signedNote)
	if !ok {
		return "", ledger.Problemf(ledger.CodeInvalid, "what shall have a lasting signature is no signed note")
	}
	raw, err := s.Sign([]byte(text))
	if err != nil {
		return "", err
	}
	raw = append(binary.BigEndian.AppendUint32(nil, s.KeyHash()), raw...)
	return "— " + name + " " + base64.StdEncoding.EncodeToString(raw) + "\n", nil
}
