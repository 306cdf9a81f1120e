package certificate

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxBytes bounds a certificate, in bytes of DER.
const MaxBytes = 8 << 10

// Thumbprint returns the SHA-256 of a certificate, in lower-case hexadecimal.
func Thumbprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// ParseRoot reads the root that has that thumbprint, from DER that somebody else
// serves. The Problem is denied for any other bytes, and invalid for those of a
// certificate that is none of an authority that signed itself.
func ParseRoot(der []byte, thumbprint string) (*x509.Certificate, error) {
	if sum := sha256.Sum256(der); hex.EncodeToString(sum[:]) != thumbprint {
		return nil, ledger.Problemf(ledger.CodeDenied, "the certificate is another than the one that is asked for")
	}
	c, err := x509.ParseCertificate(der)
	if err != nil || len(der) > MaxBytes || !isRoot(c) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the certificate is none of an authority")
	}
	return c, nil
}

func isRoot(c *x509.Certificate) bool {
	return c.BasicConstraintsValid && c.IsCA && c.KeyUsage&x509.KeyUsageCertSign != 0 && c.CheckSignatureFrom(c) == nil
}
