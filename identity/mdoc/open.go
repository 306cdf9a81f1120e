package mdoc

import (
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Opened is a credential as its holder sees it. Nobody has verified that its issuer
// signed it, only that its elements are those of its digests.
type Opened struct {
	DocType    string
	Holder     ledger.JWK // to which it is bound
	ValidUntil time.Time
	Elements   map[string]map[string]any // by name space and name, as in Credential
}

// Open reads a credential, as Issue returns it, for its holder.
func Open(credential []byte) (*Opened, error) {
	signed, object, err := parseIssuerSigned(credential)
	if err != nil {
		return nil, err
	}
	key, err := object.Device.Key.key()
	if err != nil {
		return nil, err
	}
	elements, err := object.elements(signed.NameSpaces)
	if err != nil {
		return nil, err
	}
	return &Opened{DocType: object.DocType, Holder: key.JWK(), ValidUntil: object.Validity.Until.Time, Elements: elements}, nil
}
