// Package material makes the certificates and keys of a development consortium
// with the standard library: for each organisation an authority for membership
// and one for TLS, and below them its orderer, peers, administrator and the
// node's certificates, one for each role that the ledger tells apart and one for
// its public address. It also writes the trust file and the TLS roots in one file. It never replaces what is there: new certificates would
// cut the organisations off from their ledger.
package material

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/topology"
)

// Fabric's node roles, by organisational unit (NodeOUs).
const (
	unitClient  = "client"
	unitPeer    = "peer"
	unitAdmin   = "admin"
	unitOrderer = "orderer"
)

// Names of files in identity folders.
const (
	CertFile    = "cert.pem"
	KeyFile     = "key.pem"
	TLSCertFile = "tls-cert.pem" // an administrator's, for channel participation
	TLSKeyFile  = "tls-key.pem"
	TLSRootFile = "ca.pem"
)

// nodeOUs tells Fabric to read node roles from organisational units.
const nodeOUs = `NodeOUs:
  Enable: true
  ClientOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: client}
  PeerOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: peer}
  AdminOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: admin}
  OrdererOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: orderer}
`

// Make makes what is missing of members and of those that join: whole
// organisations, or nothing of one, and the certificates of what a member runs
// from now on: an orderer, a node with a public address. It reports whether it made anything.
func Make(n *topology.Network, now time.Time) (made bool, err error) {
	// The authorities and all that they issue begin at one moment, a little in
	// the past for clocks that differ.
	from := now.UTC().Add(-5 * time.Minute).Truncate(time.Second)
	for _, o := range slices.Concat(n.Organisations, n.Joining) {
		dir := n.OrgDir(o.ID)
		if _, err := os.Stat(dir); err == nil {
			if err := mendAll(n, o); err != nil {
				return made, err
			}
			for _, missing := range []func(*topology.Network, topology.Organisation, time.Time) (bool, error){makeOrderer, makeNode} {
				more, err := missing(n, o, from)
				if err != nil {
					return made, err
				}
				made = made || more
			}
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return made, fmt.Errorf("looking for the certificates of %s: %w", o.ID, err)
		}
		files, err := organisation(o, from)
		if err != nil {
			return made, err
		}
		if err := place(files, dir); err != nil {
			return made, fmt.Errorf("storing the certificates of %s: %w", o.ID, err)
		}
		made = true
	}
	return made, nil
}

// files maps a path below the organisation's folder to its content.
type files map[string][]byte

func (f files) put(dir string, p pair) {
	f[filepath.Join(dir, CertFile)], f[filepath.Join(dir, KeyFile)] = p.cert, p.key
}

// roots puts what makes a membership folder out of one.
func (f files) roots(msp string, ca, tls *authority) {
	f[filepath.Join(msp, "cacerts", "ca.pem")] = ca.cert
	f[filepath.Join(msp, "tlscacerts", "tlsca.pem")] = tls.cert
	f[filepath.Join(msp, "config.yaml")] = []byte(nodeOUs)
}

// server is an orderer or a peer: where its folder is, and who it is.
type server struct{ dir, name, unit string }

// server puts the membership and the TLS folder of an orderer or a peer.
func (f files) server(s server, ca, tls *authority) error {
	id, err := ca.issue(leaf{name: s.name, unit: s.unit})
	if err != nil {
		return err
	}
	msp := filepath.Join(s.dir, "msp")
	f.roots(msp, ca, tls)
	f[filepath.Join(msp, "signcerts", CertFile)] = id.cert
	f[filepath.Join(msp, "keystore", KeyFile)] = id.key
	t, err := tls.issue(leaf{name: s.name, tls: true})
	if err != nil {
		return err
	}
	f.put(filepath.Join(s.dir, "tls"), t)
	f[filepath.Join(s.dir, "tls", TLSRootFile)] = tls.cert
	return nil
}

