package oid4vp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci/flowtest"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/sdjwt"
)

// staffType is the type of the credential that everybody in these tests holds.
const staffType = "https://credentials.example/staff"

// world is a verifier on a free port, a wallet, and an issuer between them.
type world struct {
	*oid4vp.Verifier
	*oid4vp.Responder
	flows      *flowtest.Memory
	server     *httptest.Server
	roots      *x509.CertPool
	root, leaf *x509.Certificate
	key        *ecdsa.PrivateKey
	signer     keys.Signer // the verifier's
	issuer     keys.Signer
	holder     keys.Signer
	holderKey  *ecdsa.PrivateKey
	card       string // the credential, with all disclosures
	wants      []oid4vp.Want

	mu        sync.Mutex
	at        time.Time
	posted    []string // bodies of answers, as they came
	intercept bool     // answers get no further
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func p256(t *testing.T) (*ecdsa.PrivateKey, keys.Signer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keys.FromCrypto(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, s
}

// certify makes an authority and a certificate of it.
func certify(t *testing.T, key *ecdsa.PrivateKey, host string) (root, leaf *x509.Certificate) {
	t.Helper()
	rootKey, _ := p256(t)
	start := time.Now().Add(-time.Hour)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, NotBefore: start, NotAfter: start.Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	root = signed(t, authority, authority, &rootKey.PublicKey, rootKey)
	return root, signed(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Test verifier"}, DNSNames: []string{host}, NotBefore: start, NotAfter: start.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}, root, &key.PublicKey, rootKey)
}

func signed(t *testing.T, template, parent *x509.Certificate, public *ecdsa.PublicKey, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	verifierDID  = "did:web:hospital.example"
	registeredID = "secant:test:main"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOver(t, "https")
}

// newWorldOver makes a world whose addresses are http or https.
func newWorldOver(t *testing.T, scheme string) *world {
	t.Helper()
	w := &world{at: time.Now().UTC().Truncate(time.Second), roots: x509.NewCertPool()}
	key, signer := p256(t)
	w.signer = signer
	root, leaf := certify(t, key, "localhost")
	w.key, w.root, w.leaf = key, root, leaf
	w.roots.AddCert(root)
	_, w.issuer = p256(t)
	w.holderKey, w.holder = p256(t)
	w.flows = flowtest.NewMemory(w.now)
	var err error
	if w.card, err = sdjwt.Issue(w.issuer, sdjwt.Credential{
		Issuer: "did:web:issuer.example", KeyID: "did:web:issuer.example#1", Type: staffType, Holder: w.holder.JWK(),
		Issued: w.at.Add(-time.Hour), Expires: w.at.Add(24 * time.Hour), Open: map[string]any{"site": "north"},
		Hidden: map[string]any{"given_name": "Ada", "family_name": "Byron", "wards": []any{"A", "B"}, "licence": map[string]any{"number": 7, "valid": true}},
	}); err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(w.serve))
	if scheme == "https" {
		w.server.StartTLS()
	} else {
		w.server.Start()
	}
	t.Cleanup(w.server.Close)
	base := scheme + "://localhost:" + w.server.URL[strings.LastIndex(w.server.URL, ":")+1:] + "/vp"

	dns, err := oid4vp.NewDNSClient(signer, "localhost", []*x509.Certificate{leaf})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := oid4vp.NewHashClient(signer, []*x509.Certificate{leaf})
	if err != nil {
		t.Fatal(err)
	}
	did, err := oid4vp.NewDIDClient(signer, verifierDID+"#key-1")
	if err != nil {
		t.Fatal(err)
	}
	registered, err := oid4vp.NewRegisteredClient(signer, registeredID, "key-1")
	if err != nil {
		t.Fatal(err)
	}
	if w.Verifier, err = oid4vp.NewVerifier(oid4vp.Options{
		Base: base, Clients: []*oid4vp.Client{dns, hash, did, registered, oid4vp.Unsigned()}, Flows: w.flows, Judge: w.judge, Now: w.now, Name: "Ward North",
	}); err != nil {
		t.Fatal(err)
	}
	w.Responder = w.responder(t, oid4vp.ResponderOptions{Roots: w.roots, DID: w.resolve, Registered: w.registered, Unsigned: true})
	return w
}

func (w *world) responder(t *testing.T, o oid4vp.ResponderOptions) *oid4vp.Responder {
	t.Helper()
	client := *w.server.Client()
	client.Timeout = 10 * time.Second
	transport, ok := client.Transport.(*http.Transport)
	if !ok {
		t.Fatal("the test server's client has another transport")
	}
	if transport.TLSClientConfig != nil { // the test server's certificate is for this name
		transport = transport.Clone()
		transport.TLSClientConfig = &tls.Config{RootCAs: transport.TLSClientConfig.RootCAs, ServerName: "example.com"}
		client.Transport = transport
	}
	o.HTTP, o.Now = &client, w.now
	r, err := oid4vp.NewResponder(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *world) resolve(_ context.Context, did, keyID string) (*verify.Key, error) {
	if did != verifierDID || keyID != verifierDID+"#key-1" {
		return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such DID")
	}
	return verify.NewKey(w.signer.JWK())
}

func (w *world) registered(_ context.Context, id, _ string) (*verify.Key, error) {
	if id != registeredID {
		return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such client")
	}
	return verify.NewKey(w.signer.JWK())
}

// judge is strict about everything that concerns these tests.
func (w *world) judge(_ context.Context, p oid4vp.Presented, want oid4vp.Want) (*oid4vp.Judged, error) {
	w.mu.Lock()
	w.wants = append(w.wants, want)
	w.mu.Unlock()
	presentation, err := verify.ParsePresentation(p.Token)
	if err != nil {
		return nil, err
	}
	key, err := verify.NewKey(w.issuer.JWK())
	if err != nil {
		return nil, err
	}
	c, err := presentation.Verify(key, verify.Binding{Audience: want.Audience, Nonce: want.Nonce, At: want.At, MaxAge: time.Minute, MaxSkew: time.Minute})
	if err != nil {
		return nil, err
	}
	return &oid4vp.Judged{Types: []string{c.Type}, Claims: c.Claims, Detail: json.RawMessage(`{"trusted":true}`)}, nil
}

// serve is the little of HTTP that the protocol needs.
func (w *world) serve(out http.ResponseWriter, in *http.Request) {
	fail := func(err error) {
		out.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(out, err.Error())
	}
	body, err := io.ReadAll(io.LimitReader(in.Body, oid4vp.MaxAnswer+1))
	if err != nil {
		fail(err)
		return
	}
	path := strings.TrimPrefix(in.URL.Path, "/vp")
	if handle, ok := strings.CutPrefix(path, oid4vp.PathRequest); ok {
		form, err := http.NewRequest(http.MethodPost, "/?"+string(body), nil)
		if err != nil {
			fail(err)
			return
		}
		token, err := w.RequestObject(in.Context(), handle, form.URL.Query().Get("wallet_nonce"))
		if err != nil {
			fail(err)
			return
		}
		out.Header().Set("Content-Type", "application/"+oid4vp.RequestType)
		_, _ = io.WriteString(out, token)
		return
	}
	handle, _ := strings.CutPrefix(path, oid4vp.PathResponse)
	w.mu.Lock()
	w.posted = append(w.posted, string(body))
	lost := w.intercept
	w.mu.Unlock()
	if lost {
		_, _ = io.WriteString(out, "{}")
		return
	}
	r, err := oid4vp.ParseResponse(body)
	if err != nil {
		fail(err)
		return
	}
	next, err := w.Verifier.Answer(in.Context(), handle, r)
	if err != nil {
		fail(err)
		return
	}
	out.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(out).Encode(map[string]string{"redirect_uri": next})
}

// held is the wallet's one credential.
func (w *world) held() []oid4vp.Held {
	return []oid4vp.Held{{
		ID: "card", Format: oid4vp.FormatSDJWT, Types: []string{staffType}, Bound: true,
		Claims: map[string]any{
			"vct": staffType, "site": "north", "given_name": "Ada", "family_name": "Byron",
			"wards": []any{"A", "B"}, "licence": map[string]any{"number": 7, "valid": true},
		},
	}}
}

// present shows the top-level claims of the candidate's paths.
func (w *world) present(_ context.Context, c oid4vp.Candidate, p oid4vp.Proof) (string, error) {
	var show []string
	for _, path := range c.Show {
		if name, ok := path[0].(string); ok && name != "site" && name != "vct" {
			show = append(show, name)
		}
	}
	return sdjwt.Present(w.card, w.holder, show, sdjwt.Binding{Audience: p.Audience, Nonce: p.Nonce, At: w.now()})
}

// nameQuery asks for the given name and nothing else.
func nameQuery() *oid4vp.Query {
	return &oid4vp.Query{Credentials: []oid4vp.CredentialQuery{{
		ID: "staff", Format: oid4vp.FormatSDJWT, Meta: oid4vp.Meta{Types: []string{staffType}},
		Claims: []oid4vp.Claim{{Path: oid4vp.Path{"given_name"}}},
	}}}
}

// ask begins a request.
func (w *world) ask(t *testing.T, q oid4vp.Question) *oid4vp.Asked {
	t.Helper()
	if q.Query == nil {
		q.Query = nameQuery()
	}
	asked, err := w.Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return asked
}

// read reads a link as the wallet.
func (w *world) read(t *testing.T, link string) *oid4vp.Request {
	t.Helper()
	r, err := w.Read(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// choose takes what answers the request.
func (w *world) choose(t *testing.T, r *oid4vp.Request) []oid4vp.Candidate {
	t.Helper()
	found, err := r.Query.Match(w.held())
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := r.Query.Choose(found, false)
	if err != nil {
		t.Fatal(err)
	}
	return chosen
}
