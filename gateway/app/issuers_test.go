package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/fetch"
)

// registry is the read model's part about identities, of members' issuers that each
// say at which host they are at home.
type registry struct {
	identityStore
	homes map[string]string // by organisation
}

func (r registry) Roster(context.Context) (row fact.Row[ledger.Roster], _ error) {
	row.Record.Organisations = append(row.Record.Organisations, "east", "north", "south")
	return row, nil
}

func (r registry) DID(_ context.Context, id string) (row fact.Row[ledger.DID], _ error) {
	name, ok := ledger.ParseDID(id)
	host, has := r.homes[name.Org]
	if !ok || !has {
		return row, ledger.Problemf(ledger.CodeNotFound, "no DID")
	}
	row.Record.ID = id
	row.Record.Service = []ledger.Service{{ID: "host", Type: typeWebHost, ServiceEndpoint: "https://" + host}}
	return row, nil
}

// TestNoHolderHasANodeFetch from where they please: not by what they present, and not by
// what they prove to receive.
func TestNoHolderHasANodeFetch(t *testing.T) {
	t.Parallel()
	var came atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		came.Add(1)
		http.NotFound(w, nil)
	}))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	resolver := did.New(did.Config{Web: fetch.New(fetch.Options{Roots: roots, Reachable: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})})
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "https://"), ":")
	web := "did:web:localhost%3A" + port
	for _, kid := range []string{web + "#1", "did:webvh:x#1", "#1", "", strings.ToUpper(web)} {
		if _, err := holderKey(t.Context(), resolver, kid); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%s: %v", kid, err)
		}
	}
	if n := came.Load(); n != 0 {
		t.Errorf("%d times it is fetched", n)
	}
	key := newP256(t)
	jwk, err := did.JWKDID(key.JWK())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := holderKey(t.Context(), resolver, jwk+"#0"); err != nil || got != key.JWK() {
		t.Errorf("a did:jwk: %v", err)
	}
}

// TestNobodyIsLockedOutByAClaim is of members who say in their issuer's document
// that another's host is theirs.
func TestNobodyIsLockedOutByAClaim(t *testing.T) {
	t.Parallel()
	// The host publishes the document of its own issuer, and of nobody else's.
	var document []byte
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if document == nil {
			http.NotFound(w, nil)
			return
		}
		w.Header().Set("Content-Type", did.TypeDIDJSON)
		_, _ = w.Write(document)
	}))
	t.Cleanup(server.Close)
	root, certificate, key := certify(t)
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	pem, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "https://"), ":")
	host := "localhost:" + port

	publish := func(org string) []byte {
		d, err := did.WebDocument(&ledger.DID{ID: ledger.IssuerDID("dev", org, "credentials")}, host)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, tc := range map[string]struct {
		homes     map[string]string
		own       string // the node's host
		published string
		found     string
		code      ledger.Code
	}{
		"nobody claims it":                     {map[string]string{"north": "other.example"}, "", "north", "", ledger.CodeNotFound},
		"one claims it, and is not asked":      {map[string]string{"north": host}, "", "", "north", ""},
		"two claim it, and it names one":       {map[string]string{"north": host, "south": host}, "", "south", "south", ""},
		"two claim it, and it names another":   {map[string]string{"north": host, "south": host}, "", "east", "", ledger.CodeNotFound},
		"two claim it, and it says nothing":    {map[string]string{"north": host, "south": host}, "", "", "", ledger.CodeUnavailable},
		"two claim the node's, which is asked": {map[string]string{"north": host, "south": host}, host, "south", "north", ""},
		"another claims the node's":            {map[string]string{"south": host}, host, "south", "", ledger.CodeNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			document = nil
			if tc.published != "" {
				document = publish(tc.published)
			}
			i := &issuers{
				store: registry{homes: tc.homes}, network: "dev", host: tc.own, org: "north",
				resolver: did.New(did.Config{Web: fetch.New(fetch.Options{Roots: roots, Reachable: []netip.Prefix{
					netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
				}})}),
			}
			got, err := i.secant(t.Context(), "did:web:"+strings.Replace(host, ":", "%3A", 1)+":issuer:credentials")
			want := ""
			if tc.found != "" {
				want = ledger.IssuerDID("dev", tc.found, "credentials")
			}
			if got != want || ledger.CodeOf(err) != tc.code {
				t.Errorf("found %q, %v", got, err)
			}
		})
	}
}
