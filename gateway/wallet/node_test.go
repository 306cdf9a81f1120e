package wallet_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/session"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/sdjwt"
)

const organisation = "north"

// role is a credential by which somebody signs in.
type role struct {
	kind, role string
	own        bool          // whether its issuer is at home at the node
	life       time.Duration // of the credential
}

// roles are those that the issuer gives, by configuration.
var roles = map[string]role{
	"nurse":    {"StaffRole", "nurse", false, time.Hour},
	"head":     {"StaffRole", "operator", false, time.Hour},
	"auditor":  {"StaffRole", "auditor", false, time.Hour},
	"own":      {"StaffRole", "analyst", true, time.Hour},
	"brief":    {"StaffRole", "nurse", false, time.Minute},
	"card":     {"Patient", "", false, time.Hour},
	"releaser": {ledger.CredentialReleaser, "", false, time.Hour},
}

// employ issues such a credential.
func (w *world) employ(r role, holder ledger.JWK) (string, error) {
	issuer := w.did
	if r.own {
		issuer = "did:web:" + strings.Replace(strings.TrimPrefix(w.base, "https://"), ":", "%3A", 1) + ":issuer"
	}
	now := time.Now()
	return sdjwt.Issue(w.key, sdjwt.Credential{
		Issuer: issuer, KeyID: issuer + "#0", Type: r.kind, Holder: holder, Issued: now, Expires: now.Add(r.life),
		Open: map[string]any{"role": r.role, "organisation": organisation}, Hidden: map[string]any{"given_name": "Ada"},
	})
}

// shown is what the node's judge says of a credential.
func shown(c *verify.Credential) (json.RawMessage, error) {
	r, _ := c.Claims["role"].(string)
	return json.Marshal(session.Shown{
		Accepted: check.Accepted{Type: c.Type, Organisation: organisation, Expires: c.Expires}, Holder: c.Holder.Thumbprint(), Role: r, At: organisation,
	})
}

// node is what the tests change of a node's mind.
type node struct {
	revoked   atomic.Bool // whatever anybody signed in by
	hurried   atomic.Bool // it says that access tokens live for a second
	refreshes atomic.Int32
}

// hurried makes the lives of access tokens short, as their node tells them.
type hurried struct{ gin.ResponseWriter }

// Write writes an answer, which comes as a whole.
func (h hurried) Write(b []byte) (int, error) {
	_, err := h.ResponseWriter.Write(bytes.Replace(b, []byte(`"expiresIn":900`), []byte(`"expiresIn":1`), 1))
	return len(b), err
}

// serveNode adds the node's real interface to what listens.
func (w *world) serveNode(t *testing.T, engine *gin.Engine) {
	t.Helper()
	kept, err := store.Open(t.Context(), storetest.Place(t), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() })
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := session.New(session.Options{
		Organisation: organisation, Key: private, URLs: []string{w.base}, Store: kept, Flows: kept, Now: time.Now, Wallets: w.verifier,
		Still: func(context.Context, check.Accepted) error {
			if w.node.revoked.Load() {
				return ledger.Problemf(ledger.CodeDenied, "revoked")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	engine.Use(func(c *gin.Context) {
		if c.Request.URL.Path == "/v1/sign-in/refresh" {
			w.node.refreshes.Add(1)
		}
		if w.node.hurried.Load() {
			c.Writer = hurried{c.Writer}
		}
	})
	verifier := auth.NewVerifier(organisation, public, nil)
	verifier.Ask(sessions)
	router := auth.NewRouter(engine, verifier)
	if _, err := rest.New(router, rest.Deps{
		Organisation: organisation, MakerKey: []byte("maker"), Observed: rest.NewMetrics(prometheus.NewRegistry()), Sessions: sessions,
		Limits: rest.Limits{Depth: 8, Listeners: 1, Heartbeat: time.Minute, Patience: time.Minute},
	}); err != nil {
		t.Fatal(err)
	}
	router.Handle(http.MethodPost, "/echo", auth.OwnSession, func(c *gin.Context) error {
		b, err := c.GetRawData()
		c.Data(http.StatusOK, c.ContentType(), b)
		return err
	})
}

// client is somebody else's, who believes the node.
func (w *world) client() *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(w.root)
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}
}
