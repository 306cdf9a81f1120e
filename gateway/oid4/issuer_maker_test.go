package oid4_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/mdoc"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
)

// maker makes wallets and vouches for them, by a certificate of a root that the
// issuer knows.
type maker struct {
	roots    *x509.CertPool
	attester *wallettest.Attester
}

func newMaker(t *testing.T) *maker {
	t.Helper()
	root := certified(t, nil, "root")
	leaf := certified(t, root, "maker")
	m := &maker{roots: x509.NewCertPool()}
	m.roots.AddCert(root.cert)
	d, err := leaf.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := ledger.JWKOf(leaf.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	m.attester = &wallettest.Attester{
		Issuer: "https://maker.example",
		Key:    map[string]any{"kty": jwk.Kty, "crv": jwk.Crv, "x": jwk.X, "y": jwk.Y, "d": base64.RawURLEncoding.EncodeToString(d)},
		Chain:  []string{base64.StdEncoding.EncodeToString(leaf.cert.Raw)},
	}
	return m
}

// assure makes an issuer one of high assurance, which trusts the maker.
func (m *maker) assure(o *oid4vci.Options) {
	o.HAIP = true
	o.Configurations = map[string]oid4vci.Configuration{"staff": o.Configurations["staff"], "card": o.Configurations["card"]}
	o.WalletKey = m.key
}

// vouch makes an issuer one that wants wallets' keys to be attested, by the maker.
func (m *maker) vouch(o *oid4vci.Options) {
	o.KeyAttester, o.RequireKeyAttestation = m.key, &oid4vci.KeyAttestations{KeyStorage: []string{oid4vci.ResistanceHigh}}
}

// key is that of a certificate under the maker's root.
func (m *maker) key(_ context.Context, a oid4vci.Attester) (ledger.JWK, error) {
	unknown := ledger.Problemf(ledger.CodeDenied, "the attester is unknown")
	if len(a.Chain) == 0 {
		return ledger.JWK{}, unknown
	}
	cert, err := x509.ParseCertificate(a.Chain[0])
	if err != nil {
		return ledger.JWK{}, unknown
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: m.roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return ledger.JWK{}, unknown
	}
	return ledger.JWKOf(cert.PublicKey)
}

// pair is a key with its certificate.
type pair struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// certified draws a key and has an authority certify it, or itself when that is nil.
func certified(t *testing.T, by *pair, name string) *pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Country: []string{"DE"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
		template.IsCA, template.KeyUsage, template.DNSNames = false, x509.KeyUsageDigitalSignature, []string{name + ".example"}
		template.UnknownExtKeyUsage = []asn1.ObjectIdentifier{mdoc.DocumentSigner}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &pair{key, cert}
}
