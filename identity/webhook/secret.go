package webhook

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// The prefixes of what is written as text.
const (
	secretPrefix = "whsec_"
	publicPrefix = "whpk_"
)

// Bounds of a secret, in bytes (Standard Webhooks, "Signature scheme").
const (
	minSecret = 24
	maxSecret = 64
	newSecret = 32
)

// Secret is what sender and receiver share. It does not show itself: Reveal does.
type Secret struct{ key []byte }

// NewSecret makes a secret of 32 random bytes.
func NewSecret() Secret {
	key := make([]byte, newSecret)
	_, _ = rand.Read(key) // never fails: crypto/rand
	return Secret{key}
}

// ParseSecret reads a secret as it is written: base64 of 24 to 64 bytes, behind
// "whsec_" or by itself. It fails with an invalid problem.
func ParseSecret(text string) (Secret, error) {
	text = strings.TrimPrefix(text, secretPrefix)
	if len(text) > base64.StdEncoding.EncodedLen(maxSecret) {
		return Secret{}, errSecret
	}
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(key) < minSecret || len(key) > maxSecret {
		return Secret{}, errSecret
	}
	return Secret{key}, nil
}

var errSecret = ledger.Problemf(ledger.CodeInvalid, "a webhook's secret must be whsec_ and base64 of %d to %d bytes", minSecret, maxSecret)

// Reveal writes the secret as text, which is what a receiver is given.
func (s Secret) Reveal() string { return secretPrefix + base64.StdEncoding.EncodeToString(s.key) }

// IsZero reports whether there is none.
func (s Secret) IsZero() bool { return len(s.key) == 0 }

// String does not tell the secret.
func (Secret) String() string { return "(secret)" }

// GoString does not tell the secret.
func (Secret) GoString() string { return "(secret)" }

// LogValue does not tell the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("(secret)") }

// MarshalJSON does not tell the secret.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"(secret)"`), nil }

// PublicKey writes a sender's public key as text.
func PublicKey(key ed25519.PublicKey) string {
	return publicPrefix + base64.StdEncoding.EncodeToString(key)
}

// ParsePublicKey reads a sender's public key. It fails with an invalid problem.
func ParsePublicKey(text string) (ed25519.PublicKey, error) {
	rest, ok := strings.CutPrefix(text, publicPrefix)
	if !ok || len(rest) > base64.StdEncoding.EncodedLen(ed25519.PublicKeySize) {
		return nil, errPublic
	}
	key, err := base64.StdEncoding.Strict().DecodeString(rest)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errPublic
	}
	return key, nil
}

var errPublic = ledger.Problemf(ledger.CodeInvalid, "a webhook sender's key must be whpk_ and base64 of %d bytes", ed25519.PublicKeySize)
