package mud

import (
	"crypto/x509"
	"time"

	"github.com/smallstep/pkcs7"
)

// MaxSignature bounds a signature, in bytes.
const MaxSignature = 64 << 10

// Verify checks a detached CMS signature over a file (RFC 8520, section 13.2)
// under a pinned certificate: the signer's own, or one that issued it. It returns
// the certificate that signed. Problems: invalid.
func Verify(file, signature []byte, pinned *x509.Certificate, now time.Time) (*x509.Certificate, error) {
	if len(signature) > MaxSignature {
		return nil, invalid("its signature is longer than it can be")
	}
	p, err := pkcs7.Parse(signature)
	if err != nil || len(p.Content) != 0 {
		return nil, invalid("its signature must be a detached CMS signature in DER")
	}
	p.Content = file
	roots := x509.NewCertPool()
	roots.AddCert(pinned)
	signer := p.GetOnlySigner()
	if signer == nil {
		return nil, invalid("its signature must be of one signer, whose certificate comes with it")
	}
	if signer.Equal(pinned) {
		err = p.Verify()
		if err == nil && (now.Before(signer.NotBefore) || now.After(signer.NotAfter)) {
			return nil, invalid("the pinned certificate is not valid now")
		}
	} else {
		err = p.VerifyWithChainAtTime(roots, now)
	}
	if err != nil {
		return nil, invalid("its signature does not verify under the pinned certificate")
	}
	return signer, nil
}
