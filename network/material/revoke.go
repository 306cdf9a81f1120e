package material

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/secant-platform/secant/network/disk"
	"github.com/secant-platform/secant/network/topology"
)

// crlPath is where below a membership folder Fabric looks for revocations.
var crlPath = filepath.Join("crls", "crl.pem")

// crlFile is the organisation's own list of what it has revoked.
func crlFile(n *topology.Network, org string) string {
	return filepath.Join(n.OrgDir(org), "ca", "crl.pem")
}

// ErrNotIssued means that a certificate is not one of the organisation's
// authority for membership, which alone can revoke it.
var ErrNotIssued = errors.New("the organisation's authority did not issue it")

// Revoke has an organisation's authority put a certificate on its revocation
// list, and returns the list, PEM. One that stands there already changes nothing.
// The list goes into the organisation's membership folders too; peers and
// orderers read theirs when they start, for what is asked of themselves.
func Revoke(n *topology.Network, org string, cert *x509.Certificate, now time.Time) ([]byte, error) {
	ca, err := openAuthority(n, org, "ca", now)
	if err != nil {
		return nil, err
	}
	if cert.IsCA || cert.CheckSignatureFrom(ca.parsed) != nil {
		return nil, fmt.Errorf("revoking a certificate of %s: %w", org, ErrNotIssued)
	}
	old, err := RevocationList(n, org)
	if err != nil {
		return nil, err
	}
	list := &x509.RevocationList{Number: big.NewInt(0)}
	if old != nil {
		if list, err = ca.list(old); err != nil {
			return nil, err
		}
	}
	crl := old
	if !slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
		return e.SerialNumber.Cmp(cert.SerialNumber) == 0
	}) {
		if crl, err = ca.revoke(list, cert, now.UTC().Truncate(time.Second)); err != nil {
			return nil, err
		}
		if err := disk.WriteFile(crlFile(n, org), crl, 0o644); err != nil {
			return nil, fmt.Errorf("keeping the revocation list of %s: %w", org, err)
		}
	}
	return crl, spRevocationList(n, org, crl)
}

// revoke makes the list that follows from one.
func (a *authority) revoke(list *x509.RevocationList, cert *x509.Certificate, now time.Time) ([]byte, error) {
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: new(big.Int).Add(list.Number, big.NewInt(1)), ThisUpdate: now,
		// Fabric takes a list as valid until the next replaces it.
		NextUpdate: a.parsed.NotAfter,
		RevokedCertificateEntries: append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: cert.SerialNumber, RevocationTime: now,
		}),
	}, a.parsed, a.signer)
	if err != nil {
		return nil, fmt.Errorf("signing the revocation list of %s: %w", a.org, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), nil
}

// list reads a revocation list that this authority signed.
func (a *authority) list(crl []byte) (*x509.RevocationList, error) {
	block, _ := pem.Decode(crl)
	if block == nil {
		return nil, fmt.Errorf("the revocation list of %s is not PEM", a.org)
	}
	list, err := x509.ParseRevocationList(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the revocation list of %s: %w", a.org, err)
	}
	if err := list.CheckSignatureFrom(a.parsed); err != nil {
		return nil, fmt.Errorf("the revocation list of %s is not its authority's: %w", a.org, err)
	}
	return list, nil
}

// Revoked lists the serial numbers on an organisation's revocation list, hex, as
// the trust file has them.
func Revoked(n *topology.Network, org string) ([]string, error) {
	crl, err := RevocationList(n, org)
	if err != nil || crl == nil {
		return nil, err
	}
	ca, err := openAuthority(n, org, "ca", time.Time{})
	if err != nil {
		return nil, err
	}
	list, err := ca.list(crl)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range list.RevokedCertificateEntries {
		out = append(out, e.SerialNumber.Text(16))
	}
	return out, nil
}

// RevocationList returns an organisation's revocation list, nil when it has revoked
// nothing; PEM.
func RevocationList(n *topology.Network, org string) ([]byte, error) {
	b, err := os.ReadFile(crlFile(n, org))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the revocation list of %s: %w", org, err)
	}
	return b, nil
}

// spreadCRL puts the list into each membership folder of an organisation.
func spRevocationList(n *topology.Network, org string, crl []byte) error {
	folders, err := filepath.Glob(filepath.Join(n.OrgDir(org), "*", "*", "msp"))
	if err != nil {
		return fmt.Errorf("looking for the membership folders of %s: %w", org, err)
	}
	for _, msp := range append(folders, n.MSPDir(org)) {
		if err := disk.WriteFile(filepath.Join(msp, crlPath), crl, 0o644); err != nil {
			return fmt.Errorf("giving out the revocation list of %s: %w", org, err)
		}
	}
	return nil
}
