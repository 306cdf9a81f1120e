package material

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/disk"
	"github.com/secant-platform/secant/network/topology"
)

// Folders beside one whose certificates are being renewed, by what is put after
// its name.
const (
	stagedSuffix  = ".next" // the new ones, before they are used
	earlierSuffix = ".last" // the old ones, until the new ones are known to work
)

// Renewable is a folder of certificates and keys that are renewed together:
// those of one role of a node, of its public address, of a peer, of an orderer or
// of an administrator.
// Renewal goes by Stage, Swap and Settle; each does nothing when it was done,
// so that a renewal that stopped anywhere goes on by calling them in that order.
type Renewable struct {
	Organisation string
	Name         string // for people: "the role sharer", "peer0-hospital-north"

	dir   string
	cert  string // below dir: what the organisation's authority for membership issued, unless it is for TLS
	tls   bool   // it is for TLS alone, of which nothing is revoked
	issue func(ca, tls *authority) (files, error)
}

// RoleOf is what an organisation's node has for one role.
func RoleOf(n *topology.Network, org string, role ledger.Role) (*Renewable, error) {
	if !slices.Contains(ledger.Roles, role) {
		return nil, fmt.Errorf("there is no role %q", role)
	}
	return &Renewable{
		Organisation: org, Name: "the role " + string(role), dir: n.ClientDir(org, string(role)), cert: CertFile,
		issue: func(ca, _ *authority) (files, error) { return roleFiles(ca, org, role) },
	}, nil
}

// AdministratorOf is what an organisation's administrator has.
func AdministratorOf(n *topology.Network, org string) *Renewable {
	return &Renewable{
		Organisation: org, Name: "the administrator of " + org, dir: n.AdminDir(org), cert: CertFile,
		issue: func(ca, tls *authority) (files, error) { return adminFiles(ca, tls, org) },
	}
}

// PeerOf is what a peer has for its membership and for TLS.
func PeerOf(n *topology.Network, o topology.Organisation, p topology.Peer) *Renewable {
	return serverOf(n, o.ID, n.PeerIdentity(o.ID, p), server{name: p.Name, unit: unitPeer})
}

// OrdererOf is what an organisation's orderer has; nil when it runs none.
func OrdererOf(n *topology.Network, o topology.Organisation) *Renewable {
	if o.Orderer == nil {
		return nil
	}
	return serverOf(n, o.ID, n.OrdererIdentity(o.ID), server{name: o.Orderer.Name, unit: unitOrderer})
}

func serverOf(n *topology.Network, org, dir string, s server) *Renewable {
	return &Renewable{
		Organisation: org, Name: s.name, dir: dir, cert: serverCerts[0],
		issue: func(ca, tls *authority) (files, error) {
			out := files{}
			if err := out.server(s, ca, tls); err != nil {
				return nil, err
			}
			crl, err := RevocationList(n, org)
			if err == nil && crl != nil {
				out[filepath.Join("msp", crlPath)] = crl
			}
			return out, err
		},
	}
}

// serverCerts are a peer's or orderer's certificates below its folder, that for
// its membership first.
var serverCerts = []string{filepath.Join("msp", "signcerts", CertFile), filepath.Join("tls", CertFile)}

// Certificates lists the certificate files that a process of the network reads
// when it starts.
func Certificates(n *topology.Network, p topology.Process) []string {
	var dirs, names []string
	switch o, _ := n.Organisation(p.Organisation); p.Kind {
	case topology.KindOrderer:
		dirs, names = []string{n.OrdererIdentity(p.Organisation)}, serverCerts
	case topology.KindPeer:
		for _, peer := range o.Peers {
			if peer.Name == p.Name {
				dirs, names = []string{n.PeerIdentity(p.Organisation, peer)}, serverCerts
			}
		}
	case topology.KindNode:
		for _, role := range ledger.Roles {
			dirs = append(dirs, n.ClientDir(p.Organisation, string(role)))
		}
		if ok, err := there(n.NodeIdentity(p.Organisation)); ok && err == nil { // else `up` makes it
			dirs = append(dirs, n.NodeIdentity(p.Organisation))
		}
		names = []string{CertFile}
	default: // chaincode has its peer's
	}
	var out []string
	for _, dir := range dirs {
		for _, name := range names {
			out = append(out, filepath.Join(dir, name))
		}
	}
	return out
}