// organisation makes all of one organisation, in memory.
func organisation(o topology.Organisation, from time.Time) (files, error) {
	ca, err := newAuthority(o.ID, "ca", from)
	if err != nil {
		return nil, err
	}
	tls, err := newAuthority(o.ID, "tlsca", from)
	if err != nil {
		return nil, err
	}
	out := files{}
	out.put("ca", ca.pair)
	out.put("tlsca", tls.pair)
	out.roots("msp", ca, tls)

	var servers []server
	if o.Orderer != nil {
		servers = append(servers, server{filepath.Join("orderers", "orderer0"), o.Orderer.Name, unitOrderer})
	}
	for _, p := range o.Peers {
		servers = append(servers, server{filepath.Join("peers", p.Folder), p.Name, unitPeer})
	}
	for _, s := range servers {
		if err := out.server(s, ca, tls); err != nil {
			return nil, err
		}
	}

	admin, err := adminFiles(ca, tls, o.ID)
	if err != nil {
		return nil, err
	}
	for name, b := range admin {
		out[filepath.Join("admin", name)] = b
	}
	node, err := nodeFiles(tls, o.Node.Name)
	if err != nil {
		return nil, err
	}
	for name, b := range node {
		out[filepath.Join("node", name)] = b
	}
	for _, role := range ledger.Roles {
		c, err := roleFiles(ca, o.ID, role)
		if err != nil {
			return nil, err
		}
		for name, b := range c {
			out[filepath.Join("clients", string(role), name)] = b
		}
	}
	return out, nil
}

// adminFiles makes what an organisation's administrator has.
func adminFiles(ca, tls *authority, org string) (files, error) {
	admin, err := ca.issue(leaf{name: "admin@" + org, unit: unitAdmin})
	if err != nil {
		return nil, err
	}
	adminTLS, err := tls.issue(leaf{name: "admin-" + org, tls: true})
	if err != nil {
		return nil, err
	}
	out := files{TLSCertFile: adminTLS.cert, TLSKeyFile: adminTLS.key}
	out.put("", admin)
	return out, nil
}

// roleFiles makes what an organisation's node has for one role.
func roleFiles(ca *authority, org string, role ledger.Role) (files, error) {
	c, err := ca.issue(leaf{name: string(role) + "@" + org, unit: unitClient, role: string(role)})
	if err != nil {
		return nil, err
	}
	out := files{}
	out.put("", c)
	return out, nil
}

// nodeFiles makes what an organisation's node shows to those outside.
func nodeFiles(tls *authority, name string) (files, error) {
	c, err := tls.issue(leaf{name: name, tls: true})
	if err != nil {
		return nil, err
	}
	out := files{}
	out.put("", c)
	return out, nil
}

// place writes the files beside their place and moves them there at once.
func place(f files, dir string) error {
	tmp := dir + ".new"
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("clearing a half-made folder: %w", err)
	}
	for name, b := range f {
		path := filepath.Join(tmp, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("making a folder: %w", err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			return fmt.Errorf("writing a file: %w", err)
		}
	}
	if err := os.Rename(tmp, dir); err != nil {
		return fmt.Errorf("moving the folder to its place: %w", err)
	}
	return nil
}

// attributes is the content of Fabric's attribute extension.
func attributes(role string) ([]byte, error) {
	b, err := json.Marshal(map[string]map[string]string{"attrs": {ledger.RoleAttribute: role}})
	if err != nil {
		return nil, fmt.Errorf("encoding attributes: %w", err)
	}
	return b, nil
}

// begin returns when a certificate becomes valid.
func begin(cert []byte) (time.Time, error) {
	c, err := ParseCertificate(cert)
	if err != nil {
		return time.Time{}, err
	}
	return c.NotBefore.UTC(), nil
}

// ParseCertificate reads a certificate in PEM.
func ParseCertificate(b []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("not a PEM certificate")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parsing a certificate: %w", err)
	}
	return c, nil
}
