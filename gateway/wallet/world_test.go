package wallet_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/oid4"
	"github.com/secant-platform/secant/gateway/session"
	"github.com/secant-platform/secant/gateway/wallet"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/mdoc"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vci/flowtest"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/vc"
)

// world is an organisation that issues and verifies, over TLS, and a person with a
// command line.
type world struct {
	issuer     *oid4vci.Issuer
	verifier   *oid4vp.Verifier
	key        keys.Signer
	did        string
	resolver   *did.Resolver
	contexts   *vc.Contexts
	private    *ecdsa.PrivateKey
	root, leaf *x509.Certificate
	base       string // of the organisation's node
	node       node
	home, ca   string
	secret     string

	deferred atomic.Int32 // how often issuing is still put off
}

const (
	staffType = "https://credentials.example/staff"
	badgeType = "Badge"
	// licenceType is a document type, and the name space of its elements.
	licenceType = "example.licence.1"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{home: t.TempDir(), resolver: did.New(did.Config{})}
	if w.key, err = keys.FromCrypto(private); err != nil {
		t.Fatal(err)
	}
	if w.did, err = did.JWKDID(w.key.JWK()); err != nil {
		t.Fatal(err)
	}
	if w.contexts, err = vc.NewContexts(nil); err != nil {
		t.Fatal(err)
	}
	w.private = private
	w.root, w.leaf = certify(t, private)
	w.ca = filepath.Join(w.home, "ca.pem")
	if err := os.WriteFile(w.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.root.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	w.secret = filepath.Join(w.home, "key")

	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	server := httptest.NewUnstartedServer(engine)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{w.leaf.Raw}, PrivateKey: private}}, MinVersion: tls.VersionTLS12}
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	base := "https://localhost:" + port
	w.base = base
	w.serveIssuer(t, engine, base+"/issuer")
	w.serveVerifier(t, engine, base+"/oid4vp")
	w.serveNode(t, engine)
	server.StartTLS()
	t.Cleanup(server.Close)
	return w
}

func certify(t *testing.T, key *ecdsa.PrivateKey) (root, leaf *x509.Certificate) {
	t.Helper()
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now().Add(-time.Hour)
	sign := func(template, parent *x509.Certificate, public *ecdsa.PublicKey) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, public, rootKey)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority", Country: []string{"DE"}}, NotBefore: from, NotAfter: from.Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	root = sign(authority, authority, &rootKey.PublicKey)
	return root, sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Ward North", Country: []string{"DE"}}, DNSNames: []string{"localhost"}, NotBefore: from, NotAfter: from.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{mdoc.DocumentSigner}, // it also signs mdocs
	}, root, &key.PublicKey)
}

func (w *world) serveIssuer(t *testing.T, engine *gin.Engine, address string) {
	t.Helper()
	var err error
	configurations := map[string]oid4vci.Configuration{
		"staff": {
			Format: oid4vci.FormatSDJWT, Scope: "staff", Type: staffType, BindingMethods: []string{"jwk"}, SigningAlgorithms: []any{"ES256"},
			Metadata: &oid4vci.Metadata{Display: []oid4vci.Display{{Name: "Staff card"}}},
		},
		"badge": {
			Format: oid4vci.FormatJWT, Scope: "badge", BindingMethods: []string{"jwk"}, SigningAlgorithms: []any{"ES256"},
			Definition: &oid4vci.Definition{Type: []string{"VerifiableCredential", badgeType}},
		},
		"licence": {
			Format: oid4vci.FormatMdoc, Scope: "licence", DocType: licenceType, BindingMethods: []string{"cose_key"}, SigningAlgorithms: []any{-7},
		},
	}
	for id, r := range roles {
		configurations[id] = oid4vci.Configuration{
			Format: oid4vci.FormatSDJWT, Scope: id, Type: r.kind, BindingMethods: []string{"jwk"}, SigningAlgorithms: []any{"ES256"},
		}
	}
	w.issuer, err = oid4vci.New(oid4vci.Options{
		URL: address, Display: []oid4vci.Display{{Name: "North"}}, Flows: flowtest.NewMemory(time.Now), Secret: make([]byte, 32), Issue: w.issue,
		Configurations: configurations,
	})
	if err != nil {
		t.Fatal(err)
	}
	routes, err := oid4.NewIssuer(w.issuer, nil)
	if err != nil {
		t.Fatal(err)
	}
	routes.Register(auth.NewRouter(engine, nil))
}