// Stage has the organisation's authorities issue new certificates, beside the
// old ones, which stay in use. It reports false when a renewal is under way,
// with new ones staged or in use already.
func (r *Renewable) Stage(n *topology.Network, now time.Time) (bool, error) {
	if err := r.mend(); err != nil {
		return false, err
	}
	for _, under := range []string{r.dir + stagedSuffix, r.dir + earlierSuffix} {
		if ok, err := there(under); ok || err != nil {
			return false, err
		}
	}
	from := now.UTC().Add(-5 * time.Minute).Truncate(time.Second)
	ca, err := openAuthority(n, r.Organisation, "ca", from)
	if err != nil {
		return false, err
	}
	tls, err := openAuthority(n, r.Organisation, "tlsca", from)
	if err != nil {
		return false, err
	}
	out, err := r.issue(ca, tls)
	if err != nil {
		return false, err
	}
	if err := place(out, r.dir+stagedSuffix); err != nil {
		return false, fmt.Errorf("storing the new certificates of %s: %w", r.Name, err)
	}
	return true, nil
}

// UnderWay reports whether a renewal has begun and not ended.
func (r *Renewable) UnderWay() bool {
	for _, suffix := range []string{stagedSuffix, earlierSuffix} {
		if ok, err := there(r.dir + suffix); ok || err != nil {
			return true
		}
	}
	return false
}

// Dir is the folder of what is in use.
func (r *Renewable) Dir() string { return r.dir }

// Staged is the folder of the new certificates as long as they are not in use;
// false when there are none.
func (r *Renewable) Staged() (string, bool) {
	ok, err := there(r.dir + stagedSuffix)
	return r.dir + stagedSuffix, ok && err == nil
}

// Swap puts the new certificates in the place of the old ones, which it keeps
// aside. Whoever uses them has to be started anew.
func (r *Renewable) Swap() error {
	if err := r.mend(); err != nil {
		return err
	}
	if ok, err := there(r.dir + stagedSuffix); !ok || err != nil {
		return err
	}
	if err := os.Rename(r.dir, r.dir+earlierSuffix); err != nil {
		return fmt.Errorf("putting the old certificates of %s aside: %w", r.Name, err)
	}
	return r.mend()
}

// Settle ends a renewal: of what was in use before, the certificates that can be
// revoked are kept for that under "retired"; the keys are deleted.
func (r *Renewable) Settle(n *topology.Network) error {
	earlier := r.dir + earlierSuffix
	if ok, err := there(earlier); !ok || err != nil {
		return err
	}
	if !r.tls {
		b, err := os.ReadFile(filepath.Join(earlier, r.cert)) //nolint:gosec // a path of our own layout
		if err == nil {
			err = r.retire(n, b)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // gone when settling stopped half-way
			return fmt.Errorf("keeping the old certificate of %s: %w", r.Name, err)
		}
	}
	if err := os.RemoveAll(earlier); err != nil {
		return fmt.Errorf("deleting the old keys of %s: %w", r.Name, err)
	}
	return nil
}

func (r *Renewable) retire(n *topology.Network, cert []byte) error {
	parsed, err := ParseCertificate(cert)
	if err != nil {
		return err
	}
	name := filepath.Base(r.dir) + "-" + parsed.SerialNumber.Text(16) + ".pem"
	return disk.WriteFile(filepath.Join(RetiredDir(n, r.Organisation), name), cert, 0o600)
}

// Certificate is what is in use, PEM: where there are two, that of the
// organisation's authority for membership.
func (r *Renewable) Certificate() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(r.dir, r.cert))
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of %s: %w", r.Name, err)
	}
	return b, nil
}

// RetiredDir is where the certificates are kept that an organisation's servers
// and node used before: FOLDER-SERIAL.pem.
func RetiredDir(n *topology.Network, org string) string {
	return filepath.Join(n.OrgDir(org), "retired")
}

// mendAll ends the swaps of an organisation that stopped between their two
// steps: without its certificates nothing of it would start.
func mendAll(n *topology.Network, o topology.Organisation) error {
	all := []*Renewable{AdministratorOf(n, o.ID), NodeOf(n, o)}
	for _, role := range ledger.Roles {
		r, err := RoleOf(n, o.ID, role)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	for _, p := range o.Peers {
		all = append(all, PeerOf(n, o, p))
	}
	if r := OrdererOf(n, o); r != nil {
		all = append(all, r)
	}
	for _, r := range all {
		// One that is wholly missing is made elsewhere, or missed by its user.
		if _, staged := r.Staged(); !staged {
			continue
		}
		if err := r.mend(); err != nil {
			return err
		}
	}
	return nil
}

// mend ends a swap that stopped between its two steps.
func (r *Renewable) mend() error {
	if ok, err := there(r.dir); ok || err != nil {
		return err
	}
	if err := os.Rename(r.dir+stagedSuffix, r.dir); err != nil {
		return fmt.Errorf("putting the new certificates of %s in place: %w", r.Name, err)
	}
	return nil
}

func there(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for certificates: %w", err)
	}
	return true, nil
}
