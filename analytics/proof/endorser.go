package proof

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// epoch is a span of the trust file in the form that verification needs.
type epoch struct {
	from, to time.Time          // to is zero when it still runs
	needed   int                // organisations that must have signed a read
	members  map[string]*member // by MSP id
}

type member struct {
	roots   *x509.CertPool
	revoked map[string]bool // serial numbers in decimal
}

func newEpoch(e *ledger.TrustEpoch) (*epoch, error) {
	if _, ok := ledger.PolicyNeeds(e.Policy, len(e.Organisations)); !ok {
		return nil, errors.New("its policy is unknown, or more than its organisations can meet")
	}
	out := &epoch{from: e.From, to: e.To, needed: e.ReadNeeded(), members: map[string]*member{}}
	for _, o := range e.Organisations {
		m := &member{roots: x509.NewCertPool(), revoked: map[string]bool{}}
		for _, root := range o.Roots {
			cert, err := parsePEM([]byte(root))
			if err != nil {
				return nil, fmt.Errorf("a root of %s: %w", o.ID, err)
			}
			m.roots.AddCert(cert)
		}
		for _, serial := range o.Revoked {
			n, ok := new(big.Int).SetString(strings.ReplaceAll(serial, ":", ""), 16)
			if !ok {
				return nil, fmt.Errorf("a revoked serial number of %s is not hexadecimal", o.ID)
			}
			m.revoked[n.String()] = true
		}
		out.members[o.ID] = m
	}
	return out, nil
}

func (v *Verifier) epochAt(t time.Time) *epoch {
	for _, e := range v.epochs {
		if !t.Before(e.from) && (e.to.IsZero() || t.Before(e.to)) {
			return e
		}
	}
	return nil
}

// endorsed counts the organisations whose peers signed the response, judged by
// the members and certificates at the time of the read, and wants a majority of
// them, or more when the policy of that time does. A signature that does not fit
// its certificate means that something was altered; an endorser that may not count
// is left out and told about only when the rest does not suffice.
func (v *Verifier) endorsed(r *read, sr *ledger.SignedRead) error {
	e := v.epochAt(r.time)
	if e == nil {
		return mismatch(StepPolicy, nil, "the trust file has no epoch for the time of the read, %s", stamp(r.time))
	}
	var left []string
	for _, en := range sr.Endorsements {
		org, cert, err := e.endorser(en.Endorser, r.time)
		if err != nil {
			left = append(left, err.Error())
			continue
		}
		if err := verifySignature(cert, sr.Response, en); err != nil {
			return mismatch(StepSignedRead, err, "the signature of %s's peer", org)
		}
		r.witnesses = append(r.witnesses, org)
	}
	slices.Sort(r.witnesses)
	r.witnesses = slices.Compact(r.witnesses)
	r.of = len(e.members)
	if len(r.witnesses) >= e.needed {
		return nil
	}
	var reason error
	if len(left) > 0 {
		reason = fmt.Errorf("not counted: %s", strings.Join(left, "; "))
	}
	return mismatch(StepPolicy, reason, "the read is signed by %d of %d organisations, %d are needed", len(r.witnesses), r.of, e.needed)
}

// endorser returns the organisation and certificate of a peer that counts.
func (e *epoch) endorser(serialized []byte, at time.Time) (string, *x509.Certificate, error) {
	var id msp.SerializedIdentity
	if err := decode(serialized, &id); err != nil {
		return "", nil, errors.New("an endorser that is no identity")
	}
	m, known := e.members[id.GetMspid()]
	if !known {
		return "", nil, errors.New("an endorser of no member at that time")
	}
	org := id.GetMspid()
	cert, err := parsePEM(id.GetIdBytes())
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", org, err)
	}
	if !isPeer(cert) {
		return "", nil, fmt.Errorf("%s: the certificate is not a peer's", org)
	}
	if m.revoked[cert.SerialNumber.String()] {
		return "", nil, fmt.Errorf("%s: the certificate is revoked", org)
	}
	_, err = cert.Verify(x509.VerifyOptions{Roots: m.roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return "", nil, fmt.Errorf("%s: the certificate is not one of the organisation's, valid at the time of the read", org)
	}
	return org, cert, nil
}

// isPeer tells a peer's certificate by its node role, which Fabric keeps in the
// subject's organisational units. Like Fabric, it wants one role and no other.
func isPeer(cert *x509.Certificate) bool {
	roles := slices.DeleteFunc(slices.Clone(cert.Subject.OrganizationalUnit), func(ou string) bool {
		return !slices.Contains([]string{"admin", "client", "orderer", "peer"}, ou)
	})
	return !cert.IsCA && slices.Equal(roles, []string{"peer"})
}

// parsePEM reads exactly one certificate with an ECDSA P-256 key, or any key for
// a root.
func parsePEM(b []byte) (*x509.Certificate, error) {
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" || len(strings.TrimSpace(string(rest))) != 0 {
		return nil, errors.New("not one certificate in PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errors.New("not a certificate")
	}
	return cert, nil
}

var halfOrder = new(big.Int).Rsh(elliptic.P256().Params().N, 1)

// verifySignature checks what a peer signs: the response followed by its own
// identity, by ECDSA on P-256 with SHA-256. Like Fabric it takes the lower of the
// two values that s may have, so that a signature has one form.
func verifySignature(cert *x509.Certificate, response []byte, e ledger.Endorsement) error {
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return errors.New("the certificate's key is not an ECDSA key on P-256")
	}
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(e.Signature, &sig); err != nil || len(rest) != 0 {
		return errors.New("not an ECDSA signature")
	}
	if sig.S.Cmp(halfOrder) > 0 {
		return errors.New("the signature is not in its low form")
	}
	h := sha256.New()
	h.Write(response)
	h.Write(e.Endorser)
	if !ecdsa.VerifyASN1(key, h.Sum(nil), e.Signature) {
		return errors.New("it does not fit what was read")
	}
	return nil
}
