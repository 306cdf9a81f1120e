package material_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

const org = "hospital-south"

// renewables returns one of each kind of an organisation.
func renewables(t *testing.T, n *topology.Network) map[string]*material.Renewable {
	t.Helper()
	role, err := material.RoleOf(n, org, ledger.RoleSharer)
	if err != nil {
		t.Fatal(err)
	}
	o, _ := n.Organisation(org)
	return map[string]*material.Renewable{
		"role": role, "peer": material.PeerOf(n, *o, o.Peers[0]), "orderer": material.OrdererOf(n, *o), "node": material.NodeOf(n, *o),
	}
}

// tree reads all files below a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	each(t, dir, func(path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		out[rel] = string(b)
	})
	return out
}

func TestRenewalKeepsTheNameAndReplacesEveryKey(t *testing.T) {
	t.Parallel()
	n := made(t)
	later := now.Add(24 * time.Hour)
	for name, r := range renewables(t, n) {
		before := tree(t, r.Dir())
		old, err := r.Certificate()
		if err != nil {
			t.Fatal(err)
		}
		if staged, err := r.Stage(n, later); err != nil || !staged {
			t.Fatal(name, staged, err)
		}
		if !maps.Equal(before, tree(t, r.Dir())) {
			t.Errorf("%s: staging altered what is in use", name)
		}
		if _, ok := r.Staged(); !ok {
			t.Errorf("%s: nothing is staged", name)
		}
		if err := r.Swap(); err != nil {
			t.Fatal(name, err)
		}
		after := tree(t, r.Dir())
		for path, content := range before {
			switch changed := after[path] != content; {
			case after[path] == "":
				t.Errorf("%s: %s is gone", name, path)
			case strings.HasSuffix(path, "key.pem") && !changed, strings.HasSuffix(path, material.CertFile) && !changed:
				t.Errorf("%s: %s is the old one", name, path)
			}
		}
		fresh, err := r.Certificate()
		if err != nil {
			t.Fatal(err)
		}
		was, err := material.ParseCertificate(old)
		if err != nil {
			t.Fatal(err)
		}
		is, err := material.ParseCertificate(fresh)
		if err != nil {
			t.Fatal(err)
		}
		if was.Subject.String() != is.Subject.String() || was.SerialNumber.Cmp(is.SerialNumber) == 0 || was.Equal(is) {
			t.Errorf("%s: %s became %s", name, was.Subject, is.Subject)
		}
		if !is.NotBefore.After(was.NotBefore) || is.NotBefore.After(later) {
			t.Errorf("%s: valid from %s", name, is.NotBefore)
		}
		if err := r.Settle(n); err != nil {
			t.Fatal(name, err)
		}
		kept, err := os.ReadFile(filepath.Join(material.RetiredDir(n, org), filepath.Base(r.Dir())+"-"+was.SerialNumber.Text(16)+".pem"))
		if name == "node" {
			if err == nil {
				t.Error("a certificate for TLS is kept, as if it could be revoked")
			}
		} else if err != nil || !bytes.Equal(kept, old) {
			t.Errorf("%s: the old certificate is not kept: %v", name, err)
		}
	}
	// No key of what was replaced is left, and no certificate but those kept.
	each(t, n.OrgDir(org), func(path string) {
		if strings.Contains(path, ".last") || strings.Contains(path, ".next") {
			t.Errorf("%s is left", path)
		}
	})
	role, err := material.RoleOf(n, org, ledger.RoleSharer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.LoadX509KeyPair(filepath.Join(role.Dir(), material.CertFile), filepath.Join(role.Dir(), material.KeyFile)); err != nil {
		t.Errorf("the new key is not the new certificate's: %v", err)
	}
}

// TestRenewalGoesOnWhereItStopped stops a renewal before and within each of its
// steps, by what is then on the disk.
func TestRenewalGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	stage := func(n *topology.Network, r *material.Renewable) error {
		_, err := r.Stage(n, now)
		return err
	}
	halfSwap := func(n *topology.Network, r *material.Renewable) error {
		return errors.Join(stage(n, r), os.Rename(r.Dir(), r.Dir()+".last"))
	}
	swap := func(n *topology.Network, r *material.Renewable) error {
		return errors.Join(stage(n, r), r.Swap())
	}
	for name, stop := range map[string]func(*topology.Network, *material.Renewable) error{
		"before it began": func(*topology.Network, *material.Renewable) error { return nil },
		"while it staged": func(_ *topology.Network, r *material.Renewable) error {
			return os.MkdirAll(r.Dir()+".next.new", 0o700)
		},
		"staged":       stage,
		"half swapped": halfSwap,
		"half swapped, then started": func(n *topology.Network, r *material.Renewable) error {
			err := halfSwap(n, r)
			_, made := material.Make(n, now)
			_, there := os.Stat(r.Dir())
			return errors.Join(err, made, there)
		},
		"swapped": swap,
		"half settled": func(n *topology.Network, r *material.Renewable) error {
			return errors.Join(swap(n, r), os.RemoveAll(r.Dir()+".last"), os.Mkdir(r.Dir()+".last", 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := made(t)
			for kind, r := range renewables(t, n) {
				old, err := r.Certificate()
				if err != nil {
					t.Fatal(err)
				}
				if err := stop(n, r); err != nil {
					t.Fatal(kind, err)
				}
				if _, err := r.Stage(n, now); err != nil {
					t.Fatal(kind, err)
				}
				staged, isStaged := r.Staged()
				for range 2 {
					if err := r.Swap(); err != nil {
						t.Fatal(kind, err)
					}
				}
				for range 2 {
					if err := r.Settle(n); err != nil {
						t.Fatal(kind, err)
					}
				}
				fresh, err := r.Certificate()
				if err != nil || bytes.Equal(old, fresh) {
					t.Errorf("%s: the certificate is the old one, or %v", kind, err)
				}
				for _, left := range []string{staged, r.Dir() + ".last"} {
					if _, err := os.Stat(left); err == nil {
						t.Errorf("%s: %s is left (it was staged: %v)", kind, left, isStaged)
					}
				}
			}
		})
	}
}

func TestUnknownRoleIsNotRenewed(t *testing.T) {
	t.Parallel()
	if _, err := material.RoleOf(made(t), org, "../admin"); err == nil {
		t.Error("accepted")
	}
}

// TestCertificatesOfAProcessAreThere lists what a restart depends on.
func TestCertificatesOfAProcessAreThere(t *testing.T) {
	t.Parallel()
	n := made(t)
	for _, p := range n.Processes() {
		files := material.Certificates(n, p)
		want := 2
		if p.Kind == topology.KindNode {
			want = len(ledger.Roles) + 1
		}
		if len(files) != want {
			t.Errorf("%s: %v", p.Name, files)
		}
		for _, path := range files {
			if !strings.Contains(path, p.Organisation) {
				t.Errorf("%s has %s", p.Name, path)
			}
			read(t, path)
		}
	}
}

func TestRevocationsAddUp(t *testing.T) {
	t.Parallel()
	n := made(t)
	all := renewables(t, n)
	var want []string
	var last []byte
	for i, kind := range []string{"role", "peer", "role"} {
		b, err := all[kind].Certificate()
		if err != nil {
			t.Fatal(err)
		}
		cert, err := material.ParseCertificate(b)
		if err != nil {
			t.Fatal(err)
		}
		crl, err := material.Revoke(n, org, cert, now.Add(time.Duration(i)*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if serial := cert.SerialNumber.Text(16); !slices.Contains(want, serial) {
			want = append(want, serial)
		} else if !bytes.Equal(crl, last) {
			t.Error("revoking again made another list")
		}
		last = crl
		got, err := material.Revoked(n, org)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("revoked %v, want %v, %v", got, want, err)
		}
	}
	// Fabric reads it from each membership folder, and a new one has it too.
	peer := all["peer"]
	if _, err := peer.Stage(n, now); err != nil {
		t.Fatal(err)
	}
	staged, _ := peer.Staged()
	for _, msp := range []string{
		n.MSPDir(org), filepath.Join(peer.Dir(), "msp"), filepath.Join(staged, "msp"), filepath.Join(all["orderer"].Dir(), "msp"),
	} {
		if b, err := os.ReadFile(filepath.Join(msp, "crls", "crl.pem")); err != nil || !bytes.Equal(b, last) {
			t.Errorf("%s has another list, or none: %v", msp, err)
		}
	}
	if got, err := material.Revoked(n, "authority"); err != nil || got != nil {
		t.Errorf("another organisation revoked %v, %v", got, err)
	}
}

// TestRevocationListIsTheAuthoritysOwn alters the list, and asks for what the
// authority did not issue.
func TestRevocationListIsTheAuthoritysOwn(t *testing.T) {
	t.Parallel()
	n := made(t)
	for name, path := range map[string]string{
		"another organisation's":  filepath.Join(n.ClientDir("authority", "sharer"), material.CertFile),
		"the authority itself":    filepath.Join(n.OrgDir(org), "ca", material.CertFile),
		"the TLS authority's own": filepath.Join(n.PeerIdentity(org, topology.Peer{Folder: "peer0"}), "tls", material.CertFile),
	} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := material.ParseCertificate(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := material.Revoke(n, org, cert, now); !errors.Is(err, material.ErrNotIssued) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cert := read(t, filepath.Join(n.ClientDir("authority", "sharer"), material.CertFile))
	if _, err := material.Revoke(n, "authority", cert, now); err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(filepath.Join(n.OrgDir("authority"), "ca", "crl.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"another's": foreign, "nonsense": []byte("nonsense")} {
		if err := os.WriteFile(filepath.Join(n.OrgDir(org), "ca", "crl.pem"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := material.Revoke(n, org, read(t, filepath.Join(n.ClientDir(org, "sharer"), material.CertFile)), now); err == nil {
			t.Errorf("%s list was continued", name)
		}
		if _, err := material.Revoked(n, org); err == nil {
			t.Errorf("%s list was read", name)
		}
	}
}
