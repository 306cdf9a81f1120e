package material

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"
)

// Lifetimes of certificates. A development network lives shorter than these;
// production networks renew by their own authority.
const (
	caLife   = 20 * 365 * 24 * time.Hour
	leafLife = 5 * 365 * 24 * time.Hour
)

// pair is a certificate with its key, as they stand in files.
type pair struct{ cert, key []byte }

// authority issues the certificates of one organisation for one purpose:
// membership or TLS.
type authority struct {
	pair

	parsed *x509.Certificate
	signer lowS
	org    string
	from   time.Time
}

// newAuthority makes a self-signed authority that is valid from the given time.
func newAuthority(org, purpose string, from time.Time) (*authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	a := &authority{signer: lowS{key}, org: org, from: from}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{org}, CommonName: purpose + "." + org},
		NotBefore:             from,
		NotAfter:              from.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, a.signer)
	if err != nil {
		return nil, fmt.Errorf("making the %s of %s: %w", purpose, org, err)
	}
	if a.parsed, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("reading back the %s of %s: %w", purpose, org, err)
	}
	a.pair, err = encode(der, key)
	return a, err
}

// leaf says what a certificate is for.
type leaf struct {
	name string // common name, and a host name when it is for TLS
	unit string // organisational unit: Fabric's node role
	role string // value of the attribute secant.role, empty for none
	tls  bool   // for TLS on the loopback interface, as server and client
}

// attributeOID marks the extension in which Fabric carries attributes.
var attributeOID = asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}

// issue makes a certificate and its key. It is never valid earlier than its
// authority: an orderer given such a one would not start.
func (a *authority) issue(l leaf) (pair, error) {
	key, err := newKey()
	if err != nil {
		return pair{}, err
	}
	serial, err := newSerial()
	if err != nil {
		return pair{}, err
	}
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{a.org}, CommonName: l.name},
		NotBefore:             a.from,
		NotAfter:              a.from.Add(leafLife),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
	}
	if l.unit != "" {
		t.Subject.OrganizationalUnit = []string{l.unit}
	}
	if l.tls {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		t.DNSNames = []string{"localhost", l.name}
		t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	if l.role != "" {
		value, err := attributes(l.role)
		if err != nil {
			return pair{}, err
		}
		t.ExtraExtensions = []pkix.Extension{{Id: attributeOID, Value: value}}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.parsed, &key.PublicKey, a.signer)
	if err != nil {
		return pair{}, fmt.Errorf("issuing the certificate of %s: %w", l.name, err)
	}
	return encode(der, key)
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return key, nil
}

func newSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("drawing a serial number: %w", err)
	}
	return serial, nil
}

func encode(der []byte, key *ecdsa.PrivateKey) (pair, error) {
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair{}, fmt.Errorf("encoding a key: %w", err)
	}
	return pair{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k}),
	}, nil
}

// lowS signs with the smaller of the two valid values of s. Fabric rewrites
// certificates that have the larger one, and then no longer recognises them.
type lowS struct{ *ecdsa.PrivateKey }

// Sign implements crypto.Signer.
func (l lowS) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	sig, err := l.PrivateKey.Sign(r, digest, opts)
	if err != nil {
		return nil, err
	}
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &v); err != nil {
		return nil, fmt.Errorf("reading a signature: %w", err)
	}
	order := l.Curve.Params().N
	if v.S.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		v.S.Sub(order, v.S)
	}
	out, err := asn1.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding a signature: %w", err)
	}
	return out, nil
}
