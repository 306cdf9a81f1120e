package material

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/secant-platform/secant/network/topology"
)

// makeOrderer issues the certificates of an organisation's orderer, if it runs
// one and they are missing, under the organisation's own authorities.
func makeOrderer(n *topology.Network, o topology.Organisation, from time.Time) (made bool, err error) {
	if o.Orderer == nil {
		return false, nil
	}
	dir := n.OrdererIdentity(o.ID)
	if _, err := os.Stat(dir); err == nil {
		return false, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("looking for the certificates of %s: %w", o.Orderer.Name, err)
	}
	ca, err := openAuthority(n, o.ID, "ca", from)
	if err != nil {
		return false, err
	}
	tls, err := openAuthority(n, o.ID, "tlsca", from)
	if err != nil {
		return false, err
	}
	out := files{}
	if err := out.server(server{name: o.Orderer.Name, unit: unitOrderer}, ca, tls); err != nil {
		return false, err
	}
	crl, err := RevocationList(n, o.ID)
	if err != nil {
		return false, err
	}
	if crl != nil {
		out[filepath.Join("msp", crlPath)] = crl
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return false, fmt.Errorf("making a folder: %w", err)
	}
	if err := place(out, dir); err != nil {
		return false, fmt.Errorf("storing the certificates of %s: %w", o.Orderer.Name, err)
	}
	return true, nil
}

// openAuthority reads an organisation's authority for a purpose ("ca" or
// "tlsca") from its files. What it issues begins at the given time, or with the
// authority itself if that is later.
func openAuthority(n *topology.Network, org, purpose string, from time.Time) (*authority, error) {
	dir := filepath.Join(n.OrgDir(org), purpose)
	cert, err := os.ReadFile(filepath.Join(dir, CertFile)) //nolint:gosec // a path of our own layout
	if err != nil {
		return nil, fmt.Errorf("reading the %s of %s: %w", purpose, org, err)
	}
	key, err := os.ReadFile(filepath.Join(dir, KeyFile)) //nolint:gosec // a path of our own layout
	if err != nil {
		return nil, fmt.Errorf("reading the %s of %s: %w", purpose, org, err)
	}
	c, k := firstPEM(cert), firstPEM(key)
	if c == nil || k == nil {
		return nil, fmt.Errorf("the %s of %s is not PEM", purpose, org)
	}
	parsed, err := x509.ParseCertificate(c)
	if err != nil {
		return nil, fmt.Errorf("reading the %s of %s: %w", purpose, org, err)
	}
	private, err := x509.ParsePKCS8PrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the %s of %s: %w", purpose, org, err)
	}
	signer, ok := private.(*ecdsa.PrivateKey)
	if !ok || !signer.PublicKey.Equal(parsed.PublicKey) {
		return nil, fmt.Errorf("the key of the %s of %s does not belong to its certificate", purpose, org)
	}
	if from.Before(parsed.NotBefore) {
		from = parsed.NotBefore
	}
	return &authority{pair: pair{cert, key}, parsed: parsed, signer: lowS{signer}, org: org, from: from}, nil
}

func firstPEM(b []byte) []byte {
	if block, _ := pem.Decode(b); block != nil {
		return block.Bytes
	}
	return nil
}
