package mdoc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/secant-platform/secant/identity/keys"
)

var now = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

const issuerName = "north.example"

// authority is a certificate with its key.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func newKey(tb testing.TB) crypto.Signer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func newEdwards(tb testing.TB) crypto.Signer {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func signerOf(tb testing.TB, key crypto.Signer) keys.Signer {
	tb.Helper()
	s, err := keys.FromCrypto(key)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// certify makes a certificate; without a parent it signs itself.
func certify(tb testing.TB, parent *authority, key crypto.Signer, change func(*x509.Certificate)) *authority {
	tb.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		tb.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: n, Subject: pkix.Name{CommonName: n.String(), Country: []string{"DE"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour),
		BasicConstraintsValid: true,
	}
	change(c)
	by := parent
	if by == nil {
		by = &authority{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.certificate, key.Public(), by.key)
	if err != nil {
		tb.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return &authority{made, key}
}

func asRoot(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
}

// asSigner makes a certificate under which mdocs are signed.
func asSigner(c *x509.Certificate) {
	c.KeyUsage = x509.KeyUsageDigitalSignature
	c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{DocumentSigner}
	c.DNSNames = []string{issuerName}
	c.URIs = []*url.URL{{Scheme: "did", Opaque: "secant:dev:hospital-north:staff"}}
}

// pki is an issuer's certificates: a root, an authority under it, the issuer.
type pki struct{ root, middle, leaf *authority }

func newPKI(tb testing.TB, key crypto.Signer) *pki {
	tb.Helper()
	p := &pki{root: certify(tb, nil, newKey(tb), asRoot)}
	p.middle = certify(tb, p.root, newKey(tb), asRoot)
	p.leaf = certify(tb, p.middle, key, asSigner)
	return p
}

func (p *pki) chain() []*x509.Certificate {
	return []*x509.Certificate{p.leaf.certificate, p.middle.certificate}
}

func (p *pki) issuer() Issuer {
	return Issuer{Name: issuerName, Roots: []*x509.Certificate{p.root.certificate}}
}
