package mdoc

import (
	"crypto/sha256"
	"errors"
)

// Session is the OID4VP question that a response answers (OID4VP 1.0, appendix
// B.2.6.1). A response made for one session is worth nothing in another.
type Session struct {
	ClientID    string // with its prefix, as it stands in the request
	Nonce       string
	ResponseURI string
	// Thumbprint is the RFC 7638 SHA-256 thumbprint, 32 raw bytes, of the key to
	// which the response is encrypted; nil when it is not encrypted.
	Thumbprint []byte
}

const (
	handoverName       = "OpenID4VPHandover"
	authenticationName = "DeviceAuthentication"
)

// authentication returns what the device signs: DeviceAuthenticationBytes
// (ISO/IEC 18013-5, section 9.1.3.4) with the session's transcript in it.
func (s Session) authentication(docType string, nameSpaces embedded) ([]byte, error) {
	if s.ClientID == "" || s.Nonce == "" || s.ResponseURI == "" || s.Thumbprint != nil && len(s.Thumbprint) != sha256.Size {
		return nil, errors.New("binding a response: the session is not complete")
	}
	info, err := encode([]any{s.ClientID, s.Nonce, s.Thumbprint, s.ResponseURI})
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(info)
	transcript := []any{nil, nil, []any{handoverName, digest[:]}}
	e, err := embed([]any{authenticationName, transcript, docType, nameSpaces})
	return e.whole, err
}
