package material_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 6789, time.UTC)

func made(t *testing.T) *topology.Network {
	t.Helper()
	n, err := topology.New(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if made, err := material.Make(n, now); err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	return n
}

func read(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(b)
	if block == nil || len(rest) > 0 {
		t.Fatalf("%s is not one PEM certificate", path)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pool(t *testing.T, path string) *x509.CertPool {
	t.Helper()
	p := x509.NewCertPool()
	p.AddCert(read(t, path))
	return p
}

func TestEveryIdentityChainsToItsOwnOrganisationOnly(t *testing.T) {
	t.Parallel()
	n := made(t)
	for _, o := range n.Organisations {
		own := pool(t, filepath.Join(n.OrgDir(o.ID), "ca", material.CertFile))
		want := map[string]string{ // file: node role
			filepath.Join(n.AdminDir(o.ID), material.CertFile): "admin",
		}
		for _, p := range o.Peers {
			want[filepath.Join(n.PeerIdentity(o.ID, p), "msp", "signcerts", material.CertFile)] = "peer"
		}
		if o.Orderer != nil {
			want[filepath.Join(n.OrdererIdentity(o.ID), "msp", "signcerts", material.CertFile)] = "orderer"
		}
		for _, role := range ledger.Roles {
			want[filepath.Join(n.ClientDir(o.ID, string(role)), material.CertFile)] = "client"
		}
		for path, unit := range want {
			c := read(t, path)
			at := x509.VerifyOptions{Roots: own, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
			if _, err := c.Verify(at); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if len(c.Subject.OrganizationalUnit) != 1 || c.Subject.OrganizationalUnit[0] != unit {
				t.Errorf("%s has units %v, want %s", path, c.Subject.OrganizationalUnit, unit)
			}
			for _, other := range n.Organisations {
				if other.ID == o.ID {
					continue
				}
				at.Roots = pool(t, filepath.Join(n.OrgDir(other.ID), "ca", material.CertFile))
				if _, err := c.Verify(at); err == nil {
					t.Errorf("%s passes as a member of %s", path, other.ID)
				}
			}
		}
	}
}

func TestNoLeafIsValidBeforeItsAuthority(t *testing.T) {
	t.Parallel()
	n := made(t)
	ca := map[string]*x509.Certificate{}
	for _, o := range n.Organisations {
		for _, kind := range []string{"ca", "tlsca"} {
			c := read(t, filepath.Join(n.OrgDir(o.ID), kind, material.CertFile))
			ca[c.Subject.CommonName] = c
		}
	}
	each(t, n.Dir, func(path string) {
		if !strings.HasSuffix(path, ".pem") || strings.Contains(path, "key.pem") {
			return
		}
		c := read(t, path)
		root := ca[c.Issuer.CommonName]
		if root == nil || c.NotBefore.Before(root.NotBefore) || c.NotAfter.After(root.NotAfter) {
			t.Errorf("%s is valid from %s to %s, outside its authority", path, c.NotBefore, c.NotAfter)
		}
		if c.NotBefore.After(now) {
			t.Errorf("%s is not valid yet", path)
		}
		lowS(t, path, c)
	})
}

// lowS fails on a signature that Fabric would rewrite, and with it the
// certificate that everybody else knows.
func lowS(t *testing.T, path string, c *x509.Certificate) {
	t.Helper()
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(c.Signature, &sig); err != nil {
		t.Fatal(err)
	}
	half := new(big.Int).Rsh(c.PublicKey.(*ecdsa.PublicKey).Params().N, 1)
	if sig.S.Cmp(half) > 0 {
		t.Errorf("%s has a signature with a high s", path)
	}
}

func TestClientCertificatesCarryTheirRole(t *testing.T) {
	t.Parallel()
	n := made(t)
	for _, role := range ledger.Roles {
		c := read(t, filepath.Join(n.ClientDir("medtech", string(role)), material.CertFile))
		var got struct {
			Attrs map[string]string `json:"attrs"`
		}
		for _, e := range c.Extensions {
			if e.Id.String() == "1.2.3.4.5.6.7.8.1" {
				if err := json.Unmarshal(e.Value, &got); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(got.Attrs) != 1 || got.Attrs[ledger.RoleAttribute] != string(role) {
			t.Errorf("%s has attributes %v", role, got.Attrs)
		}
		if c.Subject.CommonName != string(role)+"@medtech" {
			t.Errorf("%s is called %s", role, c.Subject.CommonName)
		}
	}
}

func TestServersAreReachedByLoopbackAndByName(t *testing.T) {
	t.Parallel()
	n := made(t)
	for _, o := range n.Organisations {
		roots := pool(t, n.TLSRoot(o.ID))
		dirs := map[string]string{}
		for _, p := range o.Peers {
			dirs[p.Name] = n.PeerIdentity(o.ID, p)
		}
		if o.Orderer != nil {
			dirs[o.Orderer.Name] = n.OrdererIdentity(o.ID)
		}
		for name, dir := range dirs {
			dirs[name] = filepath.Join(dir, "tls")
		}
		dirs[o.Node.Name] = n.NodeIdentity(o.ID)
		for name, dir := range dirs {
			pair, err := tls.LoadX509KeyPair(filepath.Join(dir, material.CertFile), filepath.Join(dir, material.KeyFile))
			if err != nil {
				t.Fatal(err)
			}
			for _, host := range []string{"127.0.0.1", "localhost", "[::1]", name} {
				at := x509.VerifyOptions{Roots: roots, CurrentTime: now, DNSName: host, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
				if _, err := pair.Leaf.Verify(at); err != nil {
					t.Errorf("%s as %s: %v", name, host, err)
				}
			}
		}
	}
}

func TestKeysAreReadableByTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	n := made(t)
	keys := 0
	each(t, n.Dir, func(path string) {
		if !strings.HasSuffix(path, "key.pem") {
			return
		}
		keys++
		st, err := os.Stat(path)
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", path, st, err)
		}
	})
	// Two authorities, an administrator with two, a public address and six roles
	// each; two for each of four orderers and six peers.
	if want := 5*(2+2+1+6) + 2*(4+6); keys != want {
		t.Errorf("%d keys, want %d", keys, want)
	}
}

func TestMakeNeverReplaces(t *testing.T) {
	t.Parallel()
	n := made(t)
	path := filepath.Join(n.OrgDir("authority"), "ca", material.CertFile)
	before := read(t, path)
	// What a start that was killed half-way leaves beside its place.
	if err := os.MkdirAll(n.OrgDir("medtech")+".new", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(n.OrgDir("medtech")); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if made, err := material.Make(n, now.Add(time.Hour)); err != nil || made != want {
			t.Errorf("call %d made %v, %v", i, made, err)
		}
	}
	if !before.Equal(read(t, path)) {
		t.Error("an authority was replaced")
	}
	read(t, filepath.Join(n.OrgDir("medtech"), "ca", material.CertFile))
}

// TestNodeOfAnOlderNetworkGetsItsCertificate makes what an organisation lacks that
// was made before nodes had public addresses.
func TestNodeOfAnOlderNetworkGetsItsCertificate(t *testing.T) {
	t.Parallel()
	n := made(t)
	root := read(t, n.TLSRoot(org))
	if err := os.RemoveAll(n.NodeIdentity(org)); err != nil {
		t.Fatal(err)
	}
	p, _ := n.Process("node-" + org)
	if files := material.Certificates(n, p); len(files) != len(ledger.Roles) {
		t.Errorf("a start depends on a certificate that is not there: %v", files)
	}
	for i, want := range []bool{true, false} {
		if made, err := material.Make(n, now.Add(time.Hour)); err != nil || made != want {
			t.Errorf("call %d made %v, %v", i, made, err)
		}
	}
	if err := read(t, filepath.Join(n.NodeIdentity(org), material.CertFile)).CheckSignatureFrom(root); err != nil {
		t.Error(err)
	}
}

// TestRootsServeProgramsOutside verifies each node's certificate with the one file
// that is given to them.
func TestRootsServeProgramsOutside(t *testing.T) {
	t.Parallel()
	n := made(t)
	if err := material.WriteRoots(n); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(n.RootsFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) || strings.Count(string(b), "BEGIN CERTIFICATE") != len(n.Organisations) {
		t.Errorf("not one root of each member:\n%s", b)
	}
	for _, o := range n.Organisations {
		c := read(t, filepath.Join(n.NodeIdentity(o.ID), material.CertFile))
		if key, ok := c.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
			t.Errorf("%s: its key is not of P-256", o.ID)
		}
		if _, err := c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, DNSName: "localhost"}); err != nil {
			t.Errorf("%s: %v", o.ID, err)
		}
	}
}

func TestTrustFileIsOneThatVerifiersAccept(t *testing.T) {
	t.Parallel()
	n := made(t)
	if err := material.MakeTrust(n); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(n.TrustFile())
	if err != nil {
		t.Fatal(err)
	}
	trust, err := ledger.ParseTrust(b)
	if err != nil {
		t.Fatal(err)
	}
	epoch, ok := trust.At(now)
	if !ok || len(epoch.Organisations) != 5 || epoch.Needed() != 3 {
		t.Fatalf("epoch %+v, %v", epoch, ok)
	}
	if trust.Channel != n.Channel || trust.Chaincode != n.Chaincode || trust.Network != n.Name {
		t.Errorf("it is for %s/%s/%s", trust.Network, trust.Channel, trust.Chaincode)
	}
	for _, o := range epoch.Organisations {
		want, err := os.ReadFile(filepath.Join(n.OrgDir(o.ID), "ca", material.CertFile))
		if err != nil || len(o.Roots) != 1 || o.Roots[0] != string(want) {
			t.Errorf("the roots of %s are not its authority, %v", o.ID, err)
		}
	}
	// It is handed out once: writing it anew would move the epoch's begin.
	if err := os.WriteFile(n.TrustFile(), []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := material.MakeTrust(n); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(n.TrustFile()); err != nil || string(b) != "kept" {
		t.Errorf("replaced, %v", err)
	}
}

func each(t *testing.T, dir string, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			visit(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
