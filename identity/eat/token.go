package eat

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// The tags around a token (RFC 8392, section 6; RFC 9052, section 2), which may be
// left out where the media type says it.
const (
	tagCWT   = 61
	tagSign1 = 18
)

// Labels of headers (RFC 9052, section 3.1; RFC 9596).
const (
	headerAlg      = int64(1)
	headerCritical = int64(2)
	headerType     = int64(16)
)

// AlgorithmEd25519 is EdDSA over edwards25519 by its name of its own (RFC 9864).
// EdDSA (-8) means the same here: a unit's key on the ledger is of Ed25519.
const AlgorithmEd25519 = cose.Algorithm(-19)

// The token's CoAP content format (RFC 9782), which may stand for its media type.
const contentFormat = int64(263)

// Token is a token that was read and whose signature was not checked yet.
type Token struct {
	message *cose.UntaggedSign1Message
	alg     cose.Algorithm
	digest  string
	claims  *Claims
}

// Read takes a token apart. Its errors are Problems and repeat nothing of it.
func Read(b []byte) (*Token, error) {
	if len(b) > MaxBytes {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a token has at most %d bytes", MaxBytes)
	}
	sum := sha256.Sum256(b)
	t := &Token{digest: hex.EncodeToString(sum[:]), message: new(cose.UntaggedSign1Message)}
	inner, err := untagged(b)
	if err != nil {
		return nil, err
	}
	// All of it is read strictly first; the library then takes the same bytes.
	var parts []any
	if err := decode(inner, &parts, "the token"); err != nil {
		return nil, err
	}
	if len(parts) != 4 || t.message.UnmarshalCBOR(inner) != nil || len(t.message.Payload) == 0 {
		return nil, invalid("the token is no COSE_Sign1 with its payload")
	}
	if t.alg, err = algorithm(parts); err != nil {
		return nil, err
	}
	t.claims, err = readClaims(t.message.Payload)
	return t, err
}

// untagged takes the tags off.
func untagged(b []byte) ([]byte, error) {
	for _, number := range []uint64{tagCWT, tagSign1} {
		const majorTag = 6
		if len(b) == 0 || b[0]>>5 != majorTag {
			break
		}
		var tag cbor.RawTag
		if err := decode(b, &tag, "the token"); err != nil {
			return nil, err
		}
		switch {
		case tag.Number == number:
			b = tag.Content
		case number == tagSign1:
			return nil, invalid("the token is no COSE_Sign1")
		}
	}
	return b, nil
}

// algorithm reads the headers: which way of signing, and that nothing in them asks
// for what is not understood.
func algorithm(parts []any) (cose.Algorithm, error) {
	raw, ok := parts[0].([]byte)
	var protected map[any]any
	if !ok {
		return 0, invalid("the token's header is not protected")
	}
	if err := decode(raw, &protected, "the token's header"); err != nil {
		return 0, err
	}
	unprotected, ok := parts[1].(map[any]any)
	if !ok {
		return 0, invalid("the token is no COSE_Sign1 with its payload")
	}
	for label := range unprotected {
		_, twice := protected[label]
		if twice || label == headerAlg || label == headerCritical {
			return 0, invalid("the token's header says outside of the signature what belongs inside, or twice")
		}
	}
	if _, critical := protected[headerCritical]; critical {
		return 0, invalid("the token's header asks for what is not understood here")
	}
	if typ, there := protected[headerType]; there && typ != MediaType && typ != contentFormat {
		return 0, invalid("the token's header says that it is of another type")
	}
	n, _ := protected[headerAlg].(int64)
	if alg := cose.Algorithm(n); alg == cose.AlgorithmEdDSA || alg == AlgorithmEd25519 {
		return alg, nil
	}
	return 0, invalid("the token must be signed by EdDSA or Ed25519: a unit's key is of no other kind")
}

// verifier verifies for go-cose.
type verifier struct {
	key ed25519.PublicKey
	alg cose.Algorithm
}

// Algorithm returns the token's, which was judged before.
func (v verifier) Algorithm() cose.Algorithm { return v.alg }

// Verify checks that the key signed the content.
func (v verifier) Verify(content, signature []byte) error {
	if !ed25519.Verify(v.key, content, signature) {
		return cose.ErrVerification
	}
	return nil
}

// Digest is the SHA-256 of the token's bytes, hex.
func (t *Token) Digest() string { return t.digest }

// Nonce is the challenge that the token says it answers, before anything is verified.
func (t *Token) Nonce() []byte { return t.claims.Nonce }

// How far a unit's clock may be from the node's.
const clockSkew = 5 * time.Minute

// Answer is what a token must be an answer to.
type Answer struct {
	Unit  [32]byte          // who was asked
	Key   ed25519.PublicKey // its key on the ledger
	Nonce []byte            // the challenge
	Asked time.Time         // when it was made
	Now   time.Time
}

// Verify returns the claims of a token that the unit signed in answer to the
// challenge. Its errors are Problems: denied when it is not.
func (t *Token) Verify(a *Answer) (*Claims, error) {
	other := func(format string, args ...any) error { return ledger.Problemf(ledger.CodeDenied, format, args...) }
	c := t.claims
	switch {
	case len(a.Key) != ed25519.PublicKeySize || t.message.Verify(nil, verifier{a.Key, t.alg}) != nil:
		return nil, other("the token is not signed by the device")
	case c.Unit != a.Unit:
		return nil, other("the token is of another device")
	case !bytes.Equal(c.Nonce, a.Nonce):
		return nil, other("the token answers another challenge")
	case !c.Issued.IsZero() && (c.Issued.Before(a.Asked.Add(-clockSkew)) || c.Issued.After(a.Now.Add(clockSkew))):
		return nil, other("the token says that it was made before its challenge, or that it is yet to be made: a device whose clock is wrong leaves iat out")
	case !c.expires.IsZero() && !a.Now.Before(c.expires.Add(clockSkew)), !c.notBefore.IsZero() && a.Now.Before(c.notBefore.Add(-clockSkew)):
		return nil, other("the token says that it is not good now")
	}
	return c, nil
}
