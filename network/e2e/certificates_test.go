package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
)

// certified is an identity as it stands in a block.
type certified struct {
	identity []byte
	fine     bool
}

// certificates makes identities of "org", with and without a person in them.
func certificates(tb testing.TB) map[string]certified {
	tb.Helper()
	role := []byte(`{"attrs":{"secant.role":"sharer"}}`)
	plain := pkix.Name{CommonName: "sharer@org", Organization: []string{"org"}, OrganizationalUnit: []string{"client"}}
	named := func(change func(*pkix.Name)) x509.Certificate {
		s := plain
		change(&s)
		return x509.Certificate{Subject: s}
	}
	attribute := func(value string) x509.Certificate {
		return x509.Certificate{Subject: plain, ExtraExtensions: []pkix.Extension{{Id: attributeOID, Value: []byte(value)}}}
	}
	out := map[string]certified{}
	for name, c := range map[string]struct {
		certificate x509.Certificate
		fine        bool
	}{
		"a role":            {attribute(string(role)), true},
		"the administrator": {named(func(s *pkix.Name) { s.CommonName = "admin@org" }), true},
		"a peer":            {named(func(s *pkix.Name) { s.CommonName = "peer0-org" }), true},
		"another's role":    {named(func(s *pkix.Name) { s.CommonName = "sharer@other" }), false},
		"a person":          {named(func(s *pkix.Name) { s.CommonName = "Anna Lind" }), false},
		"a person's role":   {named(func(s *pkix.Name) { s.CommonName = "Anna@org" }), false},
		"a person beside it": {named(func(s *pkix.Name) {
			s.ExtraNames = []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 4}, Value: "Lind"}}
		}), false},
		"a place beside it":   {named(func(s *pkix.Name) { s.Locality = []string{"Ward 7"} }), false},
		"a serial number":     {named(func(s *pkix.Name) { s.SerialNumber = "4711" }), false},
		"an e-mail address":   {x509.Certificate{Subject: plain, EmailAddresses: []string{"anna@org.example"}}, false},
		"a person as a unit":  {named(func(s *pkix.Name) { s.OrganizationalUnit = []string{"client", "Anna Lind"} }), false},
		"another attribute":   {attribute(`{"attrs":{"secant.role":"sharer","hf.EnrollmentID":"anna"}}`), false},
		"a role that is none": {attribute(`{"attrs":{"secant.role":"Anna"}}`), false},
	} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			tb.Fatal(err)
		}
		c.certificate.SerialNumber, c.certificate.NotAfter = big.NewInt(1), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, &c.certificate, &c.certificate, &key.PublicKey, key)
		if err != nil {
			tb.Fatal(err)
		}
		out[name] = certified{encode(tb, &msp.SerializedIdentity{
			Mspid: "org", IdBytes: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		}), c.fine}
	}
	return out
}
