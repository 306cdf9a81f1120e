package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/peertest"
)

// certify makes a root and below it a server's certificate for localhost, and
// returns the files of the root, the certificate and its key.
func certify(tb testing.TB) (root, certificate, key string) {
	tb.Helper()
	dir := tb.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			tb.Fatal(err)
		}
		return path
	}
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			tb.Fatal(err)
		}
		return k
	}
	ca, leaf := newKey(), newKey()
	issue := func(number int64, t, parent *x509.Certificate, public *ecdsa.PublicKey) []byte {
		t.SerialNumber, t.NotBefore, t.NotAfter = big.NewInt(number), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		t.BasicConstraintsValid = true
		der, err := x509.CreateCertificate(rand.Reader, t, parent, public, ca)
		if err != nil {
			tb.Fatal(err)
		}
		return der
	}
	authority := &x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	root = write("root.pem", "CERTIFICATE", issue(1, authority, authority, &ca.PublicKey))
	certificate = write("cert.pem", "CERTIFICATE", issue(2, &x509.Certificate{
		Subject: pkix.Name{CommonName: "node"}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, authority, &leaf.PublicKey))
	der, err := x509.MarshalPKCS8PrivateKey(leaf)
	if err != nil {
		tb.Fatal(err)
	}
	return root, certificate, write("key.pem", "PRIVATE KEY", der)
}

// outsider is somebody who has nothing but the members' roots.
type outsider struct {
	t      *testing.T
	client *http.Client
}

func newOutsider(t *testing.T, root string, oldest, newest uint16) *outsider {
	t.Helper()
	b, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b)
	return &outsider{t, &http.Client{Timeout: waiting, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: oldest, MaxVersion: newest},
	}}}
}

// get asks for an address and returns status, headers and body.
func (o *outsider) get(address, accept string) (int, http.Header, []byte) {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		o.t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	res, err := o.client.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return res.StatusCode, res.Header, b
}

// resolve resolves a DID at a node, with the DID as it stands in the path.
func (o *outsider) resolve(base, path string) (int, did.Resolution) {
	o.t.Helper()
	status, header, b := o.get(base+"/1.0/identifiers/"+path, "")
	var res did.Resolution
	if err := json.Unmarshal(b, &res); err != nil || header.Get("Content-Type") != did.TypeResolution {
		o.t.Fatalf("%s: %d %s %s: %v", path, status, header.Get("Content-Type"), b, err)
	}
	return status, res
}

// public gives an organisation's node a public listener.
func (c *consortium) public(org, root, certificate, key string) config.Config {
	cfg := c.config(org)
	cfg.Public.Certificate, cfg.Public.Key = certificate, config.KeyFile(key)
	cfg.Exchange.Roots = root
	return cfg
}

// change submits a change of a DID of hospital-north's past the nodes.
func (c *consortium) change(t *testing.T, name string, req any) {
	t.Helper()
	if err := c.network.Ledger.Submit(c.network.Ledger.Client("hospital-north", ledger.RoleRegistrar), name, req, nil); err != nil {
		t.Fatal(err)
	}
}