func (w *world) issue(_ context.Context, order oid4vci.Order) ([]oid4vci.Issued, error) {
	if w.deferred.Add(-1) >= 0 {
		return nil, &oid4vci.PendingError{After: time.Second}
	}
	now := time.Now()
	var all []oid4vci.Issued
	for _, holder := range order.Holders {
		var text string
		var err error
		if r, is := roles[order.Configuration]; is {
			text, err = w.employ(r, holder)
			if err != nil {
				return nil, err
			}
			all = append(all, oid4vci.Issued{Text: text})
			continue
		}
		switch order.Configuration {
		case "licence":
			var b []byte
			b, err = mdoc.Issue(w.key, []*x509.Certificate{w.leaf}, mdoc.Document{
				DocType: licenceType, Holder: holder, Signed: now, ValidUntil: now.Add(time.Hour),
				Elements: map[string]map[string]any{licenceType: {"profession": "nurse", "number": "n-17"}},
			})
			text = base64.RawURLEncoding.EncodeToString(b)
		case "staff":
			text, err = sdjwt.Issue(w.key, sdjwt.Credential{
				Issuer: w.did, KeyID: w.did + "#0", Type: staffType, Holder: holder, Issued: now, Expires: now.Add(time.Hour),
				Hidden: map[string]any{"given_name": "Ada", "family_name": "Byron", "wards": []any{"A"}},
			})
		default:
			var subject string
			if subject, err = did.JWKDID(holder); err != nil {
				return nil, err
			}
			text, err = keys.Compact(w.key, keys.Header{Type: "JWT", KeyID: w.did + "#0"}, encode(map[string]any{
				"iss": w.did, "sub": subject, "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
				"vc": map[string]any{
					"@context": []string{"https://www.w3.org/2018/credentials/v1"}, "type": []string{"VerifiableCredential", badgeType},
					"credentialSubject": map[string]any{"id": subject, "name": "Training"},
				},
			}))
		}
		if err != nil {
			return nil, err
		}
		all = append(all, oid4vci.Issued{Text: text})
	}
	return all, nil
}

func (w *world) serveVerifier(t *testing.T, engine *gin.Engine, address string) {
	t.Helper()
	dns, err := oid4vp.NewDNSClient(w.key, "localhost", []*x509.Certificate{w.leaf})
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := oid4vp.NewDIDClient(w.key, w.did+"#0")
	if err != nil {
		t.Fatal(err)
	}
	if w.verifier, err = oid4vp.NewVerifier(oid4vp.Options{
		Base: address, Clients: []*oid4vp.Client{dns, jwk, oid4vp.Unsigned()}, Flows: flowtest.NewMemory(time.Now), Judge: w.judge, Now: time.Now, Name: "Ward North",
		Standing: session.Questions("https://app.example/back"), Secret: make([]byte, 32),
	}); err != nil {
		t.Fatal(err)
	}
	routes, err := oid4.NewVerifier(w.verifier, nil)
	if err != nil {
		t.Fatal(err)
	}
	routes.Register(auth.NewRouter(engine, nil))
}

// judge checks signatures and binding; whom to trust is another's concern.
func (w *world) judge(ctx context.Context, p oid4vp.Presented, want oid4vp.Want) (*oid4vp.Judged, error) {
	if p.Format == oid4vp.FormatSDJWT {
		presentation, err := verify.ParsePresentation(p.Token)
		if err != nil {
			return nil, err
		}
		key, err := verify.NewKey(w.key.JWK())
		if err != nil {
			return nil, err
		}
		c, err := presentation.Verify(key, verify.Binding{Audience: want.Audience, Nonce: want.Nonce, At: want.At, MaxAge: time.Minute, MaxSkew: time.Minute})
		if err != nil {
			return nil, err
		}
		detail, err := shown(c)
		return &oid4vp.Judged{Types: []string{c.Type}, Claims: c.Claims, Detail: detail}, err
	}
	if p.Format == oid4vp.FormatMDoc {
		return w.licence(p.Token, want)
	}
	holder, shown, err := w.jwt(ctx, p.Token, want)
	if err != nil {
		return nil, err
	}
	if subject, ok := shown["credentialSubject"].(map[string]any); !ok || subject["id"] != holder {
		return nil, ledger.Problemf(ledger.CodeInvalid, "it is another's")
	}
	return &oid4vp.Judged{Types: []string{"VerifiableCredential", badgeType}, Claims: shown}, nil
}

// licence judges an mdoc.
func (w *world) licence(token string, want oid4vp.Want) (*oid4vp.Judged, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "it is no mdoc")
	}
	c, err := mdoc.Verify(b, mdoc.Want{
		Trust:    mdoc.Trust{DocType: licenceType, At: want.At, Issuers: []mdoc.Issuer{{Name: "localhost", Roots: []*x509.Certificate{w.root}}}},
		Session:  mdoc.Session{ClientID: want.Audience, Nonce: want.Nonce, ResponseURI: want.ResponseURI, Thumbprint: want.Thumbprint},
		Elements: map[string][]string{licenceType: {"profession"}},
	})
	if err != nil {
		return nil, err
	}
	return &oid4vp.Judged{Types: []string{c.DocType}, Claims: map[string]any{licenceType: c.Elements[licenceType]}}, nil
}

// must runs it, and fails the test when it fails.
func (w *world) must(t *testing.T, typed string, args ...string) string {
	t.Helper()
	out, err := w.command(t, typed, args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return out
}

// command runs `secant wallet`, with what a person types.
func (w *world) command(t *testing.T, typed string, args ...string) (string, error) {
	t.Helper()
	c := wallet.Command(&w.home)
	var out, errs bytes.Buffer
	c.SetArgs(append([]string{"--key-file", w.secret, "--ca", w.ca}, args...))
	c.SetIn(strings.NewReader(typed))
	c.SetOut(&out)
	c.SetErr(&errs)
	c.SilenceUsage, c.SilenceErrors = true, true
	err := c.ExecuteContext(t.Context())
	if err != nil {
		err = errors.Join(err, errors.New(errs.String()))
	}
	return errs.String() + out.String(), err
}
