// Package prooftest makes consortiums, logs and signed reads for tests: real
// certificates, real protocol buffers, real signatures, under keys that live as
// long as the test. It can also make what an attacker would: each part of a
// read may be set apart from the others.
package prooftest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Organisations are the members of the consortium that New makes by default.
var Organisations = []string{"hospital-north", "hospital-south", "hospital-east", "medtech", "authority"}

// Now is the time at which everything here happens, unless a test says otherwise.
var Now = time.Date(2026, 11, 22, 14, 30, 0, 0, time.UTC)

// Consortium is a set of organisations with certificates.
type Consortium struct {
	Channel, Chaincode string
	Members            []*Organisation
}

// Organisation is a member with its certificate authority.
type Organisation struct {
	ID     string
	Peer   *Identity // of the kind that endorses
	Second *Identity // another peer
	Client *Identity // of the kind that submits
	root   *x509.Certificate
	key    *ecdsa.PrivateKey
}

// Identity is a certificate with its key.
type Identity struct {
	Org  string
	Cert *x509.Certificate
	Key  *ecdsa.PrivateKey
}

// New makes a consortium of the named organisations, or of Organisations.
func New(tb testing.TB, orgs ...string) *Consortium {
	tb.Helper()
	if len(orgs) == 0 {
		orgs = Organisations
	}
	c := &Consortium{Channel: "secant", Chaincode: ledger.ChaincodeName}
	for _, id := range orgs {
		c.Members = append(c.Members, NewOrganisation(tb, id))
	}
	return c
}

// NewOrganisation makes an organisation with a certificate authority, two peers
// and a client.
func NewOrganisation(tb testing.TB, id string) *Organisation {
	tb.Helper()
	o := &Organisation{ID: id, key: newKey(tb, elliptic.P256())}
	o.root = issue(tb, &x509.Certificate{
		Subject: pkix.Name{CommonName: "ca." + id}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:  x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		NotBefore: Now.AddDate(-1, 0, 0), NotAfter: Now.AddDate(9, 0, 0),
	}, nil, &o.key.PublicKey, o.key)
	o.Peer, o.Second, o.Client = o.Issue(tb, "peer"), o.Issue(tb, "peer"), o.Issue(tb, "client")
	return o
}

// Issue makes an identity with these organisational units, valid for a year
// around Now.
func (o *Organisation) Issue(tb testing.TB, units ...string) *Identity {
	tb.Helper()
	return o.IssueFor(tb, Now.AddDate(0, -6, 0), Now.AddDate(0, 6, 0), units...)
}

// IssueFor makes an identity that is valid for a time.
func (o *Organisation) IssueFor(tb testing.TB, from, to time.Time, units ...string) *Identity {
	tb.Helper()
	return o.issueOn(tb, elliptic.P256(), from, to, units...)
}

// IssueOn makes a peer whose key is on another curve than Fabric's usual one.
func (o *Organisation) IssueOn(tb testing.TB, curve elliptic.Curve) *Identity {
	tb.Helper()
	return o.issueOn(tb, curve, Now.AddDate(0, -6, 0), Now.AddDate(0, 6, 0), "peer")
}

func (o *Organisation) issueOn(tb testing.TB, curve elliptic.Curve, from, to time.Time, units ...string) *Identity {
	tb.Helper()
	key := newKey(tb, curve)
	cert := issue(tb, &x509.Certificate{
		Subject:   pkix.Name{CommonName: "node." + o.ID, OrganizationalUnit: units},
		KeyUsage:  x509.KeyUsageDigitalSignature,
		NotBefore: from, NotAfter: to, BasicConstraintsValid: true,
	}, o.root, &key.PublicKey, o.key)
	return &Identity{Org: o.ID, Cert: cert, Key: key}
}

func newKey(tb testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func issue(tb testing.TB, template, parent *x509.Certificate, public *ecdsa.PublicKey, signer *ecdsa.PrivateKey) *x509.Certificate {
	tb.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		tb.Fatal(err)
	}
	template.SerialNumber = serial
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return cert
}

// PEM returns the certificate in PEM.
func (i *Identity) PEM() []byte { return toPEM(i.Cert) }

func toPEM(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

// Serial returns the certificate's serial number as a trust file lists it.
func (i *Identity) Serial() string { return fmt.Sprintf("%x", i.Cert.SerialNumber) }

// Serialized returns the identity as it stands in an endorsement.
func (i *Identity) Serialized(tb testing.TB) []byte {
	tb.Helper()
	return marshal(tb, &msp.SerializedIdentity{Mspid: i.Org, IdBytes: i.PEM()})
}

// Sign signs as a peer does: ECDSA over SHA-256, the lower of the two values of s.
func (i *Identity) Sign(tb testing.TB, message []byte) []byte {
	tb.Helper()
	sum := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, i.Key, sum[:])
	if err != nil {
		tb.Fatal(err)
	}
	order := i.Key.Params().N
	if s.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		s.Sub(order, s)
	}
	sig, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		tb.Fatal(err)
	}
	return sig
}

// Org returns the member with this id.
func (c *Consortium) Org(tb testing.TB, id string) *Organisation {
	tb.Helper()
	for _, o := range c.Members {
		if o.ID == id {
			return o
		}
	}
	tb.Fatalf("no organisation %s", id)
	return nil
}

// Peers returns a peer of each named organisation.
func (c *Consortium) Peers(tb testing.TB, orgs ...string) []*Identity {
	tb.Helper()
	var out []*Identity
	for _, id := range orgs {
		out = append(out, c.Org(tb, id).Peer)
	}
	return out
}

// Trust returns the consortium's trust file: one epoch, from a year before Now.
func (c *Consortium) Trust() *ledger.Trust {
	e := ledger.TrustEpoch{From: Now.AddDate(-1, 0, 0), Policy: ledger.PolicyMajority}
	for _, o := range c.Members {
		e.Organisations = append(e.Organisations, o.Trust())
	}
	return &ledger.Trust{V: 1, Network: "test", Channel: c.Channel, Chaincode: c.Chaincode, Epochs: []ledger.TrustEpoch{e}}
}

// Trust returns the organisation's part of a trust file.
func (o *Organisation) Trust() ledger.TrustOrganisation {
	return ledger.TrustOrganisation{ID: o.ID, Roots: []string{string(toPEM(o.root))}}
}

func marshal(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
