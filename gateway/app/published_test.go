package app

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/certificate"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/jwt"
)

// published fetches the roots as people and members do.
func (c *clinics) published(t *testing.T) {
	t.Helper()
	me := newOutsider(t, c.root, tls.VersionTLS12, tls.VersionTLS13)
	base := c.north.cfg.PublicURL()
	code, header, b := me.get(base+"/iaca.pem", "")
	block, rest := pem.Decode(b)
	if code != http.StatusOK || header.Get("Content-Type") != "application/pem-certificate-chain" || block == nil || len(rest) != 0 {
		t.Fatalf("%d %v %s", code, header, b)
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	code, header, b = me.get(base+"/iaca/"+certificate.Thumbprint(root)+".cer", "")
	if code != http.StatusOK || header.Get("Content-Type") != "application/pkix-cert" || string(b) != string(root.Raw) {
		t.Errorf("%d %v", code, header)
	}
	c.signed(t, me, root)
	_, _, b = me.get(root.CRLDistributionPoints[0], "")
	list, err := x509.ParseRevocationList(b)
	if err != nil || list.CheckSignatureFrom(root) != nil || len(list.RevokedCertificateEntries) != 0 {
		t.Errorf("revocations: %v", err)
	}
	for _, path := range []string{"/iaca/00.cer", "/iaca/" + certificate.Thumbprint(root), "/iaca/revoked/00"} {
		if code, _, _ := me.get(base+path, ""); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// signed fetches the issuer's metadata, which its certificate's key signs and which
// says where its roots are.
func (c *clinics) signed(t *testing.T, me *outsider, root *x509.Certificate) {
	t.Helper()
	code, header, b := me.get(c.north.cfg.PublicURL()+"/.well-known/openid-credential-issuer/oid4vci", "application/jwt, application/json;q=0.5")
	j, err := verify.ParseJWSWithin(string(b), 1<<20)
	if err != nil || code != http.StatusOK || header.Get("Content-Type") != "application/jwt" {
		t.Fatalf("%d %v %v", code, header, err)
	}
	token, ok := jwt.Of(j, string(b))
	var chain []string
	if !ok || json.Unmarshal(token.Header["x5c"], &chain) != nil || len(chain) != 1 {
		t.Fatalf("%s", token.Header["x5c"])
	}
	der, err := base64.StdEncoding.DecodeString(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Error(err)
	}
	key, err := ledger.JWKOf(leaf.PublicKey)
	party, _, _ := strings.Cut(j.KeyID, "#")
	named, errNamed := c.north.node.dids.Key(t.Context(), party, j.KeyID, did.AssertionMethod, time.Now())
	if err != nil || errNamed != nil || !token.By(key) || key != named {
		t.Errorf("signed by %v, %v, and by %s %v, %v", key, err, j.KeyID, named, errNamed)
	}
	address, _ := token.Claims.Text("mdoc_iacas_uri")
	_, header, b = me.get(address, "")
	var list struct {
		IACAs []struct{ Certificate []byte }
	}
	if err := json.Unmarshal(b, &list); err != nil || len(list.IACAs) != 1 || string(list.IACAs[0].Certificate) != string(root.Raw) || header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: %s, %v", address, b, err)
	}
}
