package mdoc

import (
	"crypto/x509"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Claimed is what a DeviceResponse says of itself. Nothing of it is verified: it
// tells a verifier which issuer to look for.
type Claimed struct {
	DocType string
	Leaf    *x509.Certificate // of whom it says signed the credential
}

// ParseClaimed reads a DeviceResponse of one document.
func ParseClaimed(response []byte) (*Claimed, error) {
	if len(response) > MaxBytes {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a response has at most %d bytes", MaxBytes)
	}
	var r deviceResponse
	if err := decode(response, &r, "the response"); err != nil {
		return nil, err
	}
	if len(r.Documents) != 1 {
		return nil, invalid("the response is not one document without an error")
	}
	m, err := parseSign1(r.Documents[0].IssuerSigned.IssuerAuth)
	if err != nil {
		return nil, err
	}
	chain, err := chainOf(m.Headers)
	if err != nil {
		return nil, err
	}
	return &Claimed{DocType: r.Documents[0].DocType, Leaf: chain[0]}, nil
}
