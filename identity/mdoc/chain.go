package mdoc

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strings"
	"time"

	"github.com/veraison/go-cose"
)

// Bounds on an issuer's certificates.
const (
	maxChain       = 4
	maxCertificate = 8 << 10 // bytes
)

// DocumentSigner is the extended key usage of a certificate that signs mdocs
// (ISO/IEC 18013-5, annex B.1.4).
var DocumentSigner = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 2}

// Issuer is one that a verifier trusts. Its roots vouch for it and for no other
// issuer, whoever else's certificates are under them.
type Issuer struct {
	Name  string // a DNS name or URI: the certificate that signs must have it as a subject alternative name
	Roots []*x509.Certificate
	// Own says that the roots certify for this issuer alone, as those of ISO/IEC
	// 18013-5 do, so that certificates under them need not name it.
	Own bool
}

// chainOf reads the certificates that a message carries (RFC 9360, section 2),
// which must not stand under its signature, as they would then vouch for
// themselves twice and be looked for in two places.
func chainOf(h cose.Headers) ([]*x509.Certificate, error) {
	if _, there := h.Protected[labelX5Chain]; there {
		return nil, invalid("the issuer's certificates stand in the protected header")
	}
	var list []any
	switch v := h.Unprotected[labelX5Chain].(type) {
	case []byte:
		list = []any{v}
	case []any:
		list = v
	}
	if len(list) == 0 || len(list) > maxChain {
		return nil, invalid("the credential has not 1 to %d certificates of its issuer", maxChain)
	}
	var chain []*x509.Certificate
	for _, v := range list {
		der, ok := v.([]byte)
		if !ok || len(der) > maxCertificate {
			return nil, invalid("a certificate of the issuer is no byte string of at most %d bytes", maxCertificate)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, invalid("a certificate of the issuer cannot be read")
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// issuerOf finds the trusted issuer whose certificate the chain's first is.
func (t Trust) issuerOf(chain []*x509.Certificate) (string, error) {
	leaf := chain[0]
	if leaf.IsCA || leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return "", invalid("the issuer's certificate is not for signing credentials")
	}
	usage := t.Usage
	if usage == nil {
		usage = DocumentSigner
	}
	if !slices.ContainsFunc(leaf.UnknownExtKeyUsage, usage.Equal) {
		return "", invalid("the issuer's certificate is not for signing credentials")
	}
	for _, issuer := range t.Issuers {
		if (issuer.Own || named(leaf, issuer.Name)) && underRoots(chain, issuer.Roots, usage, t.At) {
			return issuer.Name, nil
		}
	}
	return "", invalid("the credential is not by an issuer that is trusted for its type")
}

// named compares whole names: a certificate with a wildcard names nobody.
func named(leaf *x509.Certificate, name string) bool {
	if name == "" {
		return false
	}
	for _, dns := range leaf.DNSNames {
		if strings.EqualFold(dns, name) {
			return true
		}
	}
	for _, uri := range leaf.URIs {
		if uri.String() == name {
			return true
		}
	}
	return false
}

func underRoots(chain, roots []*x509.Certificate, usage asn1.ObjectIdentifier, at time.Time) bool {
	o := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, // the standard library does not know the one that is wanted
	}
	for _, c := range roots {
		o.Roots.AddCert(c)
	}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	paths, err := chain[0].Verify(o)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(paths, func(path []*x509.Certificate) bool {
		return len(path) > 1 && !slices.ContainsFunc(path[1:], func(c *x509.Certificate) bool { return !mayVouch(c, usage) })
	})
}

// mayVouch reports whether an authority's own usages, if it is limited to some,
// have the one that is wanted: what a root's other authorities issue, such as
// servers' certificates, signs no credentials.
func mayVouch(c *x509.Certificate, usage asn1.ObjectIdentifier) bool {
	return len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) || slices.ContainsFunc(c.UnknownExtKeyUsage, usage.Equal)
}
