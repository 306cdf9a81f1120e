package material

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/secant-platform/secant/network/disk"
	"github.com/secant-platform/secant/network/topology"
)

// makeNode issues the certificate of a node's public address, if it is missing:
// that of an organisation that was made before nodes had any.
func makeNode(n *topology.Network, o topology.Organisation, from time.Time) (made bool, err error) {
	dir := n.NodeIdentity(o.ID)
	if _, err := os.Stat(dir); err == nil {
		return false, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("looking for the certificate of %s: %w", o.Node.Name, err)
	}
	tls, err := openAuthority(n, o.ID, "tlsca", from)
	if err != nil {
		return false, err
	}
	out, err := nodeFiles(tls, o.Node.Name)
	if err != nil {
		return false, err
	}
	if err := place(out, dir); err != nil {
		return false, fmt.Errorf("storing the certificate of %s: %w", o.Node.Name, err)
	}
	return true, nil
}

// NodeOf is what an organisation's node shows to those outside: a certificate for
// TLS, which nothing revokes.
func NodeOf(n *topology.Network, o topology.Organisation) *Renewable {
	return &Renewable{
		Organisation: o.ID, Name: "the public address of " + o.Node.Name, dir: n.NodeIdentity(o.ID), cert: CertFile, tls: true,
		issue: func(_, tls *authority) (files, error) { return nodeFiles(tls, o.Node.Name) },
	}
}

// WriteRoots writes the certificates that the members' TLS servers chain to into
// one file, for programs outside.
func WriteRoots(n *topology.Network) error {
	var all bytes.Buffer
	for _, o := range n.Organisations {
		b, err := os.ReadFile(n.TLSRoot(o.ID))
		if err != nil {
			return fmt.Errorf("reading the TLS root of %s: %w", o.ID, err)
		}
		all.Write(b)
	}
	return disk.WriteFile(n.RootsFile(), all.Bytes(), 0o644)
}