// TestOutsiderResolvesOverTLS is what a wallet or another's verifier does: it knows
// the members' roots and an address, and no token.
func TestOutsiderResolvesOverTLS(t *testing.T) {
	c := newConsortium(t)
	root, certificate, key := certify(t)
	south := c.launch(t, "hospital-south", c.public("hospital-south", root, certificate, key), func(string) {}).ready()
	cfg := c.public("hospital-north", root, certificate, key)
	cfg.Exchange.Resolve = []string{south.cfg.Public.Host}
	north := c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	maker := c.start(t, "medtech")
	model(maker)
	device := commission(t, maker, north, "SN-1")
	host, base := north.cfg.PublicHost(), north.cfg.PublicURL()
	me := newOutsider(t, root, tls.VersionTLS12, tls.VersionTLS12)

	organisation := ledger.OrganisationDID(statetest.Network, "hospital-north")
	signer := statetest.NewP256Key("key-1")
	c.change(t, ledger.IdentityCreateDID, statetest.Creation(organisation, signer))
	lab, err := c.network.Ledger.CreateIssuer("hospital-north", "lab", signer)
	if err != nil {
		t.Fatal(err)
	}
	unit := ledger.DeviceDID(statetest.Network, device.id)
	c.change(t, ledger.IdentityCreateDID, statetest.Creation(unit, signer))
	theirs, err := c.network.Ledger.CreateIssuer("hospital-south", "lab", signer)
	if err != nil {
		t.Fatal(err)
	}
	for node, at := range map[string]string{base: unit, south.cfg.PublicURL(): theirs} {
		north.await("the documents to arrive", func() bool {
			status, _ := me.resolve(node, at)
			return status == http.StatusOK
		})
	}

	web := map[string]string{} // by DID of the ledger
	for _, id := range []string{organisation, lab, unit, theirs} {
		name, _ := ledger.ParseDID(id)
		at := host
		if id == theirs {
			at = south.cfg.PublicHost()
		}
		if web[id], err = did.WebName(at, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{organisation, lab, unit} {
		// As did:web has it: where the DID says, and under its own name there.
		address, err := did.WebAddress(web[id])
		if err != nil {
			t.Fatal(err)
		}
		status, header, b := me.get(address, "")
		d, err := did.ParseDocument(b)
		if status != http.StatusOK || err != nil || header.Get("Content-Type") != did.TypeDIDJSON {
			t.Fatalf("%s: %d %v %s: %v", address, status, header, b, err)
		}
		if jwk, err := d.Key(did.AssertionMethod, web[id]+"#key-1"); err != nil || jwk != signer.JWK || d.AlsoKnownAs[0] != id {
			t.Errorf("%s: %s, %v", address, b, err)
		}
		if header.Get("Cache-Control") != "public, max-age=60" || header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", address, header)
		}
	}

	// The resolver, with DIDs of each method and in each spelling that callers use.
	jwk, err := did.JWKDID(signer.JWK)
	if err != nil {
		t.Fatal(err)
	}
	short, err := did.KeyDID(signer.JWK)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{lab, theirs, jwk, short, web[organisation], web[lab], web[unit], web[theirs]} {
		for _, path := range []string{id, url.PathEscape(id), strings.ReplaceAll(url.PathEscape(id), ":", "%3A"), strings.ReplaceAll(id, "%", "%25")} {
			if status, res := me.resolve(base, path); status != http.StatusOK || res.Document == nil || res.Document.ID != id {
				t.Errorf("%s: %d %+v", path, status, res)
			}
		}
	}
	status, header, b := me.get(base+"/1.0/identifiers/"+lab, did.TypeDIDLDJSON)
	if d, err := did.ParseDocument(b); status != http.StatusOK || err != nil || d.ID != lab || header.Get("Content-Type") != did.TypeDIDLDJSON {
		t.Errorf("the document alone: %d %s %v", status, b, err)
	}

	// Its versions, and its end.
	c.network.Ledger.Advance(time.Minute)
	next := statetest.NewP256Key("key-2")
	rotation := ledger.RotateKeys{DID: lab, Keys: statetest.DIDKeys(next), Revision: 2}
	rotation.Signature = signer.Control(lab, &rotation)
	c.change(t, ledger.IdentityRotateKeys, rotation)
	keyOf := func(path string) string {
		status, res := me.resolve(base, path)
		if status != http.StatusOK || len(res.Document.VerificationMethod) != 1 {
			t.Fatalf("%s: %d %+v", path, status, res)
		}
		_, fragment, _ := strings.Cut(res.Document.VerificationMethod[0].ID, "#")
		return res.DocumentMetadata.VersionID + " " + fragment
	}
	north.await("the rotation to arrive", func() bool { return keyOf(lab) == "2 key-2" })
	_, first := me.resolve(base, lab+"?versionId=1")
	at := url.QueryEscape(first.DocumentMetadata.Created.Format(time.RFC3339))
	got := []string{keyOf(lab + "?versionId=1"), keyOf(lab + "?versionTime=" + at), keyOf(web[lab])}
	if diff := cmp.Diff([]string{"1 key-1", "1 key-1", "2 key-2"}, got); diff != "" {
		t.Error(diff)
	}
	end := ledger.DeactivateDID{DID: lab, Revision: 3}
	end.Signature = next.Control(lab, &end)
	c.change(t, ledger.IdentityDeactivateDID, end)
	north.await("the end to arrive", func() bool {
		status, res := me.resolve(base, lab)
		return status == http.StatusGone && res.DocumentMetadata.Deactivated && len(res.Document.VerificationMethod) == 0
	})
	if status, _, _ := me.get(base+"/issuer/lab/did.json", ""); status != http.StatusGone {
		t.Errorf("a deactivated issuer's document: %d", status)
	}
	if status, res := me.resolve(base, web[lab]); status != http.StatusGone || res.Document.ID != web[lab] {
		t.Errorf("a deactivated did:web: %d %+v", status, res)
	}

	// Both listeners are of one engine.
	var members struct{ Items []any }
	north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/organisations", nil, &members)
	if status, _, _ := me.get(base+"/v1/organisations", ""); status != http.StatusUnauthorized {
		t.Errorf("outside, without a token: %d", status)
	}
	if status, _, _ := me.get(base+"/readyz", ""); status != http.StatusOK {
		t.Errorf("outside, where no right is needed: %d", status)
	}
}

// TestForeignResolverTakesTheDocuments has web-did-resolver resolve what a node
// publishes, with nothing but the members' roots.
func TestForeignResolverTakesTheDocuments(t *testing.T) {
	peer := peertest.Install(t, "resolver", "peer")
	c := newConsortium(t)
	root, certificate, key := certify(t)
	north := c.launch(t, "hospital-north", c.public("hospital-north", root, certificate, key), func(string) {}).ready()
	for _, org := range []string{"hospital-south", "medtech"} { // three have to state the network's name
		c.start(t, org)
	}
	me := newOutsider(t, root, tls.VersionTLS13, tls.VersionTLS13)
	signer := statetest.NewP256Key("key-1")
	lab, err := c.network.Ledger.CreateIssuer("hospital-north", "lab", signer)
	if err != nil {
		t.Fatal(err)
	}
	c.change(t, ledger.IdentityCreateDID, statetest.Creation(ledger.OrganisationDID(statetest.Network, "hospital-north"), signer))
	var dids []string
	for _, path := range [][]string{nil, {ledger.DIDIssuer, "lab"}, {ledger.DIDIssuer, "none"}} {
		id, err := did.WebDID(north.cfg.PublicHost(), path...)
		if err != nil {
			t.Fatal(err)
		}
		dids = append(dids, id)
	}
	north.await("the documents to arrive", func() bool {
		status, _, _ := me.get(north.cfg.PublicURL()+"/.well-known/did.json", "")
		return status == http.StatusOK
	})
	t.Setenv("NODE_EXTRA_CA_CERTS", root)
	type resolution struct {
		DIDDocument *struct {
			ID                 string
			AlsoKnownAs        []string
			VerificationMethod []struct{ PublicKeyJWK ledger.JWK }
		}
		DIDResolutionMetadata struct{ Error string }
	}
	got := peertest.Run[[]resolution](t, peer, dids...)
	if len(got) != len(dids) {
		t.Fatalf("%d resolutions", len(got))
	}
	for i, id := range dids[:2] {
		d := got[i].DIDDocument
		if d == nil || d.ID != id || len(d.VerificationMethod) != 1 || d.VerificationMethod[0].PublicKeyJWK != signer.JWK {
			t.Errorf("%s: %+v", id, d)
		}
	}
	if got[1].DIDDocument.AlsoKnownAs[0] != lab || got[2].DIDDocument != nil || got[2].DIDResolutionMetadata.Error == "" {
		t.Errorf("%+v", got)
	}
}

// TestPublicListenerNeedsItsCertificate starts nodes whose public section does not
// hold.
func TestPublicListenerNeedsItsCertificate(t *testing.T) {
	c := newConsortium(t)
	root, certificate, _ := certify(t)
	_, _, other := certify(t)
	for name, cfg := range map[string]config.Config{
		"another's key": c.public("hospital-north", root, certificate, other),
		"no such file":  c.public("hospital-north", root, certificate+"x", other),
	} {
		trust, err := openTrust(cfg.Trust)
		if err != nil {
			t.Fatal(err)
		}
		n, err := open(t.Context(), cfg, c.network.Client("hospital-north"), trust, slog.New(slog.DiscardHandler), func(string) {})
		if err == nil || !strings.Contains(err.Error(), "public address") {
			t.Errorf("%s: %v", name, err)
		}
		if err := n.close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
}
