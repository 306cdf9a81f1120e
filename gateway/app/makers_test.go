package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// TestWalletsMakersAreKnownByTheirRoots: who vouches for wallets is who has a certificate
// under one of the roots, and nobody else: not a root itself.
func TestWalletsMakersAreKnownByTheirRoots(t *testing.T) {
	t.Parallel()
	type pair struct {
		key  *ecdsa.PrivateKey
		cert *x509.Certificate
	}
	certified := func(by *pair, edit func(*x509.Certificate)) *pair {
		t.Helper()
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "maker"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageDigitalSignature,
		}
		edit(template)
		parent, signer := template, key
		if by != nil {
			parent, signer = by.cert, by.key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return &pair{key, cert}
	}
	authority := func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }
	leaf := func(*x509.Certificate) {}
	root, stranger := certified(nil, authority), certified(nil, authority)
	between := certified(root, authority)
	path := filepath.Join(t.TempDir(), "makers.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := openMakers(path)
	if err != nil {
		t.Fatal(err)
	}
	below := certified(between, leaf)
	for name, c := range map[string]struct {
		chain []*pair
		known bool
	}{
		"under the root":                 {[]*pair{certified(root, leaf)}, true},
		"under another under the root":   {[]*pair{below, between}, true},
		"without what is between":        {[]*pair{below}, false},
		"under a stranger":               {[]*pair{certified(stranger, leaf), stranger}, false},
		"by itself":                      {[]*pair{certified(nil, leaf)}, false},
		"the root itself":                {[]*pair{root}, false},
		"one that certifies":             {[]*pair{between}, false},
		"that is over":                   {[]*pair{certified(root, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })}, false},
		"that has not begun":             {[]*pair{certified(root, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })}, false},
		"that signs nothing":             {[]*pair{certified(root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })}, false},
		"under one that may not certify": {[]*pair{certified(certified(root, leaf), leaf)}, false},
		"nobody":                         {nil, false},
	} {
		a := oid4vci.Attester{Issuer: "https://maker.example"}
		for _, p := range c.chain {
			a.Chain = append(a.Chain, p.cert.Raw)
		}
		key, err := m.key(t.Context(), a)
		if c.known != (err == nil) || err != nil && ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%s: %v", name, err)
		}
		if want, _ := ledger.JWKOf(root.key.Public()); c.known && key == want || !c.known && key != (ledger.JWK{}) {
			t.Errorf("%s: the key is %v", name, key)
		}
	}
	if _, err := m.key(t.Context(), oid4vci.Attester{Chain: [][]byte{[]byte("x")}}); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("no certificate: %v", err)
	}
	for name, text := range map[string]string{"no file": "", "no certificate": "x"} {
		path := filepath.Join(t.TempDir(), "makers.pem")
		if text != "" {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := openMakers(path); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}
