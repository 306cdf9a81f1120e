package oid4_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/oid4"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vci/flowtest"
	"github.com/secant-platform/secant/identity/vc"
)

// office is an issuer that is served, with what it heard and issued.
type office struct {
	issuer *oid4vci.Issuer
	router *auth.Router
	key    keys.Signer
	did    string
	root   *pair
	leaf   *pair // of key
	linked *vc.Contexts
	flows  *flowtest.Memory

	mu      sync.Mutex
	notices []oid4vci.Notice // under mu
	orders  []oid4vci.Order  // under mu
	pending int              // orders still to defer, under mu
}

const (
	client   = "wallet-app"
	redirect = "https://wallet.example/back"
)

// open serves an issuer on loopback, at a path of its own.
func open(t *testing.T, change func(*oid4vci.Options)) *office {
	t.Helper()
	return openFor(t, nil, change)
}

// openFor serves one where people sign in first.
func openFor(t *testing.T, people oid4.People, change func(*oid4vci.Options)) *office {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	server := httptest.NewUnstartedServer(engine)
	o := &office{flows: flowtest.NewMemory(time.Now)}
	o.certify(t)
	o.did = didOf(t, o.key.JWK())
	opts := oid4vci.Options{
		URL:     "http://" + server.Listener.Addr().String() + "/issuer",
		Display: []oid4vci.Display{{Name: "North", Locale: "en"}, {Name: "Nord", Locale: "de"}},
		Configurations: map[string]oid4vci.Configuration{
			"staff": {
				Format: oid4vci.FormatSDJWT, Scope: "staff", Type: "urn:test:staff", BindingMethods: []string{"jwk"},
				SigningAlgorithms: []any{"ES256"},
				Metadata: &oid4vci.Metadata{
					Display: []oid4vci.Display{{Name: "Staff card", Locale: "en"}, {Name: "Dienstausweis", Locale: "de"}},
					Claims: []oid4vci.Claim{
						{Path: []any{"role"}, Mandatory: true, Display: []oid4vci.Display{{Name: "Role", Locale: "en"}}},
						{Path: []any{"wards", nil}},
					},
				},
			},
			"badge": {
				Format: oid4vci.FormatJWT, Scope: "badge", BindingMethods: []string{"jwk", "did:jwk"}, SigningAlgorithms: []any{"ES256"},
				Definition: &oid4vci.Definition{Type: []string{"VerifiableCredential", "Badge"}},
			},
			"linked": {
				Format: oid4vci.FormatLDP, Scope: "linked", BindingMethods: []string{"did:jwk"}, SigningAlgorithms: []any{"ecdsa-rdfc-2019"},
				Definition: &oid4vci.Definition{Context: []string{vc.ContextV2, badgeContext}, Type: []string{"VerifiableCredential", "Badge"}},
			},
			"card": {
				Format: oid4vci.FormatMdoc, Scope: "card", DocType: cardType, BindingMethods: []string{"cose_key"}, SigningAlgorithms: []any{-7},
			},
		},
		Issue: o.issue, Flows: o.flows, Secret: make([]byte, 32), BatchSize: 3,
		Approve: func(_ context.Context, a oid4vci.Authorization) ([]byte, error) {
			if a.Offered == nil {
				return []byte("approved"), nil
			}
			return a.Offered, nil
		},
		Clients: map[string][]string{client: {redirect}},
		KeyOf:   keyOfDID,
		Notified: func(_ context.Context, n oid4vci.Notice) error {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.notices = append(o.notices, n)
			return nil
		},
	}
	if change != nil {
		change(&opts)
	}
	var err error
	if o.issuer, err = oid4vci.New(opts); err != nil {
		t.Fatal(err)
	}
	routes, err := oid4.NewIssuer(o.issuer, people)
	if err != nil {
		t.Fatal(err)
	}
	o.router = auth.NewRouter(engine, nil)
	routes.Register(o.router)
	server.Start()
	t.Cleanup(server.Close)
	return o
}

// issue makes what was ordered.
func (o *office) issue(_ context.Context, order oid4vci.Order) ([]oid4vci.Issued, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending > 0 {
		o.pending--
		return nil, &oid4vci.PendingError{After: time.Second}
	}
	o.orders = append(o.orders, order)
	var issued []oid4vci.Issued
	for _, holder := range order.Holders {
		one, err := o.credential(order, holder)
		if err != nil {
			return nil, err
		}
		issued = append(issued, one)
	}
	return issued, nil
}

func (o *office) offer(t *testing.T, r oid4vci.OfferRequest) *oid4vci.Made {
	t.Helper()
	if r.Life == 0 {
		r.Life = time.Hour
	}
	if r.Subject == nil {
		r.Subject = []byte("n-17")
	}
	made, err := o.issuer.Offer(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func newKey(t *testing.T) keys.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keys.FromCrypto(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func didOf(t *testing.T, k ledger.JWK) string {
	t.Helper()
	b, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	return "did:jwk:" + base64.RawURLEncoding.EncodeToString(b)
}

// keyOfDID resolves did:jwk, with a fragment or without.
func keyOfDID(_ context.Context, did string) (ledger.JWK, error) {
	bad := ledger.Problemf(ledger.CodeInvalid, "it is no did:jwk")
	text, ok := strings.CutPrefix(strings.TrimSuffix(did, "#0"), "did:jwk:")
	b, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil {
		return ledger.JWK{}, bad
	}
	k, err := verify.ParseJWK(b)
	if err != nil {
		return ledger.JWK{}, bad
	}
	return k.JWK(), nil
}
