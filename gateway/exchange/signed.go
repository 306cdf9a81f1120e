package exchange

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// What an organisation's key signs here begins with one of these, and with nothing else
// that it signs: tokens are a JWS, messages of webhooks begin with "msg_".
const (
	domainKey      = "secant/exchange/key/v1"
	domainEnvelope = "secant/exchange/envelope/v1"
	domainReceipt  = "secant/exchange/receipt/v1"

	domainShareKey   = "secant/exchange/share-key/v1"
	domainAuthorship = "secant/exchange/authorship/v1"
)

// What is sealed among the members is bound to one of these.
const (
	domainName  = "secant/exchange/name/v1"
	domainShare = "secant/exchange/share/v1"
)

// bind joins parts under a domain, so that no two lists of parts give the same bytes.
func bind(domain string, parts ...string) []byte {
	b := append([]byte(domain), 0)
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p))) //nolint:gosec // far shorter
		b = append(b, p...)
	}
	return b
}

// signed is something that an organisation said, byte for byte, under its key.
type signed struct {
	Payload   []byte `json:"payload"`
	Signature []byte `json:"signature"` // Ed25519
}

// maxSigned bounds a signed statement, in bytes.
const maxSigned = 8 << 10

var signedLimits = strictjson.Limits{Bytes: maxSigned, Depth: 3, Values: 64}

func sign(key ed25519.PrivateKey, domain string, v any) ([]byte, error) {
	payload, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding what is to be signed: %w", err)
	}
	text, err := json.Marshal(signed{payload, ed25519.Sign(key, bind(domain, string(payload)))})
	if err != nil {
		return nil, fmt.Errorf("encoding what was signed: %w", err)
	}
	return text, nil
}

// readSigned reads into v what was signed under a key. name says what it is, in errors.
func readSigned(name string, key ed25519.PublicKey, domain string, text []byte, v any) error {
	if err := strictjson.Check(name, text, signedLimits); err != nil {
		return err
	}
	var s signed
	if err := json.Unmarshal(text, &s); err != nil {
		return ledger.Problemf(ledger.CodeInvalid, "%s is not a signed statement", name)
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, bind(domain, string(s.Payload)), s.Signature) {
		return ledger.Problemf(ledger.CodeDenied, "%s is not signed under the key that its organisation has on the ledger", name)
	}
	if err := strictjson.Check(name, s.Payload, signedLimits); err != nil {
		return err
	}
	if err := json.Unmarshal(s.Payload, v); err != nil {
		return ledger.Problemf(ledger.CodeInvalid, "%s is not of the form that it has to have", name)
	}
	return nil
}
