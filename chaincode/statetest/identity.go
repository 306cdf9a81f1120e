package statetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// attributes is Fabric's certificate extension for attributes.
var attributes = asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}

// authority is an organisation's certificate authority.
type authority struct {
	cert *x509.Certificate
	pem  []byte
	key  *ecdsa.PrivateKey
}

// Identity is a certificate of a member with its key.
type Identity struct {
	Org         string
	Role        ledger.Role // empty for peers, and for clients without a role
	Certificate []byte      // PEM
	Key         *ecdsa.PrivateKey
	creator     []byte
}

// Creator returns the identity as it stands in a proposal
// (msp.SerializedIdentity).
func (i *Identity) Creator() []byte { return i.creator }

// Client returns the organisation's client certificate with that role, or with
// no role attribute when it is empty. Asked twice it is the same.
func (l *Ledger) Client(org string, role ledger.Role) *Identity {
	return l.identity(org, "client", role)
}

// Peer returns the certificate of the organisation's peer.
func (l *Ledger) Peer(org string) *Identity { return l.identity(org, "peer", "") }

// identity panics when a key or a certificate cannot be made: no test can go on.
func (l *Ledger) identity(org, unit string, role ledger.Role) *Identity {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := org + "/" + unit + "/" + string(role)
	if id, known := l.ids[name]; known {
		return id
	}
	id, err := l.authority(org).issue(org, unit, role, l.validFrom())
	if err != nil {
		panic(err)
	}
	l.ids[name] = id
	return id
}

// validFrom is the beginning of all certificates; they last ten years.
func (l *Ledger) validFrom() time.Time { return l.base().Add(-24 * time.Hour) }

func (l *Ledger) authority(org string) *authority {
	if ca, known := l.cas[org]; known {
		return ca
	}
	ca, err := newAuthority(org, l.validFrom())
	if err != nil {
		panic(err)
	}
	l.cas[org] = ca
	return ca
}

func newAuthority(org string, from time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of a CA: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca." + org, Organization: []string{org}},
		NotBefore: from, NotAfter: from.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of a CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of a CA: %w", err)
	}
	return &authority{cert: cert, pem: encodePEM(der), key: key}, nil
}

func (a *authority) issue(org, unit string, role ledger.Role, from time.Time) (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("making a serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: unit + string(role) + "@" + org, OrganizationalUnit: []string{unit}},
		NotBefore:    from, NotAfter: from.AddDate(10, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if role != "" {
		value, err := json.Marshal(map[string]map[string]string{"attrs": {ledger.RoleAttribute: string(role)}})
		if err != nil {
			return nil, fmt.Errorf("encoding the role: %w", err)
		}
		template.ExtraExtensions = []pkix.Extension{{Id: attributes, Value: value}}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	id := &Identity{Org: org, Role: role, Certificate: encodePEM(der), Key: key}
	id.creator, err = proto.Marshal(&msp.SerializedIdentity{Mspid: org, IdBytes: id.Certificate})
	if err != nil {
		return nil, fmt.Errorf("encoding the identity: %w", err)
	}
	return id, nil
}

// sign signs as Fabric does: ECDSA over SHA-256, with the smaller s.
func (i *Identity) sign(message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, i.Key, digest[:])
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	order := i.Key.Params().N
	if s.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		s.Sub(order, s)
	}
	return asn1.Marshal(struct{ R, S *big.Int }{r, s})
}

func encodePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
