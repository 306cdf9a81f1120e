package launch

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/network/build"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

func TestNodeReadsTheConfigurationItIsGiven(t *testing.T) {
	t.Parallel()
	n := saved(t)
	l := newLauncher(n, nil)
	if _, err := material.Make(n, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := l.configureNodes(); err != nil {
		t.Fatal(err)
	}
	for _, o := range n.Organisations {
		c, warnings, err := config.Read(n.NodeConfig(o.ID), nil)
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%s: %v, %v", o.ID, err, warnings)
		}
		if c.Public.Host != o.Node.PublicHost() || c.Public.Listen != topology.Address(o.Node.Public) || c.PublicURL() != o.Node.PublicURL() {
			t.Errorf("%s answers those outside as %+v", o.ID, c.Public)
		}
		if _, err := tls.LoadX509KeyPair(c.Public.Certificate, c.Public.Key.Path()); err != nil {
			t.Errorf("%s: %v", o.ID, err)
		}
		if len(c.Exchange.Resolve) != 4 || slices.Contains(c.Exchange.Resolve, c.Public.Host) || c.Exchange.Roots != n.RootsFile() {
			t.Errorf("%s fetches from %v under the roots in %s", o.ID, c.Exchange.Resolve, c.Exchange.Roots)
		}
		if c.Organisation != o.ID || c.Kind != o.Kind || c.Endpoint != o.Node.URL() || !c.Development || c.Trust != n.TrustFile() {
			t.Errorf("%s: %+v", o.ID, c)
		}
		if len(c.Ledger.Peers) != 6 || c.Ledger.Peers[0].Organisation != o.ID || len(c.Ledger.Identities) != 6 {
			t.Errorf("%s: %d peers, first of %s, %d identities", o.ID, len(c.Ledger.Peers), c.Ledger.Peers[0].Organisation, len(c.Ledger.Identities))
		}
	}
}

// TestOlderNetworkGetsPublicListeners prepares a network whose file and certificates
// are from before nodes had any.
func TestOlderNetworkGetsPublicListeners(t *testing.T) {
	t.Parallel()
	n := saved(t)
	if _, err := material.Make(n, time.Now()); err != nil {
		t.Fatal(err)
	}
	for i := range n.Organisations {
		o := &n.Organisations[i]
		o.Node.Public = 0
		if err := os.RemoveAll(n.NodeIdentity(o.ID)); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Save(); err != nil {
		t.Fatal(err)
	}
	n, err := network(n.Dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if made, err := material.Make(n, time.Now()); err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	l := newLauncher(n, nil)
	if err := l.configureNodes(); err != nil {
		t.Fatal(err)
	}
	for _, o := range n.Organisations {
		c, _, err := config.Read(n.NodeConfig(o.ID), nil)
		if err != nil || c.PublicURL() == "" {
			t.Fatalf("%s: %q, %v", o.ID, c.PublicURL(), err)
		}
		if _, err := tls.LoadX509KeyPair(c.Public.Certificate, c.Public.Key.Path()); err != nil {
			t.Errorf("%s: %v", o.ID, err)
		}
	}
}

// TestNodeIsAnotherOnceItsPublicCertificateIs looks at what makes a running node
// one that has to be started anew.
func TestNodeIsAnotherOnceItsPublicCertificateIs(t *testing.T) {
	t.Parallel()
	n := saved(t)
	if _, err := material.Make(n, time.Now()); err != nil {
		t.Fatal(err)
	}
	l := newLauncher(n, nil)
	l.programs = &build.Programs{Secant: filepath.Join(t.TempDir(), "secant")}
	if err := os.WriteFile(l.programs.Secant+".sha256", []byte("00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.configureNodes(); err != nil {
		t.Fatal(err)
	}
	o := n.Organisations[0]
	p, _ := n.Process(o.Node.Name)
	before, err := l.spec(p)
	if err != nil {
		t.Fatal(err)
	}
	r := material.NodeOf(n, o)
	if _, err := r.Stage(n, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := r.Swap(); err != nil {
		t.Fatal(err)
	}
	after, err := l.spec(p)
	if err != nil || after.Fingerprint == before.Fingerprint {
		t.Errorf("a node with an old certificate counts as it should be, %v", err)
	}
}
