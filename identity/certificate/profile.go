package certificate

import (
	"crypto"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // it names keys, as the profile has it, and protects nothing
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"

	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/mdoc"
)

// How long certificates last. The profile allows a root 20 years, a document signer
// 457 days.
const (
	rootLife   = 10 * 365 * day
	signerLife = 457 * day

	// MaxCredential is how long a credential can last that a document signer signs: no
	// longer than its certificate, which serves for new ones as long as it lasts that
	// long.
	MaxCredential = 365 * day

	day  = 24 * time.Hour
	skew = 5 * time.Minute // of clocks: so much a certificate begins before it is made
)

// maxName bounds a common name, in characters (X.520, ub-common-name).
const maxName = 64

// Subject is for whom certificates are.
type Subject struct {
	Name    string // of the organisation, for people
	Country string // two capital letters (ISO 3166-1 alpha-2); XA to XZ are no country's
	// Base is the address at which the issuer is at home, without a slash at its end:
	// "https://north.example".
	Base string
	DID  string // the issuer's did:web, by which it is known in the consortium
}

func (s *Subject) validate() error {
	base, err := url.Parse(s.Base)
	switch {
	case err != nil || base.Scheme != "https" || base.Host == "" || base.Path != "":
		return errors.New("making certificates: the issuer's address is no https host")
	case s.Name == "" || !strings.HasPrefix(s.DID, "did:web:"):
		return errors.New("making certificates: the issuer has no name or no did:web")
	case len(s.Country) != 2 || strings.Trim(s.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "":
		return errors.New("making certificates: a country is two capital letters")
	}
	return nil
}

// distinguished returns a name as certificates have it: country and common name,
// which is cut where X.520 wants it.
func (s *Subject) distinguished(suffix string) pkix.Name {
	name := []rune(s.Name)
	if limit := maxName - len(suffix); len(name) > limit {
		name = name[:limit]
	}
	return pkix.Name{Country: []string{s.Country}, CommonName: string(name) + suffix}
}

// uris are the subject alternative names of a document signer that are URIs: HAIP
// and others look for the issuer's address, members for its did:web, which says
// which of an address' issuers it is.
func (s *Subject) uris() ([]*url.URL, error) {
	var list []*url.URL
	for _, text := range []string{s.Base, s.DID} {
		u, err := url.Parse(text)
		if err != nil {
			return nil, errors.New("making a certificate: a name of the issuer is no URI")
		}
		list = append(list, u)
	}
	return list, nil
}

var (
	oidIssuerAltName = asn1.ObjectIdentifier{2, 5, 29, 18}
	oidExtKeyUsage   = asn1.ObjectIdentifier{2, 5, 29, 37}
)

// template is what both certificates have (tables B.1 and B.3). Revocations names
// where the authority publishes which of its certificates it took back.
func (s *Subject) template(key keys.Signer, at time.Time, life time.Duration) (*x509.Certificate, *adapter, error) {
	if err := s.validate(); err != nil {
		return nil, nil, err
	}
	a, err := adapt(key)
	if err != nil {
		return nil, nil, err
	}
	serial := make([]byte, 16)
	if _, err := rand.Read(serial); err != nil {
		return nil, nil, fmt.Errorf("drawing a serial number: %w", err)
	}
	serial[0] &= 0x7f // positive
	serial[0] |= 0x40 // and always as long, so that it has one name
	id, err := keyID(a.public)
	if err != nil {
		return nil, nil, err
	}
	const uri = 6 // GeneralName, uniformResourceIdentifier (RFC 5280, section 4.2.1.6)
	alternative, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: uri, Bytes: []byte(s.Base)}})
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the issuer's address: %w", err)
	}
	begins := at.UTC().Truncate(time.Second).Add(-skew)
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), NotBefore: begins, NotAfter: begins.Add(life),
		SignatureAlgorithm: x509.ECDSAWithSHA256, BasicConstraintsValid: true, SubjectKeyId: id,
		ExtraExtensions: []pkix.Extension{{Id: oidIssuerAltName, Value: alternative}},
	}, a, nil
}

// keyID names a key by SHA-1, as the profile wants it (RFC 5280, section 4.2.1.2,
// method 1).
func keyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("encoding a public key: %w", err)
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, fmt.Errorf("reading a public key: %w", err)
	}
	sum := sha1.Sum(info.Key.Bytes) //nolint:gosec // see above
	return sum[:], nil
}

// PathRevocations is where an authority's revocations stand below the issuer's
// address, with the serial number of its root behind.
const PathRevocations = "/iaca/revoked/"

// revocations is the address of a root's list.
func (s *Subject) revocations(root *x509.Certificate) []string {
	return []string{s.Base + PathRevocations + Serial(root)}
}

// Serial writes a certificate's serial number in hexadecimal.
func Serial(c *x509.Certificate) string { return hex.EncodeToString(c.SerialNumber.Bytes()) }

// NewRoot makes the certificate of an authority that signs itself: an IACA root
// (annex B.1.2).
func NewRoot(key keys.Signer, s Subject, at time.Time) (*x509.Certificate, error) {
	t, a, err := s.template(key, at, rootLife)
	if err != nil {
		return nil, err
	}
	t.Subject = s.distinguished("")
	t.IsCA, t.MaxPathLenZero, t.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	t.CRLDistributionPoints = s.revocations(t)
	return create(t, t, a.public, a)
}

// NewSigner makes the certificate of a document signer (annex B.1.4), for a key of
// the issuer's. It ends with its root at the latest.
func NewSigner(root *x509.Certificate, by, key keys.Signer, s Subject, at time.Time) (*x509.Certificate, error) {
	t, a, err := s.template(key, at, signerLife)
	if err != nil {
		return nil, err
	}
	authority, err := adapt(by)
	if err != nil {
		return nil, err
	}
	if root.NotAfter.Before(t.NotAfter) {
		t.NotAfter = root.NotAfter
	}
	if t.URIs, err = s.uris(); err != nil {
		return nil, err
	}
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{mdoc.DocumentSigner})
	if err != nil {
		return nil, fmt.Errorf("encoding a certificate's usage: %w", err)
	}
	t.Subject, t.DNSNames = s.distinguished(" DS"), []string{t.URIs[0].Hostname()}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	// Critical, which the standard library's own is not.
	t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: oidExtKeyUsage, Critical: true, Value: usage})
	t.CRLDistributionPoints = root.CRLDistributionPoints
	return create(t, root, a.public, authority)
}

func create(t, parent *x509.Certificate, public crypto.PublicKey, by *adapter) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, public, by)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading a certificate of ours: %w", err)
	}
	return c, nil
}

// listLife is how long a list of revocations serves.
const listLife = 7 * day

// NewRevocations makes the list of a root's certificates that were taken back, in
// DER (annex B.3): an empty one, because what is taken back here is the root, by
// taking its thumbprint off the ledger, and a credential, in its status list. Other
// people's readers want there to be a list.
func NewRevocations(root *x509.Certificate, by keys.Signer, at time.Time) ([]byte, error) {
	a, err := adapt(by)
	if err != nil {
		return nil, err
	}
	begins := at.UTC().Truncate(time.Second)
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(begins.Unix()), ThisUpdate: begins, NextUpdate: begins.Add(listLife), SignatureAlgorithm: x509.ECDSAWithSHA256,
	}, root, a)
	if err != nil {
		return nil, fmt.Errorf("making a list of revocations: %w", err)
	}
	return der, nil
}
